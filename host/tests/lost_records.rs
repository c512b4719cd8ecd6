//! Records that the stream has lost before they were landed: they have expired, or the stream was created
//! again.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, SHARD, STREAM, events};
use crate::support::lake;
use crate::support::program::{Ran, Summary};
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

const CONTINUE: [&str; 2] = ["--on-expired-checkpoint", "continue"];

/// The sequence numbers of the records of the stream, by shard and in order.
fn numbers(cloud: &Cloud) -> Vec<String> {
    let records = cloud.kinesis.records(STREAM).into_iter();
    records.map(|record| record.sequence_number).collect()
}

/// Runs a worker that runs until it is stopped, and asserts that it stops by itself.
fn stops(cloud: &Cloud, parts: &[&str]) {
    let ran = Ran::from(cloud.command(&[]).output().unwrap());
    ran.failed(1, parts);
}

/// Audits the stream without findings.
fn audit(cloud: &Cloud, quick: bool) -> Summary {
    let mut args = vec!["audit", "--source", "kinesis:events"];
    args.extend(["--lake", "s3://bucket/lake", "--summary", "json"]);
    args.extend(quick.then_some("--quick"));
    let mut audit: Command = cloud.place.command(&args);
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    audit.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    Ran::from(audit.output().unwrap()).summary()
}

/// Asserts that both audits count this many lost ranges and have no findings.
fn audits_count(cloud: &Cloud, lost_ranges: u64) {
    for quick in [false, true] {
        let audited = audit(cloud, quick);
        let found = audited.counts(["lost_ranges", "findings", "wrong"]);
        assert_eq!(found, [lost_ranges, 0, 0], "{audited:?}");
        let notes = audited.0["notes"].to_string();
        assert_eq!(notes.contains("possibly lost"), lost_ranges > 0, "{notes}");
    }
}

#[test]
fn an_expired_checkpoint_stops_a_worker_that_is_not_to_continue() {
    let cloud = Cloud::new(1);
    let events = events(60, 51);
    cloud.put_all(&events[..30]);
    cloud.catch_up(&[]);
    cloud.put_all(&events[30..]);
    let numbers = numbers(&cloud);
    cloud.expire(SHARD, &numbers[39]);
    let (after, before) = (&numbers[29], &numbers[40]);
    let range = format!("possibly lost: records after {after} and before {before}");
    for _ in 0..2 {
        let advice = "--on-expired-checkpoint continue";
        stops(
            &cloud,
            &[SHARD, "has expired", &range, advice, "lost_range"],
        );
        let ledger = cloud.ledger(SHARD);
        let lost = ledger["lost"].as_array().unwrap();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0]["cause"], "expired");
        assert_eq!(lost[0]["after"], after.as_str());
        assert_eq!(lost[0]["before"], before.as_str());
        assert_eq!(lost[0]["continued"], false);
        cloud.holds_exactly(&events[..30]);
    }
    audits_count(&cloud, 1);

    let continued = cloud.catch_up(&CONTINUE);
    assert_eq!(continued.counts(["records", "lost_ranges"]), [20, 1]);
    let landed = [&events[..30], &events[40..]].concat();
    cloud.holds_exactly(&landed);
    assert_eq!(cloud.ledger(SHARD)["lost"][0]["continued"], true);
    let again = cloud.catch_up(&[]);
    assert_eq!(again.counts(["records", "lost_ranges"]), [0, 0]);
    audits_count(&cloud, 1);
}

#[test]
fn a_run_that_continues_and_finds_nothing_resumes_with_the_next_record() {
    let cloud = Cloud::new(1);
    let events = events(60, 52);
    cloud.put_all(&events[..20]);
    cloud.catch_up(&[]);
    cloud.put_all(&events[20..40]);
    cloud.expire(SHARD, &numbers(&cloud)[39]);
    let continued = cloud.catch_up(&CONTINUE);
    assert_eq!(continued.counts(["records", "lost_ranges"]), [0, 1]);
    let again = cloud.catch_up(&[]);
    assert_eq!(again.counts(["records", "lost_ranges"]), [0, 0]);
    cloud.put_all(&events[40..]);
    assert_eq!(cloud.catch_up(&[]).count("records"), 20);
    cloud.holds_exactly(&[&events[..20], &events[40..]].concat());
    let first = cloud.kinesis.records(STREAM)[0].sequence_number.clone();
    assert_eq!(cloud.ledger(SHARD)["lost"][0]["before"], first);
    audits_count(&cloud, 1);
}

/// A worker has seen that there was nothing to land, so the ledger knows that nothing is lost.
#[test]
fn a_shard_that_was_idle_for_longer_than_the_retention_has_lost_nothing() {
    let cloud = Cloud::new(1);
    let events = events(50, 53);
    cloud.put_all(&events[..30]);
    cloud.catch_up(&[]);
    cloud.kinesis.trim(STREAM, SHARD, &numbers(&cloud)[29]);
    assert_eq!(
        cloud.catch_up(&[]).counts(["records", "lost_ranges"]),
        [0, 0]
    );
    cloud.put_all(&events[30..]);
    let later = cloud.catch_up(&[]);
    assert_eq!(later.counts(["records", "lost_ranges"]), [20, 0]);
    cloud.holds_exactly(&events);
    assert_eq!(cloud.ledger(SHARD)["lost"], Value::Null);
    audits_count(&cloud, 0);
}

/// As long as the record of the checkpoint is there, nothing behind it has expired, however old it is.
#[test]
fn a_checkpoint_that_can_be_read_has_lost_nothing() {
    let cloud = Cloud::new(1);
    let events = events(50, 54);
    cloud.put_all(&events[..30]);
    cloud.catch_up(&[]);
    cloud.put_all(&events[30..]);
    cloud.expire(SHARD, &numbers(&cloud)[28]);
    let later = cloud.catch_up(&[]);
    assert_eq!(later.counts(["records", "lost_ranges"]), [20, 0]);
    cloud.holds_exactly(&events);
}

/// Kills a worker that has put the objects and the manifest of a chunk of these events.
fn interrupt(cloud: &Cloud, events: &[Vec<u8>]) {
    cloud.put_all(events);
    let commit = Rule::new(Fault::Hold).method("PUT").path("_sluice/ledger");
    let commit = cloud.proxy(S3).add(commit.body("\"committed\": {"));
    let killed = cloud.worker_with_log("killed.log", &[]);
    assert!(cloud.proxy(S3).wait_for_hits(commit, 1, TIMEOUT));
    drop(killed);
    cloud.proxy(S3).remove_rules();
}

/// Half of the pinned range is left. It may have landed, so it is not landed under another name.
#[test]
fn a_pinned_range_that_has_expired_in_part_lands_nothing_twice() {
    let cloud = Cloud::new(1);
    let events = events(40, 55);
    interrupt(&cloud, &events[..20]);
    cloud.put_all(&events[20..]);
    let numbers = numbers(&cloud);
    cloud.expire(SHARD, &numbers[9]);
    let pinned = format!("the pinned range {} to {}", numbers[0], numbers[19]);
    stops(
        &cloud,
        &[SHARD, &pinned, "--on-expired-checkpoint continue"],
    );
    assert_ne!(cloud.ledger(SHARD)["pending"], Value::Null);
    let continued = cloud.catch_up(&CONTINUE);
    assert_eq!(continued.counts(["records", "lost_ranges"]), [20, 1]);
    cloud.holds_exactly(&events);
    assert_eq!(cloud.ledger(SHARD)["pending"], Value::Null);
    audits_count(&cloud, 1);
}

/// The stream does not list the parent any more. Each child notes the loss before it lands anything.
#[test]
fn a_parent_shard_that_has_expired_before_its_end_is_recognized() {
    let cloud = Cloud::new(1);
    let events = events(80, 58);
    cloud.put_all(&events[..20]);
    cloud.catch_up(&[]);
    let after = numbers(&cloud)[19].clone();
    cloud.put_all(&events[20..40]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[40..]);
    cloud.kinesis.remove_shard(STREAM, SHARD);
    let range = format!("records of the parent shard {STREAM}-{SHARD} after {after}");
    stops(&cloud, &["possibly lost", &range, "continue"]);
    cloud.holds_exactly(&events[..20]);
    let landed = [&events[..20], &events[40..]].concat();
    let continued = cloud.catch_up(&CONTINUE);
    assert_eq!(continued.counts(["records", "lost_ranges"]), [40, 2]);
    cloud.holds_exactly(&landed);
    assert_eq!(
        cloud.catch_up(&[]).counts(["records", "lost_ranges"]),
        [0, 0]
    );
    audits_count(&cloud, 2);
}

/// The parents of the shards that are left were never opened, so they have no ledger.
#[test]
fn a_parent_shard_that_nobody_opened_is_recognized() {
    let cloud = Cloud::new(1);
    let events = events(80, 60);
    cloud.put_all(&events[..20]);
    cloud.catch_up(&[]);
    let children = ["shardId-000000000001", "shardId-000000000002"];
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[20..40]);
    for child in children {
        cloud.kinesis.split(STREAM, child);
    }
    cloud.put_all(&events[40..]);
    for gone in [SHARD, children[0], children[1]] {
        cloud.kinesis.remove_shard(STREAM, gone);
    }
    stops(&cloud, &["possibly lost", "parent shard", "continue"]);
    cloud.holds_exactly(&events[..20]);
    // The start of the pipeline is not where this run begins.
    let continued = cloud.catch_up(&[&CONTINUE[..], &["--start", "latest"]].concat());
    assert_eq!(continued.counts(["records", "lost_ranges"]), [40, 4]);
    cloud.holds_exactly(&[&events[..20], &events[40..]].concat());
    audits_count(&cloud, 4);
}

/// Records that expired before the retention was raised do not come back.
#[test]
fn a_retention_that_is_raised_while_nothing_runs_hides_no_loss() {
    const HOUR_MS: i64 = 3_600_000;
    let cloud = Cloud::new(1);
    let events = events(50, 61);
    cloud.put_all(&events[..30]);
    cloud.catch_up(&[]);
    cloud.put_all(&events[30..]);
    cloud.kinesis.trim(STREAM, SHARD, &numbers(&cloud)[39]);
    let mut ledger = cloud.ledger(SHARD);
    assert_eq!(ledger["stream_retention_ms"], 24 * HOUR_MS);
    // The stream kept records for an hour, and nothing ran for two.
    ledger["stream_retention_ms"] = HOUR_MS.into();
    let known = &mut ledger["lease"]["caught_up_to"];
    *known = (known.as_i64().unwrap() - 2 * HOUR_MS).into();
    cloud.put_ledger(SHARD, &ledger);
    stops(&cloud, &[SHARD, "has expired", "possibly lost"]);
}

/// A parent that is finished needs no record any more.
#[test]
fn a_parent_shard_that_has_expired_after_its_end_is_no_loss() {
    let cloud = Cloud::new(1);
    let events = events(60, 59);
    cloud.put_all(&events[..20]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.catch_up(&[]);
    cloud.kinesis.remove_shard(STREAM, SHARD);
    cloud.put_all(&events[20..]);
    assert_eq!(
        cloud.catch_up(&[]).counts(["records", "lost_ranges"]),
        [40, 0]
    );
    cloud.holds_exactly(&events);
}

/// The stream has other shards than before: one of them was finished.
#[test]
fn a_stream_that_was_created_again_is_recognized() {
    let cloud = Cloud::new(1);
    let events = events(70, 56);
    cloud.put_all(&events[..20]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[20..40]);
    cloud.catch_up(&[]);
    assert_eq!(cloud.ledger(SHARD)["finished"], true);
    let created = cloud.ledger(SHARD)["stream_created_at"].clone();
    cloud.kinesis.delete_stream(STREAM);
    cloud.kinesis.create_stream(STREAM, 1);
    cloud.put_all(&events[40..]);
    stops(&cloud, &[SHARD, "deleted and created again", "continue"]);
    cloud.holds_exactly(&events[..40]);
    let lost = &cloud.ledger(SHARD)["lost"][0];
    assert_eq!(
        (&lost["cause"], &lost["continued"]),
        (&"recreated".into(), &false.into())
    );

    let continued = cloud.catch_up(&CONTINUE);
    assert_eq!(continued.counts(["records", "lost_ranges"]), [30, 1]);
    cloud.holds_exactly(&events);
    let ledger = cloud.ledger(SHARD);
    assert_ne!(ledger["stream_created_at"], created);
    assert_eq!(ledger["finished"], Value::Null);
    assert_eq!(
        cloud.catch_up(&[]).counts(["records", "lost_ranges"]),
        [0, 0]
    );
}

/// The iterators of the old stream are not valid any more.
#[test]
fn a_running_worker_recognizes_a_stream_that_was_created_again() {
    let cloud = Cloud::new(1);
    let events = events(40, 60);
    cloud.put_all(&events[..20]);
    let mut worker = cloud.worker_with_log("worker.log", &[]);
    worker.until(|| lake::all_events(&cloud.lake()).len() == 20);
    worker.until(|| cloud.ledger(SHARD)["committed"]["records"] == 20);
    cloud.kinesis.delete_stream(STREAM);
    cloud.kinesis.create_stream(STREAM, 1);
    cloud.put_all(&events[20..]);
    let code = worker.ends();
    let log = cloud.log("worker.log");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("deleted and created again"), "{log}");
    cloud.holds_exactly(&events[..20]);
}

/// The pinned chunk was landed, but not committed.
#[test]
fn a_pinned_range_of_a_stream_that_was_created_again_is_given_up() {
    let cloud = Cloud::new(1);
    let events = events(40, 57);
    interrupt(&cloud, &events[..20]);
    cloud.kinesis.delete_stream(STREAM);
    cloud.kinesis.create_stream(STREAM, 1);
    cloud.put_all(&events[20..]);
    stops(&cloud, &[SHARD, "the pinned range", "created again"]);
    assert_eq!(cloud.catch_up(&CONTINUE).count("records"), 20);
    cloud.holds_exactly(&events);
    audits_count(&cloud, 1);
}
