//! The rules see a redriven record as it was in the stream.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice::source::aggregate::Aggregator;

use super::{of_reason, redrive_in};
use crate::support::cloud::{Cloud, SHARD, STREAM};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::Ran;

const FIX: [&str; 2] = ["--transform", "rogue.wasm"];

/// Shard, sequence number, partition key and arrival.
type Metadata = (String, String, String, u64);

fn fix(cloud: &Cloud, more: &[&str]) -> crate::support::program::Summary {
    cloud.place.write("rogue.wasm", &rogue().by_record);
    let mut command = redrive_in(cloud, &[&FIX[..], more].concat());
    Ran::from(command.output().unwrap()).summary()
}

/// The metadata of all quarantined records.
fn quarantined(cloud: &Cloud) -> BTreeSet<Metadata> {
    let lines = lake::quarantine(&cloud.lake()).into_iter();
    let metadata = lines.map(|line| {
        (
            line.shard,
            line.sequence_number,
            line.partition_key.unwrap_or_default(),
            line.arrived_at.unwrap_or_default(),
        )
    });
    metadata.collect()
}

/// What the transform has seen.
fn seen(cloud: &Cloud) -> Vec<Metadata> {
    let events = lake::all_events(&cloud.lake());
    let seen = events.iter().map(|event| {
        let event: Value = serde_json::from_str(event).unwrap();
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let arrived_at = event["arrived_at"].as_u64().unwrap();
        (text("shard"), text("sequence"), text("key"), arrived_at)
    });
    seen.collect()
}

#[test]
fn the_rules_see_the_shard_the_sequence_the_key_and_the_arrival_of_the_stream() {
    let cloud = Cloud::new(2);
    for n in 0..40 {
        cloud.kinesis.put(STREAM, &format!("key-{n}"), b"metadata");
    }
    cloud.catch_up(&[]);
    let expected = quarantined(&cloud);
    assert_eq!(expected.len(), 40);
    assert!(
        expected
            .iter()
            .all(|(_, _, key, arrived_at)| key.starts_with("key-") && *arrived_at > 0)
    );
    let shards: BTreeSet<_> = expected.iter().map(|(shard, ..)| shard.clone()).collect();
    assert_eq!(shards.len(), 2);
    let summary = fix(&cloud, &[]);
    assert_eq!(of_reason(&summary, "invalid_json"), [40, 40, 0, 0]);
    let found = seen(&cloud);
    assert_eq!(found.len(), 40);
    assert_eq!(BTreeSet::from_iter(found), expected);
}

/// The records of an aggregate share a sequence number. Their ids tell them apart.
#[test]
fn records_of_an_aggregate_keep_their_places() {
    let cloud = Cloud::new(1);
    let mut aggregate = Aggregator::new(50_000);
    for n in 0..6 {
        let data = if n % 2 == 0 {
            "metadata"
        } else {
            "reject again"
        };
        aggregate.push(&format!("key-{n}"), data.as_bytes());
    }
    let (key, data) = aggregate.finish().unwrap();
    cloud.kinesis.put(STREAM, &key, &data);
    cloud.catch_up(&[]);
    let before: BTreeSet<_> = lake::quarantine(&cloud.lake())
        .into_iter()
        .map(|line| line.rid)
        .collect();
    assert_eq!(before.len(), 6);
    let summary = fix(&cloud, &["--id", "one"]);
    assert_eq!(of_reason(&summary, "invalid_json"), [6, 3, 0, 3]);
    let keys: BTreeSet<_> = seen(&cloud).into_iter().map(|(_, _, key, _)| key).collect();
    assert_eq!(
        keys,
        BTreeSet::from(["key-0", "key-2", "key-4"].map(str::to_owned))
    );
    let again: Vec<_> = lake::quarantine(&cloud.lake())
        .into_iter()
        .filter(|line| line.reason == "not_wanted")
        .map(|line| line.rid)
        .collect();
    assert_eq!(again.len(), 3);
    for (rid, place) in again.iter().zip([1, 3, 5]) {
        assert!(
            before.contains(rid) && rid.ends_with(&format!(":{place}")),
            "{rid}"
        );
    }
}

/// Only objects of chunks with records of a time are taken, and a shard can be chosen.
#[test]
fn records_are_chosen_by_shard_and_by_arrival() {
    let cloud = Cloud::new(2);
    for n in 0..40 {
        cloud.kinesis.put(STREAM, &format!("key-{n}"), b"metadata");
    }
    cloud.catch_up(&[]);
    let of_first = quarantined(&cloud);
    let first = format!("{STREAM}-{SHARD}");
    let of_first = of_first
        .iter()
        .filter(|(shard, ..)| *shard == first)
        .count() as u64;
    let none = fix(&cloud, &["--to", "2020-01-01T00:00:00Z"]);
    assert_eq!(none.count("records"), 0);
    let some = fix(
        &cloud,
        &["--shard", &first, "--from", "2020-01-01T00:00:00Z"],
    );
    assert_eq!(some.count("records"), of_first);
    assert_eq!(fix(&cloud, &[]).count("records"), 40 - of_first);
}
