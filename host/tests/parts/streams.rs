//! The shards of a stream in parts.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{PARTS, records, run_all, second_manifest};
use crate::support::cloud::{Cloud, SHARD, STREAM, events, uuid};
use crate::support::lake;
use crate::support::program::Ran;

const SECOND: &str = "shardId-000000000001";

/// A stream of these shards, without anything in it. Each answer with records becomes a chunk.
fn stream(shards: usize) -> Cloud {
    let mut cloud = Cloud::new(shards);
    cloud.place.install();
    cloud.kinesis.records_per_read(30);
    cloud
}

/// A command on the stream and a lake in the bucket, which reaches S3 at an endpoint.
fn command(cloud: &Cloud, endpoint: &str, args: &[&str]) -> Command {
    let mut command = cloud.place.command(args);
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command.env("AWS_ENDPOINT_URL_S3", endpoint);
    command
}

fn replay(cloud: &Cloud, endpoint: &str, lake: &str, more: &[&str]) -> Command {
    let lake = format!("s3://bucket/{lake}");
    let args = [
        "replay",
        "--source",
        "kinesis:events",
        "--lake",
        &lake,
        "--lease",
        "1s",
    ];
    let chunks = ["--chunk-records", "1", "--summary", "json"];
    command(cloud, endpoint, &[&args[..], &chunks, more].concat())
}

fn part(cloud: &Cloud, number: &str) -> Ran {
    let s3 = &cloud.s3.endpoint;
    let mut command = replay(cloud, s3, "parts", &["--part", number]);
    command.output().unwrap().into()
}

fn root(cloud: &Cloud, lake: &str) -> PathBuf {
    cloud.lake().with_file_name(lake)
}

fn uuids(cloud: &Cloud, lake: &str) -> Vec<String> {
    let events = lake::all_events(&root(cloud, lake)).into_iter();
    let mut uuids: Vec<_> = events.map(|event| uuid(event.as_bytes())).collect();
    uuids.sort_unstable();
    uuids
}

fn sorted(events: &[Vec<u8>]) -> Vec<String> {
    let mut all: Vec<_> = events.iter().map(|event| uuid(event)).collect();
    all.sort_unstable();
    all
}

/// The arrival time of an event's record.
fn arrival(cloud: &Cloud, event: &[u8]) -> String {
    let records = cloud.kinesis.records(STREAM);
    let record = records.iter().find(|record| record.data == event).unwrap();
    let arrived_at = DateTime::<Utc>::from_timestamp_millis(record.arrival_ms.try_into().unwrap());
    arrived_at.unwrap().to_rfc3339()
}

#[test]
fn eight_parts_of_which_three_are_killed_land_what_one_replay_lands() {
    let cloud = stream(4);
    let events = events(1_000, 71);
    let pause = || thread::sleep(Duration::from_millis(5));
    cloud.put_all(&events[..500]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[500..900]);
    pause();
    cloud.put_all(&events[900..]);
    let to = arrival(&cloud, &events[900]);
    // A family of three shards, three others, and four parts without any.
    let landed = run_all(
        &cloud.s3.endpoint,
        &[1, 2, 3],
        &second_manifest(),
        |part, endpoint| {
            let part = format!("{part}/{PARTS}");
            replay(&cloud, endpoint, "parts", &["--part", &part, "--to", &to])
        },
    );
    assert_eq!(records(&landed), 900);
    let idle = landed
        .iter()
        .filter(|part| records(std::slice::from_ref(part)) == 0);
    assert_eq!(idle.count(), 4);
    let whole: Ran = replay(&cloud, &cloud.s3.endpoint, "whole", &["--to", &to])
        .output()
        .unwrap()
        .into();
    assert_eq!(whole.summary().count("records"), 900);
    assert_eq!(uuids(&cloud, "parts"), sorted(&events[..900]));
    assert!(
        lake::objects(&root(&cloud, "parts")) == lake::objects(&root(&cloud, "whole")),
        "other objects"
    );
    let audit = [
        "audit",
        "--source",
        "kinesis:events",
        "--lake",
        "s3://bucket/parts",
    ];
    let audit: Ran = command(&cloud, &cloud.s3.endpoint, &audit)
        .output()
        .unwrap()
        .into();
    assert!(audit.succeeded().stdout.contains("proven"));
}

#[test]
fn shards_that_came_after_the_plan_are_named_and_left_to_a_replay_without_parts() {
    let cloud = stream(2);
    let events = events(300, 72);
    cloud.put_all(&events[..200]);
    part(&cloud, "1/2").succeeded();
    cloud.kinesis.split(STREAM, SECOND);
    cloud.put_all(&events[200..]);
    let in_children = cloud.kinesis.records(STREAM);
    let in_children = in_children
        .iter()
        .filter(|record| record.shard.as_str() > SECOND);
    let in_children = in_children.count() as u64;
    assert!(in_children > 0);
    let ran = part(&cloud, "2/2");
    for text in [
        "shardId-000000000002",
        "shardId-000000000003",
        "2 sources came after the parts",
    ] {
        assert!(ran.stderr.contains(text), "{text}: {ran:?}");
    }
    let of_second = cloud.kinesis.records(STREAM);
    let of_second = of_second
        .iter()
        .filter(|record| record.shard == SECOND)
        .count() as u64;
    assert_eq!(
        ran.summary().counts(["records", "unplanned"]),
        [of_second, 2]
    );
    let rest: Ran = replay(&cloud, &cloud.s3.endpoint, "parts", &[])
        .output()
        .unwrap()
        .into();
    let rest = rest.summary();
    assert!(rest.count("records") >= in_children, "{rest:?}");
    assert_eq!(uuids(&cloud, "parts"), sorted(&events));
}

/// The end of the bounds has passed when the parts are planned.
#[test]
fn a_shard_that_is_created_behind_the_bounds_is_not_missed() {
    let cloud = stream(2);
    let events = events(200, 77);
    cloud.put_all(&events[..100]);
    thread::sleep(Duration::from_millis(5));
    cloud.put_all(&events[100..]);
    let to = arrival(&cloud, &events[100]);
    let part = |number: &str| {
        let more = ["--part", number, "--to", &to];
        let mut command = replay(&cloud, &cloud.s3.endpoint, "parts", &more);
        Ran::from(command.output().unwrap()).summary()
    };
    part("1/2");
    cloud.kinesis.split(STREAM, SECOND);
    assert_eq!(part("2/2").count("unplanned"), 0);
    assert_eq!(uuids(&cloud, "parts"), sorted(&events[..100]));
}

#[test]
fn a_shard_that_expired_before_it_landed_fails_its_part() {
    let cloud = stream(2);
    cloud.put_all(&events(200, 73));
    part(&cloud, "1/2").succeeded();
    cloud.kinesis.split(STREAM, SECOND);
    cloud.kinesis.remove_shard(STREAM, SECOND);
    let texts = [SECOND, "planned for part 2/2", "not there any more"];
    part(&cloud, "2/2").failed(1, &texts);
    part(&cloud, "1/2").succeeded();
}

#[test]
fn a_shard_that_expired_after_it_landed_is_no_error() {
    let cloud = stream(2);
    let events = events(200, 74);
    cloud.put_all(&events);
    part(&cloud, "1/2").succeeded();
    cloud.kinesis.split(STREAM, SECOND);
    part(&cloud, "2/2").succeeded();
    cloud.kinesis.remove_shard(STREAM, SECOND);
    part(&cloud, "2/2").succeeded();
    assert_eq!(uuids(&cloud, "parts"), sorted(&events));
}

#[test]
fn a_stream_that_was_created_again_is_another_source() {
    let cloud = stream(2);
    cloud.put_all(&events(50, 75));
    part(&cloud, "1/2").succeeded();
    cloud.kinesis.delete_stream(STREAM);
    thread::sleep(Duration::from_millis(5));
    cloud.kinesis.create_stream(STREAM, 2);
    cloud.put_all(&events(50, 76));
    part(&cloud, "2/2").failed(1, &["deleted and created again", "another lake"]);
}
