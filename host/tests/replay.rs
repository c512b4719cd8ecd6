//! Replays of a part of a source into a lake of its own.

use std::path::Path;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::support::cloud::{Cloud, SHARD, STREAM, events, uuid};
use crate::support::lake;
use crate::support::program::{Place, Ran, Summary};

/// A line of fixed length, so that line `n` begins at `100 * n`.
fn line(n: usize) -> String {
    let event =
        format!(r#"{{"event_uuid":"u{n:04}","event_name":"lesson:done","created_at":1767225600"#);
    format!("{event:<98}}}\n")
}

fn place_with_a_file() -> Place {
    let place = Place::new();
    place.write("events.ndjson", (0..100).map(line).collect::<String>());
    place.land(&[]);
    place
}

fn replay(place: &Place, more: &[&str]) -> Ran {
    let args = [
        "replay",
        "--source",
        "file:events.ndjson",
        "--summary",
        "json",
    ];
    place.run(&[&args, more].concat())
}

fn uuids(lake: &Path) -> Vec<String> {
    let mut found: Vec<_> = lake::all_events(lake)
        .iter()
        .map(|event| uuid(event.as_bytes()))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn a_part_of_a_file_goes_through_other_rules_into_a_lake_of_its_own() {
    let place = place_with_a_file();
    let before = lake::tree(&place.lake());
    let config = r#"{"partition_by":["date"]}"#;
    let ran = replay(
        &place,
        &[
            "--from",
            "1000",
            "--to",
            "1500",
            "--lake",
            "file:other",
            "--transform-config",
            config,
        ],
    );
    let summary = ran.summary();
    assert_eq!(summary.counts(["records", "messages"]), [6, 0]);
    let expected: Vec<_> = (10..=15).map(|n| format!("u{n:04}")).collect();
    assert_eq!(uuids(&place.path("other")), expected);
    let objects = lake::objects(&place.path("other"));
    assert!(
        objects.keys().all(|key| key.contains("date=2026-01-01")),
        "{objects:?}"
    );
    assert_eq!(lake::tree(&place.lake()), before);
}

#[test]
fn a_replay_resumes_and_lands_nothing_twice() {
    let place = place_with_a_file();
    let part = ["--from", "2000", "--lake", "file:other"];
    assert_eq!(replay(&place, &part).summary().count("records"), 80);
    let again = replay(&place, &part).summary();
    assert_eq!(again.counts(["records", "already_committed"]), [0, 80]);
    replay(&place, &["--from", "3000", "--lake", "file:other"]).failed(
        1,
        &["from 2000 to the newest", "from 3000", "a lake of its own"],
    );
}

#[test]
fn a_replay_from_beyond_the_end_says_so() {
    let place = place_with_a_file();
    let ran = replay(&place, &["--from", "999999", "--lake", "file:other"]).succeeded();
    let part = "no record from 999999 to the newest";
    assert!(ran.stderr.contains(part), "{ran:?}");
    let ran = replay(&place, &["--from", "9000", "--lake", "file:third"]).succeeded();
    assert!(!ran.stderr.contains("nothing was replayed"), "{ran:?}");
}

#[test]
fn a_run_and_a_replay_do_not_share_a_lake() {
    let place = place_with_a_file();
    replay(&place, &["--lake", "file:lake"]).failed(1, &["belongs to a run"]);
    replay(&place, &["--lake", "file:other"]).succeeded();
    place.try_land(&["--lake", "file:other"]).failed(
        1,
        &["belongs to the replay", "a run needs a lake of its own"],
    );
}

#[test]
fn a_replay_can_use_a_release_that_has_written_to_a_lake() {
    let place = place_with_a_file();
    let config = r#"{"partition_by":["hour"]}"#;
    let hourly = place.land(&["--lake", "file:hourly", "--transform-config", config]);
    let chosen = [
        "--release",
        hourly.release(),
        "--registry",
        "file:hourly/_sluice",
    ];
    let args = [&["--lake", "file:other"][..], &chosen].concat();
    assert_eq!(replay(&place, &args).summary().release(), hourly.release());
    assert_eq!(
        lake::events(&place.path("other")),
        lake::events(&place.path("hourly"))
    );
    let digits = &hourly.release()[..8];
    let chosen = ["--release", digits, "--registry", "file:hourly/_sluice"];
    let args = [&["--lake", "file:short"][..], &chosen].concat();
    assert_eq!(replay(&place, &args).summary().release(), hourly.release());
    for (name, code, part) in [
        ("00000000", 1, "has no release 00000000"),
        ("0000000", 2, "first 8 digits"),
    ] {
        let chosen = ["--release", name, "--registry", "file:hourly/_sluice"];
        let args = [&["--lake", "file:third"][..], &chosen].concat();
        replay(&place, &args).failed(code, &[part]);
    }
    let missing = "0".repeat(64);
    let args = [
        "--lake",
        "file:third",
        "--release",
        &missing,
        "--registry",
        "file:hourly/_sluice",
    ];
    replay(&place, &args).failed(1, &[&missing, "is missing"]);
}

#[test]
fn a_release_excludes_flags_that_give_another_transform() {
    let place = place_with_a_file();
    let chosen = ["--release", "00000000", "--registry", "file:lake/_sluice"];
    for (flag, value) in [
        ("--transform", "other.wasm"),
        ("--transform-config", r#"{"partition_by":["hour"]}"#),
    ] {
        let args = [&["--lake", "file:other", flag, value][..], &chosen].concat();
        let either = format!("give either --release or {flag}, not both");
        replay(&place, &args).failed(2, &[&either]);
    }
    assert!(!place.path("other").exists());
}

#[test]
fn settings_of_the_run_do_not_apply_to_the_replay() {
    let place = place_with_a_file();
    place.write("sluice.toml", "lake = 'file:lake'\nbus = 'file:bus'\n");
    replay(&place, &[]).failed(2, &["lake", "another lake"]);
    let summary = replay(&place, &["--lake", "file:other"]).summary();
    assert_eq!(summary.counts(["messages", "messages_unsent"]), [0, 100]);
    for (args, part) in [
        (["--from", "2026-01-01T00:00:00Z"], "the offset of a line"),
        (["--to", "soon"], "expected a time"),
        (["--shard", "x"], "a file has no shards"),
    ] {
        let args = [&["--lake", "file:third"][..], &args].concat();
        replay(&place, &args).failed(2, &[part]);
    }
}

/// Replays a stream into another prefix.
fn replay_stream(cloud: &Cloud, more: &[&str]) -> Ran {
    let run = cloud.command(&[]);
    let mut replay = cloud
        .place
        .command(&["replay", "--source", "kinesis:events"]);
    replay.args([
        "--lake",
        "s3://bucket/other",
        "--lease",
        "1s",
        "--summary",
        "json",
    ]);
    replay.args(more);
    let environment = run.get_envs();
    replay.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    replay.output().unwrap().into()
}

fn landed(cloud: &Cloud) -> Vec<String> {
    uuids(&cloud.lake().with_file_name("other"))
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
    DateTime::<Utc>::from_timestamp_millis(record.arrival_ms.try_into().unwrap())
        .unwrap()
        .to_rfc3339()
}

#[test]
fn a_time_of_a_stream_is_replayed_across_a_split() {
    let cloud = Cloud::new(2);
    let events = events(400, 21);
    let pause = || thread::sleep(Duration::from_millis(5));
    cloud.put_all(&events[..100]);
    pause();
    cloud.put_all(&events[100..200]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[200..300]);
    pause();
    cloud.put_all(&events[300..]);
    cloud.catch_up(&[]);
    let before = lake::tree(&cloud.lake());
    let (from, to) = (arrival(&cloud, &events[100]), arrival(&cloud, &events[300]));
    let summary: Summary = replay_stream(&cloud, &["--from", &from, "--to", &to]).summary();
    assert_eq!(summary.count("records"), 200);
    assert_eq!(landed(&cloud), sorted(&events[100..300]));
    assert_eq!(lake::tree(&cloud.lake()), before);
}

#[test]
fn records_of_one_shard_are_replayed_by_their_numbers() {
    let cloud = Cloud::new(2);
    let events = events(100, 22);
    cloud.put_all(&events);
    let records = cloud.kinesis.records(STREAM);
    let of_shard: Vec<_> = records
        .iter()
        .filter(|record| record.shard == SHARD)
        .collect();
    let part = &of_shard[5..=9];
    let (from, to) = (&part[0].sequence_number, &part[4].sequence_number);
    let bounds = ["--from", from.as_str(), "--to", to.as_str()];
    replay_stream(&cloud, &bounds).failed(2, &["--shard"]);
    let args = [&bounds[..], &["--shard", SHARD]].concat();
    assert_eq!(replay_stream(&cloud, &args).summary().count("records"), 5);
    let expected: Vec<_> = part.iter().map(|record| record.data.clone()).collect();
    assert_eq!(landed(&cloud), sorted(&expected));
    replay_stream(&cloud, &["--shard", "shardId-000000000009"])
        .failed(1, &["has no shard shardId-000000000009"]);
}

/// A replay binds the ledger of a file to its bounds before it pins anything. If it ends there, the next one must find it.
#[test]
fn a_file_has_one_shard_however_early_a_replay_of_it_ended() {
    let place = Place::new();
    let write = |lines| {
        place.write("events.ndjson", (0..lines).map(line).collect::<String>());
    };
    write(10);
    let from = ["--from", "5000", "--lake"];
    replay(&place, &[&from[..], &["file:other"]].concat()).succeeded();
    write(100);
    for lake in ["file:other", "file:whole"] {
        let ran = replay(&place, &[&from[..], &[lake]].concat());
        assert_eq!(ran.summary().count("records"), 50, "{lake}");
    }
    let objects = |lake: &str| lake::objects(&place.path(lake));
    assert_eq!(objects("other"), objects("whole"));
}
