//! Workers that acquire shards from each other: killed in turn, or frozen past their lease and
//! woken after another one has done their work. A woken worker commits nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use crate::support::cases::at_once;
use crate::support::cloud::Service::{self, Kinesis, S3, Sqs};
use crate::support::cloud::{Cloud, SHARD, STREAM, records, signal};
use crate::support::lake;
use crate::support::program::Ran;
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

const SECOND: &str = "shardId-000000000001";

const SEED: u64 = 20_260_101;

type Step = (&'static str, Service, fn(Rule) -> Rule);

fn ledger(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/ledger")
}

fn object(rule: Rule) -> Rule {
    rule.method("PUT").path("event_type")
}

/// The steps of a chunk that come whenever there are new records.
const STEPS: [Step; 8] = [
    ("get records", Kinesis, |rule| rule.action("GetRecords")),
    ("pin", S3, |rule| ledger(rule).body("\"pending\": {")),
    ("pin the next chunk or renew", S3, |rule| {
        ledger(rule).body("\"pending\": {").nth(2)
    }),
    ("put the first object", S3, object),
    ("put the third object", S3, |rule| object(rule).nth(3)),
    ("send the first batch", Sqs, |rule| {
        rule.action("SendMessageBatch")
    }),
    ("send the second batch", Sqs, |rule| {
        rule.action("SendMessageBatch").nth(2)
    }),
    ("commit", S3, |rule| {
        ledger(rule)
            .body("\"pending\": null")
            .body("\"committed\": {")
    }),
];

/// The objects of the lake, and the records in the shard's ledger.
fn landed(cloud: &Cloud) -> (BTreeMap<String, Vec<u8>>, [Value; 2]) {
    let mut objects = lake::tree(&cloud.lake());
    objects.retain(|path, _| !path.contains("_sluice/ledger"));
    let ledger = cloud.ledger(SHARD);
    (
        objects,
        [ledger["committed"].clone(), ledger["pending"].clone()],
    )
}

fn fence(cloud: &Cloud) -> u64 {
    cloud.ledger(SHARD)["lease"]["fence"].as_u64().unwrap()
}

/// Freezes a worker at the step, lets another one do the work, and wakes the first one. Then
/// releases the held request or response.
fn changes_nothing_when_woken((_, service, request): Step, fault: Fault) {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    cloud.kinesis.records_per_read(20);
    cloud.put_by_keys(&records(40, 1));
    let proxy = cloud.proxy(service);
    let held = proxy.add(request(Rule::new(fault)));
    let mut frozen = cloud.worker_with_log("frozen.log", &["--chunk-records", "1"]);
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    signal(&frozen.0, "STOP");
    assert_eq!(fence(&cloud), 1);
    cloud.catch_up(&[]);
    cloud.put_by_keys(&records(20, 2));
    cloud.catch_up(&[]);
    cloud.is_delivered();
    assert_eq!(fence(&cloud), 3);
    let before = landed(&cloud);
    proxy.release_held();
    signal(&frozen.0, "CONT");
    frozen.until(|| cloud.log("frozen.log").contains("was taken over by"));
    signal(&frozen.0, "TERM");
    assert_eq!(frozen.0.wait().unwrap().code(), Some(0));
    assert!(landed(&cloud) == before, "{}", cloud.log("frozen.log"));
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

#[test]
fn a_worker_that_was_frozen_past_its_lease_changes_nothing() {
    at_once(STEPS.into_iter().flat_map(|step| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {}", step.0);
            (name, move || changes_nothing_when_woken(step, fault))
        })
    }));
}

/// A worker acquires its shard again after the other one has stopped renewing the lease.
#[test]
fn a_shard_that_is_taken_again_is_counted_once() {
    let cloud = Cloud::new(1);
    cloud.kinesis.records_per_read(20);
    cloud.put_by_keys(&records(100, 5));
    let second_pin = ledger(Rule::new(Fault::Hold)).body("\"pending\": {");
    let proxy = cloud.proxy(S3);
    let held = proxy.add(second_pin.body("\"committed\": {"));
    let mut worker = cloud.command(&["--chunk-records", "1", "--exit-when-caught-up"]);
    let worker = worker.spawn().unwrap();
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    let mut taken = cloud.ledger(SHARD);
    taken["lease"] = json!({ "owner": "another", "fence": 2, "nonce": "of another" });
    cloud.put_ledger(SHARD, &taken);
    proxy.release_held();
    let summary = Ran::from(worker.wait_with_output().unwrap()).summary();
    assert_eq!(summary.counts(["records", "already_committed"]), [100, 0]);
    assert_eq!(fence(&cloud), 3);
}

/// Two workers share the stream. Again and again, one of them is killed at a step.
#[test]
fn two_workers_that_are_killed_in_turn_lose_nothing() {
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    let start = |name: &str| cloud.worker_with_log(name, &["--chunk-records", "1"]);
    let mut workers = [start("0"), start("1")];
    for round in 0..16 {
        match round {
            4 => cloud.kinesis.split(STREAM, SHARD),
            10 => {
                let [left, right] = ["shardId-000000000002", "shardId-000000000003"];
                cloud.kinesis.merge(STREAM, left, right);
            }
            _ => {}
        }
        let (name, service, request) = STEPS[rng.random_range(0..STEPS.len())];
        let fault = [Fault::Hold, Fault::HoldAnswer][rng.random_range(0..2)].clone();
        let proxy = cloud.proxy(service);
        let held = proxy.add(request(Rule::new(fault)));
        cloud.put_by_keys(&records(50, round));
        assert!(proxy.wait_for_hits(held, 1, TIMEOUT), "{round}: {name}");
        let victim = rng.random_range(0..2);
        workers[victim] = start(&format!("{round}"));
        proxy.release_held();
    }
    drop(workers);
    cloud.catch_up(&[]);
    cloud.is_delivered();
}

/// The response to a commit is lost. Before the commit is repeated, another worker writes its
/// request into the ledger.
#[test]
fn a_commit_whose_response_was_lost_is_kept() {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    cloud.put_by_keys(&records(40, 1));
    let commit = |fault| STEPS[7].2(Rule::new(fault));
    let proxy = cloud.proxy(S3);
    proxy.add(commit(Fault::ResetAfter));
    let again = proxy.add(commit(Fault::Hold));
    let mut worker = cloud.worker_with_log("worker.log", &["--exit-when-caught-up"]);
    assert!(proxy.wait_for_hits(again, 1, TIMEOUT));
    let mut ledger = cloud.ledger(SHARD);
    ledger["lease"]["requested_by"] = "another".into();
    ledger["lease"]["nonce"] = "of another".into();
    cloud.put_ledger(SHARD, &ledger);
    proxy.release_held();
    assert_eq!(worker.ends(), Some(0), "{}", cloud.log("worker.log"));
    cloud.is_delivered();
}

/// The worker without a shard requests one whose ledger has changed since it was read.
#[test]
fn a_request_for_a_shard_that_came_too_late_is_repeated() {
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    cloud.put_by_keys(&records(40, 1));
    let mut holder = cloud.worker_with_log("holder.log", &[]);
    holder.until(|| !lake::all_events(&cloud.lake()).is_empty());
    let proxy = cloud.proxy(S3);
    let request = Rule::new(Fault::Hold)
        .method("PUT")
        .body("\"requested_by\"");
    let request = proxy.add(request);
    let mut asker = cloud.worker_with_log("asker.log", &[]);
    assert!(proxy.wait_for_hits(request, 1, TIMEOUT));
    let nonces = || [SHARD, SECOND].map(|id| cloud.ledger(id)["lease"]["nonce"].clone());
    let before = nonces();
    holder.until(|| {
        before
            .iter()
            .zip(nonces())
            .all(|(before, now)| *before != now)
    });
    proxy.release_held();
    let nobody = |id: &str| cloud.ledger(id)["lease"]["fence"] == 2;
    holder.until(|| nobody(SHARD) || nobody(SECOND));
    for worker in [&mut holder, &mut asker] {
        signal(&worker.0, "TERM");
        assert_eq!(worker.ends(), Some(0), "{}", cloud.log("asker.log"));
    }
    cloud.catch_up(&[]);
    cloud.is_delivered();
}
