//! The table on the page Schema: shown without a trace in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::{LANDED, console, place};
use crate::support::program::Place;

const SCHEMA: &str = r#"{"version": 1, "columns": [{"name": "event_uuid", "type": "string"}]}"#;

/// The files of the warehouse.
fn files(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut folders = vec![place.path("lake.warehouse")];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false => drop(files.insert(path.clone(), fs::read(path).unwrap())),
            }
        }
    }
    files
}

#[test]
fn the_status_of_a_table_leaves_its_catalog_as_it_is() {
    let place = place();
    place.write("schema.json", SCHEMA);
    let lake = ["--lake", "file:lake"];
    let create = [
        &["table", "create"],
        &lake[..],
        &["--schema", "schema.json"],
    ]
    .concat();
    place.run(&create).succeeded();
    place
        .run(&[&["table", "sync"], &lake[..]].concat())
        .succeeded();
    let mut before = files(&place);
    let events = format!("Events {LANDED}");
    console(&place, &lake).says("/schema", &["up to date", &events]);
    // What a command that has ended leaves beside a catalog may change its state, and goes.
    let mut after = files(&place);
    for files in [&mut before, &mut after] {
        files.retain(|path, _| !path.to_string_lossy().ends_with("-shm"));
    }
    assert!(before == after, "the warehouse has changed");
}
