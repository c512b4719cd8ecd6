use proptest::prelude::*;

use super::*;

/// A partition of one column whose value is the record.
struct Whole<'a>(&'a [u8]);

impl Partition for Whole<'_> {
    fn key(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(self.0);
    }

    fn columns(&self) -> Vec<(String, String)> {
        vec![(
            "whole".to_owned(),
            String::from_utf8_lossy(self.0).into_owned(),
        )]
    }
}

/// Doubles a record; one that starts with `!` is rejected.
fn double<'a>(record: &'a [u8], out: &mut Vec<u8>) -> Result<Whole<'a>, usize> {
    if record.starts_with(b"!") {
        return Err(record.len());
    }
    out.extend_from_slice(record);
    out.extend_from_slice(record);
    Ok(Whole(record))
}

fn packed(records: &[&str]) -> Outcome<usize> {
    let data = records.concat();
    let ends: Vec<u32> = records
        .iter()
        .scan(0, |end, record| {
            *end += record.len() as u32;
            Some(*end)
        })
        .collect();
    transform_batch(data.as_bytes(), &ends, double)
}

#[test]
fn packs_events_partitions_and_rejections() {
    let outcome = packed(&["a", "!bad", "bb", "a", "", "a", "!"]);
    assert_eq!(outcome.event_counts, [1, 0, 1, 1, 1, 1, 0]);
    assert_eq!(outcome.data, b"aabbbbaaaa");
    assert_eq!(outcome.data_ends, [2, 6, 8, 8, 10]);
    let values: Vec<_> = outcome.partitions.iter().map(|p| p[0].1.as_str()).collect();
    assert_eq!(values, ["a", "bb", ""]);
    assert_eq!(outcome.partition_indexes, [0, 1, 0, 2, 0]);
    assert_eq!(outcome.rejections, [(1, 4), (6, 1)]);
}

#[test]
fn the_empty_partition_can_come_first() {
    let outcome = packed(&["", "", "x", ""]);
    assert_eq!(outcome.partitions.len(), 2);
    assert_eq!(outcome.partition_indexes, [0, 0, 1, 0]);
}

#[test]
fn no_records_make_no_events() {
    let outcome = packed(&[]);
    assert!(outcome.event_counts.is_empty() && outcome.data.is_empty());
}

#[test]
fn ends_that_do_not_fit_make_empty_records() {
    let outcome = transform_batch(b"abc", &[2, 1, 9, 3], double);
    assert_eq!(outcome.event_counts, [1, 1, 1, 1]);
    assert_eq!(outcome.data, b"abab");
}

proptest! {
    #[test]
    fn a_batch_gives_what_each_record_gives(records in prop::collection::vec("[!a-c]{0,9}", 0..200)) {
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let outcome = packed(&records);
        let mut event = 0;
        let mut start = 0;
        for (index, record) in records.iter().enumerate() {
            let mut alone = Vec::new();
            match double(record.as_bytes(), &mut alone) {
                Ok(partition) => {
                    let end = outcome.data_ends[event] as usize;
                    prop_assert_eq!(&outcome.data[start..end], alone.as_slice());
                    let place = outcome.partition_indexes[event] as usize;
                    prop_assert_eq!(&outcome.partitions[place], &partition.columns());
                    (start, event) = (end, event + 1);
                }
                Err(code) => prop_assert!(outcome.rejections.contains(&(index as u32, code))),
            }
        }
        let mut different = outcome.partitions.clone();
        different.sort();
        different.dedup();
        prop_assert_eq!(different.len(), outcome.partitions.len());
    }
}
