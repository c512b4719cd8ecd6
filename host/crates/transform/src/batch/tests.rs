use crate::sample::{BOTH, Sample};

use super::*;

fn configured() -> Configured<Sample> {
    Configured::new("{}").unwrap()
}

fn metadata() -> MetadataLists<'static> {
    MetadataLists {
        partition_keys: "key",
        partition_key_ends: &[3],
        shard: "shard",
        ..MetadataLists::default()
    }
}

/// An event, its partition and its routes.
type Shown = (String, String, Routes);

/// The events of a record, or the code and the message of its rejection.
fn events(record: &str) -> Result<Vec<Shown>, (String, String)> {
    let event = |event: OutputEvent| {
        let columns = event.destination.partition.into_iter();
        let columns: Vec<_> = columns
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let data = String::from_utf8(event.data).unwrap();
        (data, columns.join("/"), event.destination.routes)
    };
    match transform_record(&configured(), record.as_bytes(), &metadata()) {
        Ok(events) => Ok(events.into_iter().map(event).collect()),
        Err(rejection) => Err(rejection.into_parts()),
    }
}

fn makes(record: &str, expected: &[(&str, &str, Routes)]) {
    let expected = expected.iter();
    let expected = expected
        .map(|(data, partition, routes)| ((*data).to_owned(), (*partition).to_owned(), *routes));
    assert_eq!(events(record), Ok(expected.collect()), "{record}");
}

fn rejects(record: &str, code: &str, message: &str) {
    let expected = (code.to_owned(), message.to_owned());
    assert_eq!(events(record), Err(expected), "{record}");
}

#[test]
fn edits_are_applied_to_the_record() {
    let keep = r#" {"id":"", "do" : "keep", "n":1.50}"#;
    makes(keep, &[(keep, "do=keep", BOTH)]);
    makes(r#"{"id":"","do":"drop"}"#, &[]);
    makes(
        r#"{"id":"","do":"twice"}"#,
        &[
            (
                r#"{"id":"","do":"twice","first":1}"#,
                "do=twice",
                Routes::LAKE,
            ),
            (
                r#"{"id":"","first":-2.5,"do":null}"#,
                "do=twice",
                Routes::BUS,
            ),
        ],
    );
    makes(
        r#"{"id":"","do":"empty"}"#,
        &[
            (r#"{"second":"a\"b"}"#, "", BOTH),
            (r#"{"id":"","do":"empty"}"#, "do=empty", BOTH),
        ],
    );
    makes(
        r#"{"first":1,"id":"","do":"remove","first":2}"#,
        &[(r#"{"id":"","second":true}"#, "do=remove", BOTH)],
    );
    makes(
        r#"{"id":"","do":"disorder"}"#,
        &[(
            r#"{"id":"","first":"shard","second":false,"do":null}"#,
            "do=disorder",
            BOTH,
        )],
    );
    makes(
        r#"{"second":1,"id":"","do":"again"}"#,
        &[(r#"{"id":"","first":"key","do":7}"#, "do=again", BOTH)],
    );
    makes(
        r#"{"id":"","at":0,"do":"time"}"#,
        &[(r#"{"id":"","at":0,"do":"1970-01-01T00:00:00Z"}"#, "", BOTH)],
    );
    makes(
        r#"{"id":"","at":[ 1 ],"do":"json"}"#,
        &[(
            r#"{"id":"","at":[ 1 ],"do":"json","second":[ 1 ]}"#,
            "",
            BOTH,
        )],
    );
}

#[test]
fn a_record_is_checked_before_the_rules() {
    rejects("", "invalid_json", "byte 0: expected a value");
    rejects(r#"{"do":NaN}"#, "invalid_json", "byte 6: expected a value");
    rejects(
        r#"{"do":"keep"} x"#,
        "invalid_json",
        "byte 14: expected the end of the text",
    );
    rejects(
        "[]",
        "not_an_object",
        "expected a JSON object, found an array",
    );
    rejects(
        "null",
        "not_an_object",
        "expected a JSON object, found null",
    );
}

#[test]
fn the_rules_are_checked_before_the_events() {
    rejects("{}", "missing_field", "do: missing");
    rejects(
        r#"{"do":"keep","id":1}"#,
        "invalid_field",
        "id: expected a string, found a number",
    );
    rejects(
        r#"{"do":"reject","id":""}"#,
        "no_luck",
        "rejected after two events",
    );
    rejects(
        r#"{"do":"time","id":"","at":true}"#,
        "invalid_field",
        "at: expected a number of seconds since 1970, found a boolean",
    );
    rejects(
        r#"{"do":"bad","id":""}"#,
        "invalid_output",
        r#"member "first": not one JSON value: byte 2: expected the end of the text"#,
    );
}

fn batch(records: &[&str]) -> Outcome {
    let ends = records.iter().scan(0, |end, record| {
        *end += offset(record.len());
        Some(*end)
    });
    let (data, ends) = (records.concat(), ends.collect::<Vec<_>>());
    transform_batch(&configured(), &RecordBatch::new(data.as_bytes(), &ends))
}

#[test]
fn packs_events_partitions_and_rejections() {
    let records = [
        r#"{"id":"1","do":"keep"}"#,
        "nothing",
        r#"{"id":"2","do":"twice"}"#,
        r#"{"id":"3","do":"drop"}"#,
        r#"{"id":"4","do":"reject"}"#,
        r#"{"id":"5","do":"keep"}"#,
        "[]",
    ];
    let outcome = batch(&records);
    assert_eq!(outcome.event_counts, [1, 0, 2, 0, 0, 1, 0]);
    let events = [
        records[0],
        r#"{"id":"2","do":"twice","first":1}"#,
        r#"{"id":"2","first":-2.5,"do":null}"#,
        records[5],
    ];
    assert_eq!(outcome.data, events.concat().as_bytes());
    assert_eq!(outcome.data_ends, [22, 55, 88, 110]);
    let values = outcome
        .partitions
        .iter()
        .map(|columns| columns[0].1.as_str());
    assert_eq!(values.collect::<Vec<_>>(), ["keep", "twice"]);
    assert_eq!(outcome.partition_indexes, [0, 1, 1, 0]);
    assert_eq!(outcome.routes, [BOTH, Routes::LAKE, Routes::BUS, BOTH]);
    let rejected = outcome.rejections.iter();
    let rejected: Vec<_> = rejected.map(|(index, it)| (*index, it.code())).collect();
    assert_eq!(
        rejected,
        [(1, "invalid_json"), (4, "no_luck"), (6, "not_an_object")]
    );
}

#[test]
fn no_records_make_no_events() {
    let outcome = batch(&[]);
    assert!(outcome.event_counts.is_empty() && outcome.data.is_empty());
    assert!(outcome.partitions.is_empty() && outcome.routes.is_empty());
}

#[test]
fn ends_that_do_not_fit_make_empty_records() {
    let record = br#"{"id":"1","do":"keep"}"#;
    let batch = RecordBatch::new(record, &[22, 1, 99, 22]);
    let outcome = transform_batch(&configured(), &batch);
    assert_eq!(outcome.event_counts, [1, 0, 0, 0]);
    assert_eq!(outcome.data, record);
}
