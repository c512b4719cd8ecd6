//! `--exit-when-caught-up`, alone and beside workers that keep their shards, and shutdowns before it.

use std::fs;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cases::at_once;
use crate::support::cloud::Service::{Kinesis, S3};
use crate::support::cloud::{Cloud, SHARD, STREAM, events, signal, uuid};
use crate::support::lake;
use crate::support::program::{Ran, Running};
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

const EXIT: &str = "--exit-when-caught-up";

const SECOND: &str = "shardId-000000000001";

/// Puts of objects of events.
fn objects(fault: Fault) -> Rule {
    Rule::new(fault).method("PUT").path("event_type").always()
}

fn landed(cloud: &Cloud) -> usize {
    lake::all_events(&cloud.lake()).len()
}

/// Releases what the proxy of S3 holds, and holds nothing any more.
fn release(cloud: &Cloud) {
    cloud.proxy(S3).remove_rules();
    cloud.proxy(S3).release_held();
}

/// The other worker has landed everything and keeps at least one of the shards.
fn ends_beside_an_idle_worker(shards: usize) {
    let cloud = Cloud::new(shards);
    let events = events(200, 41);
    cloud.put_all(&events[..150]);
    let mut holder = cloud.worker_with_log("holder.log", &[]);
    holder.until(|| landed(&cloud) == 150);
    let mut other = cloud.worker_with_log("other.log", &[EXIT]);
    assert_eq!(other.ends(), Some(0), "{}", cloud.log("other.log"));
    assert!(holder.0.try_wait().unwrap().is_none());
    cloud.put_all(&events[150..]);
    holder.until(|| landed(&cloud) == 200);
    cloud.holds_exactly(&events);
    signal(&holder.0, "TERM");
    assert_eq!(holder.ends(), Some(0), "{}", cloud.log("holder.log"));
}

#[test]
fn a_worker_ends_beside_one_that_keeps_its_shards() {
    at_once([1, 2, 4].map(|shards| {
        let name = format!("{shards} shards");
        (name, move || ends_beside_an_idle_worker(shards))
    }));
}

/// The other worker has read the records, and does not get them into the lake.
#[test]
fn a_worker_does_not_end_before_another_one_has_committed() {
    /// Longer than the clocks of two workers may differ.
    const LONG_ENOUGH: Duration = Duration::from_secs(8);
    let cloud = Cloud::new(1);
    let events = events(100, 42);
    let held = cloud.proxy(S3).add(objects(Fault::Hold));
    cloud.put_all(&events);
    let holder = cloud.worker_with_log("holder.log", &[]);
    assert!(cloud.proxy(S3).wait_for_hits(held, 1, TIMEOUT));
    let mut other = cloud.worker_with_log("other.log", &[EXIT]);
    let begun = Instant::now();
    other.until(|| begun.elapsed() > LONG_ENOUGH);
    release(&cloud);
    assert_eq!(other.ends(), Some(0), "{}", cloud.log("other.log"));
    cloud.holds_exactly(&events);
    drop(holder);
}

#[test]
fn a_worker_waits_for_the_children_of_a_shard_that_another_one_reads() {
    let cloud = Cloud::new(1);
    let events = events(80, 43);
    cloud.put_all(&events[..40]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[40..]);
    let holder = cloud.worker_with_log("holder.log", &[]);
    let mut other = cloud.worker_with_log("other.log", &[EXIT]);
    assert_eq!(other.ends(), Some(0), "{}", cloud.log("other.log"));
    cloud.holds_exactly(&events);
    assert_eq!(cloud.ledger(SHARD)["finished"], true);
    drop(holder);
}

/// The worker has reached the end of a shard while another one still keeps it busy.
#[test]
fn a_shard_that_is_split_after_its_end_was_reached_is_read_to_its_new_end() {
    let cloud = Cloud::new(2);
    let events = events(60, 44);
    cloud.put_all(&events[..40]);
    let commit = Rule::new(Fault::Hold).method("PUT");
    let commit = commit.path(&format!("ledger/{STREAM}-{SECOND}"));
    let commit = commit.body("\"committed\": {").always();
    let held = cloud.proxy(S3).add(commit);
    let mut worker = cloud.worker_with_log("worker.log", &[EXIT]);
    assert!(cloud.proxy(S3).wait_for_hits(held, 1, TIMEOUT));
    let ledger = cloud
        .lake()
        .join(format!("_sluice/ledger/{STREAM}-{SHARD}.json"));
    worker.until(|| {
        let ledger = fs::read(&ledger).unwrap_or_default();
        let ledger: Value = serde_json::from_slice(&ledger).unwrap_or_default();
        ledger["committed"].is_object() && ledger["lease"]["owner"].is_null()
    });
    cloud.kinesis.split(STREAM, SHARD);
    // What comes into the other shard now may land later.
    let of_children = events[40..].iter().filter(|event| {
        let (shard, _) = cloud.kinesis.put(STREAM, &uuid(event), event);
        shard != SECOND
    });
    let expected: Vec<_> = events[..40].iter().chain(of_children).collect();
    assert!(expected.len() > 40);
    let lists = cloud.kinesis.calls("ListShards");
    worker.until(|| cloud.kinesis.calls("ListShards") > lists);
    release(&cloud);
    assert_eq!(worker.ends(), Some(0), "{}", cloud.log("worker.log"));
    let landed = lake::all_events(&cloud.lake());
    let landed: Vec<_> = landed.iter().map(|line| uuid(line.as_bytes())).collect();
    for event in expected {
        assert!(landed.contains(&uuid(event)), "{}", cloud.log("worker.log"));
    }
    assert_eq!(cloud.ledger(SHARD)["finished"], true);
}

/// No read of the shard comes without records.
#[test]
fn a_worker_ends_although_records_keep_coming() {
    let cloud = Cloud::new(1);
    let (before, later) = (events(50, 45), events(5_000, 46));
    cloud.put_all(&before);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for event in later.chunks(1).take_while(|_| !ended.load(Relaxed)) {
                cloud.put_all(event);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut worker = cloud.worker_with_log("worker.log", &[EXIT]);
        let code = worker.ends();
        ended.store(true, Relaxed);
        assert_eq!(code, Some(0), "{}", cloud.log("worker.log"));
    });
    assert!(landed(&cloud) >= before.len());
}

/// A worker gets a signal while it cannot land what it has read.
fn shuts_down_early(more: &[&str]) -> (Option<i32>, String) {
    let cloud = Cloud::new(2);
    let events = events(40, 47);
    cloud.put_all(&events);
    let held = cloud.proxy(S3).add(objects(Fault::Hold));
    let args = [&["--shutdown-timeout", "1s"][..], more].concat();
    let mut worker = cloud.worker_with_log("worker.log", &args);
    assert!(cloud.proxy(S3).wait_for_hits(held, 1, TIMEOUT));
    signal(&worker.0, "TERM");
    let code = worker.ends();
    release(&cloud);
    cloud.catch_up(&[]);
    cloud.holds_exactly(&events);
    (code, cloud.log("worker.log"))
}

#[test]
fn a_signal_before_the_stream_is_caught_up_is_a_failure() {
    let (code, log) = shuts_down_early(&[EXIT]);
    assert_eq!(code, Some(1), "{log}");
    let why = "stopped by a signal before the stream events was caught up";
    assert!(log.contains(why) && log.contains("of 2 shards"), "{log}");
    let (code, log) = shuts_down_early(&[]);
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_signal_while_the_stream_is_missing_is_a_failure() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(20, 48));
    let mut worker = cloud.worker_with_log("worker.log", &[]);
    worker.until(|| landed(&cloud) == 20);
    worker.until(|| cloud.ledger(SHARD)["committed"]["records"] == 20);
    cloud.kinesis.delete_stream(STREAM);
    worker.until(|| cloud.log("worker.log").contains("cannot poll the stream"));
    signal(&worker.0, "TERM");
    assert_eq!(worker.ends(), Some(1));
    let log = cloud.log("worker.log");
    let last = log.lines().last().unwrap();
    for part in ["stopped by a signal", "the stream events", "not found"] {
        assert!(last.contains(part), "{log}");
    }
}

/// A worker gets a signal during its first poll, which ends only if `answers`.
fn shuts_down_at_once(stream: &str, more: &[&str], answers: bool) -> Ran {
    let cloud = Cloud::new(1);
    let list = Rule::new(Fault::Hold).action("ListShards").always();
    let held = cloud.proxy(Kinesis).add(list);
    let mut command = cloud.command_on(stream, more);
    let worker = command.spawn().unwrap();
    assert!(cloud.proxy(Kinesis).wait_for_hits(held, 1, TIMEOUT));
    signal(&worker, "TERM");
    if answers {
        cloud.proxy(Kinesis).remove_rules();
        cloud.proxy(Kinesis).release_held();
    }
    Ran::from(worker.wait_with_output().unwrap())
}

#[test]
fn a_signal_during_the_first_poll_is_a_failure_if_the_stream_is_missing() {
    let ran = shuts_down_at_once("kinesis:nothing", &[], true);
    ran.failed(1, &["the stream nothing", "not found"]);
}

#[test]
fn a_signal_before_the_first_poll_has_ended_says_that_nothing_was_read() {
    let ran = shuts_down_at_once("kinesis:events", &[], false).succeeded();
    assert!(ran.stderr.contains("nothing was read"), "{ran:?}");
    let ran = shuts_down_at_once("kinesis:events", &[EXIT], false);
    ran.failed(1, &["the stream events was caught up"]);
}

/// A ledger in a folder belongs to the run that has locked it, until that run ends.
#[test]
fn a_worker_fails_if_another_run_has_locked_its_folder() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(20, 49));
    let start = |more: &[&str]| -> Running {
        let args = ["run", "--source", "kinesis:events", "--lake", "file:lake"];
        let mut command = cloud.place.command(&[&args[..], more].concat());
        let environment = cloud.command(&[]);
        let environment = environment.get_envs();
        command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
        Running(command.spawn().unwrap())
    };
    let mut holder = start(&["--chunk-age", "100ms", "--lease", "1s"]);
    holder.until(|| lake::all_events(&cloud.place.lake()).len() == 20);
    let mut other = start(&[EXIT, "--lease", "1s"]);
    assert_eq!(other.ends(), Some(1));
    let mut why = String::new();
    let mut stderr = other.0.stderr.take().unwrap();
    stderr.read_to_string(&mut why).unwrap();
    assert!(why.contains("another run is working on shard"), "{why}");
}
