//! Numbers: integers of 64 bits, floats, and the text of a number that was not calculated with.

use super::{Slice, Val};

/// A number, for calculations.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Self::Int(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

impl From<Number> for Val {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(integer) => Self::Int(integer),
            Number::Float(float) => Self::Float(float),
        }
    }
}

impl Val {
    /// The number, if it is one.
    #[inline]
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Self::Int(integer) => Some(Number::Int(*integer)),
            Self::Float(float) => Some(Number::Float(*float)),
            Self::Decimal(text) => Some(Number::Float(decimal(text))),
            _ => None,
        }
    }

    /// The number as an index: without its fraction. A float beyond an `i64` is at its end.
    #[inline]
    pub(crate) fn index_number(&self) -> Option<i64> {
        #[allow(clippy::cast_possible_truncation, reason = "it saturates")]
        self.number().map(|number| match number {
            Number::Int(integer) => integer,
            Number::Float(float) => float.floor() as i64,
        })
    }

    /// The number of a literal, or of the text of a number.
    pub(crate) fn of_number_text(text: &str) -> Self {
        match text.parse() {
            Ok(integer) if text != "-0" => Self::Int(integer),
            _ => Self::Decimal(Slice::from(text)),
        }
    }
}

/// The sign and the digits of a number that is an integer, without leading zeros.
pub(super) fn digits(text: &str) -> Option<(bool, &str)> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let is_integer = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    is_integer.then_some((is_negative && !digits.is_empty(), digits))
}

/// The nearest float. One that is too large is the largest, as in jq.
fn decimal(text: &Slice) -> f64 {
    let float: f64 = text.as_str().parse().unwrap_or(f64::NAN);
    float.clamp(f64::MIN, f64::MAX)
}
