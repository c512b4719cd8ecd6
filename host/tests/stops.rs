//! Shutdowns of workers at difficult moments.

use std::time::Duration;

use serde_json::Value;

use crate::support::cloud::Service::{Kinesis, S3};
use crate::support::cloud::{Cloud, SHARD, records, signal};
use crate::support::lake;
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
