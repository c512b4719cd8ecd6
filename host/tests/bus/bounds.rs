//! What a chunk has pinned about its messages holds in a repetition, whatever that is started with.

use testkit::proxy::{Fault, Rule};

use super::received::{Received, events_of};
use super::{
    AFTER_DEDUPLICATION, Kind, LEAST_PACK_BYTES, PACKED, PACKED_FIFO, QUEUE_BYTES, SINGLE_FIFO,
    TIMEOUT, edit_ledger, forget_sent, land, start, try_land,
};
use crate::support::cases::at_once;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::S3;
use crate::support::lake;

const EVENTS: u64 = 200;

const SMALL: [&str; 4] = ["--bus-messages", "packed", "--bus-message-bytes", "16384"];
const LARGE: [&str; 4] = ["--bus-messages", "packed", "--bus-message-bytes", "65536"];
const DEFAULT: [&str; 2] = ["--bus-messages", "packed"];
const EACH: [&str; 2] = ["--bus-messages", "events"];

/// A run with these settings that was killed when it had sent all messages.
fn killed(kind: Kind, settings: &[&str]) -> Cloud {
    let cloud = kind.with_file(EVENTS, QUEUE_BYTES);
    let proxy = cloud.proxy(S3);
    let held = Rule::new(Fault::Hold).method("PUT").path("_sluice/chunks");
    let held = proxy.add(held);
    let run = start(&cloud, settings);
    let came = proxy.wait_for_hits(held, 1, TIMEOUT);
    drop(run);
    assert!(came, "{}", cloud.log("killed.log"));
    proxy.remove_rules();
    cloud.sqs.advance(AFTER_DEDUPLICATION);
    edit_ledger(&cloud, forget_sent);
    cloud
}

/// Kills a run with the first settings, and finishes its chunk with the second ones: each message comes again.
fn is_repeated_as_pinned(kind: Kind, first: &[&str], second: &[&str]) {
    let cloud = killed(kind, first);
    let once = Received::of(&cloud);
    let different = once.repetitions_are_equal();
    assert_eq!(once.len(), different);
    once.have_events_of_lake(&cloud);
    if first == SMALL {
        assert!(once.largest() <= LEAST_PACK_BYTES, "{}", once.largest());
    }
    let mut messages = once.messages.iter();
    let is_packed = messages.any(|message| events_of(message).len() > 1);
    assert_eq!(is_packed, first != EACH);

    land(&cloud, second);
    let twice = Received::of(&cloud);
    assert_eq!(twice.repetitions_are_equal(), different);
    assert_eq!(twice.len(), 2 * different);
    twice.have_events_of_lake(&cloud);
}

#[test]
fn a_repetition_sends_the_same_messages_whatever_it_is_started_with() {
    let settings: [(&[&str], &[&str]); 6] = [
        (&SMALL, &LARGE),
        (&LARGE, &SMALL),
        (&DEFAULT, &SMALL),
        (&SMALL, &EACH),
        (&EACH, &SMALL),
        (&SMALL, &["--bus-messages", "objects"]),
    ];
    let kinds = [PACKED, PACKED_FIFO];
    at_once(kinds.into_iter().flat_map(|kind| {
        settings.map(|(first, second)| {
            let name = format!("{}: {first:?}, then {second:?}", kind.queue);
            (name, move || is_repeated_as_pinned(kind, first, second))
        })
    }));
}

/// A chunk that was pinned with large messages is not finished with a queue that takes no such messages.
#[test]
fn a_queue_that_is_too_small_for_pinned_messages_gets_none_of_them() {
    let mut cloud = killed(PACKED, &DEFAULT);
    let different = Received::of(&cloud).len();
    let calls = cloud.sqs.calls("SendMessageBatch");
    cloud.sqs.create_queue("small", LEAST_PACK_BYTES);
    cloud.queue = Some("small".to_owned());
    let parts = [
        "send packed messages to http",
        "262144 bytes",
        "at most 16384",
        "MaximumMessageSize",
        "--bus none",
    ];
    try_land(&cloud, &DEFAULT).failed(1, &parts);
    assert_eq!(
        cloud.sqs.calls("SendMessageBatch"),
        calls,
        "no call is made"
    );
    cloud.queue = Some(PACKED.queue.to_owned());
    land(&cloud, &DEFAULT);
    let received = Received::of(&cloud);
    assert_eq!(received.repetitions_are_equal(), different);
    received.have_events_of_lake(&cloud);
}

/// The range is finished as the error advises.
#[test]
fn a_range_with_messages_that_are_too_large_is_finished_without_a_bus() {
    let mut cloud = killed(PACKED, &DEFAULT);
    let sent = Received::of(&cloud).len();
    cloud.queue = None;
    land(&cloud, &["--bus", "none"]);
    cloud.queue = Some(PACKED.queue.to_owned());
    assert_eq!(Received::of(&cloud).len(), sent);
    assert_eq!(lake::all_events(&cloud.lake()).len() as u64, EVENTS);
}

/// The messages of another queue are all sent, and those of the first one are left as they were.
#[test]
fn another_queue_gets_the_pinned_messages_too() {
    for kind in [PACKED, SINGLE_FIFO] {
        let mut cloud = killed(kind, &kind.arguments());
        let once = Received::of(&cloud);
        let other = format!("other-{}", kind.queue);
        cloud.sqs.create_queue(&other, QUEUE_BYTES);
        cloud.queue = Some(other);
        land(&cloud, &LARGE);
        let there = Received::of(&cloud);
        assert_eq!(there.repetitions_are_equal(), once.len());
        assert_eq!(there.len(), once.len());
        let bodies = |received: &Received| {
            let bodies = received.messages.iter();
            let mut bodies: Vec<_> = bodies.map(|message| message.body.clone()).collect();
            bodies.sort_unstable();
            bodies
        };
        assert!(bodies(&there) == bodies(&once), "{kind:?}");
        cloud.queue = Some(kind.queue.to_owned());
        assert_eq!(Received::of(&cloud).len(), once.len());
    }
}
