//! The rules: which fields of an event are read, and which are added.

use std::borrow::Cow;

use crate::bytes::append;
use crate::rejection::{Code, Rejection};
use crate::timestamp::{Timestamp, looks_like_milliseconds};
use json_scan::{Kind, SyntaxError, Value, scan};

mod members;
mod name;

#[cfg(test)]
mod tests;

use members::{Field, Members};
use name::EventName;

/// The fields that decide an event's partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enriched<'a> {
    /// The first part of the event's name in UTF-8, unescaped; never empty. The scanner has validated it, so it is not
    /// validated again as long as it is only copied and compared.
    pub event_type: Cow<'a, [u8]>,
    /// When the event was created.
    pub created: Timestamp,
}

/// Appends the enriched event to `out`; a rejected record leaves `out` unchanged.
///
/// All bytes of `input` are kept except for the replaced fields and their commas. The new fields follow the
/// last value, before the space ahead of the closing brace.
#[inline]
pub fn enrich<'a>(input: &'a [u8], out: &mut Vec<u8>) -> Result<Enriched<'a>, Rejection> {
    let mut members = Members::default();
    read(input, &mut members)?;
    required(&members.event_uuid, "event_uuid", Kind::String, "a string")?;
    let name = required(&members.event_name, "event_name", Kind::String, "a string")?;
    let name = EventName::of(name.text).ok_or_else(|| {
        let message = "event_name: expected text, found an unpaired surrogate escape";
        Rejection::new(Code::InvalidField, message.to_owned())
    })?;
    if name.raw_type.is_empty() {
        return Err(without_type());
    }
    let created = created(&members)?;
    splice(input, &members, &name, &created, out);
    Ok(Enriched {
        event_type: name.event_type,
        created,
    })
}

#[inline(always)]
fn read<'a>(input: &'a [u8], members: &mut Members<'a>) -> Result<(), Rejection> {
    match scan(input, |scanner| members.scan(scanner)) {
        Ok(None) => Ok(()),
        Ok(Some(kind)) => Err(not_an_object(kind)),
        Err(error) => Err(invalid_json(error)),
    }
}

#[cold]
fn invalid_json(error: SyntaxError) -> Rejection {
    Rejection::new(Code::InvalidJson, error.to_string())
}

#[cold]
fn not_an_object(kind: Kind) -> Rejection {
    let message = format!("expected a JSON object, found {}", kind.text());
    Rejection::new(Code::NotAnObject, message)
}

/// An empty type would be no value in the lake's partition, which is not what the event says.
#[cold]
fn without_type() -> Rejection {
    let message = "event_name: expected an event type before the first colon, found none";
    Rejection::new(Code::InvalidField, message.to_owned())
}

/// The value of a field that must occur exactly once and have the given kind.
#[inline(always)]
fn required<'f, 'a>(
    field: &'f Field<'a>,
    name: &str,
    kind: Kind,
    meaning: &str,
) -> Result<&'f Value<'a>, Rejection> {
    match &field.value {
        Some(value) if value.kind == kind && !field.repeated => Ok(value),
        _ => Err(unfit(field, name, meaning)),
    }
}

#[cold]
fn unfit(field: &Field<'_>, name: &str, meaning: &str) -> Rejection {
    match &field.value {
        None => Rejection::new(Code::MissingField, format!("{name}: missing")),
        Some(_) if field.repeated => {
            let message = format!("{name}: found more than once");
            Rejection::new(Code::DuplicateField, message)
        }
        Some(value) => {
            let found = value.kind.text();
            let message = format!("{name}: expected {meaning}, found {found}");
            Rejection::new(Code::InvalidField, message)
        }
    }
}

#[inline(always)]
fn created(members: &Members<'_>) -> Result<Timestamp, Rejection> {
    let meaning = "a number of seconds since 1970";
    let number = required(&members.created_at, "created_at", Kind::Number, meaning)?;
    Timestamp::parse(number.text.raw).map_err(|_| out_of_range(number.text.raw))
}

#[cold]
fn out_of_range(number: &[u8]) -> Rejection {
    let message = if looks_like_milliseconds(number) {
        "created_at: out of range, it looks like milliseconds; a number of seconds since 1970 is expected"
    } else {
        "created_at: out of range, the years 0000 to 9999 are supported"
    };
    Rejection::new(Code::InvalidField, message.to_owned())
}

/// The bytes that the new fields take besides the parts of the name.
const ADDED: usize =
    r#","created_datetime":"","event_type":"","event_subtype":"""#.len() + Timestamp::LONGEST;

#[inline(always)]
fn splice(
    input: &[u8],
    members: &Members<'_>,
    name: &EventName<'_>,
    created: &Timestamp,
    out: &mut Vec<u8>,
) {
    let subtype = name.raw_subtype.unwrap_or_default();
    out.reserve(input.len() + ADDED + name.raw_type.len() + subtype.len());
    let mut from = 0;
    for cut in &members.cuts {
        copy(input, from, cut.start, out);
        from = cut.end;
    }
    copy(input, from, members.end, out);
    out.extend_from_slice(br#","created_datetime":""#);
    created.append_to(out);
    out.extend_from_slice(br#"","event_type":""#);
    append(name.raw_type, out);
    if name.raw_subtype.is_some() {
        out.extend_from_slice(br#"","event_subtype":""#);
        append(subtype, out);
        out.push(b'"');
    } else {
        out.extend_from_slice(br#"","event_subtype":null"#);
    }
    append(input.get(members.end..).unwrap_or_default(), out);
}

#[inline(always)]
fn copy(input: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(input.get(from..to).unwrap_or_default());
}
