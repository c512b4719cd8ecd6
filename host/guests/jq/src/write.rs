//! Writes a value as JSON.

use sluice_transform::{Rejection, json};

use crate::rejection::jq_error;
use crate::value::Val;

/// Floats below this bound that are whole are written without a point and an exponent, as jq does.
const WHOLE_FLOATS_END: f64 = 1e17;

/// A float below this bound is written with an exponent.
const SMALL_FLOATS_END: f64 = 1e-5;

/// How much of a value a message shows.
const SHOWN_MAX_BYTES: usize = 200;

/// Appends an event.
///
/// # Errors
/// The rejection of the record, if a number of the event is infinite or none: JSON has no such numbers, and another one
/// would be wrong data.
pub(crate) fn strictly(value: &Val, out: &mut Vec<u8>) -> Result<(), Rejection> {
    let mut writer = Writer {
        out,
        limit: usize::MAX,
        is_strict: true,
    };
    writer.value(value).map_err(|_| not_finite())
}

/// Appends the JSON of a value. A float that is no number is `null`, and one that is infinite is the largest, as in jq.
pub(crate) fn leniently(value: &Val, out: &mut Vec<u8>) {
    let mut writer = Writer {
        out,
        limit: usize::MAX,
        is_strict: false,
    };
    // Without a limit and leniently, it does not stop.
    let _infallible = writer.value(value);
}

/// The JSON of a value for a message, truncated.
pub(crate) fn shown(value: &Val) -> String {
    let mut out = Vec::new();
    let mut writer = Writer {
        out: &mut out,
        limit: SHOWN_MAX_BYTES,
        is_strict: false,
    };
    let is_whole = writer.value(value).is_ok() && out.len() <= SHOWN_MAX_BYTES;
    let mut text = String::from_utf8_lossy(&out).into_owned();
    if !is_whole {
        text.truncate(text.floor_char_boundary(SHOWN_MAX_BYTES));
        text.push('…');
    }
    text
}

#[cold]
fn not_finite() -> Rejection {
    jq_error("an event has a number that is infinite or none (`nan`), which JSON does not have")
}

/// The writer has stopped.
struct Stopped;

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Where it stops, so that a message about a large value costs little.
    limit: usize,
    /// Whether it stops at a number that JSON does not have.
    is_strict: bool,
}

impl Writer<'_> {
    fn value(&mut self, value: &Val) -> Result<(), Stopped> {
        match value {
            Val::Null => self.out.extend_from_slice(b"null"),
            Val::Bool(true) => self.out.extend_from_slice(b"true"),
            Val::Bool(false) => self.out.extend_from_slice(b"false"),
            Val::Int(integer) => self.integer(*integer),
            Val::Float(float) => self.float(*float)?,
            Val::Decimal(text) => append(text.as_bytes(), self.out),
            Val::Str(text) => json::quote(text.as_str(), self.out),
            Val::Arr(items) => {
                self.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    self.separate(index)?;
                    self.value(item)?;
                }
                self.out.push(b']');
            }
            Val::Obj(object) => {
                self.out.push(b'{');
                for (index, (name, member)) in object.iter().enumerate() {
                    self.separate(index)?;
                    json::quote(name.as_str(), self.out);
                    self.out.push(b':');
                    self.value(member)?;
                }
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    #[inline]
    fn separate(&mut self, index: usize) -> Result<(), Stopped> {
        if index > 0 {
            self.out.push(b',');
        }
        match self.out.len() > self.limit {
            true => Err(Stopped),
            false => Ok(()),
        }
    }

    #[inline]
    fn integer(&mut self, integer: i64) {
        // Many numbers are that small.
        if let digit @ 0..=9 = integer {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is a digit"
            )]
            return self.out.push(b'0' + digit as u8);
        }
        append(itoa::Buffer::new().format(integer).as_bytes(), self.out);
    }

    fn float(&mut self, float: f64) -> Result<(), Stopped> {
        if self.is_strict && !float.is_finite() {
            return Err(Stopped);
        }
        let finite = float.clamp(f64::MIN, f64::MAX);
        let size = finite.abs();
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and fits")]
        match finite {
            _ if float.is_nan() => self.out.extend_from_slice(b"null"),
            _ if size < WHOLE_FLOATS_END && finite.trunc() == finite => self.integer(finite as i64),
            _ if (SMALL_FLOATS_END..WHOLE_FLOATS_END).contains(&size) => {
                self.out.extend_from_slice(finite.to_string().as_bytes());
            }
            _ => self.out.extend_from_slice(format!("{finite:e}").as_bytes()),
        }
        Ok(())
    }
}

/// Appends a few bytes.
#[inline(always)]
fn append(bytes: &[u8], out: &mut Vec<u8>) {
    json_scan::edit::append(bytes, out);
}

/// The text of a number, if the value is one.
pub(crate) fn number_text(value: &Val) -> Vec<u8> {
    let mut text = Vec::new();
    leniently(value, &mut text);
    text
}

#[cfg(test)]
mod tests;
