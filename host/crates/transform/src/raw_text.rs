//! Strings of a record as they are, with their escapes.

use std::borrow::Cow;

use json_scan::{Kind, Text, escaped_char};

use crate::bytes::find;
use crate::record::from_utf8;

/// The characters between the quotes of a JSON string, escapes and all. It is text: it has no unpaired surrogate
/// escape.
///
/// An event that takes over a part of a string keeps its escapes byte for byte if the part is written by
/// [`Event::set_raw_text`](crate::Event::set_raw_text). This also saves decoding and escaping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawText<'a> {
    raw: &'a [u8],
    /// Whether it can have escapes.
    escaped: bool,
}

impl<'a> RawText<'a> {
    /// `None` if `raw` cannot stand between the quotes of a JSON string, or has an unpaired surrogate escape.
    pub fn new(raw: &'a [u8]) -> Option<Self> {
        let quoted = [b"\"", raw, b"\""].concat();
        if json_scan::check(&quoted) != Ok(Kind::String) {
            return None;
        }
        Self::of_string(raw)
    }

    /// `raw` is from a string of a record. `None` if it has an unpaired surrogate escape.
    #[inline(always)]
    pub(crate) fn of_string(raw: &'a [u8]) -> Option<Self> {
        let escaped = find(raw, b'\\', 0).is_some();
        (!escaped || is_paired(raw)).then_some(Self { raw, escaped })
    }

    /// The characters with their escapes, in UTF-8.
    #[inline(always)]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether there are no characters.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The text, without escapes. If there are no escapes, it is borrowed.
    pub fn decode(&self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(decoded(self.raw))
        } else {
            from_utf8(self.raw)
        }
    }

    /// As [`decode`](Self::decode), but without another validation of the text. For the value of a
    /// [partition](crate::Events::event_at).
    #[inline(always)]
    pub fn decode_bytes(&self) -> Cow<'a, [u8]> {
        if self.escaped {
            Cow::Owned(decoded(self.raw).into_bytes())
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// The parts before and after the first `separator`, an ASCII character. A separator that is escaped separates like
    /// any other.
    ///
    /// # Panics
    /// If the separator is not ASCII.
    #[inline(always)]
    #[track_caller]
    pub fn split_once(&self, separator: u8) -> Option<(Self, Self)> {
        assert!(separator.is_ascii(), "the separator must be ASCII");
        let (start, end) = if self.escaped {
            find_escaped(self.raw, separator)?
        } else if separator < b' ' {
            return None;
        } else {
            let at = find(self.raw, separator, 0)?;
            (at, at + 1)
        };
        Some((
            self.part(self.raw.get(..start)?),
            self.part(self.raw.get(end..)?),
        ))
    }

    #[inline(always)]
    fn part(&self, raw: &'a [u8]) -> Self {
        Self {
            raw,
            escaped: self.escaped,
        }
    }
}

#[cold]
fn is_paired(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let Some(at) = find(rest, b'\\', 0) {
        let escape = rest.get(at..).unwrap_or_default();
        let Some((_, length)) = escaped_char(escape) else {
            return false;
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    true
}

#[cold]
fn decoded(raw: &[u8]) -> String {
    let text = Text { raw, escaped: true };
    text.decode().unwrap_or_default()
}

/// The start and the end of the first `wanted` character, which can be escaped.
#[cold]
fn find_escaped(raw: &[u8], wanted: u8) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let (character, length) = match byte {
            b'\\' => escaped_char(raw.get(at..)?)?,
            byte => (char::from(byte), 1),
        };
        if character == char::from(wanted) {
            return Some((at, at + length));
        }
        at += length;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(raw: &str) -> Option<(String, String)> {
        let (before, behind) = RawText::new(raw.as_bytes()).unwrap().split_once(b':')?;
        let text = |part: RawText<'_>| String::from_utf8(part.as_bytes().to_vec()).unwrap();
        Some((text(before), text(behind)))
    }

    #[test]
    fn splits_at_a_separator_escaped_or_not() {
        for (raw, before, behind) in [
            ("a:b:c", "a", "b:c"),
            (":", "", ""),
            (r"a\u003ab", "a", "b"),
            (r"a\u003Ab:c", "a", "b:c"),
            (r"\\:\/b", r"\\", r"\/b"),
            ("é:😀", "é", "😀"),
        ] {
            assert_eq!(split(raw), Some((before.to_owned(), behind.to_owned())));
        }
        for raw in ["", "a", r"\u003b", r"a\\u003a"] {
            assert_eq!(split(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_control_character_separates_if_it_is_escaped() {
        let split = |raw| RawText::new(raw).unwrap().split_once(b'\n');
        assert!(split(br"a\nb").is_some());
        assert!(split(b"ab").is_none());
    }

    #[test]
    fn is_text() {
        for raw in [
            r"\ud800",
            r"a\udc00",
            r"\ud83d:\ude00",
            "\"",
            "\n",
            r"\x",
            r"\u12",
        ] {
            assert_eq!(RawText::new(raw.as_bytes()), None, "{raw}");
        }
        assert_eq!(RawText::new(b"\xff"), None);
        let decode = |raw: &'static str| RawText::new(raw.as_bytes()).unwrap().decode();
        assert_eq!(decode(r"\ud83d\ude00\n"), "😀\n");
        assert!(matches!(decode("é"), Cow::Borrowed("é")));
    }

    proptest! {
        #[test]
        fn decodes_what_is_escaped(text in any::<String>()) {
            let mut raw = Vec::new();
            crate::json::escape(&text, &mut raw);
            let raw = RawText::new(&raw).unwrap();
            prop_assert_eq!(raw.decode(), text.as_str());
            let bytes = raw.decode_bytes();
            prop_assert_eq!(&*bytes, text.as_bytes());
            let parts = raw.split_once(b':').map(|(a, b)| (a.decode(), b.decode()));
            let expected = text.split_once(':').map(|(a, b)| (a.into(), b.into()));
            prop_assert_eq!(parts, expected);
        }
    }
}
