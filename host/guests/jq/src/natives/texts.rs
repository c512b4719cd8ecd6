//! Texts: JSON in them, and their beginnings and ends.

use std::rc::Rc;

use super::{Entry, binary};
use crate::read;
use crate::value::{Error, Val, ValR};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("ltrimstr", 1, |cv| {
            binary(cv, |value, start| Ok(trim_start(&value, &start)))
        }),
        ("rtrimstr", 1, |cv| {
            binary(cv, |value, end| Ok(trim_end(&value, &end)))
        }),
        ("trimstr", 1, |cv| {
            binary(cv, |value, both| {
                Ok(trim_end(&trim_start(&value, &both), &both))
            })
        }),
    ]
}

/// The text without this beginning; any other value as it is.
fn trim_start(value: &Val, start: &Val) -> Val {
    let text = value.as_str().zip(start.as_str());
    let rest = text.and_then(|(text, start)| text.strip_prefix(start));
    rest.map_or_else(|| value.clone(), |rest| part(value, rest))
}

/// The text without this end; any other value as it is.
fn trim_end(value: &Val, end: &Val) -> Val {
    let text = value.as_str().zip(end.as_str());
    let rest = text.and_then(|(text, end)| text.strip_suffix(end));
    rest.map_or_else(|| value.clone(), |rest| part(value, rest))
}

/// A part of a text.
fn part(value: &Val, part: &str) -> Val {
    match value {
        Val::Str(text) => Val::Str(text.sub(part)),
        other => other.clone(),
    }
}

/// The value of a JSON text.
pub(super) fn from_json(value: &Val) -> ValR {
    let text = value.as_str();
    let text = text.ok_or_else(|| Error::typ(value.clone(), "a string with JSON"))?;
    let buffer = Rc::new(text.as_bytes().to_vec());
    let end = buffer.len();
    let read = read::value(&buffer, 0, end);
    read.map_err(|why| {
        Error::str(format_args!(
            "cannot parse {value} as JSON: {}",
            why.message()
        ))
    })
}

/// The number that a text is; a number as it is.
pub(super) fn to_number(value: Val) -> ValR {
    if value.is_number() {
        return Ok(value);
    }
    match value.as_str().and_then(number_of) {
        Some(number) => Ok(number),
        None => Err(Error::str(format_args!("cannot parse {value} as a number"))),
    }
}

/// The number of a text that is one as JSON. White space around it is no number.
fn number_of(text: &str) -> Option<Val> {
    let ends = |text: &str| {
        let first = text.bytes().next()?;
        let last = text.bytes().next_back()?;
        Some((first.is_ascii_digit() || first == b'-') && last.is_ascii_digit())
    };
    ends(text).filter(|is_number| *is_number)?;
    let buffer = Rc::new(text.as_bytes().to_vec());
    let value = read::value(&buffer, 0, text.len()).ok()?;
    value.is_number().then_some(value)
}
