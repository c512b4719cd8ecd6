//! An event as columns and `_rest`.

use std::borrow::Cow;

use json_scan::Kind;
use thiserror::Error;

use crate::text::trim;
use crate::value::ColumnValue;

/// An event as the columns of a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// The values of the columns, in their order; `None` is null.
    pub values: Vec<Option<ColumnValue<'a>>>,
    /// What is in no column, or not with its notation: the text of a JSON object.
    pub rest: Option<String>,
    /// The values in `rest`.
    pub unmapped: Vec<Unmapped<'a>>,
}

/// A value in `_rest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped<'a> {
    /// Where it is in the event. Items of arrays share a path, and so do values of maps.
    pub path: Cow<'a, str>,
    /// Why it is in `_rest`.
    pub reason: Reason,
    /// Its text.
    pub text: &'a [u8],
}

/// Why a value is in `_rest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// There is no column for it.
    NoColumn,
    /// The type of its column does not have it.
    Misfit,
    /// Its object has its name more than once.
    Repeated,
    /// It is `null`, and the column that is null could also stand for a missing member.
    Null,
    /// It is in its column too, which writes it in another notation.
    Notation,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NoColumn,
        Self::Misfit,
        Self::Repeated,
        Self::Null,
        Self::Notation,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoColumn => "no_column",
            Self::Misfit => "misfit",
            Self::Repeated => "repeated",
            Self::Null => "null",
            Self::Notation => "notation",
        }
    }

    /// Whether no column has the value.
    #[must_use]
    pub fn is_in_no_column(self) -> bool {
        matches!(self, Self::NoColumn | Self::Misfit | Self::Repeated)
    }
}

/// A text that is no event.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoEvent {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    Syntax(json_scan::SyntaxError),
    /// It is another JSON value.
    #[error("{}, and an event is an object", .0.text())]
    Kind(Kind),
}

impl From<json_scan::SyntaxError> for NoEvent {
    fn from(error: json_scan::SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

/// Checks that a text which is JSON is an object, and returns it without white space around it.
pub(crate) fn check_kind(event: &[u8]) -> Result<&[u8], NoEvent> {
    let event = trim(event);
    match event.first() {
        Some(b'{') => Ok(event),
        _ => check(event),
    }
}

/// Checks that a text is a JSON object, and returns it without white space around it.
pub(crate) fn check(event: &[u8]) -> Result<&[u8], NoEvent> {
    match json_scan::check(event)? {
        Kind::Object => Ok(trim(event)),
        kind => Err(NoEvent::Kind(kind)),
    }
}
