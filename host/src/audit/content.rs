//! Compares one object, or one file of messages, with the lines that its chunk's records make.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;

use super::difference::{Difference, differences};
use crate::format::{Format, decode};
use crate::layout::Destination;
use crate::layout::chunk::{Chunk, RecordRef};
use crate::layout::object_notification;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::bus::folder::{message_lines, message_records, write_messages};

/// The part of a chunk that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The object at a destination.
    Object(Destination, Format),
    /// The messages about events, packed or not.
    Messages,
    /// The messages about objects.
    Notifications,
}

impl Part {
    /// Compares the bytes that were read with the expected ones.
    ///
    /// # Errors
    /// An object that cannot be decoded.
    pub(super) fn compare(
        &self,
        chunk: &Chunk,
        lake: &str,
        bytes: &[u8],
    ) -> io::Result<Vec<Difference>> {
        match self {
            Self::Object(destination, format) => {
                if !format.has_lines() {
                    return compare_rows(chunk, destination, bytes);
                }
                let content = decode(*format, bytes)?;
                let (lines, _) = chunk.lines(destination);
                if are(lines, &content) {
                    return Ok(Vec::new());
                }
                let expected: Vec<_> = chunk.lines(destination).0.collect();
                let alike = match destination {
                    Destination::Lake(_) => Cow::Borrowed,
                    Destination::Quarantine(_) => without_words,
                };
                Ok(compare(&expected, &split(&content), alike))
            }
            Self::Messages => {
                let mut rest = Comparison(Some(bytes));
                write_messages(chunk, &mut rest)?;
                if rest.0.is_some_and(<[u8]>::is_empty) {
                    return Ok(Vec::new());
                }
                let mut expected = Vec::new();
                write_messages(chunk, &mut expected)?;
                Ok(compare(&split(&expected), &split(bytes), Cow::Borrowed))
            }
            Self::Notifications => {
                let expected = object_notification::of(chunk, lake);
                let expected: Vec<_> = expected.iter().map(ObjectNotification::json).collect();
                let expected: Vec<_> = expected.iter().map(String::as_bytes).collect();
                Ok(compare(&expected, &split(bytes), without_lake))
            }
        }
    }

    /// The expected number of lines.
    #[must_use]
    pub(super) fn lines(&self, chunk: &Chunk) -> usize {
        match self {
            Self::Object(destination, _) => chunk.lines(destination).0.len(),
            Self::Messages => message_lines(chunk),
            Self::Notifications => {
                let to_lake = |(to, _): &(&Destination, u64)| matches!(to, Destination::Lake(_));
                chunk.objects().filter(to_lake).count()
            }
        }
    }

    /// The records of each expected line: one, or those of a packed message. Messages about objects have none.
    #[must_use]
    pub(super) fn records(&self, chunk: &Chunk) -> Vec<Vec<RecordRef>> {
        match self {
            Self::Object(destination, _) => {
                let records = chunk.lines(destination).1.iter();
                records.map(|record| vec![*record]).collect()
            }
            Self::Messages => message_records(chunk),
            Self::Notifications => Vec::new(),
        }
    }
}

/// Compares written bytes with the expected ones. Holds the expected bytes that are left; `None`
/// after a difference.
struct Comparison<'a>(Option<&'a [u8]>);

impl Write for Comparison<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.and_then(|rest| rest.strip_prefix(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the content is exactly these lines.
fn are<'a>(lines: impl Iterator<Item = &'a [u8]>, content: &[u8]) -> bool {
    let mut rest = content;
    for line in lines {
        match rest
            .strip_prefix(line)
            .and_then(|rest| rest.strip_prefix(b"\n"))
        {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.is_empty()
}

fn split(content: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
    if lines.last() == Some(&&b""[..]) {
        lines.pop();
    }
    lines
}

/// Compares the rows of an object of Parquet with those of the expected events. A row of no event counts as an empty line,
/// which is no event.
fn compare_rows(
    chunk: &Chunk,
    destination: &Destination,
    bytes: &[u8],
) -> io::Result<Vec<Difference>> {
    let expected: Vec<_> = chunk.lines(destination).0.collect();
    let matches = chunk.match_rows(bytes, &expected)?;
    let found = matches
        .into_iter()
        .map(|event| event.map_or(&b""[..], |position| expected[position]));
    Ok(differences(&expected, &found.collect::<Vec<_>>()))
}

fn compare<'a>(
    expected: &[&'a [u8]],
    found: &[&'a [u8]],
    alike: fn(&'a [u8]) -> Cow<'a, [u8]>,
) -> Vec<Difference> {
    let seen = |lines: &[&'a [u8]]| lines.iter().copied().map(alike).collect::<Vec<_>>();
    differences(&seen(expected), &seen(found))
}

/// A line of quarantine without its message and backtrace, which another version of the program can word
/// differently.
fn without_words(line: &[u8]) -> Cow<'_, [u8]> {
    changed(line, |entry| {
        entry.remove("message");
        entry.remove("backtrace");
    })
}

/// A message about an object without the name of the lake, which can have changed.
fn without_lake(line: &[u8]) -> Cow<'_, [u8]> {
    changed(line, |message| {
        message.remove("bucket");
        if let Some(Value::String(key)) = message.get_mut("key") {
            let name = key.rsplit_once('/').map(|(_, name)| name.to_owned());
            *key = name.unwrap_or_default();
        }
    })
}

fn changed(line: &[u8], change: impl Fn(&mut serde_json::Map<String, Value>)) -> Cow<'_, [u8]> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(mut entry)) => {
            change(&mut entry);
            Cow::Owned(Value::Object(entry).to_string().into_bytes())
        }
        _ => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_equals_its_lines_only() {
        let lines = || [&b"a"[..], b"bc"].into_iter();
        assert!(are(lines(), b"a\nbc\n"));
        for other in ["", "a\nbc", "a\nbc\n\n", "a\nb\n", "abc\n", "a\nbc\nd\n"] {
            assert!(!are(lines(), other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn an_empty_line_is_a_line() {
        assert_eq!(split(b""), Vec::<&[u8]>::new());
        assert_eq!(split(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
        assert_eq!(split(b"\n"), [&b""[..]]);
    }

    #[test]
    fn words_and_lake_are_not_compared() {
        let line = br#"{"rid":"s:1","message":"trapped","backtrace":"f < g"}"#;
        assert_eq!(*without_words(line), *br#"{"rid":"s:1"}"#);
        let one = br#"{"bucket":"b","key":"p/event_type=a/s.ndjson","count":1}"#;
        let other = br#"{"key":"lake/event_type=a/s.ndjson","count":1}"#;
        assert_eq!(without_lake(one), without_lake(other));
        assert_eq!(*without_lake(b"no json"), *b"no json");
    }
}
