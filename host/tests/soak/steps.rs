//! The requests at which workers are killed and frozen, and the faults of requests.

use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;

use super::parameters::WarehousePlace;
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

/// The requests of a builder of a table to the lake.
static STEPS_OF_BUILDERS: [fn(Rule) -> Rule; 5] = [
    |rule| rule.method("GET").path("list-type=2"),
    |rule| rule.method("GET").path("_sluice/ledger"),
    |rule| rule.method("GET").path("_sluice/chunks"),
    |rule| rule.method("GET").path("_sluice/schemas"),
    |rule| rule.method("GET").path("event_type"),
];

/// Its requests to a warehouse in S3, in their order.
static STEPS_OF_WAREHOUSES: [fn(Rule) -> Rule; 9] = [
    |rule| rule.method("GET").path(".metadata.json"),
    |rule| rule.method("GET").path("watermarks"),
    |rule| rule.method("GET").path("builder.json"),
    // The lease is taken, an attempt is noted or settled, or the lease is given back.
    |rule| rule.method("PUT").path("builder.json"),
    |rule| rule.method("PUT").path(".parquet"),
    |rule| rule.method("PUT").path("watermarks"),
    |rule| rule.method("PUT").path("-m0.avro"),
    |rule| rule.method("PUT").path("snap-"),
    // Afterwards, the catalog takes the commit.
    |rule| rule.method("PUT").path(".metadata.json"),
];

fn any_step_of_builders(rng: &mut Pcg64Mcg, place: WarehousePlace) -> fn(Rule) -> Rule {
    let in_bucket = place == WarehousePlace::Bucket;
    let more = STEPS_OF_WAREHOUSES.iter().filter(|_| in_bucket);
    let steps: Vec<_> = STEPS_OF_BUILDERS.iter().chain(more).collect();
    **steps.choose(rng).unwrap()
}

/// A rule that holds a request of a random step, before its service gets it or after it has
/// executed it.
pub(super) fn hold(rng: &mut Pcg64Mcg, parquet: bool) -> (Service, Rule) {
    let (service, request) = *any_step(rng, parquet);
    (service, held(rng, request))
}

/// The same for a request of a builder.
pub(super) fn hold_builder(rng: &mut Pcg64Mcg, place: WarehousePlace) -> Rule {
    let request = any_step_of_builders(rng, place);
    held(rng, request)
}

fn held(rng: &mut Pcg64Mcg, request: fn(Rule) -> Rule) -> Rule {
    let held = [Fault::Hold, Fault::HoldAnswer].choose(rng).unwrap();
    let rule = request(Rule::new(held.clone()));
    rule.nth(rng.random_range(1..=4))
}

/// A rule that adds a fault to some requests: a few, or all for a while.
pub(super) fn fault(rng: &mut Pcg64Mcg, parquet: bool) -> (Service, Rule) {
    let (service, request) = *any_step(rng, parquet);
    (service, faulty(rng, service, request))
}

/// The same for requests of builders.
pub(super) fn builder_fault(rng: &mut Pcg64Mcg, place: WarehousePlace) -> Rule {
    let request = any_step_of_builders(rng, place);
    faulty(rng, S3, request)
}

fn faulty(rng: &mut Pcg64Mcg, service: Service, request: fn(Rule) -> Rule) -> Rule {
    let rule = Rule::new(fault_of(service, rng));
    let rule = match rng.random_range(0..3) {
        0 => rule,
        _ => request(rule),
    };
    match rng.random_range(0..3) {
        0 => rule.always(),
        _ => rule.times(rng.random_range(1..=40)),
    }
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
