//! The audit of a table that leaves out duplicates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use serde_json::Value;

use super::Audited;
use crate::local::events;
use crate::support::lake;
use crate::support::program::Place;

const RULE: [&str; 4] = ["--dedupe-key", "event_uuid", "--dedupe-window", "2h"];

/// A table of two syncs. In the first one, three events are repetitions, and in the second one, five are.
fn audited() -> Audited {
    let place = Place::new();
    place.write("events.ndjson", events(0..30) + &events(0..3));
    place.write("more.ndjson", events(25..90));
    let table = Audited(place);
    table.table("create", &RULE);
    for source in ["file:events.ndjson", "file:more.ndjson"] {
        table.land("ndjson", source);
        table.table("sync", &[]);
    }
    table
}

/// The kinds of the findings of an audit, each once.
fn kinds(table: &Audited, more: &[&str]) -> BTreeSet<String> {
    table.found(more).0.into_iter().collect()
}

fn named<const N: usize>(kinds: [&str; N]) -> BTreeSet<String> {
    kinds.map(ToOwned::to_owned).into()
}

/// The lists of dropped events.
fn lists(table: &Audited) -> Vec<PathBuf> {
    let warehouse = table.0.path("lake.warehouse");
    let keys = lake::tree(&warehouse).into_keys();
    let lists = keys.filter(|key| key.ends_with("dropped.ndjson.zst"));
    lists.map(|key| warehouse.join(key)).collect()
}

#[test]
fn a_table_without_duplicates_is_proven() {
    let table = audited();
    for report in [table.proven(), table.is_consistent()] {
        let counts = ["rows", "files", "chunks", "duplicates"];
        let counts = counts.map(|count| report[count].as_u64().unwrap());
        assert_eq!(counts, [90, 2, 2, 8], "{report:#}");
        let note = report["notes"][0].as_str().unwrap();
        assert_eq!(note, "8 events of the lake left out as duplicates");
    }
}

#[test]
fn a_dropped_event_without_a_row_is_found() {
    let table = audited();
    // The row of an event that came again.
    table.edit(|rows| {
        let ids = rows.column_by_name("event_uuid").unwrap();
        let mut ids = ids.as_string::<i32>().iter();
        let row = ids.position(|id| id == Some("u-0")).unwrap();
        let behind = row + 1;
        vec![
            rows.slice(0, row),
            rows.slice(behind, rows.num_rows() - behind),
        ]
    });
    let expected = named(["changed_file", "dropped_without_row", "missing_rows"]);
    assert_eq!(kinds(&table, &[]), expected);
    let quick = named(["changed_file", "missing_rows"]);
    assert_eq!(kinds(&table, &["--quick"]), quick);
}

#[test]
fn two_rows_of_a_key_are_found() {
    let table = audited();
    table.edit_text("event_uuid", Some("u-9"));
    let found = kinds(&table, &[]);
    assert!(
        found.is_superset(&named(["changed_rows", "duplicate_row"])),
        "{found:?}"
    );
    table.is_consistent();
}

/// What a list does not name is missing in the table.
#[test]
fn a_list_of_dropped_events_that_was_changed_is_found() {
    let table = audited();
    let list = lists(&table).remove(0);
    let text = zstd::decode_all(&fs::read(&list).unwrap()[..]).unwrap();
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(lines.len() > 1, "{lines:?}");
    let shorter = zstd::encode_all(&lines[1..].concat()[..], 1).unwrap();
    fs::write(&list, shorter).unwrap();
    for more in [&[][..], &["--quick"]] {
        assert_eq!(
            kinds(&table, more),
            named(["dropped_count", "missing_rows"])
        );
    }
    fs::write(&list, "no list").unwrap();
    table
        .audit(&[])
        .failed(1, &["dropped.ndjson.zst", "restore it"]);
    fs::remove_file(&list).unwrap();
    table
        .audit(&[])
        .failed(1, &["dropped.ndjson.zst does not exist"]);
}

/// Another event is in the list than the one that was dropped: the one before it in its object.
#[test]
fn an_event_that_is_listed_in_place_of_another_is_found() {
    let table = audited();
    // Those of the first sync repeat events before them.
    let (list, mut objects) = lists(&table)
        .into_iter()
        .map(|list| (list.clone(), objects(&list)))
        .find(|(_, objects)| objects[0]["lines"][0].as_u64() > Some(1))
        .unwrap();
    let line = &mut objects[0]["lines"][0];
    *line = (line.as_u64().unwrap() - 1).into();
    let changed: String = objects.iter().map(|object| format!("{object}\n")).collect();
    fs::write(&list, zstd::encode_all(changed.as_bytes(), 1).unwrap()).unwrap();
    for more in [&[][..], &["--quick"]] {
        assert_eq!(kinds(&table, more), named(["changed_rows"]));
    }
}

/// The objects of a list of dropped events.
fn objects(list: &Path) -> Vec<Value> {
    let text = zstd::decode_all(&fs::read(list).unwrap()[..]).unwrap();
    let objects = serde_json::Deserializer::from_slice(&text).into_iter();
    objects.map(Result::unwrap).collect()
}
