//! A stream into S3: shards, leases, kills. Every test ends with the same check: each record is in
//! exactly one place.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use sluice::source::aggregate::{Aggregator, hash_key};

use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, SHARD, STREAM, events, signal, uuid};
use crate::support::lake;
use crate::support::program::{Ran, Running};
use testkit::proxy::{Fault, Rule};
use testkit::rpc::Failure;

#[test]
fn a_stream_lands_once_and_a_second_run_finds_nothing_to_do() {
    let cloud = Cloud::new(3);
    let events = events(600, 1);
    cloud.put_all(&events);
    assert_eq!(
        cloud.catch_up(&[]).counts(["records", "events"]),
        [600, 600]
    );
    cloud.holds_exactly(&events);
    assert_eq!(
        cloud.catch_up(&[]).counts(["records", "already_committed"]),
        [0, 600]
    );
    cloud.holds_exactly(&events);
}

#[test]
fn shards_are_split_and_merged_without_losing_a_record() {
    let cloud = Cloud::new(2);
    let events = events(900, 2);
    cloud.put_all(&events[..300]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[300..600]);
    cloud
        .kinesis
        .merge(STREAM, "shardId-000000000002", "shardId-000000000003");
    cloud.put_all(&events[600..]);
    assert_eq!(cloud.catch_up(&[]).count("records"), 900);
    cloud.holds_exactly(&events);
    for closed in [SHARD, "shardId-000000000002", "shardId-000000000003"] {
        assert_eq!(cloud.ledger(closed)["finished"], true, "{closed}");
    }
}

/// A stream lists closed shards as long as it keeps their records, and a worker polls several times
/// per lease.
#[test]
fn the_ledger_of_a_finished_shard_is_not_read_again() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(20, 12));
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events(20, 13));
    let mut worker = cloud.worker_with_log("worker.log", &[]);
    worker.until(|| lake::all_events(&cloud.lake()).len() == 40);
    let proxy = cloud.proxy(S3);
    proxy.forget_seen();
    let reads = |shard: &str| {
        let seen = proxy.seen().into_iter();
        let reads = seen.filter(|seen| seen.method == "GET" && seen.path.contains(shard));
        reads.count()
    };
    worker.until(|| reads("shardId-000000000001") >= 5);
    assert_eq!(reads(SHARD), 0);
}

#[test]
fn throttling_and_expired_iterators_are_retried() {
    let cloud = Cloud::new(1);
    let events = events(200, 3);
    cloud.put_all(&events);
    cloud.kinesis.throttle("GetRecords", 5);
    cloud.kinesis.throttle("GetShardIterator", 4);
    cloud.kinesis.throttle("ListShards", 4);
    let mut worker = Running(cloud.worker());
    worker.until(|| lake::all_events(&cloud.lake()).len() == 200);
    cloud.kinesis.expire_iterators();
    let later = self::events(100, 4);
    cloud.put_all(&later);
    worker.until(|| lake::all_events(&cloud.lake()).len() == 300);
    drop(worker);
    cloud.catch_up(&[]);
    cloud.holds_exactly(&[events, later].concat());
}

#[test]
fn records_of_an_aggregate_have_ids_of_their_own() {
    let cloud = Cloud::new(1);
    let mut aggregator = Aggregator::new(50_000);
    let events = events(100, 5);
    for event in &events {
        aggregator.push(&uuid(event), event);
    }
    aggregator.push("broken", b"no event");
    let (key, data) = aggregator.finish().unwrap();
    let (_, sequence) = cloud.kinesis.put(STREAM, &key, &data);
    assert_eq!(
        cloud
            .catch_up(&[])
            .counts(["records", "events", "quarantined"]),
        [101, 100, 1]
    );
    cloud.holds_exactly(&events);
    let quarantined = lake::quarantine(&cloud.lake());
    assert_eq!(
        quarantined[0].rid,
        format!("{STREAM}-{SHARD}:{sequence}:100")
    );
}

#[test]
fn a_worker_that_shuts_down_releases_its_shards() {
    let cloud = Cloud::new(2);
    let events = events(100, 6);
    cloud.put_all(&events);
    let mut worker = Running(cloud.worker());
    worker.until(|| !lake::all_events(&cloud.lake()).is_empty());
    signal(&worker.0, "TERM");
    assert_eq!(worker.0.wait().unwrap().code(), Some(0));
    for shard in [SHARD, "shardId-000000000001"] {
        let ledger = cloud.ledger(shard);
        assert_eq!(
            (&ledger["pending"], &ledger["lease"]["owner"]),
            (&Value::Null, &Value::Null)
        );
    }
    cloud.catch_up(&[]);
    cloud.holds_exactly(&events);
}

#[test]
fn two_workers_share_a_stream_and_survive_kills() {
    let cloud = Cloud::new(3);
    let events = events(1_500, 7);
    let mut workers = [Running(cloud.worker()), Running(cloud.worker())];
    for (round, part) in events.chunks(150).enumerate() {
        cloud.put_all(part);
        if round == 3 {
            cloud.kinesis.split(STREAM, "shardId-000000000001");
        }
        // Long enough for progress, and different every time.
        thread::sleep(Duration::from_millis(150 + 170 * (round as u64 % 5)));
        workers[round % 2] = Running(cloud.worker());
    }
    drop(workers);
    cloud.catch_up(&[]);
    cloud.holds_exactly(&events);
}

#[test]
fn a_frozen_worker_that_wakes_up_commits_nothing() {
    let cloud = Cloud::new(1);
    let events = events(400, 8);
    cloud.put_all(&events[..200]);
    let mut frozen = Running(cloud.worker());
    frozen.until(|| !lake::all_events(&cloud.lake()).is_empty());
    signal(&frozen.0, "STOP");
    cloud.put_all(&events[200..]);
    cloud.catch_up(&[]);
    cloud.holds_exactly(&events);
    let ledger = cloud.ledger(SHARD)["committed"].clone();
    signal(&frozen.0, "CONT");
    let mut after = Running(cloud.worker());
    let more = self::events(50, 9);
    cloud.put_all(&more);
    after.until(|| lake::all_events(&cloud.lake()).len() == 450);
    drop((frozen, after));
    cloud.catch_up(&[]);
    cloud.holds_exactly(&[events, more].concat());
    assert_ne!(cloud.ledger(SHARD)["committed"], ledger);
}

#[test]
fn a_new_pipeline_begins_at_the_configured_start() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(50, 10));
    let from_now = cloud.catch_up(&["--start", "latest"]);
    assert_eq!(from_now.count("records"), 0);
    let later = events(20, 12);
    cloud.put_all(&later);
    assert_eq!(cloud.catch_up(&[]).count("records"), 20);
    cloud.holds_exactly(&later);
}

#[test]
fn children_begin_where_the_pipeline_did() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(50, 13));
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events(50, 14));
    let from_now = cloud.catch_up(&["--start", "latest"]);
    assert_eq!(from_now.count("records"), 0);
    let mut later = events(40, 15);
    cloud.put_all(&later);
    cloud.kinesis.split(STREAM, "shardId-000000000001");
    let more = events(40, 16);
    cloud.put_all(&more);
    later.extend(more);
    cloud.catch_up(&["--start", "latest"]);
    cloud.holds_exactly(&later);
}

/// The records of a child are newer than all records of its parent.
#[test]
fn a_child_shard_starts_after_its_parent_is_finished() {
    let cloud = Cloud::new(1);
    let events = events(60, 18);
    cloud.put_all(&events[..30]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[30..]);
    let s3 = cloud.proxy(S3);
    let slow = Fault::Hang(Duration::from_secs(1));
    s3.add(Rule::new(slow).method("PUT").path("event_type"));
    cloud.catch_up(&[]);
    cloud.holds_exactly(&events);
    let seen = s3.seen().into_iter();
    let ledgers: Vec<_> = seen
        .filter(|seen| seen.method == "PUT" && seen.path.contains("_sluice/ledger/"))
        .map(|seen| seen.path.contains(SHARD))
        .collect();
    let parent_ends = ledgers.iter().rposition(|is_parent| *is_parent).unwrap();
    let child_begins = ledgers.iter().position(|is_parent| !is_parent).unwrap();
    assert!(parent_ends < child_begins, "{ledgers:?}");
}

#[test]
fn misplaced_records_are_kept_or_dropped() {
    let cloud = Cloud::new(2);
    let events = events(60, 17);
    let mut aggregator = Aggregator::new(50_000);
    for event in &events {
        aggregator.push(&uuid(event), event);
    }
    let (key, data) = aggregator.finish().unwrap();
    let (shard, _) = cloud.kinesis.put(STREAM, &key, &data);
    let half = 1 << 127;
    let (first, second): (Vec<_>, Vec<_>) = events
        .iter()
        .cloned()
        .partition(|event| hash_key(&uuid(event)) < half);
    let (theirs, others) = if shard == SHARD {
        (first, second)
    } else {
        (second, first)
    };
    let dropped = cloud.catch_up(&["--misplaced-records", "drop"]);
    assert_eq!(
        dropped.counts(["records", "misplaced_records"]),
        [theirs.len() as u64, others.len() as u64]
    );
    cloud.holds_exactly(&theirs);
    let kept = Cloud::new(2);
    kept.kinesis.put(STREAM, &key, &data);
    assert_eq!(
        kept.catch_up(&[]).counts(["records", "misplaced_records"]),
        [60, 0]
    );
    kept.holds_exactly(&events);
}

#[test]
fn a_start_in_the_future_is_rejected() {
    let cloud = Cloud::new(1);
    let mut command = cloud.command(&["--start", "2100-01-01T00:00:00Z"]);
    Ran::from(command.output().unwrap()).failed(2, &["start", "future"]);
}

/// Each attempt sends the other messages of the chunk again.
#[test]
fn a_shard_whose_message_the_queue_rejects_backs_off_longer_each_time() {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    cloud.put_all(&events(5, 18));
    let rejected = Failure::new("InvalidMessageContents", "not this one");
    (0..2).for_each(|_| cloud.sqs.fail_entries_with(&[2], &rejected));
    let mut worker = cloud.worker_with_log("worker.log", &[]);
    let backs_off = |seconds: u8| {
        let expected = format!("retry_in_s={seconds}");
        let log = cloud.log("worker.log");
        let mut lines = log.lines().filter(|line| line.contains("has stopped"));
        lines.any(|line| line.contains("the message of record") && line.contains(&expected))
    };
    worker.until(|| backs_off(10));
    worker.until(|| backs_off(20));
    drop(worker);
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

#[test]
fn a_file_and_a_stream_land_the_same_events() {
    let cloud = Cloud::new(2);
    let events = events(300, 11);
    cloud.put_all(&events);
    cloud.catch_up(&[]);
    let mut file = events.join(&b'\n');
    file.push(b'\n');
    cloud.place.write("events.ndjson", file);
    cloud.place.land(&["--bus", "none"]);
    assert_eq!(
        lake::all_events(&cloud.lake()),
        lake::all_events(&cloud.place.lake())
    );
}

#[test]
fn a_missing_stream_is_named() {
    let cloud = Cloud::new(1);
    let mut command = cloud.command_on("kinesis:nothing", &["--exit-when-caught-up"]);
    Ran::from(command.output().unwrap()).failed(1, &["the stream nothing", "not found"]);
}
