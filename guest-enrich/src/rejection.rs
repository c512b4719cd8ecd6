//! Why a record is turned away.

/// A fault of a record: it goes to quarantine with this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of fault.
    pub code: Code,
    /// The fault for the person who looks for it; it names the field where there is one.
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
    /// The record is not one JSON text in UTF-8. It comes before every other fault.
    InvalidJson,
    /// The record is JSON, but no object.
    NotAnObject,
    /// A field that the transform reads is not there.
    MissingField,
    /// A field that the transform reads does not hold what it should.
    InvalidField,
    /// A field that the transform reads is there twice, and readers differ in which one counts.
    DuplicateField,
}

impl Code {
    /// The name that the quarantine is partitioned by.
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
