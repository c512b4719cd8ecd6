//! The values of a program.
//!
//! They are made so that a record costs little: texts of the record are slices of it, short texts of a program are kept
//! in place, and a clone counts a reference. A number of the record has its text until the program calculates with it.

mod convert;
mod filters;
mod number;
mod object;
mod operators;
mod order;
mod slices;
mod text;
mod update;

use std::fmt;
use std::rc::Rc;

pub(crate) use number::Number;
pub(crate) use object::Object;
pub(crate) use order::sorted;
pub(crate) use slices::{bounds, place};
pub(crate) use text::{Slice, Text};

use crate::write;

/// An error of a program.
pub(crate) type Error = jaq_core::Error<Val>;
/// A value or an error.
pub(crate) type ValR = jaq_core::ValR<Val>;

/// A JSON value.
#[derive(Clone, Debug, Default)]
pub(crate) enum Val {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// Any other number that was calculated.
    Float(f64),
    /// A number of the record or of the program, as its text.
    Decimal(Slice),
    /// A text, always UTF-8.
    Str(Text),
    /// An array.
    Arr(Rc<Vec<Val>>),
    /// An object.
    Obj(Rc<Object>),
}

/// There are as few sizes as possible, because values are moved often.
#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<Val>() == 16);

impl Val {
    /// A text that is known to be UTF-8, such as a part of one.
    pub(crate) fn text(text: &str) -> Self {
        Self::Str(Text::from(text))
    }

    pub(crate) fn object(object: Object) -> Self {
        Self::Obj(Rc::new(object))
    }

    /// The kind, as `type` names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::Float(_) | Self::Decimal(_) => "number",
            Self::Str(_) => "string",
            Self::Arr(_) => "array",
            Self::Obj(_) => "object",
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Float(_) | Self::Decimal(_))
    }

    /// `null` and `false` are false.
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The text of a value: a string itself, of another value its JSON.
    pub(crate) fn into_text(self) -> Self {
        match self {
            Self::Str(_) => self,
            other => other.json(),
        }
    }

    /// The JSON of a value, as a string. What JSON does not have is written as jq does.
    pub(crate) fn json(&self) -> Self {
        let mut json = Vec::new();
        write::leniently(self, &mut json);
        Self::Str(Text::from_utf8(json))
    }
}

/// The JSON of a value for messages: a long one is truncated, so that its size costs nothing.
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write::shown(self))
    }
}

#[cfg(test)]
mod tests;
