//! A worker is killed at each step of delivery: while a request waits before its service gets it,
//! and while a response waits after the service has executed the request. The next worker finishes
//! the work.

use std::time::Duration;

use crate::support::cases::at_once;
use crate::support::cloud::Service::{self, Kinesis, S3, Sqs};
use crate::support::cloud::{Cloud, SHARD, STREAM, records, signal};
use crate::support::lake;
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

/// The number of records in a response, which become one chunk.
const RECORDS_PER_CHUNK: usize = 30;
const A_CHUNK_AN_ANSWER: [&str; 2] = ["--chunk-records", "1"];

/// A step of delivery, as the request that it makes.
#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    service: Service,
    request: fn(Rule) -> Rule,
    /// What must happen for the step to come.
    given: fn(&Cloud),
}

const fn step(name: &'static str, service: Service, request: fn(Rule) -> Rule) -> Step {
    let given: fn(&Cloud) = |_| {};
    Step {
        name,
        service,
        request,
        given,
    }
}

impl Step {
    const fn given(self, given: fn(&Cloud)) -> Self {
        Self { given, ..self }
    }
}

fn ledger(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/ledger")
}

fn object(rule: Rule) -> Rule {
    rule.method("PUT").path("event_type")
}

fn manifest(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/chunks")
}

fn commit(rule: Rule) -> Rule {
    let committed = format!("\"records\": {RECORDS_PER_CHUNK}\n");
    ledger(rule).body("\"pending\": null").body(&committed)
}

fn batch(rule: Rule) -> Rule {
    rule.action("SendMessageBatch")
}

/// A closed shard with three chunks, and its two children.
fn stream() -> Cloud {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    cloud.kinesis.records_per_read(RECORDS_PER_CHUNK);
    cloud.put_by_keys(&records(90, 1));
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_by_keys(&records(60, 2));
    cloud
}

/// Starts a worker and kills it when it reaches the step.
fn kill(cloud: &Cloud, step: &Step, fault: &Fault) {
    (step.given)(cloud);
    let proxy = cloud.proxy(step.service);
    let rule = proxy.add((step.request)(Rule::new(fault.clone())));
    let worker = cloud.worker_with_log("killed.log", &A_CHUNK_AN_ANSWER);
    let came = proxy.wait_for_hits(rule, 1, TIMEOUT);
    drop(worker);
    assert!(came, "the step never came: {}", cloud.log("killed.log"));
    cloud.proxy(S3).remove_rules();
}

/// Kills workers one after the other, each at its step, and lets another one finish.
fn survives(steps: &[Step], fault: &Fault) {
    let cloud = stream();
    for step in steps {
        kill(&cloud, step, fault);
    }
    is_finished(&cloud);
}

/// Lets another worker finish.
fn is_finished(cloud: &Cloud) {
    cloud.catch_up(&A_CHUNK_AN_ANSWER);
    cloud.is_delivered();
}

/// Runs each of these rows of kills twice: before the service gets the request, and after it has
/// executed it.
fn survives_all(rows: &[&[Step]]) {
    let faults = [Fault::Hold, Fault::HoldAnswer];
    at_once(rows.iter().flat_map(|row| {
        let names: Vec<_> = row.iter().map(|step| step.name).collect();
        faults.clone().map(|fault| {
            let name = format!("{fault:?}: {}", names.join(", then "));
            (name, move || survives(row, &fault))
        })
    }));
}

fn survives_each(steps: &[Step]) {
    let rows: Vec<_> = steps.iter().map(std::slice::from_ref).collect();
    survives_all(&rows);
}

#[test]
fn kills_while_a_shard_is_acquired_change_nothing() {
    survives_each(&[
        step("list shards", Kinesis, |rule| rule.action("ListShards")),
        step("read the ledger", S3, |rule| {
            rule.method("GET").path("_sluice/ledger")
        }),
        step("take the ledger", S3, ledger),
        step("read the release", S3, |rule| {
            rule.method("GET").path("_sluice/releases")
        }),
        step("keep the component", S3, |rule| {
            rule.method("PUT").path("_sluice/components")
        }),
        step("keep the release", S3, |rule| {
            rule.method("PUT").path("_sluice/releases")
        }),
        step("find the queue", Sqs, |rule| rule.action("GetQueueUrl")),
        step("get an iterator", Kinesis, |rule| {
            rule.action("GetShardIterator")
        }),
        step("get the first records", Kinesis, |rule| {
            rule.action("GetRecords")
        }),
    ]);
}

#[test]
fn kills_while_a_chunk_is_written_change_nothing() {
    survives_each(&[
        step("pin", S3, |rule| ledger(rule).body("\"pending\": {")),
        step("put the first object", S3, object),
        step("put the third object", S3, |rule| object(rule).nth(3)),
        step("put the last object", S3, |rule| object(rule).nth(5)),
        step("put into quarantine", S3, |rule| {
            rule.method("PUT").path("quarantine")
        }),
        step("put an object of the second chunk", S3, |rule| {
            object(rule).nth(8)
        }),
        step("renew amid a chunk", S3, |rule| {
            ledger(rule).body("\"pending\": {").nth(2)
        })
        .given(|cloud| {
            let held = object(Rule::new(Fault::Hold)).always();
            cloud.proxy(S3).add(held);
        }),
    ]);
}

#[test]
fn kills_from_the_first_message_to_the_commit_change_nothing() {
    survives_each(&[
        step("send the first batch", Sqs, batch),
        step("send the second batch", Sqs, |rule| batch(rule).nth(2)),
        step("send the last batch", Sqs, |rule| batch(rule).nth(3)),
        step("send a batch of the next chunk", Sqs, |rule| {
            batch(rule).nth(5)
        }),
        step("put the chunk manifest", S3, manifest),
        step("put the manifest of the last chunk", S3, |rule| {
            manifest(rule).nth(3)
        }),
        step("commit", S3, commit),
        step("commit the last chunk", S3, |rule| {
            ledger(rule)
                .body("\"pending\": null")
                .body("\"records\": 90\n")
        }),
    ]);
}

#[test]
fn kills_between_chunks_and_after_the_last_change_nothing() {
    survives_each(&[
        step("get the next records", Kinesis, |rule| {
            rule.action("GetRecords").nth(2)
        }),
        step("list shards behind the last chunk", Kinesis, |rule| {
            rule.action("ListShards").nth(2)
        }),
        step("read a ledger again", S3, |rule| {
            rule.method("GET").path("_sluice/ledger").nth(3)
        }),
        step("renew without a chunk", S3, |rule| {
            ledger(rule)
                .body("\"pending\": null")
                .body("\"committed\": null")
                .nth(2)
        })
        .given(|cloud| cloud.kinesis.empty_reads(10)),
        step("finish a closed shard and give it back", S3, |rule| {
            ledger(rule).body("\"finished\": true")
        }),
        step("take a child", S3, |rule| {
            ledger(rule).path("ledger/events-shardId-000000000001")
        }),
    ]);
}

#[test]
fn kills_during_a_replay_change_nothing() {
    let first = step("put the third object", S3, |rule| object(rule).nth(3));
    let replay = [
        step("take the ledger", S3, ledger),
        step("pin or renew", S3, |rule| ledger(rule).nth(2)),
        step("get an iterator", Kinesis, |rule| {
            rule.action("GetShardIterator")
        }),
        step("get records", Kinesis, |rule| rule.action("GetRecords")),
        step("put an object again", S3, object),
        step("check an object", S3, |rule| rule.method("HEAD")),
        step("send a batch", Sqs, batch),
        step("put the chunk manifest", S3, manifest),
        step("commit", S3, commit),
    ];
    let rows: Vec<_> = replay.iter().map(|second| [first, *second]).collect();
    let rows: Vec<_> = rows.iter().map(<[Step; 2]>::as_slice).collect();
    survives_all(&rows);
}

/// The first worker has put a manifest and is killed before the commit.
#[test]
fn kills_while_a_manifest_is_put_again_change_nothing() {
    let first = step("put the chunk manifest", S3, manifest);
    let again = [
        step("put the manifest again", S3, manifest),
        step("check the manifest that exists", S3, |rule| {
            rule.method("GET").path("_sluice/chunks")
        }),
    ];
    at_once(again.into_iter().flat_map(|second| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {}", second.name);
            (name, move || {
                let cloud = stream();
                kill(&cloud, &first, &Fault::HoldAnswer);
                kill(&cloud, &second, &fault);
                is_finished(&cloud);
            })
        })
    }));
}

#[test]
fn kills_during_a_shutdown_change_nothing() {
    let cases = [Fault::Hold, Fault::HoldAnswer].map(|fault| {
        let name = format!("{fault:?}: give back");
        (name, move || {
            let cloud = stream();
            let mut worker = cloud.worker_with_log("killed.log", &A_CHUNK_AN_ANSWER);
            worker.until(|| lake::all_events(&cloud.lake()).len() == 135);
            let back = Rule::new(fault).method("PUT").path("_sluice/ledger");
            let back = cloud.proxy(S3).add(back.body("\"owner\": null"));
            signal(&worker.0, "TERM");
            assert!(cloud.proxy(S3).wait_for_hits(back, 1, TIMEOUT));
            drop(worker);
            is_finished(&cloud);
        })
    });
    at_once(cases);
}
