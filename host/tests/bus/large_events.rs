//! Events that fit no packed message.

use testkit::sqs::Message;

use super::received::{Received, events_of};
use super::{Kind, PACKED, PACKED_FIFO, QUEUE_BYTES, land};
use crate::support::cloud::Cloud;
use crate::support::lake;
use crate::support::packs::Pack;

/// Packed messages have this size at most; a queue takes larger ones.
const SMALL: [&str; 4] = ["--bus-messages", "packed", "--bus-message-bytes", "16384"];

const LARGE: usize = 20_000;

fn event(number: usize, note_bytes: usize) -> String {
    let note = "x".repeat(note_bytes);
    format!(
        r#"{{"event_uuid":"u{number}","event_name":"a:b","created_at":{number},"note":"{note}"}}"#
    )
}

/// A file with ten events. The sixth one is large.
fn with_a_large_event(kind: Kind) -> Cloud {
    let cloud = Cloud::new(1).with_queue(kind.queue, QUEUE_BYTES);
    let note_bytes = |number| if number == 5 { LARGE } else { 10 };
    let events = (0..10).map(|number| event(number, note_bytes(number)) + "\n");
    cloud
        .place
        .write("events.ndjson", events.collect::<String>());
    cloud
}

fn is_pointer(message: &Message) -> bool {
    message.attribute("pointer").is_some()
}

#[test]
fn a_large_event_goes_by_pointer_between_packed_messages() {
    for kind in [PACKED, PACKED_FIFO] {
        let cloud = with_a_large_event(kind);
        let summary = land(&cloud, &SMALL);
        assert_eq!(
            summary.counts(["records", "events", "quarantined"]),
            [10, 10, 0]
        );
        let received = Received::of(&cloud);
        assert_eq!(received.repetitions_are_equal(), received.len());
        let (pointers, packs): (Vec<_>, Vec<_>) = received
            .messages
            .iter()
            .partition(|message| is_pointer(message));
        let [pointer] = pointers[..] else {
            panic!("{kind:?}: one pointer, not {}", pointers.len());
        };
        assert!(packs.iter().all(|message| Pack::of(message).is_some()));
        assert_eq!(pointer.attribute("event"), Some("0"));
        assert_eq!(pointer.attribute("event_type"), Some("a"));
        assert_eq!(pointer.attribute("release"), Some(summary.release()));
        let rid = pointer.attribute("rid").unwrap();
        let line = cloud.pointed_to(&pointer.body, rid);
        assert!(line.starts_with(r#"{"event_uuid":"u5""#) && line.len() > LARGE);
        let mut events: Vec<_> = packs.iter().flat_map(|pack| events_of(pack)).collect();
        events.sort_unstable();
        let mut bodies: Vec<_> = events.into_iter().map(|(_, body)| body).collect();
        bodies.push(line);
        bodies.sort_unstable();
        assert_eq!(bodies, lake::all_events(&cloud.lake()));
    }
}

/// In a FIFO queue, the pointer has its place in its group.
#[test]
fn a_pointer_keeps_its_place_in_its_group() {
    let cloud = with_a_large_event(PACKED_FIFO);
    land(&cloud, &SMALL);
    let messages = Received::of(&cloud).messages;
    let is_pointer: Vec<_> = messages.iter().map(is_pointer).collect();
    assert_eq!(is_pointer, [false, true, false]);
    let counts: Vec<_> = messages.iter().map(|m| events_of(m).len()).collect();
    assert_eq!(counts, [5, 1, 4]);
    assert!(
        messages
            .iter()
            .all(|message| message.group == messages[0].group)
    );
}

/// A standard queue has no order, so the events around a pointer are in one message.
#[test]
fn in_a_standard_queue_a_pointer_divides_no_packed_message() {
    let cloud = with_a_large_event(PACKED);
    land(&cloud, &SMALL);
    let messages = Received::of(&cloud).messages;
    let mut counts: Vec<_> = messages.iter().map(|m| events_of(m).len()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 9]);
}

/// An event that goes to the bus only is in no object, so there is nothing to point to.
#[test]
fn a_large_event_for_the_bus_only_is_quarantined() {
    let cloud = with_a_large_event(PACKED);
    let copy = ["--transform", "builtin:copy"];
    let bus_only = ["--transform-config", r#"{"routes":["bus"]}"#];
    let summary = land(&cloud, &[&SMALL[..], &copy, &bus_only].concat());
    assert_eq!(summary.counts(["records", "quarantined"]), [10, 1]);
    let quarantined = lake::quarantine(&cloud.lake());
    let reasons: Vec<_> = quarantined.iter().map(|record| &*record.reason).collect();
    assert_eq!(reasons, ["message_too_large"]);
    assert_eq!(quarantined[0].bytes(), event(5, LARGE).into_bytes());
    let messages = Received::of(&cloud).messages;
    assert!(!messages.iter().any(is_pointer));
    assert_eq!(messages.iter().flat_map(events_of).count(), 9);
}
