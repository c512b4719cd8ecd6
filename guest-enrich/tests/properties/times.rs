//! A moment gives the same event in whichever format it is written.

use chrono::DateTime;
use guest_enrich::Enrichment;
use proptest::prelude::*;
use sluice_transform::testing::{TestEvent, Tester};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// 0000-01-02T00:00:00Z to 9999-12-31T00:00:00Z, so that clocks in all zones have a year of four digits.
const ALL: std::ops::Range<i64> =
    -62_167_132_800 * MICROS_PER_SECOND..253_402_214_400 * MICROS_PER_SECOND;

/// The moments that `auto` reads in all units: 1973-03-03T09:46:40Z to 5138-11-16T09:46:39.999999Z.
const UNAMBIGUOUS: std::ops::Range<i64> =
    100_000_000 * MICROS_PER_SECOND..100_000_000_000 * MICROS_PER_SECOND;

/// A number of microseconds in a larger unit, which has `places` digits more.
fn in_unit(micros: i64, places: usize) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", micros.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// A moment as JSON text on clocks that are `ahead` minutes ahead of UTC.
fn in_iso8601(micros: i64, ahead: i64) -> String {
    let local = DateTime::from_timestamp_micros(micros + ahead * 60 * MICROS_PER_SECOND).unwrap();
    let text = local.format("%Y-%m-%dT%H:%M:%S%.6f");
    let (sign, minutes) = (if ahead < 0 { '-' } else { '+' }, ahead.abs());
    format!("\"{text}{sign}{:02}:{:02}\"", minutes / 60, minutes % 60)
}

/// What the transform adds to a record with this time, and the partition.
fn added(format: &str, time: &str) -> (String, String) {
    let config = format!(
        r#"{{"id_member":"i","name_member":"n","time_member":"t","time_format":"{format}","partition_by":["date","hour"]}}"#
    );
    let record = format!(r#"{{"i":"u","n":"a:b","t":{time}"#);
    let tester = Tester::<Enrichment>::new(&config).unwrap();
    let events = tester.transform(format!("{record}}}"));
    let events = events.unwrap_or_else(|why| panic!("{format} {time}: {why:?}"));
    let [
        TestEvent {
            json, partition, ..
        },
    ] = events.try_into().unwrap();
    let added = json.strip_prefix(&record).unwrap();
    (added.to_owned(), partition)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_moment_gives_the_same_event_in_each_format(micros in ALL, ahead in -1_439..1_440_i64) {
        let expected = added("seconds", &in_unit(micros, 6));
        prop_assert_eq!(added("milliseconds", &in_unit(micros, 3)), expected.clone());
        prop_assert_eq!(added("microseconds", &in_unit(micros, 0)), expected.clone());
        let iso8601 = in_iso8601(micros, ahead);
        prop_assert_eq!(added("iso8601", &iso8601), expected.clone(), "{}", iso8601);
        prop_assert_eq!(added("auto", &iso8601), expected, "{}", iso8601);
    }

    #[test]
    fn a_usual_moment_is_not_ambiguous(micros in UNAMBIGUOUS) {
        let expected = added("seconds", &in_unit(micros, 6));
        for places in [6, 3, 0] {
            let number = in_unit(micros, places);
            prop_assert_eq!(added("auto", &number), expected.clone(), "{}", number);
        }
    }
}
