//! Shutdowns of workers at difficult moments.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::support::cloud::Service::{Kinesis, S3};
use crate::support::cloud::{Cloud, SHARD, records, signal};
use crate::support::lake;
use crate::support::program::Ran;
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn a_worker_shuts_down_while_s3_fails() {
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    cloud.put_by_keys(&records(40, 1));
    let mut worker = cloud.worker_with_log("worker.log", &["--shutdown-timeout", "1s"]);
    worker.until(|| !lake::all_events(&cloud.lake()).is_empty());
    let away = Rule::new(Fault::s3(503, "SlowDown")).always();
    let away = cloud.proxy(S3).add(away);
    assert!(cloud.proxy(S3).wait_for_hits(away, 10, TIMEOUT));
    signal(&worker.0, "TERM");
    assert_eq!(worker.ends(), Some(0));
    cloud.proxy(S3).remove_rules();
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

#[test]
fn a_worker_that_never_reached_its_stream_fails_with_the_reason() {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    let away = Rule::new(Fault::json(500, "InternalFailure")).action("ListShards");
    cloud.proxy(Kinesis).add(away.always());
    let mut worker = cloud.worker_with_log("worker.log", &[]);
    worker.until(|| cloud.log("worker.log").contains("cannot poll the stream"));
    signal(&worker.0, "TERM");
    assert_eq!(worker.ends(), Some(1));
    let log = cloud.log("worker.log");
    let last = log.lines().last().unwrap();
    for part in [
        "stopped by a signal",
        "the stream events",
        "InternalFailure",
    ] {
        assert!(last.contains(part), "{log}");
    }
}

/// Nothing listens where the stream should be.
#[test]
fn a_refused_connection_is_said_with_its_address() {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut command = cloud.command(&["--exit-when-caught-up", "--retry-timeout", "1s"]);
    command.env("AWS_ENDPOINT_URL_KINESIS", format!("http://{address}"));
    let ran = Ran::from(command.output().unwrap());
    let why = format!("no answer from {address}: Connection refused");
    let ran = ran.failed(1, &["the stream events", &why]);
    assert!(!ran.stderr.contains("dispatch failure"), "{ran:?}");
}

#[test]
fn a_replay_is_finished_before_a_shutdown() {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    cloud.put_by_keys(&records(60, 1));
    let commit = Rule::new(Fault::Hold).method("PUT").path("_sluice/ledger");
    let commit = cloud.proxy(S3).add(commit.body("\"committed\": {"));
    let killed = cloud.worker_with_log("killed.log", &[]);
    assert!(cloud.proxy(S3).wait_for_hits(commit, 1, TIMEOUT));
    drop(killed);
    let read = Rule::new(Fault::HoldAnswer).action("GetRecords");
    let read = cloud.proxy(Kinesis).add(read);
    let mut worker = cloud.worker_with_log("worker.log", &[]);
    assert!(cloud.proxy(Kinesis).wait_for_hits(read, 1, TIMEOUT));
    let nonce = || cloud.ledger(SHARD)["lease"]["nonce"].clone();
    signal(&worker.0, "TERM");
    let before = nonce();
    worker.until(|| nonce() != before);
    cloud.proxy(Kinesis).release_held();
    assert_eq!(worker.ends(), Some(0));
    assert_eq!(cloud.log("worker.log"), "");
    assert_eq!(cloud.ledger(SHARD)["pending"], Value::Null);
    cloud.is_delivered();
}
