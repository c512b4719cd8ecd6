//! The kinds of values that inference tells apart.

use crate::number::{DECIMAL_MAX_DIGITS, Number};
use crate::text::{decode, string};
use crate::time::{Zone, parse_date, parse_timestamp};
use crate::value::parse_uuid;

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// An integer of 64 bits.
    Long,
    /// Another number that a double has.
    Double,
    /// Another number that a decimal of up to 38 digits has.
    Decimal,
    /// Another number.
    Number,
    /// A string of no kind below.
    String,
    /// A string with a timestamp with a zone that microseconds have.
    Timestamp,
    /// A string with a date.
    Date,
    /// A string with a UUID in lower case.
    Uuid,
    /// An array.
    List,
    /// An object.
    Object,
}

impl ValueKind {
    /// The number of kinds.
    pub(crate) const COUNT: usize = 12;

    /// All of them, in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Null,
        Self::Boolean,
        Self::Long,
        Self::Double,
        Self::Decimal,
        Self::Number,
        Self::String,
        Self::Timestamp,
        Self::Date,
        Self::Uuid,
        Self::List,
        Self::Object,
    ];

    /// The kind of a value that is known to be JSON. Of a text that is none, it is any.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        match value.first() {
            Some(b'"') => kind_of_string(value).0,
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => kind_of_number(value, &mut Digits::default()),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Long => "long",
            Self::Double => "double",
            Self::Decimal => "decimal",
            Self::Number => "number",
            Self::String => "string",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Uuid => "uuid",
            Self::List => "list",
            Self::Object => "object",
        }
    }
}

/// The largest integer up to which a double has all integers.
const DOUBLE_MAX_INTEGER: u64 = 1 << 53;

/// What was seen of the digits of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digits {
    /// The most digits before the point.
    pub(crate) whole: u64,
    /// The most and the fewest digits after the point, of numbers with a fraction.
    pub(crate) fraction: Option<(usize, usize)>,
    /// How many numbers have how many digits after the point, from two to those of a decimal.
    pub(crate) scales: Vec<(u8, u64)>,
    /// Whether a fraction of two or more digits ends in 0, as programs write amounts of money.
    pub(crate) has_padding: bool,
    /// Whether there is a number with an exponent.
    pub(crate) has_exponent: bool,
    /// Whether there is an integer of 64 bits that a double may not have.
    pub(crate) has_large_long: bool,
}

impl Digits {
    pub(crate) fn add(&mut self, number: &Number<'_>) {
        self.whole = self.whole.max(number.whole_digits());
        self.has_exponent |= number.has_exponent;
        let digits = number.fraction.len();
        if digits > 0 {
            let (most, fewest) = self.fraction.unwrap_or((digits, digits));
            self.fraction = Some((most.max(digits), fewest.min(digits)));
            self.has_padding |= digits > 1 && number.fraction.ends_with(b"0");
        }
        if let Ok(scale @ 2..=DECIMAL_MAX_DIGITS) = u8::try_from(digits) {
            self.add_scale(scale, 1);
        }
    }

    fn add_scale(&mut self, scale: u8, numbers: u64) {
        let known = self.scales.iter_mut().find(|(known, _)| *known == scale);
        match known {
            Some((_, count)) => *count += numbers,
            None => self.scales.push((scale, numbers)),
        }
    }

    /// How many numbers have this many digits after the point, two or more.
    pub(crate) fn of_scale(&self, scale: usize) -> u64 {
        let mut scales = self.scales.iter();
        let known = scales.find(|(known, _)| usize::from(*known) == scale);
        known.map_or(0, |(_, count)| *count)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.whole = self.whole.max(other.whole);
        self.fraction = match (self.fraction, other.fraction) {
            (Some((most, fewest)), Some((other_most, other_fewest))) => {
                Some((most.max(other_most), fewest.min(other_fewest)))
            }
            (one, other) => one.or(other),
        };
        for (scale, numbers) in &other.scales {
            self.add_scale(*scale, *numbers);
        }
        self.has_padding |= other.has_padding;
        self.has_exponent |= other.has_exponent;
        self.has_large_long |= other.has_large_long;
    }
}

/// The kind of a number. Counts its digits.
pub(crate) fn kind_of_number(raw: &[u8], digits: &mut Digits) -> ValueKind {
    if let Some((long, count)) = short_long(raw) {
        digits.whole = digits.whole.max(count);
        digits.has_large_long |= long > DOUBLE_MAX_INTEGER;
        return ValueKind::Long;
    }
    let number = Number::parse(raw);
    digits.add(&number);
    if number.is_integer()
        && number
            .unscaled(0)
            .is_some_and(|number| i64::try_from(number).is_ok())
    {
        digits.has_large_long = true;
        return ValueKind::Long;
    }
    if !number.is_integer() && number.is_double(raw) {
        return ValueKind::Double;
    }
    let scale = u8::try_from(number.fraction.len())
        .ok()
        .filter(|scale| *scale <= DECIMAL_MAX_DIGITS);
    let is_decimal =
        !number.has_exponent && scale.is_some_and(|scale| number.unscaled(scale).is_some());
    if is_decimal {
        ValueKind::Decimal
    } else {
        ValueKind::Number
    }
}

/// The absolute value of an integer of up to 18 digits, and the number of its digits: most numbers are these.
#[inline]
fn short_long(raw: &[u8]) -> Option<(u64, u64)> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if digits.len() > 18 {
        return None;
    }
    let mut long = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        long = 10 * long + u64::from(digit);
    }
    Some((long, digits.len() as u64))
}

/// The notations of timestamps that a column can have.
pub(crate) const NOTATIONS: usize = 14;

/// The kind of a string, and the number of its notation if it is a timestamp with one.
#[inline]
pub(crate) fn kind_of_string(raw: &[u8]) -> (ValueKind, Option<usize>) {
    // Dates, timestamps and UUIDs have a hyphen at one of these positions, between quotes.
    let has_hyphen = raw.get(5) == Some(&b'-') || raw.get(9) == Some(&b'-');
    if !has_hyphen || raw.len() < 12 || raw.len() > 64 {
        return (ValueKind::String, None);
    }
    kind_of_hyphenated(raw)
}

fn kind_of_hyphenated(raw: &[u8]) -> (ValueKind, Option<usize>) {
    let Some(text) = string(raw).and_then(decode) else {
        return (ValueKind::String, None);
    };
    let text = text.as_bytes();
    if parse_date(text).is_some() {
        return (ValueKind::Date, None);
    }
    let is_lower = !text.iter().any(u8::is_ascii_uppercase);
    if is_lower && parse_uuid(text).is_some() {
        return (ValueKind::Uuid, None);
    }
    match parse_timestamp(text) {
        Some(timestamp) => (
            ValueKind::Timestamp,
            timestamp.notation.map(notation_number),
        ),
        None => (ValueKind::String, None),
    }
}

fn notation_number((digits, zone): (u8, Zone)) -> usize {
    match zone {
        Zone::Z => usize::from(digits),
        Zone::PlusZero => NOTATIONS / 2 + usize::from(digits),
    }
}

/// The notation with this number.
pub(crate) fn notation(number: usize) -> (u8, Zone) {
    let half = NOTATIONS / 2;
    let zone = if number < half {
        Zone::Z
    } else {
        Zone::PlusZero
    };
    (u8::try_from(number % half).unwrap_or(0), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_a_kind() {
        for (value, kind) in [
            ("null", "null"),
            ("false", "boolean"),
            ("-12", "long"),
            ("1.5", "double"),
            ("12345678901234567890", "decimal"),
            ("1e400", "number"),
            ("\"a\"", "string"),
            ("\"2026-01-31\"", "date"),
            ("\"2026-01-31T12:00:00Z\"", "timestamp"),
            ("\"00112233-4455-6677-8899-aabbccddeeff\"", "uuid"),
            ("[]", "list"),
            ("{\"a\":1}", "object"),
        ] {
            assert_eq!(ValueKind::of(value.as_bytes()).name(), kind, "{value}");
        }
    }
}
