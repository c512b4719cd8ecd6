//! Packed messages on a bus in a folder.

use std::fs;

use crate::support::cloud::events;
use crate::support::lake;
use crate::support::packs::Pack;
use crate::support::program::Place;

const SMALL: [&str; 4] = ["--bus-messages", "packed", "--bus-message-bytes", "16384"];

/// A file with events of which the last one is larger than a packed message.
fn place() -> Place {
    let mut lines = events(300, 1);
    let note = "x".repeat(20_000);
    let large =
        format!(r#"{{"event_uuid":"l","event_name":"a:b","created_at":1,"note":"{note}"}}"#);
    lines.push(large.into_bytes());
    lines.push(Vec::new());
    let place = Place::new();
    place.write("events.ndjson", lines.join(&b'\n'));
    place
}

#[test]
fn a_line_is_a_packed_message_and_each_event_is_in_one() {
    let place = place();
    let summary = place.land(&SMALL);
    let (mut events, mut packs) = (Vec::new(), 0);
    for (name, content) in lake::tree(&place.bus()) {
        if name.starts_with('.') {
            continue;
        }
        assert!(name.ends_with(".packed.ndjson"), "{name}");
        for line in String::from_utf8(content).unwrap().lines() {
            let pack = Pack::parse(line);
            assert_eq!(pack.release, summary.release());
            assert!(line.len() <= 16_384 || pack.count == 1, "{}", line.len());
            events.extend(pack.events.iter().map(|event| event.body.get().to_owned()));
            packs += 1;
        }
    }
    events.sort_unstable();
    assert_eq!(events, lake::all_events(&place.lake()));
    assert_eq!(summary.count("messages"), packs);
    assert!(packs < 100, "{packs}");
}

#[test]
fn a_chunk_that_is_landed_again_has_the_same_messages() {
    let place = place();
    let records = place.land(&SMALL).count("records");
    let before = lake::tree(&place.bus());
    fs::remove_dir_all(place.lake().join("_sluice/ledger")).unwrap();
    for with_messages in [true, false] {
        if !with_messages {
            fs::remove_dir_all(place.lake().join("_sluice/ledger")).unwrap();
            fs::remove_dir_all(place.bus()).unwrap();
        }
        assert_eq!(place.land(&SMALL).count("records"), records);
        assert!(lake::tree(&place.bus()) == before, "{with_messages}");
    }
}
