use chrono::{DateTime, SecondsFormat};
use proptest::prelude::*;

use super::*;

fn text(number: &str) -> Result<String, OutOfRange> {
    let moment = Timestamp::parse(number.as_bytes())?;
    Ok(String::from_utf8(moment.as_bytes().to_vec()).unwrap())
}

#[test]
fn reads_exact_decimals() {
    for (number, expected) in [
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("1700000000.0", "2023-11-14T22:13:20Z"),
        ("1700000000.1", "2023-11-14T22:13:20.1Z"),
        ("1700000000.120", "2023-11-14T22:13:20.12Z"),
        ("1700000000.123456789", "2023-11-14T22:13:20.123456789Z"),
        ("1700000000.1234567899999", "2023-11-14T22:13:20.123456789Z"),
        ("1700000000.000000001", "2023-11-14T22:13:20.000000001Z"),
        ("1700000000.0000000009", "2023-11-14T22:13:20Z"),
        ("17e8", "2023-11-14T22:13:20Z"),
        ("17E+8", "2023-11-14T22:13:20Z"),
        ("1.7e9", "2023-11-14T22:13:20Z"),
        ("0.0017e12", "2023-11-14T22:13:20Z"),
        ("1700000000123e-3", "2023-11-14T22:13:20.123Z"),
        ("17000000000000000000000e-13", "2023-11-14T22:13:20Z"),
        ("0", "1970-01-01T00:00:00Z"),
        ("-0", "1970-01-01T00:00:00Z"),
        ("-0.0e5", "1970-01-01T00:00:00Z"),
        ("0e999999999999999999999999", "1970-01-01T00:00:00Z"),
        ("1e-400", "1970-01-01T00:00:00Z"),
        ("1e-99999999999999999999999", "1970-01-01T00:00:00Z"),
        ("951782400", "2000-02-29T00:00:00Z"),
        ("4107542400", "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(text(number).unwrap(), expected, "{number}");
    }
}

#[test]
fn floors_toward_the_past() {
    for (number, expected) in [
        ("-1", "1969-12-31T23:59:59Z"),
        ("-0.5", "1969-12-31T23:59:59.5Z"),
        ("-1.25", "1969-12-31T23:59:58.75Z"),
        ("-0.000000001", "1969-12-31T23:59:59.999999999Z"),
        ("-0.0000000001", "1969-12-31T23:59:59.999999999Z"),
        ("-1e-400", "1969-12-31T23:59:59.999999999Z"),
        ("-86400", "1969-12-31T00:00:00Z"),
    ] {
        assert_eq!(text(number).unwrap(), expected, "{number}");
    }
}

#[test]
fn keeps_to_four_digit_years() {
    assert_eq!(text("-62167219200").unwrap(), "0000-01-01T00:00:00Z");
    assert_eq!(text("253402300799").unwrap(), "9999-12-31T23:59:59Z");
    let last = text("253402300799.9999999999").unwrap();
    assert_eq!(last, "9999-12-31T23:59:59.999999999Z");
    for number in [
        "253402300800",
        "-62167219201",
        "-62167219200.0000000001",
        "999999999999",
        "1000000000000",
        "1e12",
        "1e400",
        "-1e400",
        "1e99999999999999999999999999",
        "1700000000000",
        "9223372036854775808",
        "340282366920938463463374607431768211456",
    ] {
        assert_eq!(text(number), Err(OutOfRange), "{number}");
    }
}

#[test]
fn long_numbers_are_exact() {
    let zeros = "0".repeat(100_000);
    assert_eq!(
        text(&format!("17{zeros}e-99992")).unwrap(),
        "2023-11-14T22:13:20Z"
    );
    assert_eq!(
        text(&format!("0.{zeros}17e100010")).unwrap(),
        "2023-11-14T22:13:20Z"
    );
    assert_eq!(
        text(&format!("1.{zeros}1")).unwrap(),
        "1970-01-01T00:00:01Z"
    );
    assert_eq!(
        text(&format!("-1.{zeros}1")).unwrap(),
        "1969-12-31T23:59:58.999999999Z"
    );
    assert_eq!(text(&format!("1{zeros}")), Err(OutOfRange));
    assert_eq!(
        text(&format!("1e{zeros}9")).unwrap(),
        "2001-09-09T01:46:40Z"
    );
}

#[test]
fn has_date_and_hour() {
    let moment = Timestamp::new(1_700_000_000, 5).unwrap();
    assert_eq!((moment.date(), moment.hour()), ("2023-11-14", "22"));
    assert_eq!(Timestamp::new(0, NANOS_PER_SECOND), Err(OutOfRange));
}

#[test]
fn is_shown_as_its_text() {
    let moment = Timestamp::parse(b"-0.5").unwrap();
    assert_eq!(moment.to_string(), "1969-12-31T23:59:59.5Z");
    assert_eq!(moment.as_str(), "1969-12-31T23:59:59.5Z");
    assert_eq!(moment.seconds(), -1);
    assert_eq!(format!("{moment:>24}"), "  1969-12-31T23:59:59.5Z");
}

/// The text that chrono gives, with its fraction trimmed.
fn by_chrono(seconds: i64, nanos: u32) -> String {
    let moment = DateTime::from_timestamp(seconds, nanos).unwrap();
    let text = moment.to_rfc3339_opts(SecondsFormat::Nanos, true);
    let trimmed = text.trim_end_matches('Z').trim_end_matches('0');
    let whole = if nanos == 0 {
        text.split('.').next().unwrap()
    } else {
        trimmed
    };
    format!("{whole}Z")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_moment_equals_that_of_chrono(
        seconds in FIRST_SECOND..=LAST_SECOND,
        nanos in prop_oneof![Just(0), 0..NANOS_PER_SECOND, (0..1000_u32).prop_map(|ms| ms * 1_000_000)],
    ) {
        let moment = Timestamp::new(seconds, nanos).unwrap();
        let expected = by_chrono(seconds, nanos);
        prop_assert_eq!(moment.as_bytes(), expected.as_bytes());
        prop_assert_eq!(moment.date(), &expected[..10]);
        prop_assert_eq!(moment.hour(), &expected[11..13]);
        prop_assert_eq!(moment.as_str(), expected);
        prop_assert_eq!(moment.seconds(), seconds);
    }

    #[test]
    fn moments_are_ordered_by_time(
        a in (-2..3_i64, prop_oneof![Just(0), 0..NANOS_PER_SECOND, (0..12_u32).prop_map(|n| n * 90_000_000)]),
        b in (-2..3_i64, prop_oneof![Just(0), 0..NANOS_PER_SECOND, (0..12_u32).prop_map(|n| n * 90_000_000)]),
    ) {
        let moment = |(seconds, nanos)| Timestamp::new(seconds, nanos).unwrap();
        prop_assert_eq!(moment(a).cmp(&moment(b)), a.cmp(&b));
        prop_assert_eq!(moment(a) == moment(b), a == b);
    }

    /// The same number of nanoseconds, written with its point anywhere.
    #[test]
    fn any_notation_means_the_same(
        seconds in FIRST_SECOND..=LAST_SECOND,
        nanos in 0..NANOS_PER_SECOND,
        shift in 0..30_usize,
        more in 0..15_usize,
    ) {
        let total = i128::from(seconds) * i128::from(NANOS_PER_SECOND) + i128::from(nanos);
        let sign = if total < 0 { "-" } else { "" };
        let digits = total.unsigned_abs().to_string() + &"0".repeat(more);
        let padded = format!("{digits:0>width$}", width = shift + 1);
        let (whole, fraction) = padded.split_at(padded.len() - shift);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if fraction.is_empty() { "" } else { "." };
        let exponent = shift as i64 - more as i64 - 9;
        let number = format!("{sign}{whole}{point}{fraction}e{exponent}");
        prop_assert_eq!(text(&number), Ok(by_chrono(seconds, nanos)), "{}", number);
    }
}
