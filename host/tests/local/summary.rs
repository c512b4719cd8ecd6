//! What the summary of a run says, and what `--quiet` leaves out.

use std::fs;

use serde_json::json;

use crate::local::events;
use crate::support::guests::rogue;
use crate::support::program::Place;

const TEXT: [&str; 2] = ["--summary", "text"];

#[test]
fn quarantined_records_are_counted_by_reason() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3) + "broken\nbroken\n{}\n");
    let summary = place.land(&[]);
    let reasons = json!({ "invalid_json": 2, "missing_field": 1 });
    assert_eq!(summary.0["quarantined_reasons"], reasons);
    let again = ["--lake", "file:again", "--bus", "none"];
    let ran = place.try_land(&[&again[..], &TEXT].concat()).succeeded();
    let expected = [
        " in all, with the reasons in again/_sluice/quarantine\n",
        "                         2  invalid_json\n",
        "                         1  missing_field\n",
        "  dropped                0  by the transform, or empty\n",
    ];
    assert!(ran.stdout.contains(&expected.concat()), "{}", ran.stdout);
    let quarantined = "  quarantined            3  in 2 objects, ";
    assert!(ran.stdout.contains(quarantined), "{}", ran.stdout);
}

/// The bytes of quarantine are not those of events.
#[test]
fn objects_of_events_and_of_quarantine_are_counted_apart() {
    let place = Place::new();
    place.write("events.ndjson", "broken\n");
    let summary = place.land(&[]);
    assert_eq!(summary.counts(["objects", "bytes_out"]), [0, 0]);
    assert_eq!(summary.count("quarantine_objects"), 1);
    assert!(summary.count("quarantine_bytes") > 0, "{summary:?}");
    let again = ["--lake", "file:again", "--bus", "none"];
    let ran = place.try_land(&[&again[..], &TEXT].concat()).succeeded();
    let none = "  events                 0  in 0 objects, 0 B in all, in again\n";
    assert!(ran.stdout.contains(none), "{}", ran.stdout);
}

#[test]
fn events_that_go_to_the_bus_only_are_not_counted_as_in_objects() {
    let place = Place::new();
    place.write("rogue.wasm", &rogue().by_batch);
    place.write("events.ndjson", "one\nbus_only\nlake_only\nmany_events 3\n");
    let rogue = ["--transform", "rogue.wasm"];
    let summary = place.land(&rogue);
    assert_eq!(summary.counts(["events", "lake_events"]), [6, 5]);
    let run = |lake: &str| {
        let lake = ["--lake", lake, "--bus", "none"];
        let ran = place.try_land(&[&rogue[..], &lake, &TEXT].concat());
        ran.succeeded().stdout
    };
    let text = run("file:again");
    let expected = "  events                 6  5 of them in 1 object, ";
    assert!(text.contains(expected), "{text}");
    place.write("events.ndjson", "one\n");
    let text = run("file:third");
    assert!(
        text.contains("  events                 1  in 1 object, "),
        "{text}"
    );
}

#[test]
fn one_thing_is_no_plural() {
    let place = Place::new();
    place.write("events.ndjson", events(0..1));
    let ran = place.try_land(&TEXT).succeeded();
    assert!(ran.stdout.starts_with("1 record ("), "{}", ran.stdout);
    assert!(ran.stdout.contains("  1  in 1 object, "), "{}", ran.stdout);
    let again = place.try_land(&TEXT).succeeded();
    let nothing = "nothing to do: the only record of the source is committed\n";
    assert_eq!(again.stdout, nothing);
    let audit = place.audit(&[]).succeeded();
    let proven = "proven: 1 record is in exactly one place\n";
    assert!(audit.stdout.starts_with(proven), "{}", audit.stdout);
    assert!(audit.stdout.contains("of 1 chunk,"), "{}", audit.stdout);
}

/// A chunk that was pinned by one release is finished by it, and another one makes the rest.
#[test]
fn all_releases_of_a_run_are_counted() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let first = place.land(&["--lake", "file:other"]).release().to_owned();
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    place.try_land(&[]).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    place.write("events.ndjson", events(0..50));
    let date = ["--transform-config", r#"{"partition_by":["date"]}"#];
    let interrupted = place.path("lake");
    let copied = place.path("copied");
    copy(&interrupted, &copied);
    let summary = place.land(&date);
    let second = summary.release();
    let releases = json!([
        { "release": first, "records": 30 },
        { "release": second, "records": 20 },
    ]);
    assert_eq!(summary.0["releases"], releases);
    let into = ["--lake", "file:copied", "--bus", "file:copied-bus"];
    let ran = place.try_land(&[&into[..], &date, &TEXT].concat());
    let text = ran.succeeded().stdout;
    assert!(
        text.lines().next().unwrap().ends_with(", 2 releases"),
        "{text}"
    );
    for (release, records) in [(first.as_str(), 30), (second, 20)] {
        let row = format!(
            "  release               {records}  records by {}\n",
            &release[..8]
        );
        assert!(text.contains(&row), "{text}");
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn files_with_an_incomplete_last_line_are_named_up_to_a_few() {
    let place = Place::new();
    let mut args: Vec<String> = TEXT.map(str::to_owned).to_vec();
    for number in 0..7 {
        let name = format!("{number}.ndjson");
        place.write(&name, events(number..number + 1) + "half");
        args.extend(["--source".to_owned(), format!("file:{name}")]);
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let text = place.try_land(&args).succeeded().stdout;
    let expected = "  incomplete             7  last lines without an end, left for the next run; --final takes them: \
                    0.ndjson, 1.ndjson, 2.ndjson, 3.ndjson, 4.ndjson and 2 others\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_quiet_run_prints_warnings_errors_and_json_only() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    for quiet in ["-q", "--quiet"] {
        let name = format!("file:lake{quiet}");
        let lake = ["--lake", &name, "--bus", "none", "--http", "127.0.0.1:0"];
        let ran = place.try_land(&[&lake[..], &TEXT, &[quiet]].concat());
        let ran = ran.succeeded();
        assert_eq!((&*ran.stdout, &*ran.stderr), ("", ""));
    }
    assert_eq!(place.land(&["--quiet"]).count("records"), 3);
    place.write("broken.ndjson", "broken\n");
    let broken = ["--source", "file:broken.ndjson", "--quiet"];
    let ran = place.try_land(&broken).succeeded();
    assert!(
        ran.stderr.contains("every record is quarantined"),
        "{ran:?}"
    );
    let missing = ["--source", "file:missing.ndjson", "--quiet"];
    place.try_land(&missing).failed(1, &["missing.ndjson"]);
}
