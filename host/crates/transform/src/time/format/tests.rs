use proptest::prelude::*;

use super::TimeFormat::{Auto, Iso8601, Microseconds, Milliseconds, Seconds};
use super::*;

/// 2023-11-14T22:13:20.25Z
const MOMENT: &str = "2023-11-14T22:13:20.25Z";

fn parsed(format: TimeFormat, json: &str) -> Result<String, TimeError> {
    let moment = format.parse(json.as_bytes())?;
    Ok(moment.as_str().to_owned())
}

#[test]
fn a_moment_is_the_same_in_each_format() {
    let iso = format!("{MOMENT:?}");
    for (format, json) in [
        (Seconds, "1700000000.25"),
        (Milliseconds, "1700000000250"),
        (Milliseconds, "1700000000250.0"),
        (Milliseconds, "1.70000000025e12"),
        (Microseconds, "1700000000250000"),
        (Microseconds, "170000000025e4"),
        (Iso8601, &iso),
        (Iso8601, r#""2023-11-14T23:13:20.25+01:00""#),
        (Iso8601, r#""2023\u002d11-14T22:13:20.25Z""#),
        (Auto, "1700000000.25"),
        (Auto, "17000000002.5e-1"),
        (Auto, "1700000000250"),
        (Auto, "1700000000250000"),
        (Auto, &iso),
    ] {
        assert_eq!(
            parsed(format, json).as_deref(),
            Ok(MOMENT),
            "{format} {json}"
        );
    }
}

#[test]
fn digits_below_a_nanosecond_are_rounded_down() {
    for (format, json, expected) in [
        (Milliseconds, "0.0000019", "1970-01-01T00:00:00.000000001Z"),
        (Milliseconds, "0.0000009", "1970-01-01T00:00:00Z"),
        (Milliseconds, "-0.0000001", "1969-12-31T23:59:59.999999999Z"),
        (Milliseconds, "-1", "1969-12-31T23:59:59.999Z"),
        (Microseconds, "-1.5", "1969-12-31T23:59:59.9999985Z"),
        (Microseconds, "0.0019", "1970-01-01T00:00:00.000000001Z"),
        (Microseconds, "-0", "1970-01-01T00:00:00Z"),
        (
            Iso8601,
            r#""1969-12-31T23:59:59.9999999999Z""#,
            "1969-12-31T23:59:59.999999999Z",
        ),
    ] {
        assert_eq!(
            parsed(format, json).as_deref(),
            Ok(expected),
            "{format} {json}"
        );
    }
}

#[test]
fn auto_tells_units_by_their_size() {
    let first = "1973-03-03T09:46:40Z";
    for (json, expected) in [
        ("0", "1970-01-01T00:00:00Z"),
        ("0.5", "1970-01-01T00:00:00.5Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("99999999999", "5138-11-16T09:46:39Z"),
        ("99999999999.75", "5138-11-16T09:46:39.75Z"),
        ("9999999999975e-2", "5138-11-16T09:46:39.75Z"),
        ("-62167219200", "0000-01-01T00:00:00Z"),
        ("100000000000", first),
        ("100000000000.0", first),
        ("1e11", first),
        ("0.0001e15", first),
        ("99999999999999", "5138-11-16T09:46:39.999Z"),
        ("100000000000000", first),
        ("1e14", first),
        ("99999999999999999", "5138-11-16T09:46:39.999999Z"),
        ("-100000000000", "1966-10-31T14:13:20Z"),
        ("-100000000000000", "1966-10-31T14:13:20Z"),
    ] {
        assert_eq!(parsed(Auto, json).as_deref(), Ok(expected), "{json}");
    }
    for json in [
        "100000000000000000",
        "1e17",
        // Nanoseconds.
        "1700000000000000000",
        "1e400",
        "-1e400",
        "1e999999999999999999999999",
        // Before the year 0000, in each unit.
        "-62167219201",
        "-62167219200001",
        "-62167219200000001",
    ] {
        assert_eq!(parsed(Auto, json), Err(TimeError::OutOfRange), "{json}");
    }
    assert_eq!(
        parsed(Auto, "1e-999999999999999999999999").as_deref(),
        Ok("1970-01-01T00:00:00Z")
    );
    assert_eq!(
        parsed(Auto, "0e999999999999999999999999").as_deref(),
        Ok("1970-01-01T00:00:00Z")
    );
}

#[test]
fn moments_have_four_digit_years() {
    let outside = [
        (Seconds, "253402300800"),
        (Milliseconds, "253402300800000"),
        (Milliseconds, "-62167219200000.0000001"),
        (Milliseconds, "999999999999999999"),
        (Milliseconds, "9999999999999999999"),
        (Microseconds, "253402300800000000"),
        (Microseconds, "-62167219200000001"),
        (Microseconds, "1e400"),
        (Iso8601, r#""9999-12-31T23:59:59-00:01""#),
        (Iso8601, r#""0000-01-01T00:00:00+00:01""#),
        (Auto, r#""9999-12-31T23:59:59-00:01""#),
    ];
    for (format, json) in outside {
        assert_eq!(
            parsed(format, json),
            Err(TimeError::OutOfRange),
            "{format} {json}"
        );
    }
    for (format, json) in [
        (Seconds, "253402300799"),
        (Milliseconds, "253402300799000"),
        (Microseconds, "253402300799000000"),
        (Iso8601, r#""9999-12-31T22:59:59-01:00""#),
    ] {
        let last = "9999-12-31T23:59:59Z";
        assert_eq!(parsed(format, json).as_deref(), Ok(last), "{format} {json}");
    }
}

#[test]
fn values_of_another_kind_are_unreadable() {
    let iso = format!("{MOMENT:?}");
    for format in TimeFormat::ALL {
        for json in [
            "null",
            "true",
            "{}",
            "[]",
            r#""""#,
            r#""1700000000""#,
            r#""\ud800""#,
        ] {
            let found = parsed(format, json);
            assert_eq!(found, Err(TimeError::Unreadable), "{format} {json}");
        }
        let takes_text = matches!(format, Iso8601 | Auto);
        assert_eq!(parsed(format, &iso).is_ok(), takes_text, "{format}");
        let takes_numbers = format != Iso8601;
        assert_eq!(parsed(format, "0").is_ok(), takes_numbers, "{format}");
    }
}

#[test]
fn formats_have_names() {
    for format in TimeFormat::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert_eq!(format.to_string(), format.name());
    }
    assert_eq!(TimeFormat::default(), Seconds);
    let names = r#""seconds", "milliseconds", "microseconds", "iso8601", "auto""#;
    for wrong in ["days", "Seconds", ""] {
        let error = format!("expected one of {names}, found {wrong:?}");
        assert_eq!(wrong.parse::<TimeFormat>(), Err(error));
    }
}

/// Microseconds since 1970 in a smaller unit, with `places` digits behind the point.
fn in_units(micros: i64, places: usize) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", micros.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

const MICROS_PER_SECOND: i64 = 1_000_000;

/// What all three units write in numbers of different sizes: from 1973-03-03T09:46:40Z on, and before the year 5138.
const UNAMBIGUOUS: std::ops::Range<i64> =
    100_000_000 * MICROS_PER_SECOND..100_000_000_000 * MICROS_PER_SECOND;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn units_agree(micros in FIRST_SECOND * MICROS_PER_SECOND..(LAST_SECOND + 1) * MICROS_PER_SECOND) {
        let expected = parsed(Seconds, &in_units(micros, 6));
        prop_assert_eq!(parsed(Milliseconds, &in_units(micros, 3)), expected.clone());
        prop_assert_eq!(parsed(Microseconds, &in_units(micros, 0)), expected.clone());
        let iso = format!("{:?}", expected.clone().unwrap());
        prop_assert_eq!(parsed(Iso8601, &iso), expected.clone());
        prop_assert_eq!(parsed(Auto, &iso), expected.clone());
    }

    #[test]
    fn auto_agrees_with_each_unit(micros in UNAMBIGUOUS, negative: bool) {
        let micros = if negative && micros < -FIRST_SECOND * MICROS_PER_SECOND { -micros } else { micros };
        let expected = parsed(Seconds, &in_units(micros, 6));
        for places in [6, 3, 0] {
            let number = in_units(micros, places);
            prop_assert_eq!(parsed(Auto, &number), expected.clone(), "{}", number);
            let exponent = format!("{}e{places}", in_units(micros, places + 6));
            prop_assert_eq!(parsed(Auto, &exponent), expected.clone(), "{}", exponent);
        }
    }

    /// A number in any notation has the same unit.
    #[test]
    fn auto_does_not_depend_on_the_notation(number in -10_i64.pow(17) - 9..10_i64.pow(17) + 9, shift in 0..25_usize, small in -200_i64..200) {
        for number in [number, small, 10_i64.pow(11) + small, 10_i64.pow(14) + small] {
            let plain = parsed(Auto, &number.to_string());
            let shifted = format!("{}e{shift}", in_units(number, shift));
            prop_assert_eq!(parsed(Auto, &shifted), plain, "{}", shifted);
        }
    }
}
