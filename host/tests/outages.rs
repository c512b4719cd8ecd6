//! Services that fail for a while: everything is delivered all the same, once and in order. And services
//! that fail for longer than the worker has patience.

use std::time::Duration;

use crate::support::aws::proxy::{Fault, Rule};
use crate::support::cases::at_once;
use crate::support::cloud::Service::{self, Kinesis, S3, Sqs};
use crate::support::cloud::{Cloud, records};
use crate::support::program::Ran;

const PATIENCE: Duration = Duration::from_secs(60);

/// More than a client of AWS tries on its own.
const FAILURES: usize = 5;

/// An operation of a service, and what the worker says of it when its patience is at its end.
#[derive(Clone, Copy)]
struct Operation {
    name: &'static str,
    service: Service,
    request: fn(Rule) -> Rule,
    said: &'static str,
    /// A stream whose delivery needs the operation.
    given: fn() -> Cloud,
}

const fn operation(
    name: &'static str,
    service: Service,
    request: fn(Rule) -> Rule,
    said: &'static str,
) -> Operation {
    Operation {
        name,
        service,
        request,
        said,
        given: fresh,
    }
}

impl Operation {
    const fn given(self, given: fn() -> Cloud) -> Self {
        Self { given, ..self }
    }
}

const OPERATIONS: [Operation; 11] = [
    operation(
        "put an object",
        S3,
        |rule| rule.method("PUT").path("event_type"),
        "put s3://bucket/lake/event_type=",
    ),
    operation(
        "look at an object",
        S3,
        |rule| rule.method("HEAD"),
        "look at s3://bucket/lake/",
    )
    .given(amid_a_chunk),
    operation(
        "read a ledger",
        S3,
        |rule| rule.method("GET").path("_sluice/ledger"),
        "read s3://bucket/lake/_sluice/ledger/",
    ),
    operation(
        "write a ledger",
        S3,
        |rule| rule.method("PUT").path("_sluice/ledger"),
        "write s3://bucket/lake/_sluice/ledger/",
    ),
    operation(
        "look for a release",
        S3,
        |rule| rule.method("GET").path("_sluice/releases"),
        "read s3://bucket/lake/_sluice/releases/",
    ),
    operation(
        "keep a release",
        S3,
        |rule| rule.method("PUT").path("_sluice/releases"),
        "put s3://bucket/lake/_sluice/releases/",
    ),
    operation(
        "find the queue",
        Sqs,
        |rule| rule.action("GetQueueUrl"),
        "look up the queue bus",
    ),
    operation(
        "send messages",
        Sqs,
        |rule| rule.action("SendMessageBatch"),
        "messages to http",
    ),
    operation(
        "list shards",
        Kinesis,
        |rule| rule.action("ListShards"),
        "list the shards of the stream events",
    ),
    operation(
        "get an iterator",
        Kinesis,
        |rule| rule.action("GetShardIterator"),
        "read shardId-00000000000",
    ),
    operation(
        "get records",
        Kinesis,
        |rule| rule.action("GetRecords"),
        "read shardId-00000000000",
    ),
];

/// What a service does when it is unwell, by name.
fn faults(service: Service) -> Vec<(&'static str, Fault)> {
    let answer = |status, code: &str| match service {
        S3 => Fault::s3(status, code),
        Kinesis | Sqs => Fault::json(status, code),
    };
    let throttled = match service {
        S3 => answer(503, "SlowDown"),
        Kinesis => answer(400, "ProvisionedThroughputExceededException"),
        Sqs => answer(400, "RequestThrottled"),
    };
    let pause = Duration::from_millis(5);
    vec![
        ("throttled", throttled),
        ("too many requests", answer(429, "TooManyRequests")),
        ("an error", answer(500, "InternalError")),
        ("away", answer(503, "ServiceUnavailable")),
        ("denied", answer(403, "AccessDenied")),
        ("reset before", Fault::ResetBefore),
        ("reset after", Fault::ResetAfter),
        (
            "slow",
            Fault::SlowBody {
                bytes: 1_000,
                pause,
            },
        ),
        ("truncated", Fault::TruncateBody(7)),
    ]
}

/// A stream with two shards that nobody has read yet.
fn fresh() -> Cloud {
    let cloud = Cloud::new(2).with_queue("bus", 262_144);
    cloud.put_by_keys(&records(60, 1));
    cloud
}

/// The same after a worker was killed that had put the objects of a chunk.
fn amid_a_chunk() -> Cloud {
    let cloud = fresh();
    let commit = Rule::new(Fault::Hold).method("PUT").path("_sluice/ledger");
    let commit = cloud.proxy(S3).add(commit.body("\"committed\": {"));
    let killed = cloud.worker_with_log("killed.log", &[]);
    assert!(cloud.proxy(S3).wait_for_hits(commit, 1, PATIENCE));
    drop(killed);
    cloud.proxy(S3).heal();
    cloud
}

#[test]
fn whatever_fails_for_a_while_is_waited_for() {
    let cases = OPERATIONS.iter().flat_map(|operation| {
        faults(operation.service)
            .into_iter()
            .map(move |(how, fault)| {
                let name = format!("{}: {how}", operation.name);
                (name, move || {
                    let cloud = (operation.given)();
                    let proxy = cloud.proxy(operation.service);
                    let rule = (operation.request)(Rule::new(fault));
                    let rule = proxy.add(rule.times(FAILURES));
                    cloud.catch_up(&["--patience", "60s"]);
                    assert!(proxy.hits(rule) > 0);
                    cloud.is_delivered();
                })
            })
    });
    at_once(cases);
}

#[test]
fn whatever_fails_for_longer_than_patience_ends_a_run_that_is_to_end_and_is_named() {
    at_once(OPERATIONS.iter().map(|operation| {
        (operation.name.to_owned(), move || {
            let cloud = (operation.given)();
            let proxy = cloud.proxy(operation.service);
            let (_, denied) = faults(operation.service).swap_remove(4);
            proxy.add((operation.request)(Rule::new(denied)).always());
            let mut command = cloud.command(&["--until-caught-up", "--patience", "1s"]);
            let ran = Ran::from(command.output().unwrap());
            // The answer to a HEAD has no body that could say why.
            let bodiless = operation.name == "look at an object";
            let why = if bodiless {
                "status 403"
            } else {
                "AccessDenied"
            };
            ran.failed(1, &[operation.said, why]);
            proxy.heal();
            cloud.catch_up(&[]);
            cloud.is_delivered();
        })
    }));
}
