//! Why a record is rejected.

use std::borrow::Cow;
use std::fmt::{self, Display};

use json_scan::{Kind, SyntaxError};

use crate::Read;
use crate::record::{from_utf8, kind_of};
use crate::time::{TimeError, TimeFormat, looks_like_milliseconds};

/// How much of a value a message shows, in bytes.
const SHOWN_MAX_BYTES: usize = 64;

/// A fault of a record, with which the record goes to quarantine.
// Boxed, because each value of a record is returned in a result, and hardly any result has a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection(Box<Fault>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    code: Cow<'static, str>,
    message: String,
}

impl Rejection {
    /// The kind of fault, by which quarantine is partitioned: lower case letters, digits and underscores, 64 characters
    /// at most.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The fault, for people; it names the member if there is one. The host truncates it to 1,024 bytes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The message, to change it.
    pub(crate) fn message_mut(&mut self) -> &mut String {
        &mut self.0.message
    }

    /// The code and the message.
    pub fn into_parts(self) -> (String, String) {
        (self.0.code.into_owned(), self.0.message)
    }

    /// A rejection with a code of the transform's own. Do not use the host's own reasons, such as `trap`,
    /// `out_of_fuel`, `invalid_output` or `not_interoperable`: in quarantine, nobody could tell such a rejection from a
    /// fault.
    #[cold]
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Fault {
            code: code.into(),
            message: message.into(),
        }))
    }

    /// `invalid_field`: a member has a value that the transform cannot use. `why` says what was expected and what was
    /// found; the member's name is put before it, in quotes if it is empty or has white space.
    #[cold]
    pub fn invalid(read: &Read, why: impl Display) -> Self {
        Self::new("invalid_field", format!("{}: {why}", read.shown_name()))
    }

    /// `missing_field`: the record does not have a member.
    #[cold]
    pub fn missing(read: &Read) -> Self {
        Self::new("missing_field", format!("{}: missing", read.shown_name()))
    }

    /// `duplicate_field`: the record has a member more than once, and readers differ in which one counts.
    #[cold]
    pub fn duplicate(read: &Read) -> Self {
        let message = format!("{}: found more than once", read.shown_name());
        Self::new("duplicate_field", message)
    }

    /// `invalid_field`: the value of a member has another kind than `expected`, unless the read has words of its own.
    #[cold]
    pub(crate) fn kind(read: &Read, expected: &str, found: Kind) -> Self {
        let expected = read.words().unwrap_or(expected);
        Self::invalid(
            read,
            format_args!("expected {expected}, found {}", found.text()),
        )
    }

    /// `invalid_field`: the number of a moment is not in the years that a moment can have.
    #[cold]
    pub(crate) fn out_of_range(read: &Read, number: &[u8]) -> Self {
        let why = if looks_like_milliseconds(number) {
            "out of range, it looks like milliseconds; a number of seconds since 1970 is expected"
        } else {
            "out of range, the years 0000 to 9999 are supported"
        };
        Self::invalid(read, why)
    }

    /// `invalid_field`: a value is no moment of the format that the read is declared with.
    #[cold]
    pub(crate) fn time(read: &Read, value: &[u8], error: TimeError) -> Self {
        let (format, found) = (read.time_format(), ShownValue(value));
        let expected = read.words().unwrap_or(format.words());
        match (error, format) {
            (TimeError::Unreadable, _) => {
                Self::invalid(read, format_args!("expected {expected}, found {found}"))
            }
            (TimeError::OutOfRange, TimeFormat::Auto) if kind_of(value) == Kind::Number => {
                let range = "numbers below 10^17 in the years 0000 to 9999 are supported";
                Self::invalid(read, format_args!("out of range, {range}, found {found}"))
            }
            (TimeError::OutOfRange, _) => {
                let range = "in the years 0000 to 9999";
                let why = format_args!("out of range, expected {expected}, {range}, found {found}");
                Self::invalid(read, why)
            }
        }
    }

    #[cold]
    pub(crate) fn unpaired_surrogate(read: &Read) -> Self {
        Self::invalid(read, "expected text, found an unpaired surrogate escape")
    }

    #[cold]
    pub(crate) fn invalid_json(error: SyntaxError) -> Self {
        Self::new("invalid_json", error.to_string())
    }

    #[cold]
    pub(crate) fn not_an_object(found: Kind) -> Self {
        let message = format!("expected a JSON object, found {}", found.text());
        Self::new("not_an_object", message)
    }
}

/// A value in a message: the beginning of a number or a string, as it is in the record; otherwise, its kind.
struct ShownValue<'a>(&'a [u8]);

impl Display for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = kind_of(self.0);
        if !matches!(kind, Kind::Number | Kind::String) {
            return f.write_str(kind.text());
        }
        let text = from_utf8(self.0);
        let shown = text.floor_char_boundary(SHOWN_MAX_BYTES);
        f.write_str(text.get(..shown).unwrap_or_default())?;
        f.write_str(if shown < text.len() { "…" } else { "" })
    }
}
