//! Quarantined records of a stream, in a bucket.

use serde_json::{Value, json};
use sluice::layout::object_key::ParsedKey;

use super::lines;
use crate::support::cloud::{Cloud, SHARD, STREAM};
use crate::support::lake;
use crate::support::program::Ran;

/// Runs a command of quarantine on the lake in the bucket.
fn quarantine(cloud: &Cloud, args: &[&str]) -> Ran {
    let (command, more) = args.split_first().unwrap();
    let lake = ["quarantine", command, "--lake", "s3://bucket/lake"];
    let mut command = cloud.place.command(&[&lake[..], more].concat());
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    Ran::from(command.output().unwrap())
}

fn put(cloud: &Cloud, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let data = format!("no event {number}");
        cloud
            .kinesis
            .put(STREAM, "a \u{1b}[2J key", data.as_bytes());
    }
}

#[test]
fn records_of_a_stream_have_their_keys_and_times() {
    let cloud = Cloud::new(2);
    put(&cloud, 0..20);
    cloud.catch_up(&[]);
    let before = lake::tree(&cloud.lake());
    let listed = lines(quarantine(&cloud, &["list", "--json"]));
    assert_eq!(listed[0]["records"], 20);
    let times = ["first_arrived_at", "last_arrived_at"];
    let [first, last] = times.map(|name| listed[0][name].as_u64().unwrap());
    assert!(0 < first && first <= last);
    let at = |milliseconds: u64| {
        let time = chrono::DateTime::from_timestamp_millis(milliseconds.try_into().unwrap());
        time.unwrap().to_rfc3339()
    };
    for (flags, expected) in [
        (["--from", &at(first)], 20),
        (["--from", &at(last + 1)], 0),
        (["--to", &at(first)], 0),
        (["--to", &at(last + 1)], 20),
    ] {
        let flags = [&["list", "--json"], &flags[..]].concat();
        let summary = lines(quarantine(&cloud, &flags)).pop().unwrap();
        assert_eq!(summary["summary"]["records"], expected, "{flags:?}");
    }
    let record = &lake::quarantine(&cloud.lake())[7];
    let shown = quarantine(&cloud, &["show", &record.rid])
        .succeeded()
        .stdout;
    assert!(shown.contains("key       a \\u{1b}[2J key"), "{shown}");
    let shown = lines(quarantine(&cloud, &["show", &record.rid, "--json"]));
    assert_eq!(
        shown[0]["partition_key"].as_str(),
        record.partition_key.as_deref()
    );
    assert_eq!(shown[0]["arrived_at"].as_u64(), record.arrived_at);
    assert_eq!(lake::tree(&cloud.lake()), before);
}

#[test]
fn a_range_that_was_given_up_is_said_and_not_listed() {
    let cloud = Cloud::new(1);
    put(&cloud, 0..5);
    cloud.catch_up(&[]);
    let objects = lines(quarantine(&cloud, &["list", "--objects", "--json"]));
    let (key, records) = (objects[0]["key"].as_str().unwrap(), &objects[0]["records"]);
    let chunk = ParsedKey::parse(key).unwrap().chunk;
    let range = json!({ "first": chunk.first, "last": chunk.last, "count": records });
    put(&cloud, 5..8);
    cloud.catch_up(&[]);
    let mut ledger = cloud.ledger(SHARD);
    ledger["lost"] = json!([{
        "cause": "expired", "pinned": range, "found_at": 1, "continued": true,
    }]);
    cloud.put_ledger(SHARD, &ledger);
    let ran = quarantine(&cloud, &["list", "--json"]).succeeded();
    for part in [
        "1 file in quarantine of ranges that a run has given up",
        key,
    ] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    let summary: Value = lines(ran).pop().unwrap();
    let left = 8 - records.as_u64().unwrap();
    assert_eq!(summary["summary"]["records"], left);
}
