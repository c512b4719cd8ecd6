//! Text that is not newline-delimited JSON, recognized by its first line.

use serde::de::IgnoredAny;

use super::content_type::UTF8_MARK;
use crate::ledger::decoding::{RecordDecoding, RecordFormat};

/// A format of text in which a line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// One JSON array of all records.
    JsonArray,
    /// A whole JSON array in the first line.
    ArrayLines,
    /// JSON objects of several lines each.
    MultilineJson,
    /// Records with a carriage return between them and no line feed.
    CarriageReturns,
    /// Values with commas between them.
    Commas,
    /// Values with semicolons between them.
    Semicolons,
    /// Values with tabs between them.
    Tabs,
}

impl TextFormat {
    /// The format whose first line this looks like, which may be cut off; `None` if it looks like a record, is no text,
    /// or looks like nothing that is known.
    pub(super) fn of_first_line(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(UTF8_MARK).unwrap_or(line).trim_ascii();
        if !is_text(line) {
            return None;
        }
        let has = |byte| memchr::memchr(byte, line).is_some();
        match line {
            [b'[', ..] => Some(match serde_json::from_slice::<Vec<IgnoredAny>>(line) {
                Ok(_) => Self::ArrayLines,
                Err(_) => Self::JsonArray,
            }),
            [b'{'] => Some(Self::MultilineJson),
            // Between two objects of one line, a carriage return is in no string.
            [b'{', ..] => memchr::memmem::find(line, b"}\r{").map(|_| Self::CarriageReturns),
            _ if has(b'\r') => Some(Self::CarriageReturns),
            _ if has(b'\t') => Some(Self::Tabs),
            _ if has(b',') => Some(Self::Commas),
            _ if has(b';') => Some(Self::Semicolons),
            _ => None,
        }
    }

    /// The format, if it is not the one that is decoded.
    pub(super) fn unless_decoded(self, decoding: RecordDecoding) -> Option<Self> {
        let is_array = matches!(self, Self::JsonArray | Self::ArrayLines);
        (!is_array || decoding.format != RecordFormat::Array).then_some(self)
    }

    /// The format of a file in which this many lines are no records. An array in the only line is the whole file.
    #[must_use]
    pub fn of_lines(self, lines: u64) -> Self {
        match self {
            Self::ArrayLines if lines == 1 => Self::JsonArray,
            format => format,
        }
    }

    /// What to do, so that its records land.
    #[must_use]
    pub fn advice(self) -> String {
        match self.command() {
            Some(command) => {
                format!("convert it to newline-delimited JSON, for example with `{command}`")
            }
            None => {
                "if each line holds an array of records, give `--record-format array`".to_owned()
            }
        }
    }

    /// The name of the format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ArrayLines => "lines with a JSON array each",
            Self::JsonArray => "a JSON array",
            Self::MultilineJson => "JSON with line breaks inside of objects",
            Self::CarriageReturns => "text whose lines end with a carriage return only",
            Self::Commas => "CSV",
            Self::Semicolons => "CSV with semicolons",
            Self::Tabs => "TSV",
        }
    }

    /// A command that converts it to newline-delimited JSON; `None` if a setting says how to read it.
    fn command(self) -> Option<&'static str> {
        Some(match self {
            Self::ArrayLines => return None,
            Self::JsonArray => "jq -c '.[]'",
            Self::MultilineJson => "jq -c .",
            Self::CarriageReturns => "tr '\\r' '\\n'",
            Self::Commas => "mlr --icsv --ojsonl cat",
            Self::Semicolons => "mlr --icsv --ifs ';' --ojsonl cat",
            Self::Tabs => "mlr --itsv --ojsonl cat",
        })
    }
}

/// Whether this is text in UTF-8 without control characters, of which the last character may be cut off.
fn is_text(line: &[u8]) -> bool {
    let is_utf8 = match str::from_utf8(line) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r');
    is_utf8 && !line.iter().any(is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_tells_the_format() {
        for (line, format) in [
            ("[", Some(TextFormat::JsonArray)),
            ("\u{feff}  [{\"a\":1},", Some(TextFormat::JsonArray)),
            ("[1]", Some(TextFormat::ArrayLines)),
            (" [{\"a\":[]}, 1]\r", Some(TextFormat::ArrayLines)),
            ("[{\"a\":1}", Some(TextFormat::JsonArray)),
            ("[1],", Some(TextFormat::JsonArray)),
            ("{\r", Some(TextFormat::MultilineJson)),
            ("id,name", Some(TextFormat::Commas)),
            ("\"id\";\"name\"", Some(TextFormat::Semicolons)),
            ("id\tname, first", Some(TextFormat::Tabs)),
            ("{\"a\":1}\r{\"a\":2}\r", Some(TextFormat::CarriageReturns)),
            ("id,name\r1,a\r", Some(TextFormat::CarriageReturns)),
            ("{\"a\":1,\r\"b\":2}", None),
            ("a\0b,c", None),
            ("\u{1b}[1m,", None),
            ("{\"a\":1,\"b\":2}", None),
            ("{\"a\":", None),
            ("a word", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(
                TextFormat::of_first_line(line.as_bytes()),
                format,
                "{line:?}"
            );
        }
    }

    #[test]
    fn arrays_are_no_other_format_if_they_are_decoded_and_one_line_is_the_whole_file() {
        let array = RecordDecoding {
            format: RecordFormat::Array,
            ..RecordDecoding::default()
        };
        for format in [TextFormat::JsonArray, TextFormat::ArrayLines] {
            assert_eq!(format.unless_decoded(array), None);
            let plain = RecordDecoding::default();
            assert_eq!(format.unless_decoded(plain), Some(format));
            assert_eq!(format.of_lines(1), TextFormat::JsonArray);
            assert_eq!(format.of_lines(2), format);
        }
        let commas = TextFormat::Commas;
        assert_eq!(commas.unless_decoded(array), Some(commas));
        assert_eq!(commas.of_lines(1), commas);
    }

    #[test]
    fn bytes_are_called_nothing() {
        for line in [&b"\xff\xfe,\x80;\t"[..], b"\0asm\x01,", b"[\xc3("] {
            assert_eq!(TextFormat::of_first_line(line), None, "{line:?}");
        }
        let cut_off = TextFormat::of_first_line(b"id,name,\xc3");
        assert_eq!(cut_off, Some(TextFormat::Commas));
    }
}
