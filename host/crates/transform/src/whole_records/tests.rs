use crate::testing::{RecordTester, SampleMetadata};

use super::*;

/// Makes an event of each line of a record, in the partition of the line. A line `no` rejects the record after a part
/// of its event was written, and `where` is an event with the metadata of the record.
#[derive(Debug)]
struct Lines(Routes);

impl RecordTransform for Lines {
    fn describe() -> Description {
        Description {
            name: "lines",
            version: "0.0.0",
            summary: "",
            config_schema: "",
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        match config {
            "{}" => Ok(Self(Routes::LAKE)),
            _ => Err("this transform has no configuration".to_owned()),
        }
    }

    fn transform(&self, record: &WholeRecord<'_>, outputs: &mut Outputs) -> Result<(), Rejection> {
        for line in record.data().split(|byte| *byte == b'\n') {
            let text = match line {
                b"where" => metadata(record),
                _ => String::from_utf8_lossy(line).into_owned(),
            };
            outputs.event(self.0, &[("line", line)], |out| {
                out.extend_from_slice(format!(r#"{{"line":{text:?}}}"#).as_bytes());
                match line {
                    b"no" => Err(Rejection::new("no", "a line says no")),
                    _ => Ok(()),
                }
            })?;
        }
        Ok(())
    }
}

fn metadata(record: &WholeRecord<'_>) -> String {
    let (key, sequence) = (record.partition_key(), record.sequence_number());
    let (shard, time) = (record.shard(), record.arrived_at());
    format!("{key} {sequence} {shard} {time}")
}

const METADATA: MetadataLists<'_> = MetadataLists {
    partition_keys: "abc",
    partition_key_ends: &[1, 1, 3],
    sequence_numbers: "71011",
    sequence_number_ends: &[1, 3, 5],
    arrived_at: &[0, 1, 2],
    shard: "s",
};

fn batch(records: &[&str]) -> Outcome {
    let mut ends = Vec::new();
    for record in records {
        ends.push(ends.last().copied().unwrap_or_default() + record.len() as u32);
    }
    let data = records.concat().into_bytes();
    transform_batch(&Lines(Routes::LAKE), data, &ends, &METADATA)
}

#[test]
fn a_rejected_record_leaves_nothing_in_a_batch() {
    let outcome = batch(&["a\nb", "c\nno\nd", "b"]);
    assert_eq!(outcome.event_counts, [2, 0, 1]);
    assert_eq!(outcome.data, br#"{"line":"a"}{"line":"b"}{"line":"b"}"#);
    assert_eq!(outcome.data_ends, [12, 24, 36]);
    let partition = |value: &str| vec![("line".to_owned(), value.to_owned())];
    assert_eq!(outcome.partitions, [partition("a"), partition("b")]);
    assert_eq!(outcome.partition_indexes, [0, 1, 1]);
    assert_eq!(outcome.routes, [Routes::LAKE; 3]);
    let rejection = Rejection::new("no", "a line says no");
    assert_eq!(outcome.rejections, [(1, rejection)]);
}

#[test]
fn an_event_that_fails_leaves_no_bytes() {
    let mut outputs = Outputs::new(0, 1);
    let none: &[(&str, &str)] = &[];
    let mark = outputs.mark();
    for text in ["1", "no", "2"] {
        let _ = outputs.event(Routes::BUS, none, |out| {
            out.extend_from_slice(text.as_bytes());
            match text {
                "no" => Err(Rejection::new("no", "")),
                _ => Ok(()),
            }
        });
    }
    outputs.end_record(mark);
    let outcome = outputs.into_outcome();
    assert_eq!(
        (&*outcome.data, &*outcome.data_ends),
        (&b"12"[..], &[1, 2][..])
    );
    assert_eq!(outcome.event_counts, [2]);
}

#[test]
fn a_record_has_its_metadata_in_both_calls() {
    let outcome = batch(&["where", "", "where"]);
    let data = String::from_utf8(outcome.data).unwrap();
    assert_eq!(data, r#"{"line":"a 7 s 0"}{"line":""}{"line":"bc 11 s 2"}"#);
    let tester = RecordTester::<Lines>::new("{}").unwrap();
    let own = SampleMetadata {
        partition_key: "key".to_owned(),
        ..SampleMetadata::default()
    };
    let events = tester.transform_with("where", &own).unwrap();
    let expected = r#"{"line":"key 0 shardId-000000000000 1767225600000"}"#;
    assert_eq!(events[0].json, expected);
}

#[test]
fn a_record_alone_has_the_events_that_it_has_in_a_batch() {
    let tester = RecordTester::<Lines>::new("{}").unwrap();
    let events = tester.transform("a\nb").unwrap();
    let found: Vec<_> = events
        .iter()
        .map(|it| (&*it.json, &*it.partition))
        .collect();
    let expected = [(r#"{"line":"a"}"#, "line=a"), (r#"{"line":"b"}"#, "line=b")];
    assert_eq!(found, expected);
    assert_eq!(tester.transform("a\nno").unwrap_err().code(), "no");
    assert!(RecordTester::<Lines>::new("[]").is_err());
}

#[test]
fn ends_that_do_not_fit_are_empty_records() {
    let data = b"ab".to_vec();
    let outcome = transform_batch(&Lines(Routes::BUS), data, &[2, 1, 9], &METADATA);
    assert_eq!(outcome.event_counts, [1, 1, 1]);
    assert_eq!(outcome.data, br#"{"line":"ab"}{"line":""}{"line":""}"#);
}
