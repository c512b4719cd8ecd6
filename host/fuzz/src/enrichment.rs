//! Compares the transform with its reference, and a batch with single records.

use guest_enrich::batch::{Partition, transform_batch};
use guest_enrich::{Rejection, enrich};

use crate::reference::{self, Expected, REPLACED, decode, is_json, pairs};

/// `serde_json` rejects deeper nesting; the transform accepts it.
const REFERENCE_DEPTH: usize = 127;

/// The reference handles a `u128` of digits before the decimal point, and powers that fit an `i64`.
const REFERENCE_NUMBER: usize = 15;

/// An event, its bytes and its type.
type Found = (Vec<u8>, Vec<u8>);

fn run(input: &[u8]) -> Result<Found, Rejection> {
    let mut out = b"kept".to_vec();
    let event_type = enrich(input, &mut out).map(|event| bytes(&*event.event_type).to_vec());
    assert!(out.starts_with(b"kept"));
    match event_type {
        Ok(event_type) => Ok((out.split_off(4), event_type)),
        Err(rejection) => {
            assert_eq!(out.len(), 4, "a rejected record leaves something");
            assert!(!rejection.message.is_empty() && rejection.message.len() < 200);
            Err(rejection)
        }
    }
}

fn bytes<T: AsRef<[u8]> + ?Sized>(text: &T) -> &[u8] {
    text.as_ref()
}

/// One record: the verdict and the meaning are those of the reference, and every byte that is not
/// replaced is kept.
pub(crate) fn one(input: &[u8]) {
    let found = run(input);
    if let Ok((out, _)) = &found {
        assert_eq!(&run(out).unwrap().0, out, "enriched again");
    }
    if !is_comparable(input) {
        return;
    }
    match (found, reference::enrich(input)) {
        (Err(rejection), Err(expected)) => assert_eq!(rejection.code.as_str(), expected),
        (Ok((out, event_type)), Ok(expected)) => {
            assert_eq!(event_type, expected.event_type.as_bytes());
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

/// Partitions differ by type only.
struct ByType(Vec<u8>);

impl Partition for ByType {
    fn key(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(&self.0);
    }

    fn columns(&self) -> Vec<(String, String)> {
        let value = String::from_utf8_lossy(&self.0).into_owned();
        vec![("event_type".to_owned(), value)]
    }
}

/// Many records, one a line: a batch has the results of each record alone.
pub(crate) fn batch(input: &[u8]) {
    let records: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    let data = records.concat();
    let mut end = 0;
    let ends = records.iter().map(|record| {
        end += record.len();
        u32::try_from(end).unwrap()
    });
    let ends: Vec<_> = ends.collect();
    let outcome = transform_batch(&data, &ends, |record, out| {
        enrich(record, out).map(|event| ByType(bytes(&*event.event_type).to_vec()))
    });
    let (mut event, mut start, mut rejected) = (0, 0, outcome.rejections.iter());
    for (index, record) in records.iter().enumerate() {
        match run(record) {
            Ok((alone, event_type)) => {
                let end = outcome.data_ends[event] as usize;
                let partition = outcome.partition_indexes[event] as usize;
                assert_eq!(outcome.event_counts[index], 1);
                assert_eq!(outcome.data[start..end], alone);
                assert_eq!(outcome.partitions[partition], ByType(event_type).columns());
                (event, start) = (event + 1, end);
            }
            Err(rejection) => {
                let (at, found) = rejected.next().unwrap();
                assert_eq!(outcome.event_counts[index], 0);
                assert_eq!((*at as usize, found.code), (index, rejection.code));
            }
        }
    }
    assert_eq!(
        (start, event),
        (outcome.data.len(), outcome.data_ends.len())
    );
    assert!(rejected.next().is_none());
}
