//! Text that is not newline-delimited JSON, recognized by its first line.

use super::content_type::UTF8_MARK;

/// A format of text in which a line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// One JSON array of all records.
    JsonArray,
    /// JSON objects of several lines each.
    MultilineJson,
    /// Values with a delimiter between them.
    Delimited,
}

impl TextFormat {
    /// The format whose first line this looks like; `None` if it looks like a record or like nothing that is known.
    pub(super) fn of_first_line(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(UTF8_MARK).unwrap_or(line).trim_ascii();
        let is_delimiter = |byte: &u8| matches!(byte, b',' | b';' | b'\t');
        match line {
            [b'[', ..] => Some(Self::JsonArray),
            [b'{'] => Some(Self::MultilineJson),
            [b'{', ..] => None,
            _ if line.iter().any(is_delimiter) => Some(Self::Delimited),
            _ => None,
        }
    }

    /// The name of the format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonArray => "a JSON array",
            Self::MultilineJson => "JSON with line breaks inside of objects",
            Self::Delimited => "CSV",
        }
    }

    /// A command that converts it to newline-delimited JSON.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::JsonArray => "jq -c '.[]'",
            Self::MultilineJson => "jq -c .",
            Self::Delimited => "mlr --icsv --ojsonl cat",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_tells_the_format() {
        for (line, format) in [
            ("[", Some(TextFormat::JsonArray)),
            ("\u{feff}  [{\"a\":1},", Some(TextFormat::JsonArray)),
            ("[1]", Some(TextFormat::JsonArray)),
            ("{\r", Some(TextFormat::MultilineJson)),
            ("id,name", Some(TextFormat::Delimited)),
            ("\"id\";\"name\"", Some(TextFormat::Delimited)),
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
}
