//! Dates and timestamps (RFC 3339), from year 1 to year 9999 in UTC.

use std::fmt;

const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// The seconds from 0001-01-01T00:00:00Z to before 10000-01-01T00:00:00Z: many readers have no other years.
const SECONDS: std::ops::Range<i64> = -719_162 * SECONDS_PER_DAY..2_932_897 * SECONDS_PER_DAY;

/// The most digits of the seconds' fraction that a column keeps: microseconds.
pub const FRACTION_MAX_DIGITS: u8 = 6;

/// How a column of timestamps writes the zone, which is always UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// `Z`
    Z,
    /// `+00:00`
    PlusZero,
}

impl Zone {
    /// The zone as it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Z => "Z",
            Self::PlusZero => "+00:00",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A timestamp of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(crate) micros: i64,
    /// The digits of the seconds' fraction, and the zone; `None` if a column writes it in another way: with an offset
    /// from UTC, more than six digits, or small letters.
    pub(crate) notation: Option<(u8, Zone)>,
}

/// Parses `YYYY-MM-DD`; days since 1970-01-01.
pub(crate) fn parse_date(text: &[u8]) -> Option<i32> {
    let [a, b, c, d, b'-', m, n, b'-', e, f] = *text else {
        return None;
    };
    let year = i32::try_from(100 * two(a, b)? + two(c, d)?).ok()?;
    let (month, day) = (two(m, n)?, two(e, f)?);
    let is_date =
        year > 0 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    is_date.then(|| days_of(year, month, day))
}

/// Parses a timestamp with a zone; `None` if microseconds do not have it, as a leap second or nanoseconds, or if it has
/// another year in UTC.
pub(crate) fn parse_timestamp(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = parse_date(date)?;
    let [t, a, b, b':', c, d, b':', e, f, rest @ ..] = rest else {
        return None;
    };
    let (hour, minute, second) = (two(*a, *b)?, two(*c, *d)?, two(*e, *f)?);
    if !matches!(t, b'T' | b't' | b' ') || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = split_fraction(rest)?;
    let (offset, zone) = parse_zone(zone)?;
    let seconds =
        i64::from(days) * SECONDS_PER_DAY + i64::from(hour * 3_600 + minute * 60 + second) - offset;
    if !SECONDS.contains(&seconds) {
        return None;
    }
    let micros = seconds * MICROS_PER_SECOND + fraction_micros(fraction)?;
    let digits = u8::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits <= FRACTION_MAX_DIGITS);
    let notation = digits.zip(zone).filter(|_| *t == b'T');
    Some(Timestamp { micros, notation })
}

/// The digits after a point, if there is one, and the rest.
fn split_fraction(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(after) = rest.strip_prefix(b".") else {
        return Some((&[], rest));
    };
    let end = after.iter().position(|byte| !byte.is_ascii_digit())?;
    (end > 0).then(|| after.split_at(end))
}

fn fraction_micros(digits: &[u8]) -> Option<i64> {
    let kept = digits.len().min(usize::from(FRACTION_MAX_DIGITS));
    let (kept, beyond) = digits.split_at(kept);
    let add = |micros: i64, digit: &u8| 10 * micros + i64::from(digit - b'0');
    let mut micros = kept.iter().fold(0, add);
    for _ in kept.len()..usize::from(FRACTION_MAX_DIGITS) {
        micros *= 10;
    }
    beyond.iter().all(|digit| *digit == b'0').then_some(micros)
}

/// The seconds that a zone is ahead of UTC, and the zone if a column can write it.
fn parse_zone(text: &[u8]) -> Option<(i64, Option<Zone>)> {
    match *text {
        [b'Z'] => Some((0, Some(Zone::Z))),
        [b'z'] => Some((0, None)),
        [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            let (hours, minutes) = (two(a, b)?, two(c, d)?);
            let offset = i64::from(3_600 * hours + 60 * minutes);
            let is_zone = hours <= 23 && minutes <= 59;
            let zone = (sign == b'+' && offset == 0).then_some(Zone::PlusZero);
            is_zone.then_some((if sign == b'-' { -offset } else { offset }, zone))
        }
        _ => None,
    }
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let digit = |byte: u8| char::from(byte).to_digit(10);
    Some(10 * digit(tens)? + digit(ones)?)
}

fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, counted in years that begin in March, so that a leap day is the last one of its year.
fn days_of(year: i32, month: u32, day: u32) -> i32 {
    let month = i32::try_from(month).unwrap_or(0);
    let day = i32::try_from(day).unwrap_or(0);
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The year, month and day of a number of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year, month + 3)
    } else {
        (year + 1, month - 9)
    };
    (year + 400 * era, month, day)
}

/// Appends a date, as [`parse_date`] reads it.
pub(crate) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = date_of(days);
    out.extend(format!("{year:04}-{month:02}-{day:02}").bytes());
}

/// Appends a timestamp with so many digits of the seconds' fraction; what has more digits is cut off.
pub(crate) fn write_timestamp(micros: i64, digits: u8, zone: Zone, out: &mut Vec<u8>) {
    let (seconds, fraction) = (
        micros.div_euclid(MICROS_PER_SECOND),
        micros.rem_euclid(MICROS_PER_SECOND),
    );
    let (days, second) = (
        seconds.div_euclid(SECONDS_PER_DAY),
        seconds.rem_euclid(SECONDS_PER_DAY),
    );
    write_date(days, out);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    out.extend(format!("T{hour:02}:{minute:02}:{second:02}").bytes());
    let digits = usize::from(digits.min(FRACTION_MAX_DIGITS));
    if digits > 0 {
        out.push(b'.');
        out.extend(format!("{fraction:06}").bytes().take(digits));
    }
    out.extend(zone.text().bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> Option<String> {
        let (micros, notation) =
            parse_timestamp(text.as_bytes()).map(|t| (t.micros, t.notation))?;
        let (digits, zone) = notation.unwrap_or((FRACTION_MAX_DIGITS, Zone::Z));
        let mut out = Vec::new();
        write_timestamp(micros, digits, zone, &mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn timestamps_that_a_column_writes_alike() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-11-26T14:20:30.250Z",
            "2026-11-26T14:20:30.123456+00:00",
            "0001-01-01T00:00:00.0Z",
            "9999-12-31T23:59:59.999999Z",
            "2024-02-29T12:00:00Z",
        ] {
            assert_eq!(written(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn timestamps_with_another_notation() {
        for (text, expected) in [
            ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000000Z"),
            ("2026-01-01T00:00:00-00:30", "2026-01-01T00:30:00.000000Z"),
            ("2026-01-01t00:00:00z", "2026-01-01T00:00:00.000000Z"),
            ("2026-01-01 00:00:00.5Z", "2026-01-01T00:00:00.500000Z"),
            (
                "2026-01-01T00:00:00.123456000Z",
                "2026-01-01T00:00:00.123456Z",
            ),
            ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(
                parse_timestamp(text.as_bytes()).unwrap().notation,
                None,
                "{text}"
            );
            assert_eq!(written(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_timestamps() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00:00Z",
            "2026-12-31T23:59:60Z",
            "2026-01-01T00:00:00.123456789Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.5",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00Z",
            "0000-01-01T00:00:00Z",
            "2026-01-01",
            "+026-01-01T00:00:00Z",
            "é026-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text}");
        }
        for text in [
            "2026-02-30",
            "2025-02-29",
            "2026-13-01",
            "2026-1-1",
            "0000-01-01",
            "",
        ] {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_year_in_utc_counts() {
        for (text, expected) in [
            (
                "0001-01-01T01:00:00+01:00",
                Some("0001-01-01T00:00:00.000000Z"),
            ),
            ("0001-01-01T00:59:59.999999+01:00", None),
            ("0001-01-01T00:00:00+00:01", None),
            (
                "0001-01-01T00:00:00-01:00",
                Some("0001-01-01T01:00:00.000000Z"),
            ),
            (
                "9999-12-31T22:59:59.999999-01:00",
                Some("9999-12-31T23:59:59.999999Z"),
            ),
            ("9999-12-31T23:00:00-01:00", None),
            ("9999-12-31T23:59:59-00:01", None),
            (
                "9999-12-31T23:59:59+01:00",
                Some("9999-12-31T22:59:59.000000Z"),
            ),
        ] {
            assert_eq!(written(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn each_day_has_one_date() {
        let first = parse_date(b"0001-01-01").unwrap();
        let last = parse_date(b"9999-12-31").unwrap();
        assert_eq!(parse_date(b"1970-01-01"), Some(0));
        assert_eq!(last - first + 1, 3_652_059);
        for days in (first..=last).step_by(13).chain([last]) {
            let mut out = Vec::new();
            write_date(days.into(), &mut out);
            assert_eq!(parse_date(&out), Some(days));
        }
    }

    proptest! {
        #[test]
        fn any_number_of_microseconds_is_written(micros in any::<i64>(), digits in any::<u8>()) {
            write_timestamp(micros, digits, Zone::Z, &mut Vec::new());
        }
    }
}
