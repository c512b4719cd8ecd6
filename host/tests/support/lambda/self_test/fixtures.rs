use std::collections::BTreeSet;

use aws_lambda_events::kinesis::KinesisEvent;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice::source::aggregate::{Aggregator, Unpacked, unpack};

use super::super::Settings;
use super::{event::events_of, stream};

const PLAIN: &str = include_str!("../../../fixtures/lambda/plain.json");
const AGGREGATED: &str = include_str!("../../../fixtures/lambda/aggregated.json");
const NOT_JSON: &str = include_str!("../../../fixtures/lambda/not-json.json");
const EMPTY: &str = include_str!("../../../fixtures/lambda/empty.json");

/// The data of the records, as a consumer reads it.
fn data(fixture: &str) -> Vec<Bytes> {
    let event: KinesisEvent = serde_json::from_str(fixture).unwrap();
    let records = event.records.into_iter();
    records.map(|record| record.kinesis.data.0.into()).collect()
}

fn keys(value: &Value) -> BTreeSet<&String> {
    value.as_object().unwrap().keys().collect()
}

#[test]
fn fixtures_have_the_fields_that_the_mapping_writes() {
    let (kinesis, _) = stream(1);
    let written = &events_of(&kinesis, Settings::default())[0];
    for fixture in [PLAIN, AGGREGATED, NOT_JSON, EMPTY] {
        let event: Value = serde_json::from_str(fixture).unwrap();
        assert_eq!(keys(&event), keys(written));
        for record in event["Records"].as_array().unwrap() {
            let model = &written["Records"][0];
            assert_eq!(keys(record), keys(model));
            assert_eq!(keys(&record["kinesis"]), keys(&model["kinesis"]));
            let id = record["eventID"].as_str().unwrap();
            let number = record["kinesis"]["sequenceNumber"].as_str().unwrap();
            assert!(id.ends_with(&format!(":{number}")), "{id}");
        }
    }
}

#[test]
fn the_plain_batch_has_two_events() {
    let events: Vec<Value> = data(PLAIN)
        .iter()
        .map(|data| serde_json::from_slice(data).unwrap())
        .collect();
    let names: Vec<_> = events.iter().map(|event| &event["event_name"]).collect();
    assert_eq!(names, ["payment:order:completed", "lesson:video:started"]);
}

#[test]
fn the_aggregated_record_is_one_of_the_producer_library() {
    let event = |n: usize| {
        let event = json!({
            "event_uuid": format!("a{n}"),
            "event_name": "lesson:video:paused",
            "created_at": 1_767_225_600 + n,
        });
        event.to_string()
    };
    let mut aggregator = Aggregator::new(1 << 20);
    for (n, key) in ["one", "two", "one"].into_iter().enumerate() {
        aggregator.push(key, event(n).as_bytes());
    }
    let (_, expected) = aggregator.finish().unwrap();
    let [record] = data(AGGREGATED).try_into().unwrap();
    let record: Bytes = record;
    assert_eq!(record, expected);
    let Unpacked::Records(records) = unpack(&record) else {
        panic!("no aggregate");
    };
    assert_eq!(records.len(), 3);
}

#[test]
fn other_fixtures_are_what_their_names_say() {
    assert!(data(EMPTY).is_empty());
    let [record] = data(NOT_JSON).try_into().unwrap();
    let record: Bytes = record;
    assert!(serde_json::from_slice::<Value>(&record).is_err());
}
