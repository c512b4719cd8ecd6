//! A pending chunk: the next run finishes exactly that chunk, whatever its own settings are.

use std::fs;

use serde_json::Value;

use crate::local::{all_enriched, events};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::Place;

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
    let files = lake::tree(&place.lake().join("_sluice/ledger"));
    let (_, text) = files
        .iter()
        .find(|(name, _)| name.ends_with(".json"))
        .unwrap();
    serde_json::from_slice(text).unwrap()
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
    let place = interrupted(&events(0..30), &[]);
    let whole = Place::new();
    whole.write("events.ndjson", events(0..30));
    assert_eq!(place.land(&[]).count("records"), 30);
    whole.land(&[]);
    assert_eq!(lake::tree(&place.lake()), lake::tree(&whole.lake()));
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
    ran.failed(1, &["restore the source"]);
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
        ledger(&place)["pending"]["timed_out"],
        serde_json::json!(["5"])
    );
    assert_eq!(place.land(&rogue).counts(["events", "quarantined"]), [3, 1]);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(quarantined[0].reason, "out_of_time");
    assert!(ledger(&place)["pending"].is_null());
}

/// The first attempt may have landed its event already.
#[test]
fn a_record_that_runs_out_of_time_only_in_a_replay_does_not_land_twice() {
    let place = Place::new();
    place.write("events.ndjson", "good\nloop\ngood\npartition x\n");
    place.write("rogue.wasm", &rogue().by_batch);
    let rogue = ["--transform", "rogue.wasm"];
    interrupt(&place, "place=x", &rogue);
    let pinned = ledger(&place);
    let much_fuel = [
        "--limits-fuel",
        "1000000000000000",
        "--limits-time",
        "300ms",
    ];
    let ran = place.try_land(&[&rogue[..], &much_fuel].concat());
    ran.failed(1, &["record 5 of a pending range", "limits.time"]);
    assert_eq!(ledger(&place), pinned);
    assert_eq!(place.land(&rogue).counts(["events", "quarantined"]), [3, 1]);
    let quarantined = lake::quarantine(&place.lake());
    let reasons: Vec<_> = quarantined.iter().map(|q| q.reason.as_str()).collect();
    assert_eq!(reasons, ["out_of_fuel"]);
}
