//! What lands, and which settings are wrong.

use super::{PARQUET, has_events, parquet_keys, schema};
use crate::audit::audit;
use crate::local::{all_enriched, events};
use crate::support::cloud::uuid;
use crate::support::lake;
use crate::support::manifests::manifests;
use crate::support::program::Place;

#[test]
fn events_land_and_a_second_run_does_nothing() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30) + "broken\n");
    let summary = place.land(&PARQUET);
    let counts = ["records", "events", "quarantined", "objects"];
    assert_eq!(summary.counts(counts), [31, 30, 1, 3]);
    assert_eq!(parquet_keys(&place).len(), 3);
    has_events(&place, &all_enriched(0..30));
    assert_eq!(lake::messages(&place.bus()).len(), 30);
    assert_eq!(audit(&place, &[]).proven().count("in_lake"), 30);

    let before = lake::tree(&place.lake());
    assert_eq!(place.land(&PARQUET).count("records"), 0);
    assert!(lake::tree(&place.lake()) == before);
}

/// The digest of an object is that of its events as lines, whatever the format.
#[test]
fn chunk_manifests_say_the_same_of_both_formats() {
    let place = Place::new();
    place.write("events.ndjson", events(0..90));
    place.land(&PARQUET);
    place.land(&["--lake", "file:lines", "--bus", "none"]);
    let contents = |lake: &str| -> Vec<_> {
        let all = manifests(&place.path(lake)).into_values().flatten();
        let objects = all.flat_map(|manifest| manifest.objects);
        let content = objects.map(|o| (o.partition, o.lines, o.bytes, o.digest));
        content.collect()
    };
    assert_eq!(contents("lake").len(), 3);
    assert_eq!(contents("lake"), contents("lines"));
    let manifest = manifests(&place.lake()).into_values().flatten().next();
    let schema = lake::schemas(&place.lake()).remove(0);
    assert_eq!(manifest.unwrap().pins.schema, Some(schema.digest()));
}

#[test]
fn quarantined_records_stay_lines() {
    let place = Place::new();
    place.write("events.ndjson", "broken\n");
    place.land(&PARQUET);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(quarantined.len(), 1);
    assert_eq!(parquet_keys(&place), [""; 0]);
    assert!(
        lake::tree(&place.lake())
            .keys()
            .any(|key| key.starts_with("_sluice/quarantine/") && key.ends_with(".ndjson.zst"))
    );
    audit(&place, &PARQUET).proven();
}

#[test]
fn values_without_a_column_are_counted_by_path() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let summary = place.land(&PARQUET);
    assert_eq!(summary.count("unmapped_values"), 30);
    assert_eq!(summary.0["unmapped_paths"]["n"], 30);
    let text = ["--lake", "file:other", "--bus", "none", "--summary", "text"];
    let ran = place.try_land(&[&PARQUET[..], &text].concat()).succeeded();
    for line in [
        "unmapped              30  values without a column",
        "30  n\n",
    ] {
        assert!(ran.stdout.contains(line), "{}", ran.stdout);
    }

    place.write("schema.json", schema("long"));
    let with_schema = ["--schema", "schema.json", "--lake", "file:third"];
    let summary = place.land(&[&PARQUET[..], &with_schema].concat());
    // Not in this schema: created_at, event_name, event_type and event_subtype.
    assert_eq!(summary.count("unmapped_values"), 120);
    assert!(summary.0["unmapped_paths"]["n"].is_null());
    let no_column = place.land(&["--lake", "file:lines"]);
    assert_eq!(no_column.count("unmapped_values"), 0);
}

#[test]
fn the_schema_is_stored_once_by_its_digest() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.write("schema.json", schema("long"));
    let args = [&PARQUET[..], &["--schema", "schema.json"]].concat();
    place.land(&args);
    let schemas = lake::schemas(&place.lake());
    assert_eq!(schemas.len(), 1);
    let name = format!("_sluice/schemas/{}.json", schemas[0].digest());
    let stored = std::fs::read_to_string(place.lake().join(name)).unwrap();
    assert_eq!(stored, schemas[0].document());
    has_events(&place, &all_enriched(0..30));
    // The pins say all that the audit needs.
    audit(&place, &[]).proven();
}

/// The number of types in a run with many: half of the default of `--limits-partitions`.
const TYPES: usize = 10_000;

/// The number of events of a type.
fn events_of(kind: usize) -> usize {
    1 + kind % 3
}

#[test]
fn ten_thousand_types_land_in_one_run() {
    let place = Place::new();
    let places = (0..3).flat_map(|nth| (0..TYPES).map(move |kind| (nth, kind)));
    let events = places.filter(|(nth, kind)| *nth < events_of(*kind));
    let event = |(nth, kind)| {
        format!(
            "{{\"event_uuid\":\"{kind}-{nth}\",\"event_name\":\"t{kind}:x\",\"created_at\":1}}\n"
        )
    };
    place.write("events.ndjson", events.map(event).collect::<String>());
    let summary = place.land(&[&PARQUET[..], &["--bus", "none"]].concat());
    let all: usize = (0..TYPES).map(events_of).sum();
    let expected = [all, TYPES].map(|number| number as u64);
    assert_eq!(summary.counts(["events", "objects"]), expected);

    let found = lake::events(&place.lake());
    assert_eq!(found.len(), TYPES);
    for kind in 0..TYPES {
        let mut ids: Vec<_> = found[&format!("event_type=t{kind}")]
            .iter()
            .map(|line| uuid(line.as_bytes()))
            .collect();
        ids.sort_unstable();
        let expected = (0..events_of(kind)).map(|nth| format!("{kind}-{nth}"));
        assert_eq!(ids, expected.collect::<Vec<_>>());
    }
    let proven = audit(&place, &["--bus", "none"]).proven();
    assert_eq!(proven.count("in_lake"), all as u64);
}

#[test]
fn wrong_settings_are_named_before_anything_is_written() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.write("schema.json", schema("long"));
    place.write("wrong.json", schema("integer"));
    let of_schema = |file| [&PARQUET[..], &["--schema", file]].concat();
    for (args, parts) in [
        (
            of_schema("none.json"),
            &["schema: cannot read none.json"][..],
        ),
        (
            of_schema("wrong.json"),
            &["schema: wrong.json: columns[2].type: \"integer\" is no type"],
        ),
        (
            vec!["--schema", "schema.json"],
            &["schema: only Parquet has a schema", "--format parquet"],
        ),
        (
            [&PARQUET[..], &["--compression", "gzip"]].concat(),
            &["compression: Parquet is always compressed with zstd"],
        ),
        (
            [&PARQUET[..], &["--compression", "none"]].concat(),
            &["compression: Parquet is always compressed with zstd"],
        ),
        (
            [&PARQUET[..], &["--compression-level", "20"]].concat(),
            &["compression_level: 20 is not between 1 and 19"],
        ),
        (vec!["--format", "csv"], &["csv", "parquet"]),
    ] {
        place.try_land(&args).failed(2, parts);
    }
    assert!(!place.lake().exists());
}
