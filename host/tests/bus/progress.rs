//! A run notes how many messages of its pending chunk the bus has. A repetition sends only the others.

use serde_json::Value;
use testkit::proxy::{Fault, Rule};

use super::received::Received;
use super::{
    AFTER_DEDUPLICATION, KINDS, Kind, LEAST_PACK_BYTES, PACKED, PACKED_FIFO, QUEUE_BYTES, SINGLE,
    TIMEOUT, edit_ledger, forget_sent, land, start, try_land,
};
use crate::metrics::watched::{Watched, metrics};
use crate::support::cases::at_once;
use crate::support::cloud::Service::{S3, Sqs};
use crate::support::cloud::{Cloud, SHARD, events, signal};
use crate::support::ledgers::only_ledger;

/// The first call that is held. Before it, a run has noted its progress once.
const HELD: usize = 300;

/// The events of a chunk that takes more calls than [`HELD`], and the size of its queue's messages.
fn long_send(kind: Kind) -> (u64, usize) {
    match (kind.is_fifo(), kind.is_packed()) {
        (false, false) => (4_000, QUEUE_BYTES),
        // A call has one message.
        (false, true) => (14_000, LEAST_PACK_BYTES),
        // A file is one group, and a call has one message of a group.
        (true, false) => (500, QUEUE_BYTES),
        (true, true) => (1_500, QUEUE_BYTES),
    }
}

/// A run that was killed in the middle of a long send.
struct Killed {
    cloud: Cloud,
    kind: Kind,
    /// How many messages the ledger notes.
    sent: usize,
    /// How many messages the bus has.
    before: usize,
}

fn noted(cloud: &Cloud) -> Option<u64> {
    only_ledger(&cloud.lake())["sent"]["messages"].as_u64()
}

fn killed(kind: Kind) -> Killed {
    let (events, queue_bytes) = long_send(kind);
    let cloud = kind.with_file(events, queue_bytes);
    let proxy = cloud.proxy(Sqs);
    let held = Rule::new(Fault::Hold).action("SendMessageBatch");
    let held = proxy.add(held.nth(HELD).always());
    let mut run = start(&cloud, &kind.arguments());
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    let has_sent_the_others = || cloud.sqs.calls("SendMessageBatch") == HELD - 1;
    run.until(|| has_sent_the_others() && noted(&cloud).is_some());
    drop(run);
    proxy.remove_rules();
    cloud.sqs.advance(AFTER_DEDUPLICATION);
    let sent = usize::try_from(noted(&cloud).unwrap()).unwrap();
    let before = cloud.sqs.messages(kind.queue).len();
    assert!(0 < sent && sent <= before, "{sent} of {before}");
    Killed {
        cloud,
        kind,
        sent,
        before,
    }
}

impl Killed {
    /// Finishes the chunk, and checks that the bus gets the messages of the chunk without the first `skipped` ones.
    fn is_finished_without(&self, skipped: usize) {
        let summary = land(&self.cloud, &self.kind.arguments());
        let received = Received::of(&self.cloud);
        let different = received.repetitions_are_equal();
        let new = received.len() - self.before;
        assert_eq!(new, different - skipped, "of {different}");
        assert_eq!(summary.count("messages"), new as u64);
        received.have_events_of_lake(&self.cloud);
        assert_eq!(only_ledger(&self.cloud.lake())["sent"], Value::Null);
    }
}

#[test]
fn a_repetition_sends_only_the_messages_behind_those_that_are_noted() {
    at_once(KINDS.into_iter().map(|kind| {
        let case = move || {
            let killed = killed(kind);
            killed.is_finished_without(killed.sent);
        };
        (kind.name(), case)
    }));
}

#[test]
fn another_queue_gets_all_messages() {
    at_once([SINGLE, PACKED].into_iter().map(|kind| {
        let case = move || {
            let mut killed = killed(kind);
            let (_, queue_bytes) = long_send(kind);
            killed.cloud.sqs.create_queue("other", queue_bytes);
            killed.cloud.queue = Some("other".to_owned());
            let there = killed.before;
            killed.before = 0;
            killed.is_finished_without(0);
            assert_eq!(killed.cloud.sqs.messages(kind.queue).len(), there);
        };
        (kind.name(), case)
    }));
}

/// A program that makes other messages of the range has noted them: the first ones of these are not the first ones of those.
#[test]
fn a_chunk_that_makes_another_number_of_messages_sends_all_of_them() {
    at_once([SINGLE, PACKED].into_iter().map(|kind| {
        let case = move || {
            let killed = killed(kind);
            edit_ledger(&killed.cloud, |ledger| {
                let of = ledger["sent"]["of"].as_u64().unwrap();
                ledger["sent"]["of"] = (of + 1).into();
            });
            killed.is_finished_without(0);
        };
        (kind.name(), case)
    }));
}

/// A ledger that was changed by hand.
#[test]
fn a_ledger_with_more_messages_than_it_says_there_are_is_an_error() {
    at_once([SINGLE, PACKED].into_iter().map(|kind| {
        let case = move || {
            let killed = killed(kind);
            edit_ledger(&killed.cloud, |ledger| {
                ledger["sent"]["messages"] = 1_000_000.into();
            });
            let ran = try_land(&killed.cloud, &kind.arguments());
            ran.failed(1, &["is not a valid ledger", "sent: 1000000 messages of "]);
            let after = killed.cloud.sqs.messages(kind.queue).len();
            assert_eq!(after, killed.before, "nothing is sent");
            edit_ledger(&killed.cloud, forget_sent);
            killed.is_finished_without(0);
        };
        (kind.name(), case)
    }));
}

/// A run that ends because the queue fails for too long notes what the queue has, however few calls that were.
#[test]
fn a_run_that_fails_while_it_sends_notes_what_the_bus_has() {
    const GOOD_CALLS: usize = 100;
    let cloud = PACKED.with_file(5_000, LEAST_PACK_BYTES);
    let proxy = cloud.proxy(Sqs);
    let fails = Rule::new(Fault::json(500, "InternalError")).action("SendMessageBatch");
    proxy.add(fails.nth(GOOD_CALLS + 1).always());
    let short = ["--retry-timeout", "1s"];
    let ran = try_land(&cloud, &[&PACKED.arguments()[..], &short].concat());
    ran.failed(1, &["InternalError"]);
    proxy.remove_rules();
    let sent = usize::try_from(noted(&cloud).unwrap()).unwrap();
    let before = cloud.sqs.messages(PACKED.queue).len();
    assert_eq!(cloud.sqs.calls("SendMessageBatch"), GOOD_CALLS);
    assert!(0 < sent && sent <= before, "{sent} of {before}");
    let killed = Killed {
        cloud,
        kind: PACKED,
        sent,
        before,
    };
    killed.is_finished_without(killed.sent);
}

#[test]
fn kills_while_progress_is_noted_lose_no_message() {
    let faults = [Fault::Hold, Fault::HoldAnswer];
    at_once([SINGLE, PACKED_FIFO].into_iter().flat_map(|kind| {
        faults.clone().map(|fault| {
            let name = format!("{fault:?}: {}", kind.name());
            (name, move || {
                let (events, queue_bytes) = long_send(kind);
                let cloud = kind.with_file(events, queue_bytes);
                let proxy = cloud.proxy(S3);
                let note = Rule::new(fault).method("PUT").path("_sluice/ledger");
                let note = proxy.add(note.body("\"sent\""));
                let run = start(&cloud, &kind.arguments());
                let came = proxy.wait_for_hits(note, 1, TIMEOUT);
                drop(run);
                assert!(came, "{}", cloud.log("killed.log"));
                proxy.remove_rules();
                cloud.sqs.advance(AFTER_DEDUPLICATION);
                land(&cloud, &kind.arguments());
                let received = Received::of(&cloud);
                received.repetitions_are_equal();
                received.have_events_of_lake(&cloud);
            })
        })
    }));
}

const ONE_CHUNK: [&str; 4] = ["--chunk-age", "1h", "--chunk-records", "4000"];

/// A worker is frozen while it sends, and another one finishes its chunk. The first one changes nothing when it wakes up.
#[test]
fn a_worker_that_takes_over_sends_only_the_messages_behind_those_that_are_noted() {
    let cloud = Cloud::new(1).with_queue(SINGLE.queue, QUEUE_BYTES);
    cloud.kinesis.records_per_read(4_000);
    cloud.put_by_keys(&events(4_000, 1));
    let proxy = cloud.proxy(Sqs);
    let held = Rule::new(Fault::Hold).action("SendMessageBatch");
    let held = proxy.add(held.nth(HELD).always());
    let mut frozen = cloud.worker_with_log("frozen.log", &ONE_CHUNK);
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    let noted = || cloud.ledger(SHARD)["sent"]["messages"].as_u64();
    let has_sent_the_others = || cloud.sqs.calls("SendMessageBatch") == HELD - 1;
    frozen.until(|| has_sent_the_others() && noted().is_some());
    signal(&frozen.0, "STOP");
    let (sent, before) = (noted().unwrap(), Received::of(&cloud).len() as u64);
    proxy.remove_rules();

    let mut watched = Watched::start(&mut cloud.command(&ONE_CHUNK));
    watched.until(|_| cloud.ledger(SHARD)["committed"]["records"] == 4_000);
    let found = metrics(watched.address);
    let not_repeated = found.count("sluice_messages_not_repeated_total", &[]);
    assert_eq!(not_repeated, sent);
    let calls = found.count("sluice_bus_calls_total", &[]);
    assert_eq!(
        calls,
        (cloud.sqs.calls("SendMessageBatch") - (HELD - 1)) as u64
    );
    signal(&watched.run.0, "TERM");
    assert_eq!(watched.end().code, Some(0));
    let received = Received::of(&cloud);
    assert_eq!(received.len() as u64, before + 4_000 - sent);
    assert_eq!(received.repetitions_are_equal(), 4_000);

    let ledger = cloud.ledger(SHARD);
    proxy.release_held();
    signal(&frozen.0, "CONT");
    frozen.until(|| cloud.log("frozen.log").contains("was taken over by"));
    signal(&frozen.0, "TERM");
    assert_eq!(frozen.ends(), Some(0));
    for part in ["committed", "pending", "sent"] {
        assert_eq!(cloud.ledger(SHARD)[part], ledger[part], "{part}");
    }
    Received::of(&cloud).repetitions_are_equal();
    cloud.is_delivered();
}

/// Time alone is a reason to note, too: a slow queue has few calls.
#[test]
fn a_run_with_slow_calls_notes_what_the_bus_has() {
    let cloud = SINGLE.with_file(2_000, QUEUE_BYTES);
    let proxy = cloud.proxy(Sqs);
    let held = Rule::new(Fault::Hold).action("SendMessageBatch");
    let held = proxy.add(held.nth(150).always());
    let mut run = start(&cloud, &SINGLE.arguments());
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    run.until(|| noted(&cloud).is_some());
    proxy.remove_rules();
    proxy.release_held();
    assert_eq!(run.ends(), Some(0), "{}", cloud.log("killed.log"));
    Received::of(&cloud).have_events_of_lake(&cloud);
}
