//! A pending chunk: the next run finishes exactly that chunk, whatever its own settings are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::local::{all_enriched, events};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::ledgers::{edit_ledger, only_ledger};
use crate::support::program::{Place, Summary};

/// A folder in which a run was interrupted while it landed `events.ndjson`.
fn interrupted(content: &str, args: &[&str]) -> Place {
    let place = Place::new();
    place.write("events.ndjson", content);
    interrupt(&place, "event_type=payment", args);
    place
}

/// Runs while a file is in the place of a partition's folder.
fn interrupt(place: &Place, partition: &str, args: &[&str]) {
    let in_the_way = place.write(&format!("lake/{partition}"), "in the way");
    place.try_land(args).failed(1, &[partition]);
    assert!(ledger(place)["pending"].is_object());
    fs::remove_file(in_the_way).unwrap();
}

fn ledger(place: &Place) -> Value {
    only_ledger(&place.lake())
}

/// The same file in two folders has the same shard by this.
const NAMED: [&str; 2] = ["--source-name", "events.ndjson"];

/// The files of a folder. Ledgers are without what the file system says of their file, which is not the same in
/// two folders.
fn kept(place: &Place, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = lake::tree(&place.path(folder));
    for (path, text) in &mut files {
        let name = format!("{folder}/{path}");
        if name.contains("/ledger/") && name.ends_with(".json") {
            let mut group: Value = serde_json::from_slice(text).unwrap();
            for ledger in group["ledgers"].as_object_mut().unwrap().values_mut() {
                let file = ledger["committed"]["file"].as_object_mut().unwrap();
                assert!(file.remove("stat").is_some());
            }
            *text = group.to_string().into_bytes();
        }
    }
    files
}

fn write_ledger(place: &Place, ledger: &Value) {
    let shard = ledger["shard"].as_str().unwrap();
    edit_ledger(&place.lake(), shard, |there| there.clone_from(ledger));
}

/// The paths of all objects, with their extensions.
fn object_paths(place: &Place) -> Vec<String> {
    let paths = lake::tree(&place.lake()).into_keys();
    paths
        .filter(|path| path.contains(".ndjson.") || path.ends_with(".ndjson"))
        .collect()
}

#[test]
fn an_interrupted_run_is_finished_by_the_same_command() {
    let place = interrupted(&events(0..30), &NAMED);
    let whole = Place::new();
    whole.write("events.ndjson", events(0..30));
    assert_eq!(place.land(&NAMED).count("records"), 30);
    whole.land(&NAMED);
    assert_eq!(kept(&place, "lake"), kept(&whole, "lake"));
    assert_eq!(lake::tree(&place.bus()), lake::tree(&whole.bus()));
}

#[test]
fn a_pending_range_keeps_its_release_and_its_format() {
    let place = interrupted(&events(0..30), &["--compression", "gzip"]);
    let text = events(0..30) + "new\n";
    place.write("events.ndjson", text);
    place.write("rogue.wasm", &rogue().by_batch);
    let other = ["--transform", "rogue.wasm", "--compression", "none"];
    let summary = place.land(&other);
    assert_eq!(summary.counts(["records", "events", "chunks"]), [31, 31, 2]);
    let events = lake::events(&place.lake());
    let of_rogue = &events[""];
    assert_eq!(of_rogue.len(), 1);
    assert!(of_rogue[0].contains(r#""echo":"new""#));
    for path in object_paths(&place) {
        let by_rogue = path.contains(&summary.release()[..8]);
        let extension = if by_rogue { ".ndjson" } else { ".ndjson.gz" };
        assert!(path.ends_with(extension), "{path}");
    }
    let mut enriched: Vec<_> = events.into_values().flatten().collect();
    enriched.retain(|line| !line.contains("echo"));
    enriched.sort_unstable();
    assert_eq!(enriched, all_enriched(0..30));
}

/// The compression level belongs to the format of new chunks. The format of the pending one may not
/// have it.
#[test]
fn a_level_of_another_format_does_not_disturb_a_pending_range() {
    let place = interrupted(&events(0..30), &["--compression", "gzip"]);
    let ran = place.try_land(&["--compression", "zstd", "--compression-level", "19"]);
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    assert_eq!(ran.summary().count("records"), 30);
    assert!(
        object_paths(&place)
            .iter()
            .all(|path| path.ends_with(".ndjson.gz"))
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
}

#[test]
fn a_pending_range_keeps_its_bounds_when_the_file_has_grown() {
    let place = interrupted(&events(0..30), &["--chunk-bytes", "1KiB"]);
    place.write("events.ndjson", events(0..50));
    assert_eq!(place.land(&[]).counts(["records", "chunks"]), [50, 2]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..50));
    assert_eq!(lake::messages(&place.bus()).len(), 50);
}

#[test]
fn a_pending_range_that_is_missing_from_the_file_ends_the_run() {
    let place = interrupted(&events(0..30), &[]);
    let pending = ledger(&place);
    place.write("events.ndjson", events(0..29));
    let ran = place.try_land(&[]);
    ran.failed(1, &["what is pending", "restore it"]);
    assert_eq!(ledger(&place), pending);
    place.write("events.ndjson", events(0..30));
    assert_eq!(place.land(&[]).count("records"), 30);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
}

#[test]
fn a_missing_release_is_named() {
    let place = interrupted(&events(0..30), &[]);
    let release = ledger(&place)["pending"]["release"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::remove_dir_all(place.lake().join("_sluice/components")).unwrap();
    place.write("rogue.wasm", &rogue().by_batch);
    let ran = place.try_land(&["--transform", "rogue.wasm"]);
    ran.failed(1, &[&release, "components/"]);
    place.land(&[]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
}

/// With little fuel, the record would have another outcome. It keeps the pinned one.
#[test]
fn a_record_that_ran_out_of_time_is_not_transformed_again() {
    let place = Place::new();
    place.write("events.ndjson", "good\nloop\ngood\npartition x\n");
    place.write("rogue.wasm", &rogue().by_batch);
    let rogue = ["--transform", "rogue.wasm", "--limits-time", "300ms"];
    let much_fuel = [&rogue[..], &["--limits-fuel", "1000000000000000"]].concat();
    interrupt(&place, "place=x", &much_fuel);
    assert_eq!(
        ledger(&place)["pending"]["resource_faults"],
        json!([{ "fault": "out_of_time", "first": 1, "last": 1 }])
    );
    assert_eq!(place.land(&rogue).counts(["events", "quarantined"]), [3, 1]);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(quarantined[0].reason, "out_of_time");
    assert!(ledger(&place)["pending"].is_null());
}

/// What is quarantined, without the words for it, which a repetition does not keep.
fn quarantined(place: &Place) -> Vec<lake::Quarantined> {
    let all = lake::quarantine(&place.lake()).into_iter();
    let without_words = all.map(|quarantined| lake::Quarantined {
        message: String::new(),
        backtrace: None,
        ..quarantined
    });
    without_words.collect()
}

/// Each of these settings would give other outcomes or other names.
const OTHER_SETTINGS: [&str; 18] = [
    "--limits-fuel",
    "1000000000",
    "--limits-memory",
    "64MiB",
    "--limits-time",
    "20s",
    "--limits-record-bytes",
    "1KiB",
    "--limits-output-bytes",
    "100B",
    "--limits-partitions",
    "1",
    "--compression",
    "gzip",
    "--compression-level",
    "9",
    "--lake-json",
    "any",
];

/// Records that reach each limit, and some that would with [`OTHER_SETTINGS`].
fn demanding() -> String {
    let long = "x".repeat(3_000);
    format!(
        "good\nloop\nrecurse\nallocate\n{long}\nbig_output 3000\nrepeated_name\npartition y\npartition x\ntrap\nreject this\n"
    )
}

#[test]
fn a_repetition_is_the_same_whatever_it_is_started_with() {
    let rogue_only = [&["--transform", "rogue.wasm"], &NAMED[..]].concat();
    let rogue_only = rogue_only.as_slice();
    let make = || {
        let place = Place::new();
        place.write("events.ndjson", demanding());
        place.write("rogue.wasm", &rogue().by_batch);
        place
    };
    let whole = make();
    whole.land(rogue_only);
    let place = make();
    interrupt(&place, "place=x", rogue_only);
    let other = [rogue_only, &OTHER_SETTINGS, &["--bus-messages", "objects"]].concat();
    place.land(&other);
    assert!(lake::events(&place.lake()) == lake::events(&whole.lake()));
    assert_eq!(quarantined(&place), quarantined(&whole));
    for folder in ["lake/_sluice/chunks", "lake/_sluice/ledger", "bus"] {
        assert!(kept(&place, folder) == kept(&whole, folder), "{folder}");
    }
    let reasons: BTreeSet<_> = lake::quarantine(&place.lake())
        .into_iter()
        .map(|quarantined| quarantined.reason)
        .collect();
    for reason in [
        "out_of_fuel",
        "out_of_memory",
        "stack_overflow",
        "trap",
        "not_interoperable",
    ] {
        assert!(reasons.contains(reason), "{reason} is not in {reasons:?}");
    }
}

/// The first attempt may have landed its event already.
#[test]
fn a_record_that_fails_only_in_a_repetition_stops_it() {
    let place = Place::new();
    place.write("events.ndjson", "good\nloop\ngood\npartition x\n");
    place.write("rogue.wasm", &rogue().by_batch);
    let rogue = ["--transform", "rogue.wasm"];
    interrupt(&place, "place=x", &rogue);
    let pinned = ledger(&place);
    assert_eq!(
        pinned["pending"]["resource_faults"],
        json!([{ "fault": "out_of_fuel", "first": 1, "last": 1 }])
    );
    let mut other = pinned.clone();
    other["pending"]
        .as_object_mut()
        .unwrap()
        .remove("resource_faults");
    write_ledger(&place, &other);
    let ran = place.try_land(&rogue);
    ran.failed(1, &[":5 failed (out_of_fuel)", "nothing was written"]);
    assert_eq!(ledger(&place), other);
    write_ledger(&place, &pinned);
    assert_eq!(place.land(&rogue).counts(["events", "quarantined"]), [3, 1]);
    let quarantined = lake::quarantine(&place.lake());
    let reasons: Vec<_> = quarantined.iter().map(|q| q.reason.as_str()).collect();
    assert_eq!(reasons, ["out_of_fuel"]);
}

/// Another build of the program may count fuel differently.
#[test]
fn a_record_that_needs_a_little_more_fuel_than_before_passes_again() {
    let place = Place::new();
    place.write("events.ndjson", "good\nspend 1000000\npartition x\n");
    place.write("rogue.wasm", &rogue().by_batch);
    let rogue = ["--transform", "rogue.wasm"];
    let counts = ["events", "quarantined"];
    let little = ["--lake", "file:other", "--limits-fuel", "2000000"];
    let ran_out = place.land(&[&rogue[..], &little].concat());
    assert_eq!(ran_out.counts(counts), [2, 1]);
    interrupt(&place, "place=x", &rogue);
    let mut pinned = ledger(&place);
    assert!(pinned["pending"]["resource_faults"].is_null());
    pinned["pending"]["pins"]["limits"]["fuel"] = json!(2_000_000);
    write_ledger(&place, &pinned);
    assert_eq!(place.land(&rogue).counts(counts), [3, 0]);
}

/// Interrupts a run over these records and `partition x`, finishes it, and audits the lake. The first fault that is
/// pinned must be this one. Returns the summary of the finishing run.
fn repeat(records: &str, component: &[u8], memory: &str, fault: &str) -> (Place, Summary) {
    let place = Place::new();
    place.write("events.ndjson", format!("{records}partition x\n"));
    place.write("rogue.wasm", component);
    let args = [
        "--transform",
        "rogue.wasm",
        "--bus",
        "none",
        "--limits-memory",
        memory,
    ];
    interrupt(&place, "place=x", &args);
    let pinned = ledger(&place)["pending"]["resource_faults"].clone();
    assert_eq!(pinned[0]["fault"], fault, "{pinned}");
    let landed = place.land(&args);
    place.audit(&[]).succeeded();
    (place, landed)
}

/// The first attempt goes record by record, because the batch call runs out of fuel; with the fuel of a repetition
/// it would not. Whether an event fits its batch is pinned, too.
#[test]
fn a_record_that_does_not_fit_its_batch_is_pinned() {
    let many = "many_events 10000\n".repeat(52);
    let (place, landed) = repeat(&many, &rogue().by_batch, "1GiB", "invalid_output");
    let quarantined = lake::quarantine(&place.lake()).len() as u64;
    let events = (52 - quarantined) * 10_000 + 1;
    assert_eq!(
        landed.counts(["quarantined", "events"]),
        [quarantined, events]
    );
}

/// Each record keeps a mebibyte, until one runs out of memory; the instance ends with that record.
#[test]
fn a_record_behind_one_that_ran_out_of_memory_finds_a_new_instance_again() {
    let records = "overlap 0\n".repeat(60);
    let (_, landed) = repeat(&records, &rogue().by_record, "32MiB", "out_of_memory");
    assert_eq!(landed.count("records"), 61);
}

#[test]
fn messages_are_sent_as_they_were_pinned() {
    let sent = |first: &[&str], then: &[&str]| {
        let place = interrupted(&events(0..30), first);
        let ran = place.try_land(then);
        let said = ran.stderr.clone();
        assert_eq!(ran.summary().count("records"), 30);
        (lake::messages_exist(&place.bus()), said)
    };
    let (events_only, _) = sent(&[], &["--bus-messages", "objects"]);
    assert!(events_only.iter().all(|name| !name.contains(".objects.")));
    assert_eq!(events_only.len(), 1);
    let (none, _) = sent(&["--bus", "none"], &[]);
    assert_eq!(none, [""; 0]);
    let (none, said) = sent(&[], &["--bus", "none"]);
    assert_eq!(none, [""; 0]);
    assert!(said.contains("its messages are not sent"), "{said}");
}
