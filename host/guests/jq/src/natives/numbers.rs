//! Numbers: those that are none or infinite, and their time as a text.

use super::{Entry, once};
use sluice_transform::Timestamp;

use crate::value::{Error, Number, Val, ValR};
use crate::write;

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("nan", 0, |_| once(Ok(f64::NAN.into()))),
        ("infinite", 0, |_| once(Ok(f64::INFINITY.into()))),
        ("isnan", 0, |cv| once(test(&cv.1, f64::is_nan))),
        ("isinfinite", 0, |cv| once(test(&cv.1, f64::is_infinite))),
        ("isnormal", 0, |cv| once(test(&cv.1, f64::is_normal))),
        ("todate", 0, |cv| once(to_date(cv.1))),
        ("todateiso8601", 0, |cv| once(to_date(cv.1))),
        ("significand", 0, |cv| once(significand(&cv.1))),
        ("isfinite", 0, |cv| once(test(&cv.1, f64::is_finite))),
    ]
}

/// The time of a number of seconds since 1970 in ISO 8601, with all digits of its fraction.
fn to_date(value: Val) -> ValR {
    let time = match value.number() {
        Some(Number::Int(seconds)) => Timestamp::new(seconds, 0),
        Some(_) => Timestamp::parse(&write::number_text(&value)),
        None => return Err(Error::typ(value, "a number of seconds since 1970")),
    };
    match time {
        Ok(time) => Ok(Val::text(time.as_str())),
        Err(_) => Err(Error::str(format_args!(
            "{value} seconds since 1970 is not in the years 0000 to 9999"
        ))),
    }
}

/// The number divided by the power of two that makes it at least 1 and less than 2.
fn significand(value: &Val) -> ValR {
    const SIGN_AND_FRACTION: u64 = 1 << 63 | ((1 << 52) - 1);
    let number = value.number().map(Number::to_f64);
    let float = number.ok_or_else(|| Error::typ(value.clone(), "a number"))?;
    if float == 0.0 || !float.is_finite() {
        return Ok(Val::Float(float));
    }
    // A number below the smallest normal one has no leading bit.
    let normal = match float.is_normal() {
        true => float,
        false => float * (1_u64 << 54) as f64,
    };
    let bits = normal.to_bits() & SIGN_AND_FRACTION | 1.0_f64.to_bits();
    Ok(Val::Float(f64::from_bits(bits)))
}

fn test(value: &Val, is: fn(f64) -> bool) -> ValR {
    match value.number() {
        Some(number) => Ok(is(number.to_f64()).into()),
        None => Err(Error::typ(value.clone(), "a number")),
    }
}
