//! The quick audit: ledgers, chunk manifests and names, without the source.

use std::fs;

use super::{audit_quickly, object_keys};
use crate::local::events;
use crate::support::guests::rogue;
use crate::support::program::Place;

#[test]
fn a_lake_is_consistent_without_its_source() {
    let place = Place::new();
    place.write("events.ndjson", events(0..2_500) + "broken\n");
    let landed = place.land(&["--chunk-records", "1"]);
    fs::remove_file(place.path("events.ndjson")).unwrap();
    let bus = ["--bus", "file:bus"];
    let json = audit_quickly(&place, &bus).consistent();
    let counts = ["in_lake", "quarantined", "chunks", "messages", "wrong"];
    assert_eq!(json.counts(counts), [2_500, 1, 3, 2_500, 0]);
    let objects = landed.count("objects") + landed.count("quarantine_objects");
    assert_eq!(json.count("objects"), objects);
}

/// The lake has several shards, one of them pending.
#[test]
fn all_shards_of_a_lake_are_compared() {
    let place = Place::new();
    place.write("rogue.wasm", &rogue().by_batch);
    for (name, text) in [
        ("a", "echo\n"),
        ("b", "drop\n"),
        ("c", "bus_only\nreject this\n"),
    ] {
        place.write(&format!("{name}.ndjson"), text.repeat(10));
        let source = format!("file:{name}.ndjson");
        let args = ["run", "--source", &source, "--lake", "file:lake"];
        let more = ["--transform", "rogue.wasm", "--http", "none"];
        place.run(&[&args[..], &more].concat()).succeeded();
    }
    place.write("events.ndjson", events(0..30));
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    place.try_land(&[]).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    let json = audit_quickly(&place, &[]).consistent();
    let counts = ["in_lake", "dropped", "bus_only", "quarantined", "pending"];
    assert_eq!(json.counts(counts), [10, 10, 10, 10, 30]);
    assert!(json.count("objects_pending") > 0);
}

#[test]
fn an_object_that_is_gone_is_found_by_its_name_and_its_content_is_not_read() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.land(&[]);
    let keys = object_keys(&place.lake());
    place.write(&format!("lake/{}", keys[0]), "other bytes");
    audit_quickly(&place, &[]).consistent();
    fs::remove_file(place.lake().join(&keys[1])).unwrap();
    let found = audit_quickly(&place, &[]).inconsistent();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["kind"], &found[0]["object"]),
        (&"missing_object".into(), &keys[1].clone().into())
    );
}

#[test]
fn a_folder_of_other_files_is_called_a_lake_without_a_ledger() {
    let place = Place::new();
    place.write("lake/events.ndjson", events(0..3));
    let args = ["audit", "--quick", "--lake", "file:lake"];
    let ran = place.run(&args).failed(1, &["not consistent: 1 finding"]);
    assert!(ran.stdout.contains("lake has no ledger"), "{ran:?}");
}

#[test]
fn the_text_says_what_was_not_read() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.land(&[]);
    let ran = place
        .run(&["audit", "--quick", "--lake", "file:lake"])
        .succeeded();
    let expected = "consistent: ledgers, chunk manifests and object names agree on 30 records; contents were not \
                    read\n";
    assert!(ran.stdout.starts_with(expected), "{}", ran.stdout);
    let nothing = ["audit", "--quick", "--lake", "file:nothing"];
    place
        .run(&nothing)
        .failed(1, &["nothing is empty or does not exist"]);
}
