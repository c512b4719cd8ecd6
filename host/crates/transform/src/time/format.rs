//! The formats in which records write moments.

use std::fmt;
use std::str::FromStr;

use json_scan::Kind;

use super::decimal::{
    MICROSECOND_PLACES, MILLISECOND_PLACES, SECOND_PLACES, decimal, whole_digits,
};
use super::{FIRST_SECOND, LAST_SECOND, NANOS_PER_SECOND, OutOfRange, Timestamp, iso8601};
use crate::raw_text::RawText;
use crate::record::kind_of;

/// The most digits of a whole number that always fits an `i64`.
const I64_DIGITS: usize = 18;

/// With up to this many digits before its decimal point, a number is in seconds for [`TimeFormat::Auto`]. With more, it
/// is in milliseconds, and so on.
const AUTO_SECOND_DIGITS: i64 = 11;
const AUTO_MILLISECOND_DIGITS: i64 = 14;
const AUTO_MICROSECOND_DIGITS: i64 = 17;

/// How a record writes a moment: what a configuration can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// `seconds`: a number of seconds since 1970.
    #[default]
    Seconds,
    /// `milliseconds`: a number of milliseconds since 1970.
    Milliseconds,
    /// `microseconds`: a number of microseconds since 1970.
    Microseconds,
    /// `iso8601`: a text in ISO 8601, in the notation of RFC 3339: `2023-11-14T22:13:20Z`. The letters can be small, and a
    /// space can be in place of the `T`. Seconds can have a fraction of one or more digits. The offset, `Z`, `+hh:mm` or
    /// `-hh:mm`, cannot be missing. A leap second, `:60`, is no moment, as seconds since 1970 do not count it.
    Iso8601,
    /// `auto`: a text is `iso8601`. Whatever its sign, a number below 10^11 is in seconds, one below 10^14 in
    /// milliseconds, and one below 10^17 in microseconds. Milliseconds have 10^11 in March 1973 and 10^14 in the year 5138,
    /// and microseconds 10^14 and 10^17. Seconds have 10^11 in the year 5138. So no moment between is ambiguous.
    Auto,
}

/// Why a value is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeError {
    /// The value is of another kind, or a text in another notation.
    Unreadable,
    /// The moment is outside of the years 0000 to 9999, or, for [`TimeFormat::Auto`], the number is 10^17 or more.
    OutOfRange,
}

impl From<OutOfRange> for TimeError {
    fn from(_: OutOfRange) -> Self {
        Self::OutOfRange
    }
}

impl TimeFormat {
    /// All formats, in the order of lists.
    pub const ALL: [Self; 5] = [
        Self::Seconds,
        Self::Milliseconds,
        Self::Microseconds,
        Self::Iso8601,
        Self::Auto,
    ];

    /// The name in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Iso8601 => "iso8601",
            Self::Auto => "auto",
        }
    }

    /// What is expected, in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Seconds => "a number of seconds since 1970",
            Self::Milliseconds => "a number of milliseconds since 1970",
            Self::Microseconds => "a number of microseconds since 1970",
            Self::Iso8601 => {
                "a time in ISO 8601 with an offset, such as 2023-11-14T22:13:20Z or 2023-11-14T23:13:20+01:00"
            }
            Self::Auto => {
                "a number of seconds, milliseconds or microseconds since 1970, or a time in ISO 8601 with an offset, \
                 such as 2023-11-14T22:13:20Z"
            }
        }
    }

    /// Reads a JSON value without white space around it. Digits below a nanosecond are rounded down, which for negative
    /// numbers means away from zero.
    ///
    /// # Errors
    /// Why the value is no moment of this format.
    pub fn parse(self, json: &[u8]) -> Result<Timestamp, TimeError> {
        let (seconds, nanos) = self.seconds_and_nanos(json)?;
        Ok(Timestamp::new(seconds, nanos)?)
    }

    /// Seconds and nanoseconds in the range of a [`Timestamp`].
    pub(crate) fn seconds_and_nanos(self, json: &[u8]) -> Result<(i64, u32), TimeError> {
        let (seconds, nanos) = match (self, kind_of(json)) {
            (Self::Iso8601 | Self::Auto, Kind::String) => {
                text(json).ok_or(TimeError::Unreadable)?
            }
            (Self::Seconds, Kind::Number) => scaled::<SECOND_PLACES>(json)?,
            (Self::Milliseconds, Kind::Number) => scaled::<MILLISECOND_PLACES>(json)?,
            (Self::Microseconds, Kind::Number) => scaled::<MICROSECOND_PLACES>(json)?,
            (Self::Auto, Kind::Number) => by_magnitude(json)?,
            _ => return Err(TimeError::Unreadable),
        };
        if (FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
            Ok((seconds, nanos))
        } else {
            Err(TimeError::OutOfRange)
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses a name; the error is for the operator.
impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|format| format!("{:?}", format.name()));
            format!("expected one of {}, found {name:?}", names.join(", "))
        })
    }
}

/// The moment of a JSON string, whose characters can be escaped.
fn text(json: &[u8]) -> Option<(i64, u32)> {
    let raw = json.get(1..json.len().checked_sub(1)?)?;
    iso8601::parse(&RawText::of_string(raw)?.decode_bytes())
}

/// The moment of a number whose unit its size tells.
fn by_magnitude(number: &[u8]) -> Result<(i64, u32), OutOfRange> {
    let digits = whole_digits(number);
    if digits <= AUTO_SECOND_DIGITS {
        scaled::<SECOND_PLACES>(number)
    } else if digits <= AUTO_MILLISECOND_DIGITS {
        scaled::<MILLISECOND_PLACES>(number)
    } else if digits <= AUTO_MICROSECOND_DIGITS {
        scaled::<MICROSECOND_PLACES>(number)
    } else {
        Err(OutOfRange)
    }
}

/// The moment of a number of units, of which ten to the power of `PLACES` are a second.
fn scaled<const PLACES: u32>(number: &[u8]) -> Result<(i64, u32), OutOfRange> {
    let Some(units) = plain_integer(number) else {
        return decimal::<PLACES>(number);
    };
    let per_second = 10_i64.pow(PLACES);
    // Less than a second.
    let nanos = (units % per_second) * (i64::from(NANOS_PER_SECOND) / per_second);
    let nanos = u32::try_from(nanos).map_err(|_| OutOfRange)?;
    Ok((units / per_second, nanos))
}

/// The usual notation: digits only.
fn plain_integer(number: &[u8]) -> Option<i64> {
    if number.len() > I64_DIGITS {
        return None;
    }
    number.iter().try_fold(0, |integer, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        Some(integer * 10 + digit)
    })
}

#[cfg(test)]
mod tests;
