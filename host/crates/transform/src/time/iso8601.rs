//! Moments as text in ISO 8601, in the notation of RFC 3339.

use chrono::NaiveDate;

use super::{NANOS_PER_SECOND, SECONDS_PER_DAY};

/// The date and the time of a day, without a fraction and an offset.
const WHOLE: usize = "0000-00-00T00:00:00".len();

const SECONDS_PER_MINUTE: i64 = 60;
const MINUTES_PER_HOUR: i64 = 60;

/// Reads a date and a time with an offset. Digits below a nanosecond are rounded down. `None` if the text is none, or if
/// there is no such date or time. The seconds can be out of range by the offset.
pub(super) fn parse(text: &[u8]) -> Option<(i64, u32)> {
    let (whole, rest) = text.split_first_chunk::<WHOLE>()?;
    let local = local_seconds(*whole)?;
    let (nanos, zone) = fraction(rest)?;
    let seconds = local - offset_minutes(zone)? * SECONDS_PER_MINUTE;
    Some((seconds, nanos))
}

/// The seconds since 1970 of a date and a time in UTC.
fn local_seconds(text: [u8; WHOLE]) -> Option<i64> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = rest else {
        return None;
    };
    let year = two_digits([y1, y2])? * 100 + two_digits([y3, y4])?;
    let (month, day) = (two_digits([m1, m2])?, two_digits([d1, d2])?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let minutes = clock_minutes([h1, h2], [n1, n2])?;
    let second = two_digits([s1, s2]).filter(|second| *second < 60)?;
    let days = i64::from(date.to_epoch_days());
    Some(days * SECONDS_PER_DAY + minutes * SECONDS_PER_MINUTE + i64::from(second))
}

/// The nanoseconds of a fraction, and what is behind it. There need not be a fraction.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, zone) = text.split_at_checked(end)?;
    let (mut nanos, mut unit) = (0, NANOS_PER_SECOND);
    for digit in digits {
        unit /= 10;
        nanos += unit * u32::from(digit - b'0');
    }
    (!digits.is_empty()).then_some((nanos, zone))
}

/// How many minutes the clocks of an offset are ahead of UTC.
fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [b'+', h1, h2, b':', n1, n2] => clock_minutes([h1, h2], [n1, n2]),
        [b'-', h1, h2, b':', n1, n2] => clock_minutes([h1, h2], [n1, n2]).map(|ahead| -ahead),
        _ => None,
    }
}

/// The minutes of hours below 24 and of minutes below 60.
fn clock_minutes(hour: [u8; 2], minute: [u8; 2]) -> Option<i64> {
    let hour = two_digits(hour).filter(|hour| *hour < 24)?;
    let minute = two_digits(minute).filter(|minute| *minute < 60)?;
    Some(i64::from(hour) * MINUTES_PER_HOUR + i64::from(minute))
}

fn two_digits([tens, ones]: [u8; 2]) -> Option<u32> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests;
