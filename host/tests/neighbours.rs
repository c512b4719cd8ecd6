//! A shard that cannot be landed does not block other shards.

use std::collections::BTreeSet;
use std::time::Duration;

use sluice::source::aggregate::hash_key;

use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, SHARD, STREAM, records};
use crate::support::lake;
use crate::support::program::Running;
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

const SECOND: &str = "shardId-000000000001";

/// The request that fails for the first shard.
fn denied(method: &str, path: &str) -> Rule {
    let rule = Rule::new(Fault::s3(403, "AccessDenied")).method(method);
    rule.path(path).always()
}

/// The number of events of a shard in the lake.
fn landed(cloud: &Cloud, shard: &str) -> usize {
    let objects = lake::objects(&cloud.lake());
    let of_shard = objects
        .iter()
        .filter(|(path, _)| !path.starts_with("_sluice/") && path.contains(shard));
    of_shard.map(|(_, content)| content.lines().count()).sum()
}

fn put(cloud: &Cloud, shard: &str) -> usize {
    let records = cloud.kinesis.records(STREAM);
    let events = records
        .iter()
        .filter(|r| r.shard == shard && r.data.starts_with(b"{"));
    events.count()
}

/// A worker on two shards, after both have landed something.
fn at_work(cloud: &Cloud, more: &[&str]) -> Running {
    cloud.put_by_keys(&records(70, 1));
    let mut worker = cloud.worker_with_log("worker.log", more);
    worker.until(|| landed(cloud, SHARD) > 0 && landed(cloud, SECOND) > 0);
    worker
}

/// Puts more records and waits until those of the second shard have landed.
fn goes_on(cloud: &Cloud, worker: &mut Running) {
    let seed = cloud.kinesis.records(STREAM).len() as u64;
    cloud.put_by_keys(&records(70, seed));
    let expected = put(cloud, SECOND);
    worker.until(|| landed(cloud, SECOND) == expected);
    let mut nonces = BTreeSet::new();
    for _ in 0..5 {
        let nonce = || cloud.ledger(SECOND)["lease"]["nonce"].to_string();
        worker.until(|| !nonces.contains(&nonce()));
        nonces.insert(nonce());
    }
}

#[test]
fn a_ledger_that_cannot_be_written_does_not_block_other_shards() {
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    let mut worker = at_work(&cloud, &[]);
    let rule = denied("PUT", "_sluice/ledger/events-shardId-000000000000");
    let rule = cloud.proxy(S3).add(rule);
    assert!(cloud.proxy(S3).wait_for_hits(rule, 1, TIMEOUT));
    goes_on(&cloud, &mut worker);
    cloud.proxy(S3).remove_rules();
    worker.until(|| landed(&cloud, SHARD) == put(&cloud, SHARD));
    drop(worker);
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

#[test]
fn a_ledger_that_cannot_be_read_does_not_block_other_shards() {
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    let mut worker = at_work(&cloud, &[]);
    let rule = denied("GET", "_sluice/ledger/events-shardId-000000000000");
    let rule = cloud.proxy(S3).add(rule);
    assert!(cloud.proxy(S3).wait_for_hits(rule, 1, TIMEOUT));
    goes_on(&cloud, &mut worker);
    cloud.kinesis.split(STREAM, SECOND);
    cloud.put_by_keys(&records(70, 3));
    let children = ["shardId-000000000002", "shardId-000000000003"];
    worker.until(|| {
        children
            .iter()
            .all(|id| landed(&cloud, id) == put(&cloud, id))
    });
    drop(worker);
    cloud.proxy(S3).remove_rules();
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

#[test]
fn objects_that_cannot_be_put_do_not_block_other_shards_and_are_put_later() {
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    let mut worker = at_work(&cloud, &["--retry-timeout", "300ms"]);
    let rule = denied("PUT", "/events-shardId-000000000000-");
    let rule = cloud.proxy(S3).add(rule);
    goes_on(&cloud, &mut worker);
    assert!(cloud.proxy(S3).wait_for_hits(rule, 1, TIMEOUT));
    worker.until(|| cloud.log("worker.log").contains(r#"event="shard_stopped""#));
    goes_on(&cloud, &mut worker);
    cloud.proxy(S3).remove_rules();
    worker.until(|| landed(&cloud, SHARD) == put(&cloud, SHARD));
    drop(worker);
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

/// Records that wait to be landed do not use the memory that the other shard needs for reading.
#[test]
fn a_backlog_that_cannot_be_landed_does_not_block_other_shards() {
    let cloud = Cloud::new(2);
    let mut worker = at_work(&cloud, &["--memory", "64MiB"]);
    let rule = denied("PUT", "/events-shardId-000000000000-");
    let rule = cloud.proxy(S3).add(rule);
    let padding = "x".repeat(400_000);
    let mut keys = (0..).map(|n: u32| n.to_string());
    let key = keys.find(|key| hash_key(key) < u128::MAX / 2).unwrap();
    for n in 0..400 {
        let event = format!(
            "{{\"event_uuid\":\"big-{n}\",\"event_name\":\"a:b\",\"created_at\":0,\"padding\":\"{padding}\"}}"
        );
        cloud.kinesis.put(STREAM, &key, event.as_bytes());
    }
    assert!(cloud.proxy(S3).wait_for_hits(rule, 1, TIMEOUT));
    for _ in 0..3 {
        goes_on(&cloud, &mut worker);
    }
}
