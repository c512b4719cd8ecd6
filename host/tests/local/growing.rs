//! Files that grow while runs follow each other: no line is read half, twice, or not at all.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::inputs::gzip;
use crate::local::{all_enriched, event, events};
use crate::support::lake;
use crate::support::program::Place;

const COUNTS: [&str; 3] = ["records", "quarantined", "incomplete"];

fn append(place: &Place, text: &[u8]) {
    let path = place.path("events.ndjson");
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.unwrap().write_all(text).unwrap();
}

/// Asserts that the lake has these events and nothing else, and that an audit proves it.
fn has_landed(place: &Place, all: std::ops::Range<usize>) {
    assert_eq!(lake::all_events(&place.lake()), all_enriched(all));
    assert_eq!(lake::quarantine(&place.lake()), []);
    is_proven(place);
}

fn is_proven(place: &Place) {
    place.audit(&[]).succeeded();
}

#[test]
fn half_a_line_is_left_for_the_next_run_and_counted() {
    let place = Place::new();
    let (whole, last) = (events(0..2), event(2));
    let (half, rest) = last.split_at(last.len() / 2);
    place.write("events.ndjson", format!("{whole}{half}"));
    let summary = place.land(&[]);
    assert_eq!(summary.counts(COUNTS), [2, 0, 1]);
    let named = serde_json::json!(["events.ndjson"]);
    assert_eq!(summary.0["incomplete_files"], named);
    let again = place.try_land(&["--summary", "text", "--log-level", "info"]);
    let again = again.succeeded();
    for part in [
        "all 2 complete records",
        "incomplete             1  last line without an end, left for the next run; --final takes it: events.ndjson\n",
        "--final",
    ] {
        assert!(again.stdout.contains(part), "{part}: {again:?}");
    }
    let logged = "the last line has no end";
    assert!(again.stderr.contains(logged), "{again:?}");
    is_proven(&place);
    append(&place, format!("{rest}\n").as_bytes());
    assert_eq!(place.land(&[]).counts(COUNTS), [1, 0, 0]);
    has_landed(&place, 0..3);
}

#[test]
fn a_first_line_that_is_half_there_lands_nothing() {
    let place = Place::new();
    let line = event(0);
    for end in [1, line.len() - 1] {
        place.write("events.ndjson", &line[..end]);
        assert_eq!(place.land(&[]).counts(COUNTS), [0, 0, 1]);
        assert_eq!(lake::objects(&place.lake()).len(), 0);
    }
    place.write("events.ndjson", line);
    assert_eq!(place.land(&[]).counts(COUNTS), [1, 0, 0]);
    append(&place, format!("\n{}", events(1..2)).as_bytes());
    assert_eq!(place.land(&[]).counts(COUNTS), [1, 0, 0]);
    has_landed(&place, 0..2);
}

/// Only an object cannot go on: `12` can become `123`.
#[test]
fn a_last_line_that_is_not_an_object_is_left() {
    for line in ["bad", "12", "[1]", "{} {", "  "] {
        let place = Place::new();
        place.write("events.ndjson", events(0..1) + line);
        assert_eq!(place.land(&[]).counts(COUNTS), [1, 0, 1], "{line}");
    }
}

/// A run at every moment of the end of a line: the record is the same, whatever of the line is there.
#[test]
fn a_run_at_any_moment_of_a_line_gives_the_same_record() {
    let place = Place::new();
    place.write("events.ndjson", events(0..1));
    let text = format!("{} \t\r\n{}\r\n", event(1), event(2));
    let (mut landed, first) = (0, event(1).len() - 2);
    for (at, byte) in text.bytes().enumerate() {
        append(&place, &[byte]);
        if at >= first && (at < first + 12 || at + 5 > text.len()) {
            landed += place.land(&[]).count("records");
        }
    }
    assert_eq!(landed, 3);
    has_landed(&place, 0..3);
}

#[test]
fn a_writer_that_is_flushed_anywhere_loses_nothing() {
    const EVENTS: usize = 2_000;
    let place = Place::new();
    place.write("events.ndjson", "");
    let text = events(0..EVENTS);
    let (runs, mut halves) = (AtomicUsize::new(0), 0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for (n, part) in text.as_bytes().chunks(1_237).enumerate() {
                append(&place, part);
                thread::sleep(Duration::from_millis(1));
                // A run reads while the file grows, and some of them see the end of a part.
                while runs.load(Ordering::Relaxed) < n / 20 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        while !writer.is_finished() {
            let summary = place.land(&["--chunk-records", "300"]);
            assert_eq!(summary.count("quarantined"), 0);
            halves += summary.count("incomplete");
            runs.fetch_add(1, Ordering::Relaxed);
        }
    });
    place.land(&[]);
    assert!(halves > 0, "{runs:?} runs, none of them halved");
    has_landed(&place, 0..EVENTS);
}

#[test]
fn a_line_that_goes_on_after_it_was_complete_ends_the_run() {
    let place = Place::new();
    place.write("events.ndjson", event(0));
    place.land(&[]);
    append(&place, format!("{}\n", event(1)).as_bytes());
    let ran = place.try_land(&["--source-name", "events.ndjson"]);
    assert_eq!(ran.summary().count("records"), 1);
    let place = Place::new();
    place.write("events.ndjson", events(0..1) + &event(1));
    place.land(&[]);
    append(&place, b"{}\n");
    let parts = ["events.ndjson no longer holds", "has gone on"];
    place.try_land(&[]).failed(1, &parts);
}

#[test]
fn a_file_that_is_final_has_a_last_line() {
    let place = Place::new();
    place.write("events.ndjson", events(0..2) + "half");
    assert_eq!(place.land(&[]).counts(COUNTS), [2, 0, 1]);
    assert_eq!(place.land(&["--final"]).counts(COUNTS), [1, 1, 0]);
    assert_eq!(lake::quarantine(&place.lake())[0].bytes(), b"half");
    assert_eq!(place.land(&[]).counts(COUNTS), [0, 0, 0]);
    is_proven(&place);
}

#[test]
fn what_cannot_grow_has_a_last_line() {
    let half = events(0..2) + "half";
    let place = Place::new();
    place.write("events.ndjson", gzip(&half));
    assert_eq!(place.land(&[]).counts(COUNTS), [3, 1, 0]);
    is_proven(&place);
    let place = Place::new();
    let args = Place::landing(&["--source", "-"]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let ran = place.run_with_input(&args, half.as_bytes());
    assert_eq!(ran.summary().counts(COUNTS), [3, 1, 0]);
}

#[test]
fn a_pinned_last_line_is_repeated_without_the_flag() {
    let place = Place::new();
    place.write("events.ndjson", events(0..2) + "half");
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    place
        .try_land(&["--final"])
        .failed(1, &["event_type=payment"]);
    std::fs::remove_file(in_the_way).unwrap();
    assert_eq!(place.land(&[]).counts(COUNTS), [3, 1, 0]);
    is_proven(&place);
}

#[test]
fn final_is_for_files() {
    let place = Place::new();
    let args = ["--source", "kinesis:events", "--final"];
    place
        .try_land(&args)
        .failed(2, &["final", "a stream has no last line"]);
}
