//! Compares the transform with its reference, and a batch with single records.

use std::sync::LazyLock;

use guest_enrich::Enrichment;
use sluice_transform::batch::{Outcome, RecordBatch, transform_batch, transform_record};
use sluice_transform::{Configured, MetadataLists, Rejection};

use crate::reference::{self, Expected, REPLACED, decode, is_json, pairs};

/// `serde_json` rejects deeper nesting; the transform accepts it.
const REFERENCE_DEPTH: usize = 127;

/// The reference handles a `u128` of digits before the decimal point, and powers that fit an `i64`.
const REFERENCE_NUMBER: usize = 15;

/// An event, its bytes and its type.
type Found = (Vec<u8>, String);

static RULES: LazyLock<Configured<Enrichment>> = LazyLock::new(|| Configured::new("{}").unwrap());

/// With times in any format, all of which no input can make panic.
static ANY_TIME: LazyLock<Configured<Enrichment>> =
    LazyLock::new(|| Configured::new(r#"{"time_format":"auto"}"#).unwrap());

fn run(input: &[u8]) -> Result<Found, Rejection> {
    match transform_record(&RULES, input, &MetadataLists::default()) {
        Ok(events) => {
            let [event] = <[_; 1]>::try_from(events).unwrap();
            let [(_, event_type)] = <[_; 1]>::try_from(event.destination.partition).unwrap();
            Ok((event.data, event_type))
        }
        Err(rejection) => {
            assert!(!rejection.message().is_empty() && rejection.message().len() < 200);
            Err(rejection)
        }
    }
}

/// One record: the verdict and the meaning are those of the reference, and every byte that is not
/// replaced is kept.
pub(crate) fn one(input: &[u8]) {
    let found = run(input);
    let any_time = transform_record(&ANY_TIME, input, &MetadataLists::default());
    if let Err(rejection) = any_time {
        assert!(rejection.message().len() < 300, "{rejection:?}");
    }
    if let Ok((out, _)) = &found {
        assert_eq!(&run(out).unwrap().0, out, "enriched again");
    }
    if !is_comparable(input) {
        return;
    }
    match (found, reference::enrich(input)) {
        (Err(rejection), Err(expected)) => assert_eq!(rejection.code(), expected),
        (Ok((out, event_type)), Ok(expected)) => {
            assert_eq!(event_type, expected.event_type);
            check_output(input, &out, &expected);
        }
        (found, expected) => panic!("{found:?} for {expected:?}"),
    }
}

/// What the reference can handle: no deep nesting, and no number that is too long.
fn is_comparable(input: &[u8]) -> bool {
    let opened = input.iter().filter(|byte| matches!(byte, b'[' | b'{'));
    let longest = input.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len);
    opened.count() <= REFERENCE_DEPTH && longest.max() <= Some(REFERENCE_NUMBER)
}

fn check_output(input: &[u8], out: &[u8], expected: &Expected<'_>) {
    assert!(is_json(out));
    let found = pairs(out);
    let (kept, added) = found.split_at(found.len() - REPLACED.len());
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
        check_bytes(input, out, expected);
    }
}

/// If no field is replaced, the event is the record with the new fields after its last value.
fn check_bytes(input: &[u8], out: &[u8], expected: &Expected<'_>) {
    let (_, last) = expected.kept.last().unwrap();
    let end = last.as_ptr().addr() - input.as_ptr().addr() + last.len();
    let (before, behind) = input.split_at(end);
    assert!(out.starts_with(before) && out.ends_with(behind));
    let added = &out[before.len()..out.len() - behind.len()];
    assert!(added.starts_with(b",\"created_datetime\":\"") && !added.contains(&b'\n'));
}

fn run_batch(records: &[&[u8]]) -> Outcome {
    let mut end = 0;
    let ends = records.iter().map(|record| {
        end += record.len();
        u32::try_from(end).unwrap()
    });
    let (data, ends) = (records.concat(), ends.collect::<Vec<_>>());
    transform_batch(&RULES, &RecordBatch::new(&data, &ends))
}

/// Many records, one a line: a batch has the results of each record alone.
pub(crate) fn batch(input: &[u8]) {
    let records: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    let outcome = run_batch(&records);
    let (mut event, mut start, mut rejected) = (0, 0, outcome.rejections.iter());
    for (index, record) in records.iter().enumerate() {
        match run(record) {
            Ok((alone, event_type)) => {
                let end = outcome.data_ends[event] as usize;
                let partition = outcome.partition_indexes[event] as usize;
                assert_eq!(outcome.event_counts[index], 1);
                assert_eq!(outcome.data[start..end], alone);
                let columns = [("event_type".to_owned(), event_type)];
                assert_eq!(outcome.partitions[partition], columns);
                (event, start) = (event + 1, end);
            }
            Err(rejection) => {
                let (at, found) = rejected.next().unwrap();
                assert_eq!(outcome.event_counts[index], 0);
                assert_eq!((*at as usize, found), (index, &rejection));
            }
        }
    }
    assert_eq!(
        (start, event),
        (outcome.data.len(), outcome.data_ends.len())
    );
    assert!(rejected.next().is_none());
}
