//! Files: the lake of a run is proven, whatever happened during the run.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use super::audit;
use crate::local::events;
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::{Place, Running};

fn generated(events: u32) -> Place {
    let place = Place::new();
    let events = events.to_string();
    let args = [
        "generate",
        "--events",
        &events,
        "--types",
        "7",
        "--malformed",
        "0.02",
    ];
    let more = ["--duplicates", "0.02", "--to", "file:events.ndjson"];
    place.run(&[&args[..], &more].concat()).succeeded();
    place
}

fn append(place: &Place, text: &str) {
    let mut file = OpenOptions::new();
    let file = file.append(true).open(place.path("events.ndjson"));
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

/// Runs while a file is in the place of a partition's folder.
fn interrupt(place: &Place, partition: &str, args: &[&str]) {
    let in_the_way = place.write(&format!("lake/{partition}"), "in the way");
    place.try_land(args).failed(1, &[partition]);
    fs::remove_file(in_the_way).unwrap();
}

#[test]
fn a_lake_that_is_whole_is_proven() {
    let place = generated(20_000);
    let landed = place.land(&["--chunk-bytes", "512KiB"]);
    assert!(landed.count("quarantined") > 0 && landed.count("chunks") > 5);
    let proven = audit(&place, &[]).proven();
    assert_eq!(proven.count("in_lake"), landed.count("events"));
    assert_eq!(proven.count("quarantined"), landed.count("quarantined"));
    assert_eq!(proven.count("messages"), landed.count("messages"));
    let objects = landed.count("objects") + landed.count("quarantine_objects");
    assert_eq!(
        proven.counts(["objects", "not_yet", "pending", "gone"]),
        [objects, 0, 0, 0]
    );
    assert_eq!(proven.count("chunks"), landed.count("chunks"));
}

#[test]
fn the_text_report_has_a_few_lines() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.land(&[]);
    let ran = place.audit(&[]).succeeded();
    assert!(
        ran.stdout
            .starts_with("proven: 30 records are each in exactly one place\n"),
        "{ran:?}"
    );
    let quiet = place.audit(&["--summary", "none"]);
    assert_eq!(quiet.succeeded().stdout, "");
    place
        .run(&["audit", "--source", "file:events.ndjson"])
        .failed(2, &["lake"]);
}

#[test]
fn what_has_not_landed_yet_is_counted() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.write("other.ndjson", "other\n");
    place.land(&["--source", "file:other.ndjson"]);
    let counts = ["in_lake", "not_yet"];
    let proven = audit(&place, &[]).proven();
    assert_eq!(proven.counts(counts), [0, 30]);
    assert!(
        proven.0["notes"]
            .to_string()
            .contains("lake has no records of this source")
    );
    place.land(&[]);
    append(&place, &events(30..50));
    assert_eq!(audit(&place, &[]).proven().counts(counts), [30, 20]);
}

/// As a lake with a mistyped name, which has nothing to prove.
#[test]
fn a_lake_that_no_run_has_written_is_not_proven() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    let audits = [
        &[
            "audit",
            "--source",
            "file:events.ndjson",
            "--lake",
            "file:lake",
        ][..],
        &["audit", "--quick", "--lake", "file:lake"],
    ];
    let fail_with = |why| {
        for audit in audits {
            let ran = place.run(audit).failed(1, &["lake ", why]);
            assert_eq!(ran.stdout, "");
        }
    };
    fail_with("is empty or does not exist");
    assert!(!place.lake().exists());
    place.write("lake/README.txt", "events of the year");
    fail_with("has no ledger");
    place.write("empty.ndjson", "");
    let summary = place.land(&["--source", "file:empty.ndjson"]);
    assert_eq!(summary.count("records"), 0);
    fail_with("has no ledger");
}

/// Each run has another transform configuration and other settings; the audit has none of them.
#[test]
fn a_lake_of_many_releases_and_formats_is_proven() {
    let place = generated(5_000);
    let date = r#"{"partition_by":["date"]}"#;
    let runs = [
        ["--transform-config", "{}", "--compression", "gzip"],
        ["--transform-config", date, "--compression", "none"],
        ["--transform-config", date, "--compression", "zstd"],
    ];
    for (number, run) in runs.iter().enumerate() {
        place.land(&[&run[..], &["--chunk-bytes", "200KiB"]].concat());
        append(
            &place,
            &format!("\n\nbroken {number}\n{}", events(0..2_500)),
        );
    }
    place.write("rogue.wasm", &rogue().by_batch);
    let landed = place.land(&["--transform", "rogue.wasm"]);
    let records = landed.count("records") + landed.count("already_committed");
    let proven = audit(&place, &[]).proven();
    let counts = proven.counts(["in_lake", "quarantined", "dropped"]);
    assert_eq!(counts.iter().sum::<u64>(), records);
}

#[test]
fn a_pending_chunk_is_not_checked() {
    let place = Place::new();
    place.write("events.ndjson", events(0..1_030));
    interrupt(
        &place,
        "event_type=payment",
        &["--chunk-records", "1", "--bus", "none"],
    );
    let proven = audit(&place, &["--bus", "none"]).proven();
    assert_eq!(
        proven.counts(["in_lake", "pending", "not_yet"]),
        [0, 1_000, 30]
    );
    assert!(proven.count("objects_pending") > 0);
    place.land(&["--bus", "none"]);
    let proven = audit(&place, &["--bus", "none"]).proven();
    assert_eq!(
        proven.counts(["in_lake", "pending", "not_yet"]),
        [1_030, 0, 0]
    );
}

#[test]
fn a_lake_after_kills_is_proven() {
    let place = generated(40_000);
    let args = ["--chunk-bytes", "256KiB"];
    for kill in 1..6 {
        let mut run = Running(place.command(&Place::landing(&args)).spawn().unwrap());
        run.until(|| super::object_keys(&place.lake()).len() > kill * 30);
        drop(run);
        let proven = audit(&place, &[]).proven();
        let counts = proven.counts(["in_lake", "quarantined", "pending", "not_yet"]);
        assert_eq!(counts.iter().sum::<u64>(), 40_000);
    }
    place.land(&args);
    assert_eq!(
        audit(&place, &[]).proven().counts(["pending", "not_yet"]),
        [0, 0]
    );
}

/// A chunk is one batch of 1,000 records here, and some chunks leave no object.
#[test]
fn records_that_leave_nothing_are_accounted_for() {
    let place = Place::new();
    let commands = [
        "drop\n",
        "bus_only\n",
        "echo\n",
        "drop\n",
        "lake_only\n",
        "bus_only\n",
    ];
    let text: String = commands
        .iter()
        .map(|command| command.repeat(1_000))
        .collect();
    place.write("events.ndjson", format!("{text}reject this\ntrap\ndrop\n"));
    place.write("rogue.wasm", &rogue().by_batch);
    let args = ["--transform", "rogue.wasm", "--chunk-records", "1"];
    let counts = ["in_lake", "quarantined", "dropped", "bus_only", "messages"];
    place.land(&args);
    let proven = audit(&place, &[]).proven();
    assert_eq!(proven.counts(counts), [2_000, 2, 2_001, 2_000, 3_000]);

    let without_bus = ["--bus", "none", "--lake", "file:other"];
    place.land(&[&args[..], &without_bus].concat());
    let proven = audit(&place, &without_bus).proven();
    assert_eq!(proven.counts(counts), [2_000, 2, 2_001, 2_000, 0]);
}

#[test]
fn messages_about_objects_are_read_back() {
    let place = generated(3_000);
    let about = ["--bus-messages", "objects"];
    let landed = place.land(&[&about[..], &["--chunk-bytes", "200KiB"]].concat());
    let proven = audit(&place, &about).proven();
    assert_eq!(proven.count("messages"), landed.count("messages"));
    let moved = audit(&place, &[&about[..], &["--lake", "file:./lake"]].concat());
    assert_eq!(moved.proven().count("messages"), landed.count("messages"));
    let file = lake::messages_exist(&place.bus()).remove(0);
    let path = place.bus().join(&file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replacen("\"count\":", "\"count\":1", 1)).unwrap();
    let found = audit(&place, &about).disproven();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["kind"], "changed_line");
    assert_eq!(found[0]["object"], format!("bus:{file}"));
}

/// A timeout depends on the clock, so the audit takes it from the lake and does not transform the
/// record again.
#[test]
fn a_record_that_ran_out_of_time_stays_so() {
    let place = Place::new();
    place.write("events.ndjson", "good\nloop\ngood\n");
    place.write("rogue.wasm", &rogue().by_batch);
    let limits = [
        "--limits-time",
        "300ms",
        "--limits-fuel",
        "1000000000000000",
    ];
    place.land(&[&["--transform", "rogue.wasm"], &limits[..]].concat());
    let proven = audit(&place, &["--limits-time", "300ms"]).proven();
    assert_eq!(proven.counts(["in_lake", "quarantined"]), [2, 1]);
}

#[test]
fn the_lake_of_a_replay_is_audited_as_far_as_it_goes() {
    let place = Place::new();
    place.write("events.ndjson", events(0..100));
    let (from, to) = (events(0..20).len(), events(0..60).len());
    let (from, to) = (from.to_string(), (to - 1).to_string());
    let part = ["--from", &from, "--to", &to];
    let args = [
        "replay",
        "--source",
        "file:events.ndjson",
        "--lake",
        "file:other",
    ];
    place.run(&[&args[..], &part].concat()).succeeded();
    let proven = audit(&place, &["--lake", "file:other", "--bus", "none"]).proven();
    assert_eq!(proven.counts(["in_lake", "not_yet"]), [40, 0]);
}

#[test]
fn a_file_that_is_named_twice_is_audited_once() {
    let place = Place::new();
    place.write("events.ndjson", events(0..10));
    let both = [
        "--source",
        "file:events.ndjson",
        "--source",
        "file:./events.ndjson",
    ];
    place.land(&both);
    assert_eq!(
        audit(&place, &both).proven().counts(["in_lake", "not_yet"]),
        [10, 0]
    );
}

#[test]
fn objects_of_others_are_left_alone_and_noted() {
    let place = Place::new();
    place.write("events.ndjson", events(0..10));
    place.write("more.ndjson", events(10..30));
    place.land(&["--source", "file:more.ndjson"]);
    place.land(&[]);
    place.write("lake/event_type=lesson/part-0.parquet", "not of Sluice");
    let proven = audit(&place, &[]).proven();
    assert_eq!(proven.counts(["in_lake", "objects_of_others"]), [10, 3]);
    let notes = proven.0["notes"].to_string();
    assert!(
        notes.contains("more.ndjson-") && notes.contains("part-0.parquet"),
        "{notes}"
    );
    let both = [
        "--source",
        "file:events.ndjson",
        "--source",
        "file:more.ndjson",
    ];
    assert_eq!(
        audit(&place, &both)
            .proven()
            .counts(["in_lake", "objects_of_others"]),
        [30, 0]
    );
}
