//! Which file is which: different files never share a shard, and one file has one, wherever it is.

use std::fs;

use super::inputs::gzip;
use crate::local::{all_enriched, event, events};
use crate::support::lake;
use crate::support::ledgers;
use crate::support::program::{Place, Ran, Summary};

const COUNTS: [&str; 2] = ["records", "already_committed"];

fn try_files(place: &Place, files: &[&str], more: &[&str]) -> Ran {
    let sources = files.iter().map(|file| format!("file:{file}"));
    let sources: Vec<_> = sources.collect();
    let mut args: Vec<&str> = more.to_vec();
    for source in &sources {
        args.extend(["--source", source]);
    }
    place.try_land(&args)
}

fn land_files(place: &Place, files: &[&str]) -> Summary {
    try_files(place, files, &[]).summary()
}

fn is_proven(place: &Place, file: &str) {
    let source = format!("file:{file}");
    place
        .run(&["audit", "--source", &source, "--lake", "file:lake"])
        .succeeded();
}

fn ledgers(place: &Place) -> usize {
    ledgers::ledgers(&place.lake()).len()
}

/// A link to a file of the place.
#[cfg(unix)]
fn link(place: &Place, file: &str, name: &str) {
    std::os::unix::fs::symlink(place.path(file), place.path(name)).unwrap();
}

#[test]
fn files_whose_names_are_alike_are_different_files() {
    let long = |end| format!("{}-{end}.ndjson", "app-production-eu-west-1".repeat(4));
    let (long_1, long_2) = (long(1), long(2));
    for [first, second] in [
        ["東京.ndjson", "大阪.ndjson"],
        ["one/part.ndjson", "two/part.ndjson"],
        [&long_1, &long_2],
        ["a b", "a-b"],
        [".hidden", "hidden"],
    ] {
        let place = Place::new();
        // The first and the last line are alike, and the offsets too.
        let ends = |middle: &str| event(1_000) + "\n" + middle + &event(1_001) + "\n";
        place.write(first, ends(&events(0..3)));
        place.write(second, ends(&events(3..6)));
        let summary = land_files(&place, &[first, second]);
        assert_eq!(summary.count("records"), 10, "{first}");
        let landed = lake::all_events(&place.lake());
        let all = all_enriched(0..6);
        assert!(all.iter().all(|event| landed.contains(event)), "{first}");
        assert_eq!(land_files(&place, &[first, second]).counts(COUNTS), [0, 10]);
        is_proven(&place, first);
        is_proven(&place, second);
    }
}

#[test]
fn files_with_an_empty_first_line_are_different_files() {
    let place = Place::new();
    place.write("a.ndjson", format!("\n{}", events(0..3)));
    place.write("b.ndjson", format!("\n{}", events(3..6)));
    let summary = land_files(&place, &["a.ndjson", "b.ndjson"]);
    assert_eq!(summary.count("records"), 6);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..6));
}

#[cfg(unix)]
#[test]
fn one_file_that_is_given_several_times_is_read_once_and_that_is_said() {
    let place = Place::new();
    let file = place.write("events.ndjson", events(0..3));
    link(&place, "events.ndjson", "link.ndjson");
    fs::hard_link(&file, place.path("hard.ndjson")).unwrap();
    let absolute = file.display().to_string();
    let files = [
        "events.ndjson",
        "./events.ndjson",
        &absolute,
        "link.ndjson",
        "hard.ndjson",
    ];
    let ran = try_files(&place, &files, &[]);
    let said = ran.stderr.matches("it is read once").count();
    assert_eq!(said, 4, "{ran:?}");
    assert_eq!(ran.summary().counts(COUNTS), [3, 0]);
    for file in &files {
        let ran = try_files(&place, &[file], &[]);
        assert_eq!(ran.summary().counts(COUNTS), [0, 3], "{file}");
    }
    assert_eq!(ledgers(&place), 1);
}

/// As log rotation does: the old file gets another name, then it is compressed, and a new one takes its place.
#[test]
fn a_file_that_was_moved_goes_on() {
    let place = Place::new();
    place.write("app.log", events(0..5));
    assert_eq!(land_files(&place, &["app.log"]).counts(COUNTS), [5, 0]);
    fs::rename(place.path("app.log"), place.path("app.log.1")).unwrap();
    place.write("app.log.1", events(0..7));
    place.write("app.log", events(7..9));
    let ran = try_files(&place, &["app.log", "app.log.1"], &[]);
    assert!(ran.stderr.contains("is gone, so it goes on"), "{ran:?}");
    assert_eq!(ran.summary().counts(COUNTS), [4, 5]);
    fs::remove_file(place.path("app.log.1")).unwrap();
    place.write("old/app.log.1.gz", gzip(&events(0..7)));
    is_proven(&place, "old/app.log.1.gz");
    let again = land_files(&place, &["app.log", "old/app.log.1.gz"]);
    assert_eq!(again.counts(COUNTS), [0, 9]);
    let again = land_files(&place, &["old/app.log.1.gz"]);
    assert_eq!(again.counts(COUNTS), [0, 7]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..9));
    assert_eq!(ledgers(&place), 2);
    is_proven(&place, "old/app.log.1.gz");
    is_proven(&place, "app.log");
}

#[test]
fn a_copy_of_a_file_that_is_still_there_is_refused() {
    let place = Place::new();
    place.write("a.ndjson", events(0..5));
    for content in [events(0..5), events(0..8)] {
        place.write("b.ndjson", content);
        let ran = try_files(&place, &["a.ndjson", "b.ndjson"], &[]);
        ran.failed(1, &["b.ndjson", "a.ndjson", "still there", "--source-name"]);
    }
    place.write("b.ndjson", gzip(&events(0..5)));
    try_files(&place, &["b.ndjson"], &[]).failed(1, &["still there"]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..5));
    let named = try_files(&place, &["b.ndjson"], &["--source-name", "b"]);
    assert_eq!(named.summary().counts(COUNTS), [5, 0]);
}

#[test]
fn a_named_source_goes_on_wherever_its_file_is() {
    let place = Place::new();
    place.write("a.ndjson", events(0..5));
    place.write("else/b.ndjson", events(0..8));
    let name = ["--source-name", "orders"];
    let land = |file| try_files(&place, &[file], &name).summary().counts(COUNTS);
    assert_eq!(land("a.ndjson"), [5, 0]);
    assert_eq!(land("else/b.ndjson"), [3, 5]);
    let objects = lake::objects(&place.lake());
    assert!(objects.keys().all(|path| path.contains("/orders-")));
    try_files(&place, &["else/b.ndjson"], &[]).failed(1, &["\"orders\"", "--source-name"]);
    let two = try_files(&place, &["a.ndjson", "else/b.ndjson"], &name);
    two.failed(2, &["source_name", "exactly one file"]);
    try_files(&place, &["a.ndjson"], &["--source-name", ""]).failed(2, &["--source-name"]);
}

#[test]
fn what_is_not_certain_is_refused() {
    // Two files that are gone had the content.
    let place = Place::new();
    place.write("a.ndjson", events(0..3));
    place.write("b.ndjson", events(0..2));
    land_files(&place, &["a.ndjson", "b.ndjson"]);
    fs::rename(place.path("a.ndjson"), place.path("c.ndjson")).unwrap();
    fs::remove_file(place.path("b.ndjson")).unwrap();
    let ran = try_files(&place, &["c.ndjson"], &[]);
    ran.failed(1, &["a.ndjson", "b.ndjson", "neither is still there"]);
}

/// All generations of a log begin with the same line, and are given in any order.
#[test]
fn a_rotated_log_with_a_header_line_goes_on() {
    let header = events(0..1);
    let place = Place::new();
    let text = |of| header.clone() + &events(of);
    place.write("app.log", text(1..4));
    assert_eq!(land_files(&place, &["app.log"]).counts(COUNTS), [4, 0]);
    fs::rename(place.path("app.log"), place.path("app.log.1")).unwrap();
    place.write("app.log.1", text(1..6));
    place.write("app.log", text(10..12));
    let ran = try_files(&place, &["app.log"], &[]);
    ran.failed(1, &["no longer holds", "log rotation", "another --source"]);
    let landed = land_files(&place, &["app.log", "app.log.1"]);
    assert_eq!(landed.count("records"), 5);
    fs::rename(place.path("app.log.1"), place.path("app.log.2")).unwrap();
    fs::rename(place.path("app.log"), place.path("app.log.1")).unwrap();
    place.write("app.log", text(20..21));
    let all = ["app.log", "app.log.1", "app.log.2"];
    assert_eq!(land_files(&place, &all).count("records"), 2);
    assert_eq!(land_files(&place, &all).counts(COUNTS), [0, 11]);
    assert_eq!(ledgers(&place), 3);
    for file in all {
        is_proven(&place, file);
    }
    // Two files that change their places.
    fs::rename(place.path("app.log"), place.path("app.log.0")).unwrap();
    fs::rename(place.path("app.log.1"), place.path("app.log")).unwrap();
    fs::rename(place.path("app.log.0"), place.path("app.log.1")).unwrap();
    assert_eq!(land_files(&place, &all).counts(COUNTS), [0, 11]);
    assert_eq!(land_files(&place, &all).counts(COUNTS), [0, 11]);
}

/// The old file has more lines than have landed.
#[test]
fn a_file_that_was_left_behind_is_said() {
    let place = Place::new();
    place.write("app.log", events(0..3));
    land_files(&place, &["app.log"]);
    fs::rename(place.path("app.log"), place.path("app.log.1")).unwrap();
    place.write("app.log.1", events(0..4));
    place.write("app.log", events(5..7));
    let ran = try_files(&place, &["app.log"], &[]);
    assert!(ran.stderr.contains("3 records landed before"), "{ran:?}");
    assert_eq!(ran.summary().count("records"), 2);
    let ran = try_files(&place, &["app.log", "app.log.1"], &[]);
    assert!(!ran.stderr.contains("landed before"), "{ran:?}");
    assert_eq!(ran.summary().count("records"), 1);
}

#[test]
fn another_first_line_does_not_make_a_file_another_one() {
    let text = events(0..5);
    let place = Place::new();
    place.write("a.ndjson", &text);
    land_files(&place, &["a.ndjson"]);
    let edited = text.replacen("\"u-0\"", "\"edited\"", 1);
    for content in [edited, format!("\u{feff}{text}") + &events(5..6)] {
        place.write("a.ndjson", content);
        let ran = try_files(&place, &["a.ndjson"], &[]);
        ran.failed(1, &["a.ndjson", "first line has changed", "record 5"]);
    }
    // The only line, which had no end.
    place.write("b.ndjson", event(0));
    land_files(&place, &["b.ndjson"]);
    place.write("b.ndjson", event(0) + " x\n" + &events(1..2));
    let ran = try_files(&place, &["b.ndjson"], &[]);
    ran.failed(1, &["b.ndjson", "has gone on"]);
}

#[test]
fn a_name_for_what_has_landed_warns() {
    let place = Place::new();
    place.write("a.ndjson", events(0..5));
    land_files(&place, &["a.ndjson"]);
    let ran = try_files(&place, &["a.ndjson"], &["--source-name", "b"]);
    assert!(ran.stderr.contains("these records land again"), "{ran:?}");
    assert_eq!(ran.summary().count("records"), 5);
}

/// The pending range goes on where the file is now, and a copy of it is refused.
#[test]
fn a_file_that_was_moved_before_its_first_commit_goes_on() {
    let place = Place::new();
    place.write("a.ndjson", events(0..5));
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    try_files(&place, &["a.ndjson"], &[]).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    place.write("copy.ndjson", events(0..5));
    try_files(&place, &["copy.ndjson"], &[]).failed(1, &["a.ndjson", "still there"]);
    fs::rename(place.path("a.ndjson"), place.path("a.ndjson.1")).unwrap();
    fs::remove_file(place.path("copy.ndjson")).unwrap();
    place.write("a.ndjson", events(7..9));
    let landed = land_files(&place, &["a.ndjson.1", "a.ndjson"]);
    assert_eq!(landed.counts(COUNTS), [7, 0]);
    let mut all = all_enriched(0..5);
    all.extend(all_enriched(7..9));
    all.sort_unstable();
    assert_eq!(lake::all_events(&place.lake()), all);
    is_proven(&place, "a.ndjson.1");
}

/// Its bytes are those that are pinned, or nothing lands.
#[test]
fn a_file_that_was_edited_while_its_chunk_is_pending_is_refused() {
    let place = Place::new();
    place.write("a.ndjson", events(0..5));
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    try_files(&place, &["a.ndjson"], &[]).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    place.write("a.ndjson", events(0..5).replace("u-3", "U-3"));
    try_files(&place, &["a.ndjson"], &[]).failed(1, &["what is pending"]);
    place.write("a.ndjson", events(0..6));
    assert_eq!(land_files(&place, &["a.ndjson"]).counts(COUNTS), [6, 0]);
}

#[test]
fn a_hard_link_to_what_has_landed_is_the_same_file() {
    let place = Place::new();
    place.write("a.ndjson", events(0..5));
    land_files(&place, &["a.ndjson"]);
    fs::hard_link(place.path("a.ndjson"), place.path("b.ndjson")).unwrap();
    assert_eq!(land_files(&place, &["b.ndjson"]).counts(COUNTS), [0, 5]);
    assert_eq!(land_files(&place, &["a.ndjson"]).counts(COUNTS), [0, 5]);
}

#[test]
fn standard_input_from_a_source_is_the_same_file() {
    let place = Place::new();
    let path = place.write("a.ndjson", events(0..5));
    let args = ["run", "--source", "file:a.ndjson", "--source", "-"];
    let args = [&args[..], &["--lake", "file:lake", "--http", "none"]].concat();
    let mut command = place.command(&args);
    command.stdin(fs::File::open(path).unwrap());
    let ran = Ran::from(command.output().unwrap()).succeeded();
    assert!(ran.stderr.contains("read once"), "{ran:?}");
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..5));
    // It can be written only.
    let mut command = place.command(&["run", "--source", "-", "--lake", "file:lake"]);
    command.stdin(fs::File::create(place.path("none")).unwrap());
    let ran = Ran::from(command.output().unwrap());
    ran.failed(1, &["cannot read standard input"]);
}

/// The last file at the path is another one than the one whose first line was edited.
#[test]
fn an_edited_first_line_is_noticed_after_another_file_was_there() {
    let place = Place::new();
    let land = |content: &str| {
        place.write("z.ndjson", content);
        place.try_land(&["--source", "file:z.ndjson"])
    };
    let first = events(20..30);
    assert_eq!(land(&first).summary().count("records"), 10);
    assert_eq!(land(&events(300..310)).summary().count("records"), 10);
    assert_eq!(land(&first).summary().count("records"), 0);
    let edited = first.replacen("u-20", "u-2O", 1);
    assert_ne!(edited, first);
    land(&edited).failed(1, &["its first line has changed"]);
    assert_eq!(lake::all_events(&place.lake()).len(), 20);
}
