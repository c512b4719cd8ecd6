//! A mapping that starts on a stream that has records already.

use super::{function, mapping, settings};
use crate::support::cloud::{Cloud, SHARD, STREAM, events};
use crate::support::lake;
use crate::support::lambda::{Settings, StartingPosition};
use crate::support::program::{Ran, Summary};

/// A function whose mapping was created when the stream had 50 records. 70 more came later.
fn begun_late() -> Cloud {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(50, 81));
    let function = function(&cloud, &[]);
    let latest = Settings {
        starting_position: StartingPosition::Latest,
        batch_size: 30,
        ..settings()
    };
    let mut mapping = mapping(&cloud, &function, latest);
    let later = events(70, 82);
    cloud.put_all(&later);
    mapping.run_until_idle();
    cloud.holds_exactly(&later);
    drop(mapping);
    drop(function);
    cloud
}

fn audit(cloud: &Cloud) -> Ran {
    let run = cloud.command(&[]);
    let args = ["audit", "--source", "kinesis:events", "--lake"];
    let mut audit = cloud.place.command(&args);
    audit.args(["s3://bucket/lake", "--summary", "json"]);
    let environment = run.get_envs();
    audit.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    audit.output().unwrap().into()
}

const COUNTS: [&str; 4] = ["in_lake", "before", "wrong", "gone"];

#[test]
fn records_from_before_the_mapping_are_not_missing() {
    let cloud = begun_late();
    assert_eq!(audit(&cloud).summary().counts(COUNTS), [70, 50, 0, 0]);
    // The first record that the function got expires from the stream at some time.
    let records = cloud.kinesis.records(STREAM);
    let trimmed = &records[79].sequence_number;
    cloud.kinesis.trim(STREAM, SHARD, trimmed);
    assert_eq!(audit(&cloud).summary().counts(COUNTS), [40, 0, 0, 30]);
}

#[test]
fn an_object_from_after_the_start_of_the_mapping_is_missing() {
    let cloud = begun_late();
    let objects = lake::tree(&cloud.lake()).into_keys();
    let first = objects
        .into_iter()
        .find(|key| key.starts_with("event_type=") && key.ends_with(".ndjson.zst"));
    std::fs::remove_file(cloud.lake().join(first.unwrap())).unwrap();
    let ran = audit(&cloud).failed(1, &["not proven"]);
    let summary = ran.stdout.lines().last().unwrap();
    let [_, before, wrong, _] = Summary(serde_json::from_str(summary).unwrap()).counts(COUNTS);
    assert_eq!((before, wrong > 0), (50, true));
}
