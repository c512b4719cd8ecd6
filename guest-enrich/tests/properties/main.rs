//! Properties that hold for any record: the transform matches a plain reference and keeps its own
//! promises.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod generate;
mod reference;
mod times;

use guest_enrich::Enrichment;
use proptest::prelude::*;
use sluice_transform::batch::{RecordBatch, transform_batch, transform_record};
use sluice_transform::{Configured, MetadataLists};

use generate::{damaged, event, soup, value};
use reference::{Expected, REPLACED, decode, is_json, pairs};

/// The event before the host has checked it and written it, and its type.
fn run(input: &[u8]) -> Result<(Vec<u8>, String), String> {
    let configured = Configured::<Enrichment>::new("{}").unwrap();
    match transform_record(&configured, input, &MetadataLists::default()) {
        Ok(events) => {
            let [event] = events.try_into().unwrap();
            let [(_, event_type)] = event.destination.partition.try_into().unwrap();
            Ok((event.data, event_type))
        }
        Err(rejection) => {
            let (code, message) = rejection.into_parts();
            assert!(!message.is_empty() && message.len() < 200);
            Err(code)
        }
    }
}

/// The end of the last value of the object.
fn last_end(input: &[u8], pairs: &[(&str, &str)]) -> usize {
    let (_, value) = pairs.last().unwrap();
    value.as_ptr().addr() - input.as_ptr().addr() + value.len()
}

fn check_output(input: &[u8], out: &[u8], expected: &Expected<'_>) {
    assert!(is_json(out));
    let found = pairs(out);
    let (kept, added) = found.split_at(found.len() - 3);
    assert_eq!(kept, expected.kept);
    let names: Vec<_> = added.iter().map(|(key, _)| decode(key).unwrap()).collect();
    assert_eq!(names, REPLACED);
    assert_eq!(decode(added[0].1).as_ref(), Some(&expected.created));
    assert_eq!(decode(added[1].1).as_ref(), Some(&expected.event_type));
    match &expected.event_subtype {
        Some(subtype) => assert_eq!(decode(added[2].1).as_ref(), Some(subtype)),
        None => assert_eq!(added[2].1, "null"),
    }
    if !expected.removed {
        let (before, behind) = input.split_at(last_end(input, &expected.kept));
        assert!(out.starts_with(before) && out.ends_with(behind));
        let added = &out[before.len()..out.len() - behind.len()];
        assert!(added.starts_with(b",\"created_datetime\":\"") && !added.contains(&b'\n'));
    }
}

fn compare(input: &[u8]) {
    match (run(input), reference::enrich(input)) {
        (Err(code), Err(expected)) => assert_eq!(code, expected),
        (Ok((out, event_type)), Ok(expected)) => {
            assert_eq!(event_type, expected.event_type);
            check_output(input, &out, &expected);
            assert_eq!(run(&out).unwrap().0, out, "enriched again");
        }
        (found, expected) => panic!("{found:?} for {expected:?}"),
    }
}

fn compare_scanner(input: &[u8]) {
    let found = json_scan::check(input);
    assert_eq!(found.is_ok(), is_json(input), "{found:?}");
    if let Err(error) = found {
        assert!(error.offset <= input.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn events_match_the_reference(input in event()) {
        compare(input.as_bytes());
    }

    #[test]
    fn damaged_events_match_the_reference(input in damaged(event())) {
        compare(&input);
    }

    #[test]
    fn any_json_value_matches_the_reference(input in value()) {
        compare(input.as_bytes());
    }

    #[test]
    fn random_bytes_match_the_reference(input in soup()) {
        compare(&input);
    }

    #[test]
    fn the_scanner_accepts_what_serde_json_accepts(input in prop_oneof![damaged(value()), soup()]) {
        compare_scanner(&input);
    }

    /// Earlier records of a batch do not change an outcome.
    #[test]
    fn records_of_a_batch_are_independent(records in prop::collection::vec(damaged(event()), 0..4)) {
        compare_batch(&records);
    }
}

fn compare_batch(records: &[Vec<u8>]) {
    let configured = Configured::<Enrichment>::new("{}").unwrap();
    let ends = records.iter().scan(0, |end, record| {
        *end += u32::try_from(record.len()).unwrap();
        Some(*end)
    });
    let (data, ends) = (records.concat(), ends.collect::<Vec<_>>());
    let outcome = transform_batch(&configured, &RecordBatch::new(&data, &ends));
    let alone: Vec<_> = records.iter().map(|record| run(record)).collect();
    let counts = alone.iter().map(|result| u32::from(result.is_ok()));
    assert_eq!(outcome.event_counts, counts.collect::<Vec<_>>());
    let events = alone.iter().flatten();
    let data: Vec<_> = events.flat_map(|(data, _)| data.clone()).collect();
    assert_eq!(outcome.data, data);
    let rejected = outcome.rejections.into_iter();
    let rejected: Vec<_> = rejected.map(|(_, it)| it.into_parts().0).collect();
    let expected: Vec<_> = alone.iter().filter_map(|it| it.as_ref().err()).collect();
    assert_eq!(rejected.iter().collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_event_cut_short_is_not_json(input in event()) {
        let input = input.trim_end().as_bytes();
        for end in 0..input.len() {
            assert_eq!(run(&input[..end]).unwrap_err(), "invalid_json", "{end}");
        }
    }
}
