//! Moments: Unix seconds, as a JSON number, and their text in ISO 8601 in UTC.
//!
//! The arithmetic is decimal and exact: a float cannot represent `1700000000.1`. The cost does not
//! depend on the exponent: `1e999999999` costs the same as `1e9`.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;

use crate::bytes::eight_digits;
use chrono::{Datelike as _, NaiveDate};

mod decimal;
mod format;
mod iso8601;

use decimal::{SECOND_PLACES, decimal};

pub use format::{TimeError, TimeFormat};

/// 0000-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The most digits before the decimal point of a second in range.
const SECOND_DIGITS: usize = 12;

/// The number is outside of the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// A moment with its text, such as `2023-11-14T22:13:20.5Z`. Moments are ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Words, because they are made and appended as words. What is read in another width than it was written waits
    /// for the memory.
    text: [[u8; 8]; Self::WORDS],
    length: u8,
}

impl Timestamp {
    /// The length of a text with nine decimal places.
    pub const LONGEST: usize = "0000-00-00T00:00:00.000000000Z".len();

    const WORDS: usize = Self::LONGEST.div_ceil(8);

    /// The length of a text without a fraction.
    const WHOLE: usize = "0000-00-00T00:00:00Z".len();

    /// Reads seconds since 1970, as a number that follows the JSON grammar. Digits below a nanosecond are rounded
    /// down, which for negative numbers means away from zero.
    ///
    /// # Errors
    /// A year outside of 0000 to 9999.
    #[inline]
    pub fn parse(number: &[u8]) -> Result<Self, OutOfRange> {
        Self::parse_near(number, &LastDay::default())
    }

    /// As [`parse`](Self::parse). This is quicker for a moment on the day of the moment before.
    #[inline(always)]
    pub(crate) fn parse_near(number: &[u8], last_day: &LastDay) -> Result<Self, OutOfRange> {
        let (seconds, nanos) = match plain_seconds(number) {
            Some(seconds) => (seconds, 0),
            None => decimal::<SECOND_PLACES>(number)?,
        };
        Self::new_near(seconds, nanos, last_day)
    }

    /// The moment `nanos` after `seconds` since 1970.
    ///
    /// # Errors
    /// A year outside of 0000 to 9999, or a billion nanoseconds or more.
    #[inline]
    pub fn new(seconds: i64, nanos: u32) -> Result<Self, OutOfRange> {
        Self::new_near(seconds, nanos, &LastDay::default())
    }

    /// As [`new`](Self::new). This is quicker for a moment on the day of the moment before.
    #[inline(always)]
    pub(crate) fn new_near(
        seconds: i64,
        nanos: u32,
        last_day: &LastDay,
    ) -> Result<Self, OutOfRange> {
        if !(FIRST_SECOND..=LAST_SECOND).contains(&seconds) || nanos >= NANOS_PER_SECOND {
            return Err(OutOfRange);
        }
        Ok(format(last_day.of(seconds), seconds, nanos))
    }

    /// The whole text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        let text = self.text.as_flattened();
        text.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        self.part(0, usize::from(self.length))
    }

    /// Whole seconds since 1970. The moment is less than a second later.
    pub fn seconds(&self) -> i64 {
        let number = |start, end| self.part(start, end).parse::<u32>().unwrap_or_default();
        let year = i32::try_from(number(0, 4)).unwrap_or_default();
        let day = NaiveDate::from_ymd_opt(year, number(5, 7), number(8, 10));
        let second = (number(11, 13) * 60 + number(14, 16)) * 60 + number(17, 19);
        i64::from(day.unwrap_or_default().to_epoch_days()) * SECONDS_PER_DAY + i64::from(second)
    }

    /// Appends the whole text.
    #[inline(always)]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.text[0]);
        out.extend_from_slice(&self.text[1]);
        out.extend_from_slice(&self.text[2]);
        if usize::from(self.length) > 3 * 8 {
            out.extend_from_slice(&self.text[3]);
        }
        out.truncate(start + usize::from(self.length));
    }

    /// The day: `2023-11-14`.
    pub fn date(&self) -> &str {
        self.part(0, 10)
    }

    /// The hour of the day: `22`.
    pub fn hour(&self) -> &str {
        self.part(11, 13)
    }

    fn part(&self, start: usize, end: usize) -> &str {
        let text = self.text.as_flattened();
        let bytes = text.get(start..end).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The text without its `Z`. The order of these texts is that of their moments.
    fn before_zone(&self) -> &[u8] {
        self.as_bytes().split_last().map_or(&[], |(_, rest)| rest)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.before_zone().cmp(other.before_zone())
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether a number that is out of range is a usual moment in milliseconds: it has 12 or 13 digits before the point,
/// for the years 1978 to 2286.
pub(crate) fn looks_like_milliseconds(number: &[u8]) -> bool {
    let whole = number
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = number.get(whole..).unwrap_or_default();
    matches!(whole, 12 | 13) && !rest.iter().any(|byte| matches!(byte, b'e' | b'E'))
}

/// A day with its text.
#[derive(Clone, Copy, Debug)]
struct Day {
    /// Its first second.
    start: i64,
    /// The year and the month with their hyphens: `2023-11-`.
    year_and_month: u64,
    /// The day of the month.
    day: u64,
}

impl Day {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a range that was checked; no year in it is negative"
    )]
    fn of(seconds: i64) -> Self {
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let date = NaiveDate::from_epoch_days(days as i32).unwrap_or_default();
        let year = date.year() as u32;
        Self {
            start: days * SECONDS_PER_DAY,
            year_and_month: pair(year / 100)
                | pair(year % 100) << 16
                | u64::from(b'-') << 32
                | pair(date.month()) << 40
                | u64::from(b'-') << 56,
            day: pair(date.day()),
        }
    }
}

/// The day of the last moment. Moments of consecutive records are often on one day.
#[derive(Debug, Default)]
pub(crate) struct LastDay(Cell<Option<Day>>);

impl LastDay {
    #[inline(always)]
    fn of(&self, seconds: i64) -> Day {
        if let Some(day) = self.0.get()
            && (day.start..day.start + SECONDS_PER_DAY).contains(&seconds)
        {
            return day;
        }
        self.find(seconds)
    }

    #[inline(never)]
    fn find(&self, seconds: i64) -> Day {
        let day = Day::of(seconds);
        self.0.set(Some(day));
        day
    }
}

/// The usual notation of a moment: digits only.
#[inline(always)]
fn plain_seconds(number: &[u8]) -> Option<i64> {
    if number.len() > SECOND_DIGITS {
        return None;
    }
    let (mut seconds, rest) = match number.split_first_chunk() {
        Some((front, rest)) => (i64::from(eight_digits(*front)?), rest),
        None => (0, number),
    };
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        seconds = seconds * 10 + i64::from(digit);
    }
    Some(seconds)
}

#[inline(always)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a second of a day, and its parts"
)]
fn format(day: Day, seconds: i64, nanos: u32) -> Timestamp {
    let second = (seconds - day.start) as u32;
    let day_to_minute = day.day
        | u64::from(b'T') << 16
        | pair(second / 3600) << 24
        | u64::from(b':') << 40
        | pair(second / 60 % 60) << 48;
    let second = u64::from(b':') | pair(second % 60) << 8 | u64::from(b'Z') << 24;
    let mut words = [day.year_and_month, day_to_minute, second, 0];
    let mut length = Timestamp::WHOLE as u8;
    if nanos != 0 {
        let fraction = with_fraction(words, nanos);
        // One by one, so that the words of the usual case stay in registers.
        [words[0], words[1], words[2], words[3]] = fraction.0;
        length = fraction.1;
    }
    Timestamp {
        text: words.map(u64::to_le_bytes),
        length,
    }
}

/// The text of a moment `nanos` after a whole second, with the fraction but without trailing zeros, and its length.
#[cold]
#[inline(never)]
#[allow(
    clippy::cast_possible_truncation,
    reason = "digits, and places in a short text"
)]
fn with_fraction(whole: [u64; Timestamp::WORDS], nanos: u32) -> ([u64; Timestamp::WORDS], u8) {
    const POINT: usize = "0000-00-00T00:00:00".len();
    let mut words = whole.map(u64::to_le_bytes);
    let text = words.as_flattened_mut();
    let mut left = nanos;
    let mut length = 0;
    for place in (POINT + 1..=POINT + 9).rev() {
        let digit = left % 10;
        left /= 10;
        if digit != 0 && length == 0 {
            length = place + 2;
        }
        if length != 0 {
            text[place] = b'0' + digit as u8;
        }
    }
    text[POINT] = b'.';
    text[length - 1] = b'Z';
    (words.map(u64::from_le_bytes), length as u8)
}

/// The two digits of a number below 100, the first in the low byte. The two bytes are built in a
/// register and stored at once, so that a copy need not gather single bytes.
#[inline(always)]
fn pair(number: u32) -> u64 {
    const ZEROS: u32 = 0x3030;
    u64::from(number / 10 + ((number % 10) << 8) + ZEROS)
}

#[cfg(test)]
mod tests;
