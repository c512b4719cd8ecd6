//! The table of outages: what fails, how, and when; and why some combinations are impossible.

use std::time::Duration;

use crate::support::cloud::Cloud;
use crate::support::cloud::Service::{self, Kinesis, S3, Sqs};
use testkit::proxy::{Fault, Rule};

use super::streams::{interrupted_chunk, new_stream, with_registry};

/// More than the attempts of an AWS client.
const BURST: usize = 5;

/// An operation of a service.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) service: Service,
    pub(super) request: fn(Rule) -> Rule,
    /// The worker's message about it after the retry timeout.
    pub(super) message: &'static str,
    /// How many times a run without faults makes it, at least.
    pub(super) calls: usize,
    /// Whether its response has a body.
    pub(super) answers: bool,
    /// A stream whose delivery needs the operation.
    pub(super) given: fn() -> Cloud,
    pub(super) arguments: &'static [&'static str],
}

pub(super) const OPERATION: Operation = Operation {
    name: "",
    service: S3,
    request: |rule| rule,
    message: "",
    calls: 1,
    answers: true,
    given: new_stream,
    arguments: &[],
};

pub(super) const OPERATIONS: [Operation; 18] = [
    Operation {
        name: "put an object",
        request: |rule| rule.method("PUT").path("event_type"),
        message: "put s3://bucket/lake/event_type=",
        calls: 15,
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "check an object",
        request: |rule| rule.method("HEAD"),
        message: "check s3://bucket/lake/",
        calls: 5,
        answers: false,
        given: interrupted_chunk,
        ..OPERATION
    },
    Operation {
        name: "put a manifest",
        request: |rule| rule.method("PUT").path("_sluice/chunks"),
        message: "put s3://bucket/lake/_sluice/chunks/",
        calls: 4,
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "put into the archive",
        request: |rule| rule.method("PUT").path("archive/events-"),
        message: "put s3://bucket/archive/",
        calls: 4,
        answers: false,
        arguments: &["--archive", "s3://bucket/archive"],
        ..OPERATION
    },
    Operation {
        name: "check a manifest",
        request: |rule| rule.method("GET").path("_sluice/chunks"),
        message: "check s3://bucket/lake/_sluice/chunks/",
        given: interrupted_chunk,
        ..OPERATION
    },
    Operation {
        name: "read a ledger",
        request: |rule| rule.method("GET").path("_sluice/ledger"),
        message: "read s3://bucket/lake/_sluice/ledger/",
        calls: 9,
        ..OPERATION
    },
    Operation {
        name: "take a shard",
        request: |rule| rule.method("PUT").path("_sluice/ledger"),
        message: "write s3://bucket/lake/_sluice/ledger/",
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "pin a chunk",
        request: |rule| ledger(rule).body("\"pending\": {"),
        message: "write s3://bucket/lake/_sluice/ledger/",
        calls: 4,
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "commit a chunk",
        request: |rule| {
            ledger(rule)
                .body("\"pending\": null")
                .body("\"committed\": {")
        },
        message: "write s3://bucket/lake/_sluice/ledger/",
        calls: 4,
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "read a release",
        request: |rule| rule.method("GET").path("_sluice/releases"),
        message: "read s3://bucket/lake/_sluice/releases/",
        given: interrupted_chunk,
        ..OPERATION
    },
    Operation {
        name: "keep a release",
        request: |rule| rule.method("PUT").path("_sluice/releases"),
        message: "put s3://bucket/lake/_sluice/releases/",
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "read the registry",
        request: |rule| rule.method("GET").path("registry/active.json"),
        message: "read s3://bucket/registry/active.json",
        calls: 4,
        given: with_registry,
        arguments: &[
            "--registry",
            "s3://bucket/registry",
            "--registry-poll",
            "100ms",
        ],
        ..OPERATION
    },
    Operation {
        name: "find the queue",
        service: Sqs,
        request: |rule| rule.action("GetQueueUrl"),
        message: "look up the queue bus",
        ..OPERATION
    },
    Operation {
        name: "send messages",
        service: Sqs,
        request: |rule| rule.action("SendMessageBatch"),
        message: "messages to http",
        calls: 6,
        ..OPERATION
    },
    Operation {
        name: "list shards",
        service: Kinesis,
        request: |rule| rule.action("ListShards"),
        message: "list the shards of the stream events",
        calls: 3,
        ..OPERATION
    },
    Operation {
        name: "describe the stream",
        service: Kinesis,
        request: |rule| rule.action("DescribeStreamSummary"),
        message: "describe the stream events",
        calls: 3,
        ..OPERATION
    },
    Operation {
        name: "get an iterator",
        service: Kinesis,
        request: |rule| rule.action("GetShardIterator"),
        message: "read shardId-00000000000",
        calls: 3,
        ..OPERATION
    },
    Operation {
        name: "get records",
        service: Kinesis,
        request: |rule| rule.action("GetRecords"),
        message: "read shardId-00000000000",
        calls: 6,
        ..OPERATION
    },
];

fn ledger(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/ledger")
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Throttled,
    TooManyRequests,
    Error,
    Away,
    /// Access is denied for a while.
    Denied,
    ResetBefore,
    /// The service executes the request, and its response is lost.
    ResetAfter,
    /// There is no response for longer than a lease.
    Hung,
    SlowBody,
    Truncated,
    /// The response does not match its checksum.
    Damaged,
}

const ALL: [FaultKind; 11] = [
    FaultKind::Throttled,
    FaultKind::TooManyRequests,
    FaultKind::Error,
    FaultKind::Away,
    FaultKind::Denied,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::Hung,
    FaultKind::SlowBody,
    FaultKind::Truncated,
    FaultKind::Damaged,
];

/// Which calls of an operation fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The first calls, more of them than an AWS client makes.
    First,
    /// One call amid the run.
    Middle,
    /// The last call of a run without faults, and more of them than an AWS client makes.
    Last,
    /// The first and the last.
    Twice,
}

const ALWAYS: [When; 4] = [When::First, When::Middle, When::Last, When::Twice];

/// A cell of the table.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) operation: Operation,
    pub(super) kind: FaultKind,
    pub(super) when: When,
}

/// Every possible cell of the table of these operations.
pub(super) fn cells(operations: impl IntoIterator<Item = Operation>) -> impl Iterator<Item = Cell> {
    let cells = operations.into_iter().flat_map(|operation| {
        let row = move |kind| {
            ALWAYS.map(move |when| Cell {
                operation,
                kind,
                when,
            })
        };
        ALL.into_iter().flat_map(row)
    });
    cells.filter(|cell| cell.left_out().is_none())
}

impl Cell {
    pub(super) fn name(&self) -> String {
        format!("{}, {:?}, {:?}", self.operation.name, self.kind, self.when)
    }

    /// Why a cell is impossible.
    fn left_out(&self) -> Option<&'static str> {
        let Operation {
            name,
            service,
            calls,
            answers,
            ..
        } = self.operation;
        let of_the_body = matches!(self.kind, FaultKind::SlowBody | FaultKind::Truncated);
        let like_throttled = matches!(self.kind, FaultKind::TooManyRequests | FaultKind::Away);
        let first_too = matches!(self.when, When::First | When::Twice);
        match self.when {
            When::Middle | When::Last | When::Twice if calls == 1 => Some("there is one call"),
            When::Middle | When::Last | When::Twice if like_throttled => {
                Some("clients take it for throttling")
            }
            _ if of_the_body && !answers => Some("the answer has no body"),
            _ if self.kind == FaultKind::Damaged && service != S3 => Some("there is no checksum"),
            _ if self.kind == FaultKind::Damaged && name == "list redrives" => {
                Some("there is no checksum")
            }
            _ if self.kind == FaultKind::Damaged && name == "check an object" => {
                Some("the answer has no body")
            }
            _ if self.kind == FaultKind::Damaged && name == "read a ledger" && first_too => {
                Some("there is no ledger yet")
            }
            _ => None,
        }
    }

    pub(super) fn fault(&self) -> Fault {
        let answer = |status, code: &str| match self.operation.service {
            S3 => Fault::s3(status, code),
            Kinesis | Sqs => Fault::json(status, code),
        };
        match self.kind {
            FaultKind::Throttled => match self.operation.service {
                S3 => answer(503, "SlowDown"),
                Kinesis => answer(400, "ProvisionedThroughputExceededException"),
                Sqs => answer(400, "RequestThrottled"),
            },
            FaultKind::TooManyRequests => answer(429, "TooManyRequests"),
            FaultKind::Error => answer(500, "InternalError"),
            FaultKind::Away => answer(503, "ServiceUnavailable"),
            FaultKind::Denied => answer(403, "AccessDenied"),
            FaultKind::ResetBefore => Fault::ResetBefore,
            FaultKind::ResetAfter => Fault::ResetAfter,
            FaultKind::Hung => Fault::Hang(Duration::from_millis(1_500)),
            FaultKind::SlowBody => Fault::SlowBody {
                bytes: 1_000,
                pause: Duration::from_millis(5),
            },
            FaultKind::Truncated => Fault::TruncateBody(7),
            FaultKind::Damaged if self.operation.answers => Fault::DamageBody,
            FaultKind::Damaged => answer(400, "BadDigest"),
        }
    }

    /// The rules of a proxy for a cell.
    pub(super) fn rules(&self) -> Vec<Rule> {
        let Operation { request, calls, .. } = self.operation;
        let rule = |nth, times| request(Rule::new(self.fault())).nth(nth).times(times);
        let burst = if self.kind == FaultKind::Hung {
            1
        } else {
            BURST
        };
        match self.when {
            When::First => vec![rule(1, burst)],
            When::Middle => vec![rule(calls.div_ceil(2), 1)],
            When::Last => vec![rule(calls, burst)],
            // A rule does not count a request on which an earlier rule acts.
            When::Twice => vec![rule(1, 1), rule(calls - 1, 1)],
        }
    }
}
