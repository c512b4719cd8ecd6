//! Writes a value of jaq as JSON.

use jaq_json::{Num, Val};
use num_traits::ToPrimitive as _;
use sluice_transform::{Rejection, json};

use crate::rejection::{jq_error, shown};

/// Floats below this bound have no digits behind the point that they cannot hold, so those that are whole are written
/// as integers, as jq does.
const WHOLE_FLOATS_END: f64 = 9_007_199_254_740_992.0;

/// Appends a value.
///
/// # Errors
/// The rejection of the record, if the value or a part of it is not JSON: no number, bytes that are no text, or a name
/// of a member that is no string.
pub(crate) fn value(value: &Val, out: &mut Vec<u8>) -> Result<(), Rejection> {
    match value {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(true) => out.extend_from_slice(b"true"),
        Val::Bool(false) => out.extend_from_slice(b"false"),
        Val::Num(number) => return self::number(number, out),
        Val::TStr(text) => return string(text, out),
        Val::BStr(_) => return Err(not_json(value, "bytes that are no text")),
        Val::Arr(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self::value(item, out)?;
            }
            out.push(b']');
        }
        Val::Obj(members) => {
            out.push(b'{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                match name {
                    Val::TStr(name) => string(name, out)?,
                    name => return Err(not_json(name, "the name of a member that is no string")),
                }
                out.push(b':');
                self::value(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Appends a number. One that the program did not change has the digits that it has in the record.
///
/// # Errors
/// A number that is infinite or none.
pub(crate) fn number(number: &Num, out: &mut Vec<u8>) -> Result<(), Rejection> {
    match number {
        Num::Int(integer) => integer_text(*integer as i64, out),
        Num::BigInt(integer) => match integer.to_i64() {
            Some(integer) => integer_text(integer, out),
            None => out.extend_from_slice(integer.to_string().as_bytes()),
        },
        Num::Dec(text) => out.extend_from_slice(text.as_bytes()),
        Num::Float(float) if !float.is_finite() => {
            let value = Val::Num(number.clone());
            return Err(not_json(&value, "a number that JSON does not have"));
        }
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and fits")]
        Num::Float(float) if float.abs() < WHOLE_FLOATS_END && float.trunc() == *float => {
            integer_text(*float as i64, out);
        }
        Num::Float(_) => out.extend_from_slice(number.to_string().as_bytes()),
    }
    Ok(())
}

#[inline]
fn integer_text(integer: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

#[inline]
fn string(text: &[u8], out: &mut Vec<u8>) -> Result<(), Rejection> {
    match std::str::from_utf8(text) {
        Ok(text) => json::quote(text, out),
        Err(_) => {
            let value = Val::utf8_str(text.to_vec());
            return Err(not_json(&value, "a string that is not UTF-8"));
        }
    }
    Ok(())
}

#[cold]
fn not_json(value: &Val, what: &str) -> Rejection {
    jq_error(format_args!("an event has {what}: {}", shown(value)))
}

#[cfg(test)]
mod tests;
