use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::time::{FIRST_SECOND, LAST_SECOND};

const MOMENT: i64 = 1_700_000_000;

#[test]
fn reads_a_date_and_a_time_with_an_offset() {
    for (text, seconds, nanos) in [
        ("2023-11-14T22:13:20Z", MOMENT, 0),
        ("2023-11-14t22:13:20z", MOMENT, 0),
        ("2023-11-14 22:13:20Z", MOMENT, 0),
        ("2023-11-14T22:13:20+00:00", MOMENT, 0),
        ("2023-11-14T22:13:20-00:00", MOMENT, 0),
        ("2023-11-14T23:13:20+01:00", MOMENT, 0),
        ("2023-11-14T16:43:20-05:30", MOMENT, 0),
        ("2023-11-15T22:12:20+23:59", MOMENT, 0),
        ("2023-11-14T22:13:20.5Z", MOMENT, 500_000_000),
        ("2023-11-14 22:13:20.50+00:00", MOMENT, 500_000_000),
        ("2023-11-14T22:13:20.123456789Z", MOMENT, 123_456_789),
        ("2023-11-14T22:13:20.1234567899999Z", MOMENT, 123_456_789),
        ("2023-11-14T22:13:20.000000000000Z", MOMENT, 0),
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1969-12-31T23:59:59.75Z", -1, 750_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400, 0),
        ("0000-01-01T00:00:00Z", FIRST_SECOND, 0),
        ("9999-12-31T23:59:59Z", LAST_SECOND, 0),
        // Out of range; the caller checks that.
        ("0000-01-01T00:00:00+00:01", FIRST_SECOND - 60, 0),
        ("9999-12-31T23:59:59-00:01", LAST_SECOND + 60, 0),
    ] {
        assert_eq!(parse(text.as_bytes()), Some((seconds, nanos)), "{text}");
    }
}

#[test]
fn other_texts_are_unreadable() {
    for text in [
        "",
        "Z",
        "now",
        "1700000000",
        "2023-11-14",
        "2023-11-14T22:13Z",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.5",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20,5Z",
        "2023-11-14T22:13:20ZZ",
        "2023-11-14T22:13:20 Z",
        " 2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20Z ",
        "2023-11-14_22:13:20Z",
        "2023-11-14T22:13:20+01",
        "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20+1:00",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+00:60",
        "2023-11-14T22:13:20UTC",
        "20231114T221320Z",
        "2023-W46-2T22:13:20Z",
        "+2023-11-14T22:13:20Z",
        "-001-11-14T22:13:20Z",
        "12023-11-14T22:13:20Z",
        "2023-00-14T22:13:20Z",
        "2023-13-14T22:13:20Z",
        "2023-11-00T22:13:20Z",
        "2023-11-31T22:13:20Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:20Z",
        "2016-12-31T23:59:60Z",
        "2023-11-14T22:13:2\u{661}Z",
        "2023/11/14T22:13:20Z",
        "2023-11-14T22-13-20Z",
        "2023-1x-14T22:13:20Z",
        "2023-11-14T22:13:20\u{2212}01:00",
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
}

/// A moment on clocks that are `ahead` minutes ahead of UTC, as chrono writes it.
fn written(seconds: i64, fraction: &str, ahead: i64, separator: char) -> String {
    let local = DateTime::from_timestamp(seconds + ahead * 60, 0).unwrap();
    let (date, time) = (local.format("%Y-%m-%d"), local.format("%H:%M:%S"));
    let (sign, minutes) = (if ahead < 0 { '-' } else { '+' }, ahead.abs());
    let offset = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    format!("{date}{separator}{time}{fraction}{offset}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// A day from the limits, so that the local year has four digits.
    #[test]
    fn reads_what_chrono_writes(
        seconds in FIRST_SECOND + SECONDS_PER_DAY..LAST_SECOND - SECONDS_PER_DAY,
        nanos in prop_oneof![Just(0), 0..NANOS_PER_SECOND, (0..1000_u32).prop_map(|ms| ms * 1_000_000)],
        ahead in -1_439..1_440_i64,
        separator in prop::sample::select(vec!['T', 't', ' ']),
        more in "[0-9]{0,4}",
    ) {
        let fraction = format!(".{nanos:09}{more}");
        let text = written(seconds, &fraction, ahead, separator);
        prop_assert_eq!(parse(text.as_bytes()), Some((seconds, nanos)), "{}", text);
        let whole = written(seconds, "", ahead, separator);
        prop_assert_eq!(parse(whole.as_bytes()), Some((seconds, 0)), "{}", whole);
    }

    /// What is accepted is what chrono accepts too, and with the same meaning.
    #[test]
    fn accepts_nothing_that_chrono_rejects(
        text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,11})?(Z|z|[+-][0-2][0-9]:[0-6][0-9])",
    ) {
        if let Some((seconds, nanos)) = parse(text.as_bytes()) {
            let known = DateTime::parse_from_rfc3339(&text).unwrap();
            prop_assert_eq!((known.timestamp(), known.timestamp_subsec_nanos()), (seconds, nanos), "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", near in "[0-9TtZz:. +-]{15,40}") {
        for text in [text, near] {
            let _ = parse(text.as_bytes());
        }
    }
}
