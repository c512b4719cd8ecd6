//! The order of values: `null`, booleans, numbers, strings, arrays, objects.

use std::cmp::Ordering;

use super::number::{Number, digits};
use super::{Object, Text, Val};

impl Val {
    /// The place of its kind in the order of kinds.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Float(_) | Self::Decimal(_) => 2,
            Self::Str(_) => 3,
            Self::Arr(_) => 4,
            Self::Obj(_) => 5,
        }
    }
}

/// The sign and the digits of an integer.
type Digits<'v> = (bool, &'v str);

impl Val {
    /// An integer that has more than 64 bits: it is compared by its digits, because different ones can have the same float.
    fn long_integer(&self) -> Option<Digits<'_>> {
        match self {
            Self::Decimal(text) => {
                digits(text.as_str()).filter(|(_, digits)| digits.len() >= LONG_DIGITS)
            }
            _ => None,
        }
    }
}

/// An integer with fewer digits is an `i64`.
const LONG_DIGITS: usize = 19;

/// A float below this bound is less than all long integers.
const LONG_MIN: f64 = 9e18;

fn compare_digits(
    (left_negative, left): Digits<'_>,
    (right_negative, right): Digits<'_>,
) -> Ordering {
    match (left_negative, right_negative) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (is_negative, _) => {
            let order = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
            if is_negative { order.reverse() } else { order }
        }
    }
}

/// Compares a long integer with another number.
fn compare_long(long: Digits<'_>, other: Number) -> Ordering {
    match other {
        Number::Float(float) if float.is_nan() => Ordering::Greater,
        Number::Float(float) if float.is_infinite() => 0.0_f64.total_cmp(&float),
        // It is an integer too, and these are all of its digits.
        Number::Float(float) if float.abs() >= LONG_MIN => {
            let text = format!("{float:.0}");
            digits(&text).map_or(Ordering::Equal, |other| compare_digits(long, other))
        }
        _ if long.0 => Ordering::Less,
        _ => Ordering::Greater,
    }
}

impl Ord for Val {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Str(left), Self::Str(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Self::Arr(left), Self::Arr(right)) => left.cmp(right),
            (Self::Obj(left), Self::Obj(right)) => compare_objects(left, right),
            (Self::Decimal(left), Self::Decimal(right)) if left.as_bytes() == right.as_bytes() => {
                Ordering::Equal
            }
            _ => match (self.number(), other.number()) {
                (Some(left), Some(right)) => match (self.long_integer(), other.long_integer()) {
                    (None, None) => compare_numbers(left, right),
                    (Some(left), Some(right)) => compare_digits(left, right),
                    (Some(left), None) => compare_long(left, right),
                    (None, Some(right)) => compare_long(right, left).reverse(),
                },
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }
}

/// A float that is no number is less than any other number. Only sorting takes two of them for equal.
fn compare_numbers(left: Number, right: Number) -> Ordering {
    match (left, right) {
        (Number::Int(left), Number::Int(right)) => left.cmp(&right),
        (Number::Int(left), Number::Float(right)) => compare_with_float(left, right),
        (Number::Float(left), Number::Int(right)) => compare_with_float(right, left).reverse(),
        (Number::Float(left), Number::Float(right)) => {
            let order = left.partial_cmp(&right);
            order.unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
        }
    }
}

/// Compares exactly: an integer that is rounded to a float can be equal to two others, so there would be no order.
fn compare_with_float(integer: i64, float: f64) -> Ordering {
    /// 2^63, which is above all integers.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() || float < -END {
        return Ordering::Greater;
    }
    if float >= END {
        return Ordering::Less;
    }
    #[allow(clippy::cast_possible_truncation, reason = "in the range of integers")]
    let whole = float.trunc() as i64;
    let fraction = || 0.0_f64.total_cmp(&(float.fract() + 0.0));
    integer.cmp(&whole).then_with(fraction)
}

/// First the names in their order, then the values by the order of their names.
fn compare_objects(left: &Object, right: &Object) -> Ordering {
    let (left, right) = (sorted(left), sorted(right));
    let names = |members: &[&(Text, Val)]| -> Vec<Vec<u8>> {
        members
            .iter()
            .map(|(name, _)| name.as_bytes().to_vec())
            .collect()
    };
    let values = left.iter().map(|(_, value)| value);
    names(&left)
        .cmp(&names(&right))
        .then_with(|| values.cmp(right.iter().map(|(_, value)| value)))
}

/// The members in the order of their names.
pub(crate) fn sorted(object: &Object) -> Vec<&(Text, Val)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
    members
}

#[allow(
    clippy::non_canonical_partial_ord_impl,
    reason = "sorting needs a total order; in jq, `nan < nan` is true"
)]
impl PartialOrd for Val {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Float(left), Self::Float(right)) if left.is_nan() && right.is_nan() => {
                Some(Ordering::Less)
            }
            _ => Some(self.cmp(other)),
        }
    }
}

impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Str(left), Self::Str(right)) => left == right,
            _ => self.partial_cmp(other) == Some(Ordering::Equal),
        }
    }
}

impl Eq for Val {}
