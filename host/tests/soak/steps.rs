//! The requests at which workers are killed and frozen, and the faults of requests.

use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;

use crate::support::cloud::Service::{self, Kinesis, S3, Sqs};
use testkit::proxy::{Fault, Rule};

/// A kind of request, with its service.
pub(super) type Step = (Service, fn(Rule) -> Rule);

fn ledger(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/ledger")
}

/// The steps of delivery, from the poll of the stream to the release of a shard.
static STEPS: [Step; 17] = [
    (Kinesis, |rule| rule.action("ListShards")),
    (Kinesis, |rule| rule.action("GetShardIterator")),
    (Kinesis, |rule| rule.action("GetRecords")),
    (Sqs, |rule| rule.action("SendMessageBatch")),
    (Sqs, |rule| rule.action("GetQueueUrl")),
    (S3, |rule| rule.method("GET").path("_sluice/ledger")),
    (S3, |rule| rule.method("GET").path("registry/active.json")),
    (S3, |rule| rule.method("PUT").path("event_type")),
    (S3, |rule| rule.method("PUT").path("quarantine")),
    (S3, |rule| rule.method("HEAD")),
    (S3, |rule| rule.method("PUT").path("_sluice/chunks")),
    (S3, |rule| rule.method("GET").path("_sluice/chunks")),
    (S3, |rule| rule.method("PUT").path("_sluice/releases")),
    // A pin, or a renewal amid a chunk.
    (S3, |rule| ledger(rule).body("\"pending\": {")),
    // A commit, or a renewal between chunks.
    (S3, |rule| {
        ledger(rule)
            .body("\"pending\": null")
            .body("\"committed\": {")
    }),
    (S3, |rule| ledger(rule).body("\"owner\": null")),
    (S3, |rule| ledger(rule).body("\"finished\": true")),
];

/// Further steps of chunks of Parquet.
static STEPS_OF_PARQUET: [Step; 2] = [
    (S3, |rule| rule.method("PUT").path("_sluice/schemas")),
    (S3, |rule| rule.method("GET").path("_sluice/schemas")),
];

fn any_step(rng: &mut Pcg64Mcg, parquet: bool) -> &'static Step {
    let more = STEPS_OF_PARQUET.iter().filter(|_| parquet);
    let steps: Vec<_> = STEPS.iter().chain(more).collect();
    steps.choose(rng).unwrap()
}

/// A rule that holds a request of a random step, before its service gets it or after it has
/// executed it.
pub(super) fn hold(rng: &mut Pcg64Mcg, parquet: bool) -> (Service, Rule) {
    let (service, request) = *any_step(rng, parquet);
    let held = [Fault::Hold, Fault::HoldAnswer].choose(rng).unwrap();
    let rule = request(Rule::new(held.clone()));
    (service, rule.nth(rng.random_range(1..=4)))
}

/// A rule that adds a fault to some requests: a few, or all for a while.
pub(super) fn fault(rng: &mut Pcg64Mcg, parquet: bool) -> (Service, Rule) {
    let (service, request) = *any_step(rng, parquet);
    let rule = Rule::new(fault_of(service, rng));
    let rule = match rng.random_range(0..3) {
        0 => rule,
        _ => request(rule),
    };
    let rule = match rng.random_range(0..3) {
        0 => rule.always(),
        _ => rule.times(rng.random_range(1..=40)),
    };
    (service, rule)
}

fn fault_of(service: Service, rng: &mut Pcg64Mcg) -> Fault {
    let answer = |status, code: &str| match service {
        S3 => Fault::s3(status, code),
        Kinesis | Sqs => Fault::json(status, code),
    };
    match rng.random_range(0..9) {
        0 => match service {
            S3 => answer(503, "SlowDown"),
            Kinesis => answer(400, "ProvisionedThroughputExceededException"),
            Sqs => answer(400, "RequestThrottled"),
        },
        1 => answer(429, "TooManyRequests"),
        2 => answer(500, "InternalError"),
        3 => answer(503, "ServiceUnavailable"),
        4 => Fault::ResetBefore,
        5 => Fault::ResetAfter,
        6 => Fault::Hang(Duration::from_millis(rng.random_range(50..2_000))),
        7 => Fault::SlowBody {
            bytes: 20_000,
            pause: Duration::from_millis(rng.random_range(1..20)),
        },
        _ => Fault::TruncateBody(rng.random_range(0..200)),
    }
}
