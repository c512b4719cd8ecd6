//! Numbers in any notation: `1700000000.5`, `-1`, `17e8`.

use super::{NANOS_PER_SECOND, OutOfRange, SECOND_DIGITS};

/// Decimal places of a second that a unit has.
pub(super) const SECOND_PLACES: u32 = 0;
pub(super) const MILLISECOND_PLACES: u32 = 3;
pub(super) const MICROSECOND_PLACES: u32 = 6;
const NANOSECOND_PLACES: i64 = 9;

/// Seconds and nanoseconds of a number of units, of which ten to the power of `PLACES` are a second. Digits below a
/// nanosecond are rounded down.
#[inline(never)]
pub(super) fn decimal<const PLACES: u32>(number: &[u8]) -> Result<(i64, u32), OutOfRange> {
    let (negative, magnitude) = match number.strip_prefix(b"-") {
        Some(magnitude) => (true, magnitude),
        None => (false, number),
    };
    let (nanos, inexact) = Decimal::<PLACES>::split(magnitude).nanos()?;
    let floored = if negative {
        -nanos - i128::from(inexact)
    } else {
        nanos
    };
    let per_second = i128::from(NANOS_PER_SECOND);
    let seconds = i64::try_from(floored.div_euclid(per_second)).map_err(|_| OutOfRange)?;
    let nanos = u32::try_from(floored.rem_euclid(per_second)).map_err(|_| OutOfRange)?;
    Ok((seconds, nanos))
}

/// How many digits a number has before its decimal point, without an exponent and leading zeros. A number that is
/// smaller than one has none.
pub(super) fn whole_digits(number: &[u8]) -> i64 {
    let magnitude = number.strip_prefix(b"-").unwrap_or(number);
    // Not those of seconds, which then have no other use.
    let point = Decimal::<MICROSECOND_PLACES>::split(magnitude).leading_zeros_and_point();
    point.map_or(0, |(_, point)| {
        (point + i64::from(MICROSECOND_PLACES)).max(0)
    })
}

/// A number of units without its sign: its digits, and the power of ten of the last whole digit. It is a type of its own
/// for each unit, so that the code of seconds is as small as if there were no others.
struct Decimal<'a, const PLACES: u32> {
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a, const PLACES: u32> Decimal<'a, PLACES> {
    fn split(magnitude: &'a [u8]) -> Self {
        let mut parts = magnitude.splitn(2, |byte| matches!(byte, b'e' | b'E'));
        let mut digits = parts.next().unwrap_or_default().splitn(2, |&b| b == b'.');
        Self {
            whole: digits.next().unwrap_or_default(),
            fraction: digits.next().unwrap_or_default(),
            exponent: parts.next().map_or(0, Self::exponent),
        }
    }

    /// The number of leading zeros, and how many digits behind them the decimal point of seconds is. `None` if all digits
    /// are zeros.
    fn leading_zeros_and_point(&self) -> Option<(usize, i64)> {
        let mut digits = self.whole.iter().chain(self.fraction);
        let zeros = digits.position(|&digit| digit != b'0')?;
        // Slices are shorter than 2^63 bytes, far more than the exponent can be.
        let point = (self.whole.len() as i64).saturating_add(self.exponent) - zeros as i64;
        Some((zeros, point - i64::from(PLACES)))
    }

    /// The whole nanoseconds, and whether there are digits below them.
    fn nanos(&self) -> Result<(i128, bool), OutOfRange> {
        let Some((zeros, point)) = self.leading_zeros_and_point() else {
            return Ok((0, false));
        };
        if point > SECOND_DIGITS as i64 {
            return Err(OutOfRange);
        }
        let wanted = usize::try_from(point + NANOSECOND_PLACES).unwrap_or(0);
        let mut rest = self.whole.iter().chain(self.fraction).skip(zeros);
        let nanos = (0..wanted).fold(0, |nanos, _| {
            let digit = rest.next().map_or(0, |digit| digit.wrapping_sub(b'0'));
            nanos * 10 + i128::from(digit)
        });
        Ok((nanos, rest.any(|&digit| digit != b'0')))
    }

    /// The value of an exponent, capped at a value that no number of zeros in the input can balance.
    fn exponent(text: &[u8]) -> i64 {
        const CAP: i64 = i64::MAX / 4;
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        let size = digits.iter().fold(0_i64, |size, digit| {
            let digit = i64::from(digit.wrapping_sub(b'0'));
            size.saturating_mul(10).saturating_add(digit).min(CAP)
        });
        if negative { -size } else { size }
    }
}
