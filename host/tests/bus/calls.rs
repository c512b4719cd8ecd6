//! The calls of a queue: how many there are, and what happens if the queue throttles or takes a part of a call.

use testkit::rpc::Failure;

use super::received::Received;
use super::{KINDS, Kind, PACKED, QUEUE_BYTES, SINGLE, land, try_land};
use crate::metrics::watched::{Watched, metrics, status};
use crate::support::cases::at_once;
use crate::support::cloud::{Cloud, SHARD, records, signal};

/// The largest message that SQS accepts, bytes.
const SQS_MAX_BYTES: usize = 1 << 20;

const SEND: &str = "SendMessageBatch";

/// The calls of a run over the same generated events.
fn calls(kind: Kind, events: usize, queue_bytes: usize) -> usize {
    let cloud = Cloud::new(1).with_queue(kind.queue, queue_bytes);
    let events = events.to_string();
    let generate = ["generate", "--events", &events];
    let generate = [&generate[..], &["--to", "file:events.ndjson"]].concat();
    cloud.place.run(&generate).succeeded();
    land(&cloud, &kind.arguments());
    let received = Received::of(&cloud);
    assert_eq!(received.repetitions_are_equal(), received.len());
    received.have_events_of_lake(&cloud);
    cloud.sqs.calls(SEND)
}

/// Generated events have 340 bytes, and a hundred types.
#[test]
fn packed_messages_need_at_most_a_fortieth_of_the_calls() {
    const EVENTS: usize = 30_000;
    let each = calls(SINGLE, EVENTS, QUEUE_BYTES);
    assert_eq!(each, EVENTS / 10);
    for queue_bytes in [QUEUE_BYTES, SQS_MAX_BYTES] {
        let packed = calls(PACKED, EVENTS, queue_bytes);
        println!("{packed} calls instead of {each}, with messages of {queue_bytes} bytes");
        assert!(40 * packed <= each, "{packed} calls with {queue_bytes}");
    }
}

fn throttled(status: u16, code: &str) -> Failure {
    Failure {
        status,
        ..Failure::new(code, "slowly")
    }
}

/// A stream whose records come to a queue with this failure of its first calls. Returns the limit of calls at once after that.
fn limit_after(kind: Kind, failures: usize, failure: &Failure) -> u64 {
    let cloud = Cloud::new(1).with_queue(kind.queue, QUEUE_BYTES);
    cloud.sqs.fail(SEND, failures, failure);
    limit_of(&cloud, kind)
}

/// Sends the messages of a stream. Returns the limit of calls at once after that.
fn limit_of(cloud: &Cloud, kind: Kind) -> u64 {
    cloud.put_by_keys(&records(300, 1));
    let mut watched = Watched::start(&mut cloud.command(&kind.arguments()));
    watched.until(|_| {
        let ledger = cloud
            .lake()
            .join(format!("_sluice/ledger/events-{SHARD}.json"));
        ledger.exists() && cloud.ledger(SHARD)["committed"]["records"] == 300
    });
    let found = metrics(watched.address);
    let limit = found.count("sluice_bus_calls_limit", &[]);
    let calls = found.count("sluice_bus_calls_total", &[]);
    assert_eq!(calls, cloud.sqs.calls(SEND) as u64, "each call is counted");
    let resources = &status(watched.address)["resources"];
    assert_eq!(resources["bus_calls"], calls);
    assert_eq!(resources["bus_calls_limit"], limit);
    signal(&watched.run.0, "TERM");
    assert_eq!(watched.end().code, Some(0));
    cloud.is_delivered();
    let received = Received::of(cloud);
    assert_eq!(received.repetitions_are_equal(), received.len());
    limit
}

#[test]
fn throttled_calls_lower_the_calls_at_once_and_all_messages_arrive() {
    let throttling = throttled(400, "RequestThrottled");
    at_once(KINDS.into_iter().map(|kind| {
        let throttling = throttling.clone();
        let case = move || {
            let limit = limit_after(kind, 3, &throttling);
            assert!((1..64).contains(&limit), "{limit}");
        };
        (kind.name(), case)
    }));
    assert_eq!(limit_after(SINGLE, 0, &throttling), 64);
}

/// All calls at once have 32 MiB of messages at most.
#[test]
fn a_queue_that_takes_large_messages_gets_fewer_calls_at_once() {
    for (queue_bytes, limit) in [(SQS_MAX_BYTES, 32), (786_432, 42), (524_288, 64)] {
        let cloud = Cloud::new(1).with_queue(SINGLE.queue, queue_bytes);
        assert_eq!(limit_of(&cloud, SINGLE), limit, "{queue_bytes}");
    }
}

/// A throttled message lowers the limit, also if another one of its call failed before it in another way.
#[test]
fn a_throttled_message_behind_one_that_failed_lowers_the_calls_at_once() {
    let cloud = Cloud::new(1).with_queue(SINGLE.queue, QUEUE_BYTES);
    cloud.sqs.fail_entries_each(&[
        (0, Failure::on_command()),
        (1, throttled(400, "RequestThrottled")),
    ]);
    let limit = limit_of(&cloud, SINGLE);
    assert!((1..64).contains(&limit), "{limit}");
}

/// The text says which records a rejected message is about.
#[test]
fn a_rejected_message_is_named_by_its_records() {
    at_once(KINDS.into_iter().map(|kind| {
        let case = move || {
            let cloud = kind.with_file(50, QUEUE_BYTES);
            let rejected = Failure::new("InvalidMessageContents", "not this one");
            cloud.sqs.fail_entries_with(&[0], &rejected);
            // A pack of a FIFO queue can have one event.
            let named = if kind == PACKED {
                "events from record events.ndjson-"
            } else {
                "record events.ndjson-"
            };
            let ran = try_land(&cloud, &kind.arguments());
            ran.failed(1, &["rejects the message of", named, "not this one"]);
        };
        (kind.name(), case)
    }));
}

#[test]
fn a_queue_that_is_unavailable_gets_all_messages_later() {
    for kind in [SINGLE, PACKED] {
        limit_after(kind, 3, &throttled(503, "ServiceUnavailable"));
    }
}

/// Of each call, a part is accepted, and the rest is throttled or fails.
#[test]
fn if_a_call_is_accepted_in_part_only_the_rest_is_sent_again() {
    at_once(KINDS.into_iter().map(|kind| {
        let case = move || {
            let cloud = Cloud::new(1).with_queue(kind.queue, QUEUE_BYTES);
            cloud.put_by_keys(&records(400, 1));
            cloud.sqs.fail_entries(&[0, 2]);
            cloud.sqs.fail_entries(&[1]);
            let throttling = throttled(400, "RequestThrottled");
            cloud.sqs.fail_entries_with(&[0, 1, 3], &throttling);
            let small = ["--bus-message-bytes", "16384"];
            let more = if kind.is_packed() {
                &small[..]
            } else {
                &small[..0]
            };
            cloud.catch_up(&[&kind.arguments()[..], more].concat());
            cloud.is_delivered();
            let received = Received::of(&cloud);
            assert_eq!(received.repetitions_are_equal(), received.len());
            if kind.is_fifo() {
                received.first_ones_are_in_order(&cloud);
            }
        };
        (kind.name(), case)
    }));
}
