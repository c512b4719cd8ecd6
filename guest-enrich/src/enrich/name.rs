//! The parts of an event's name.

use std::borrow::Cow;

use crate::bytes::find;
use json_scan::{Text, escaped_char};

/// The first two parts of a name. The raw ones are slices of the input with its escapes, so that
/// they can be written unchanged.
pub(super) struct EventName<'a> {
    pub(super) event_type: Cow<'a, [u8]>,
    pub(super) raw_type: &'a [u8],
    pub(super) raw_subtype: Option<&'a [u8]>,
}

impl<'a> EventName<'a> {
    /// `None` if the name has an unpaired surrogate escape, so that it is not text.
    #[inline(always)]
    pub(super) fn of(name: Text<'a>) -> Option<Self> {
        if name.escaped {
            return Self::of_escaped(name);
        }
        let (raw_type, raw_subtype) = match find(name.raw, b':', 0) {
            Some(colon) => {
                let end = find(name.raw, b':', colon + 1).unwrap_or(name.raw.len());
                (name.raw.get(..colon)?, name.raw.get(colon + 1..end))
            }
            None => (name.raw, None),
        };
        Some(Self {
            event_type: Cow::Borrowed(raw_type),
            raw_type,
            raw_subtype,
        })
    }

    /// Parts of the decoded text. An escaped colon separates like any other.
    #[cold]
    fn of_escaped(name: Text<'a>) -> Option<Self> {
        let decoded = name.decode()?;
        let (raw_type, behind) = split_at_colon(name.raw)?;
        let raw_subtype = match behind {
            Some(behind) => Some(split_at_colon(behind)?.0),
            None => None,
        };
        let event_type = decoded.split(':').next()?.as_bytes().to_owned();
        Some(Self {
            event_type: Cow::Owned(event_type),
            raw_type,
            raw_subtype,
        })
    }
}

/// The text before the first colon, and the text after it if there is one.
fn split_at_colon(raw: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let (is_colon, length) = match byte {
            b'\\' => escaped_char(raw.get(at..)?).map(|(c, length)| (c == ':', length))?,
            _ => (byte == b':', 1),
        };
        if is_colon {
            return Some((raw.get(..at)?, raw.get(at + length..)));
        }
        at += length;
    }
    Some((raw, None))
}
