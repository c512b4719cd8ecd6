//! Workers are killed at random requests to the queue and to S3, one after the other, with other bounds of packed messages.

use std::time::Duration;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use testkit::proxy::{Fault, Rule};

use super::received::Received;
use super::{AFTER_DEDUPLICATION, KINDS, Kind, QUEUE_BYTES, TIMEOUT};
use crate::support::cases::at_once;
use crate::support::cloud::Service::{self, S3, Sqs};
use crate::support::cloud::{Cloud, records, signal};

/// The seed of the kills; a failure prints it.
const SEED: u64 = 20_261_128;

const KILLS: u64 = 6;

/// The records that come before each kill.
const RECORDS: u64 = 400;

/// The number of records in a response, which become one chunk.
const RECORDS_PER_CHUNK: usize = 100;

/// How long a request is waited for. If all is done before it, the worker is killed between two requests.
const WAIT: Duration = Duration::from_secs(3);

const A_CHUNK_AN_ANSWER: [&str; 2] = ["--chunk-records", "1"];

/// The arguments of a worker. The bound of packed messages is another one each time.
fn arguments(kind: Kind, rng: &mut Pcg64Mcg) -> Vec<&'static str> {
    let mut arguments = [A_CHUNK_AN_ANSWER, kind.arguments()].concat();
    if kind.is_packed() {
        let bytes = *["16384", "20000", "65536", "262144"].choose(rng).unwrap();
        arguments.extend(["--bus-message-bytes", bytes]);
    }
    arguments
}

/// A request at which a worker is killed, before or after its service has executed it.
fn request(kind: Kind, rng: &mut Pcg64Mcg) -> (Service, Rule) {
    let fault = match rng.random() {
        true => Fault::Hold,
        false => Fault::HoldAnswer,
    };
    let rule = Rule::new(fault);
    if rng.random_range(0..3) == 0 {
        return (S3, rule.method("PUT").nth(rng.random_range(1..40)));
    }
    // Packed messages of a standard queue fit one call for each chunk.
    let last = match (kind.is_packed(), kind.is_fifo()) {
        (true, false) => 4,
        _ => 30,
    };
    let rule = rule.action("SendMessageBatch");
    (Sqs, rule.nth(rng.random_range(1..=last)))
}

/// Kills workers, and lets another one finish.
fn survives(kind: Kind, seed: u64) {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let cloud = Cloud::new(1).with_queue(kind.queue, QUEUE_BYTES);
    cloud.kinesis.records_per_read(RECORDS_PER_CHUNK);
    let mut came = 0;
    for kill in 0..KILLS {
        cloud.put_by_keys(&records(RECORDS, 1 + kill));
        let (service, rule) = request(kind, &mut rng);
        println!("seed {seed}, {kind:?}, kill {kill}: {rule:?}");
        let proxy = cloud.proxy(service);
        let held = proxy.add(rule);
        let killed = cloud.worker_with_log("killed.log", &arguments(kind, &mut rng));
        came += usize::from(proxy.wait_for_hits(held, 1, WAIT));
        drop(killed);
        proxy.remove_rules();
        // A FIFO queue then takes what is repeated.
        cloud.sqs.advance(AFTER_DEDUPLICATION);
    }
    assert!(came > 0, "no request came");
    cloud.catch_up(&arguments(kind, &mut rng));
    cloud.is_delivered();
    let received = Received::of(&cloud);
    let different = received.repetitions_are_equal();
    println!(
        "{kind:?}: {} messages, {different} different",
        received.len()
    );
    if kind.is_fifo() {
        received.first_ones_are_in_order(&cloud);
    }
}

#[test]
fn kills_at_random_requests_leave_each_event_on_the_bus_and_each_key_in_order() {
    at_once(KINDS.into_iter().map(|kind| {
        let case = move || survives(kind, SEED);
        (kind.name(), case)
    }));
}

/// A worker is frozen in the middle of a call, another one does the work, and the first one goes on.
#[test]
fn a_worker_that_wakes_up_amid_a_call_repeats_equal_messages_only() {
    at_once(KINDS.into_iter().flat_map(|kind| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {}", kind.name());
            (name, move || wakes_up(kind, fault))
        })
    }));
}

fn wakes_up(kind: Kind, fault: Fault) {
    let cloud = Cloud::new(1).with_queue(kind.queue, QUEUE_BYTES);
    cloud.kinesis.records_per_read(RECORDS_PER_CHUNK);
    cloud.put_by_keys(&records(RECORDS, 1));
    let proxy = cloud.proxy(Sqs);
    let held = proxy.add(Rule::new(fault).action("SendMessageBatch").nth(2));
    let mut frozen = cloud.worker_with_log(
        "frozen.log",
        &[A_CHUNK_AN_ANSWER, kind.arguments()].concat(),
    );
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    signal(&frozen.0, "STOP");
    cloud.sqs.advance(AFTER_DEDUPLICATION);
    let small = ["--bus-message-bytes", "16384"];
    let more = if kind.is_packed() {
        &small[..]
    } else {
        &small[..0]
    };
    cloud.catch_up(&[&kind.arguments()[..], more].concat());
    cloud.is_delivered();
    cloud.sqs.advance(AFTER_DEDUPLICATION);
    proxy.release_held();
    signal(&frozen.0, "CONT");
    frozen.until(|| cloud.log("frozen.log").contains("was taken over by"));
    signal(&frozen.0, "TERM");
    assert_eq!(frozen.ends(), Some(0), "{}", cloud.log("frozen.log"));
    cloud.catch_up(&kind.arguments());
    cloud.is_delivered();
    let received = Received::of(&cloud);
    received.repetitions_are_equal();
    if kind.is_fifo() {
        received.first_ones_are_in_order(&cloud);
    }
}
