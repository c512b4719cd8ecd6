//! A pending chunk is archived where it was pinned, whatever the next run is started with.

use std::fs;

use super::{is_complete, kept_data, objects};
use crate::audit::audit;
use crate::local::events;
use crate::support::ledgers::only_ledger;
use crate::support::program::Place;

const ARCHIVE: [&str; 2] = ["--archive", "file:archive"];
const NAMED: [&str; 2] = ["--source-name", "events.ndjson"];

/// A folder in which a run with an archive was interrupted: a file was in the place of a partition's folder.
fn interrupted() -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    let ran = place.try_land(&[&ARCHIVE[..], &NAMED].concat());
    ran.failed(1, &["event_type=payment"]);
    let pins = &only_ledger(&place.lake())["pending"]["pins"];
    let folder = fs::canonicalize(place.path("")).unwrap();
    let pinned = pins["archive"].as_str().unwrap().strip_prefix("file:");
    let pinned = fs::canonicalize(std::path::Path::new(pinned.unwrap()).parent().unwrap());
    assert_eq!(pinned.unwrap(), folder);
    fs::remove_file(in_the_way).unwrap();
    place
}

fn lines(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let text = events(range);
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

#[test]
fn a_run_without_an_archive_finishes_it_in_the_pinned_one() {
    let place = interrupted();
    place.write("events.ndjson", events(0..50));
    let landed = place.land(&[&NAMED[..], &["--compression-level", "19"]].concat());
    let counts = ["records", "chunks", "archive_objects"];
    assert_eq!(landed.counts(counts), [50, 2, 1]);
    assert_eq!(kept_data(&place.path("archive")), lines(0..30));
    audit(&place, &NAMED).proven();
}

#[test]
fn a_run_with_another_archive_finishes_it_in_the_pinned_one() {
    let place = interrupted();
    place.write("events.ndjson", events(0..50));
    let other = ["--archive", "file:other"];
    place.land(&[&NAMED[..], &other].concat());
    assert_eq!(kept_data(&place.path("archive")), lines(0..30));
    assert_eq!(kept_data(&place.path("other")), lines(30..50));
    audit(&place, &NAMED).proven();
}

#[test]
fn an_object_with_other_records_ends_the_run_before_the_commit() {
    let whole = Place::new();
    whole.write("events.ndjson", events(0..30));
    let args = [&ARCHIVE[..], &NAMED].concat();
    whole.land(&args);
    assert_eq!(is_complete(&whole.lake(), &whole.path("archive")), 1);
    let key = objects(&whole.path("archive")).into_keys().next().unwrap();
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let other = place.write(&format!("archive/{key}"), "other records");
    let parts = [
        &*key,
        "already exists with other records",
        "nothing was overwritten",
    ];
    place.try_land(&args).failed(1, &parts);
    let ledger = only_ledger(&place.lake());
    assert!(ledger["pending"].is_object() && ledger["committed"].is_null());
    assert_eq!(fs::read(&other).unwrap(), b"other records");
    fs::remove_file(other).unwrap();
    assert_eq!(place.land(&args).count("records"), 30);
    assert_eq!(is_complete(&place.lake(), &place.path("archive")), 1);
}

#[test]
fn an_archive_that_cannot_be_written_ends_the_run_before_the_commit() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let args = [&ARCHIVE[..], &NAMED].concat();
    place.land(&[&args[..], &["--chunk-records", "1"]].concat());
    let shard = only_ledger(&place.lake())["shard"]
        .as_str()
        .unwrap()
        .to_owned();
    // The folder of the shard is a file now.
    let folder = place.path(format!("archive/{shard}"));
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    place.write("events.ndjson", events(0..40));
    let before = only_ledger(&place.lake())["committed"].clone();
    place.try_land(&args).failed(1, &["archive"]);
    assert_eq!(
        only_ledger(&place.lake())["committed"]["records"],
        before["records"]
    );
    fs::remove_file(&folder).unwrap();
    assert_eq!(place.land(&args).count("records"), 10);
    assert_eq!(kept_data(&place.path("archive")), lines(30..40));
}
