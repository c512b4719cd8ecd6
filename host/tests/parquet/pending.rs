//! A pending chunk is finished with the schema that it was pinned with.

use std::fs;

use super::{PARQUET, has_events, parquet_keys, schema};
use crate::audit::audit;
use crate::local::{all_enriched, events};
use crate::support::lake;
use crate::support::ledgers::only_ledger;
use crate::support::manifests::manifests;
use crate::support::program::Place;

/// The same file in two folders has the same shard by this.
const NAMED: [&str; 2] = ["--source-name", "events.ndjson"];

/// A folder in which a run was interrupted after it had put some of its objects.
fn interrupted(args: &[&str]) -> Place {
    let place = prepared();
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    place.try_land(args).failed(1, &["event_type=payment"]);
    assert!(only_ledger(&place.lake())["pending"]["pins"]["schema"].is_string());
    fs::remove_file(in_the_way).unwrap();
    place
}

fn prepared() -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.write("old.json", schema("long"));
    place.write("new.json", schema("string"));
    place
}

fn with_schema(file: &'static str) -> Vec<&'static str> {
    [&PARQUET[..], &NAMED, &["--schema", file]].concat()
}

/// The objects of Parquet with their bytes.
fn objects(place: &Place) -> Vec<(String, Vec<u8>)> {
    let read = |key: String| {
        let bytes = fs::read(place.lake().join(&key)).unwrap();
        (key, bytes)
    };
    parquet_keys(place).into_iter().map(read).collect()
}

#[test]
fn an_interrupted_run_is_finished_with_the_same_objects() {
    let place = interrupted(&with_schema("old.json"));
    let whole = prepared();
    whole.land(&with_schema("old.json"));
    assert_eq!(place.land(&with_schema("old.json")).count("records"), 30);
    assert!(objects(&place) == objects(&whole));
    assert_eq!(lake::messages(&place.bus()).len(), 30);
    audit(&place, &NAMED).proven();
}

#[test]
fn a_repetition_under_a_newer_schema_uses_the_pinned_one() {
    let place = interrupted(&with_schema("old.json"));
    let whole = prepared();
    whole.land(&with_schema("old.json"));
    fs::remove_file(place.path("old.json")).unwrap();
    assert_eq!(place.land(&with_schema("new.json")).count("records"), 30);
    assert!(objects(&place) == objects(&whole));
    assert_eq!(lake::schemas(&place.lake()).len(), 1);

    // What is new has the new schema.
    place.write("events.ndjson", events(0..60));
    place.land(&with_schema("new.json"));
    has_events(&place, &all_enriched(0..60));
    let chunks = manifests(&place.lake()).into_values().next().unwrap();
    assert_eq!(chunks.len(), 2);
    assert_ne!(chunks[0].pins.schema, chunks[1].pins.schema);
    audit(&place, &NAMED).proven();
}

#[test]
fn a_repetition_without_parquet_is_finished_as_parquet() {
    let place = interrupted(&with_schema("old.json"));
    assert_eq!(place.land(&NAMED).count("records"), 30);
    assert_eq!(parquet_keys(&place).len(), 3);
    has_events(&place, &all_enriched(0..30));
}

#[test]
fn lines_that_are_pending_stay_lines() {
    let place = prepared();
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    place.try_land(&NAMED).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    place.land(&with_schema("new.json"));
    assert_eq!(parquet_keys(&place), [""; 0]);
    has_events(&place, &all_enriched(0..30));
    audit(&place, &NAMED).proven();
}

#[test]
fn a_schema_that_is_missing_or_damaged_is_named() {
    let place = interrupted(&with_schema("old.json"));
    let digest = only_ledger(&place.lake())["pending"]["pins"]["schema"].clone();
    let file = format!("lake/_sluice/schemas/{}.json", digest.as_str().unwrap());
    let document = fs::read(place.path(&file)).unwrap();
    fs::remove_file(place.path(&file)).unwrap();
    let ran = place.try_land(&with_schema("new.json"));
    ran.failed(1, &[&file, "does not exist", "a pending range needs"]);
    place.write(&file, schema("long"));
    let ran = place.try_land(&with_schema("new.json"));
    ran.failed(1, &[&file, "do not have the digest of its name"]);
    place.write(&file, document);
    assert_eq!(place.land(&with_schema("new.json")).count("records"), 30);
    has_events(&place, &all_enriched(0..30));
}

/// An object of the chunk that has other rows is never overwritten.
#[test]
fn an_object_with_other_rows_stops_the_shard() {
    let place = interrupted(&with_schema("old.json"));
    let key = parquet_keys(&place).remove(0);
    let path = place.lake().join(&key);
    let object = fs::read(&path).unwrap();
    fs::write(&path, &object[..object.len() - 9]).unwrap();
    let ran = place.try_land(&with_schema("old.json"));
    ran.failed(1, &[&key, "already exists with different content"]);
    fs::write(&path, object).unwrap();
    assert_eq!(place.land(&with_schema("old.json")).count("records"), 30);
}
