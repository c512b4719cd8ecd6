//! Files whose committed part was changed: the run ends, and says what to do.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::inputs::gzip;
use crate::local::{all_enriched, event, events};
use crate::support::lake;
use crate::support::program::Place;

/// More than a block of the digest.
const MANY: usize = 15_000;

fn landed(content: &[u8]) -> Place {
    let place = Place::new();
    place.write("events.ndjson", content);
    place.land(&["--chunk-bytes", "300KiB"]);
    place
}

/// As an editor does that renames the new file over the old one.
fn replace(place: &Place, content: &[u8]) {
    let new = place.write("events.ndjson.new", content);
    fs::rename(new, place.path("events.ndjson")).unwrap();
}

/// The lake without temporary files, which a run that fails can leave.
fn kept(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let mut files = lake::tree(&place.lake());
    files.retain(|path, _| !path.starts_with("_sluice/tmp/"));
    files
}

fn is_refused(place: &Place) {
    let before = kept(place);
    let parts = [
        "events.ndjson no longer holds what is committed",
        "restore it",
    ];
    place.try_land(&[]).failed(1, &parts);
    assert!(kept(place) == before, "the lake has changed");
}

/// The text with another value of the same length in event `n`.
fn edited(text: &str, n: usize) -> String {
    let (old, new) = (format!("\"u-{n}\""), format!("\"U-{n}\""));
    assert!(text.contains(&old));
    text.replace(&old, &new)
}

#[test]
fn a_line_that_was_edited_ends_the_run() {
    let text = events(0..MANY);
    assert!(text.len() > 1 << 20);
    for n in [1, MANY / 2, MANY - 1] {
        let place = landed(text.as_bytes());
        place.write("events.ndjson", edited(&text, n));
        is_refused(&place);
        replace(&place, edited(&text, n).as_bytes());
        is_refused(&place);
        replace(
            &place,
            (edited(&text, n) + &events(MANY..MANY + 5)).as_bytes(),
        );
        is_refused(&place);
        replace(&place, events(0..MANY + 5).as_bytes());
        assert_eq!(place.land(&[]).count("records"), 5);
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..MANY + 5));
    }
}

#[test]
fn a_file_that_was_truncated_ends_the_run() {
    let place = landed(events(0..100).as_bytes());
    for end in [1, 50, 99] {
        place.write("events.ndjson", events(0..end));
        is_refused(&place);
    }
}

#[test]
fn lines_that_were_inserted_or_removed_end_the_run() {
    let place = landed(events(0..100).as_bytes());
    for text in [
        events(0..50) + "\n" + &events(50..100),
        events(0..50) + &events(51..120),
        events(0..50) + &event(1_000) + "\n" + &events(50..100),
    ] {
        replace(&place, text.as_bytes());
        is_refused(&place);
    }
}

#[test]
fn a_compressed_file_is_compared_as_a_whole() {
    let text = events(0..MANY);
    let place = landed(&gzip(&text));
    place.write("events.ndjson", gzip(&edited(&text, 7)));
    is_refused(&place);
    place.write("events.ndjson", gzip(&events(0..MANY + 3)));
    assert_eq!(place.land(&[]).count("records"), 3);
}

#[test]
fn the_same_content_in_a_new_file_goes_on() {
    let place = landed(events(0..100).as_bytes());
    replace(&place, events(0..100).as_bytes());
    let counts = ["records", "already_committed"];
    assert_eq!(place.land(&[]).counts(counts), [0, 100]);
    let file = File::options()
        .append(true)
        .open(place.path("events.ndjson"));
    let later = SystemTime::now() + Duration::from_secs(5);
    file.unwrap().set_modified(later).unwrap();
    assert_eq!(place.land(&[]).counts(counts), [0, 100]);
    replace(&place, events(0..110).as_bytes());
    assert_eq!(place.land(&[]).counts(counts), [10, 100]);
}

#[test]
fn standard_input_must_begin_with_what_has_landed() {
    let place = Place::new();
    let args = Place::landing(&["--source", "-"]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let text = events(0..100);
    place.run_with_input(&args, text.as_bytes()).succeeded();
    let ran = place.run_with_input(&args, edited(&text, 50).as_bytes());
    ran.failed(1, &["standard input no longer holds", "--source-name"]);
    let named = [&args[..], &["--source-name", "other"]].concat();
    let ran = place.run_with_input(&named, edited(&text, 50).as_bytes());
    assert_eq!(ran.summary().count("records"), 100);
}
