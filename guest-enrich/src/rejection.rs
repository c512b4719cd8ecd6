//! Why a record is rejected.

/// A fault of a record, with which the record goes to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of fault.
    pub code: Code,
    /// The fault for people; it names the field if there is one.
    pub message: String,
}

impl Rejection {
    #[cold]
    pub(crate) fn new(code: Code, message: String) -> Self {
        Self { code, message }
    }
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The record is not one JSON text in UTF-8. This is checked first.
    InvalidJson,
    /// The record is JSON, but not an object.
    NotAnObject,
    /// A field that the transform reads is missing.
    MissingField,
    /// A field that the transform reads has a wrong type or value.
    InvalidField,
    /// A field that the transform reads is repeated, and readers differ in which one counts.
    DuplicateField,
}

impl Code {
    /// The code by which quarantine is partitioned.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::DuplicateField => "duplicate_field",
        }
    }
}
