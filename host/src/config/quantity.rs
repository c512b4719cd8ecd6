//! Numbers as users write them, and sizes and durations: a number with its unit.

use std::num::IntErrorKind;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

/// The units of sizes.
const SIZE_UNITS: &str = "B, KB, MB, GB, TB, or KiB, MiB, GiB, TiB";

/// The units of durations.
const DURATION_UNITS: &str = "ms, s, m, h, d, w";

/// Parses a size such as `64MiB`. Without a unit, only zero is a size.
///
/// # Errors
/// Lists the units.
pub fn parse_size(text: &str) -> Result<ByteSize, String> {
    let wrong =
        |why: &str| format!("{why}; give a number with a unit ({SIZE_UNITS}), such as 64MiB");
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong("is empty"));
    }
    let is_unit = |c: char| !c.is_ascii_digit() && c != '.';
    let (number, unit) = text.split_at(text.find(is_unit).unwrap_or(text.len()));
    let unit = unit.trim();
    if number.parse::<f64>().is_err() {
        return Err(wrong("it is not a number"));
    }
    if unit.is_empty() && number != "0" {
        return Err(wrong("it has no unit"));
    }
    let size = text.parse::<ByteSize>();
    size.map_err(|_| wrong(&format!("unknown unit {unit:?}")))
}

/// Parses a duration such as `30s` or `1h 30m`. Without a unit, only zero is a duration.
///
/// # Errors
/// Lists the units.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    use humantime::DurationError::{Empty, NumberOverflow, UnknownUnit};
    humantime::parse_duration(text).map_err(|error| {
        let why = match &error {
            Empty => "is empty".to_owned(),
            UnknownUnit { unit, .. } if unit.is_empty() => "it has no unit".to_owned(),
            UnknownUnit { unit, .. } => format!("unknown unit {unit:?}"),
            NumberOverflow => "it is too large".to_owned(),
            other => other.to_string(),
        };
        format!("{why}; give a number with a unit ({DURATION_UNITS}), such as 30s")
    })
}

/// Parses a share such as `5%` or `0.05`, from 0 to 1.
///
/// # Errors
/// Says what a share is.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text.trim(), 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.0..=whole).contains(&number) => Ok(number / whole),
        _ => Err("give a share from 0 to 1, such as 5% or 0.05".to_owned()),
    }
}

/// Makes a parser of whole numbers of this range, which `T` must be able to hold. Its errors say which numbers are
/// right.
pub fn whole_number<T: TryFrom<u64> + 'static>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let (least, largest) = (range.start(), range.end());
        let too_large = || format!("the largest is {largest}");
        let number = text.trim().parse::<u64>().map_err(|error| {
            let text = text.trim().strip_prefix('-').unwrap_or_default();
            let is_negative = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            match error.kind() {
                IntErrorKind::PosOverflow => too_large(),
                _ if is_negative => format!("give {least} or more"),
                _ => "give a whole number".to_owned(),
            }
        })?;
        if number < *least {
            return Err(format!("give {least} or more"));
        }
        let fitting = Some(number).filter(|number| number <= largest);
        let fitting = fitting.and_then(|number| T::try_from(number).ok());
        fitting.ok_or_else(too_large)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_in_its_range() {
        let threads = whole_number::<u16>(1..=1_024);
        assert_eq!(threads("1"), Ok(1));
        assert_eq!(threads("1024"), Ok(1_024));
        for (given, why) in [
            ("0", "give 1 or more"),
            ("-3", "give 1 or more"),
            ("1025", "the largest is 1024"),
            ("100000", "the largest is 1024"),
            ("99999999999999999999999", "the largest is 1024"),
            ("many", "give a whole number"),
            ("1.5", "give a whole number"),
            ("-", "give a whole number"),
            ("", "give a whole number"),
        ] {
            assert_eq!(threads(given), Err(why.to_owned()), "{given:?}");
        }
        let any = whole_number::<u64>(0..=u64::MAX);
        assert_eq!(any("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn a_share_is_a_number_or_a_percentage() {
        for (given, share) in [
            ("0", 0.0),
            ("0.05", 0.05),
            ("5%", 0.05),
            ("100 %", 1.0),
            ("1", 1.0),
        ] {
            assert_eq!(parse_share(given), Ok(share), "{given:?}");
        }
        for given in ["", "%", "5", "101%", "-1%", "NaN", "half"] {
            let error = parse_share(given).unwrap_err();
            assert!(error.contains("5% or 0.05"), "{error}");
        }
    }

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for (given, bytes) in [
            ("0", 0),
            ("100B", 100),
            ("64MiB", 64 << 20),
            ("1.5 KiB", 1536),
            ("2gb", 2_000_000_000),
        ] {
            assert_eq!(parse_size(given), Ok(ByteSize::b(bytes)), "{given:?}");
        }
        for (given, why) in [
            ("", "is empty"),
            ("64", "no unit"),
            ("1.5", "no unit"),
            ("1 zorb", "unknown unit \"zorb\""),
            ("64 MiB x", "unknown unit"),
            ("lots", "not a number"),
            ("-1MiB", "not a number"),
            ("MiB", "not a number"),
        ] {
            let error = parse_size(given).unwrap_err();
            assert!(error.contains(why), "{given:?}: {error}");
            assert!(error.contains("KiB, MiB, GiB"), "{given:?}: {error}");
        }
    }

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for (given, why) in [
            ("", "is empty"),
            ("60", "no unit"),
            ("5 zorbs", "unknown unit \"zorbs\""),
            ("soon", "number"),
        ] {
            let error = parse_duration(given).unwrap_err();
            assert!(error.contains(why), "{given:?}: {error}");
            assert!(error.contains("ms, s, m, h, d, w"), "{given:?}: {error}");
        }
    }
}
