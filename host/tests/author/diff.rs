//! `sluice transform diff`: two transforms on one sample.

use serde_json::{Value, json};

use crate::author::place;
use crate::support::program::{Place, Ran};

fn diff(place: &Place, old: &str, new: &str, more: &[&str]) -> Ran {
    let args = ["transform", "diff", old, new, "sample.ndjson"];
    place.run(&[&args, more].concat())
}

/// The built-in transform and a sample of its events. The last event is malformed.
fn enrich() -> Place {
    let place = Place::new();
    place
        .run(&["transform", "export", "enrich.wasm"])
        .succeeded();
    let event = |n| format!(r#"{{"event_uuid":"u-{n}","event_name":"a:b","created_at":{n}}}"#);
    place.write(
        "sample.ndjson",
        format!("{}\n{}\n{{\n", event(1), event(3_600)),
    );
    place
}

#[test]
fn a_transform_is_the_same_as_itself() {
    let ran = diff(&enrich(), "enrich.wasm", "enrich.wasm", &[]).succeeded();
    assert!(ran.stdout.contains("3 records, 0 differ"), "{ran:#?}");
}

/// Both builds of `rogue` echo records with their offsets.
#[test]
fn the_call_mode_makes_no_difference() {
    let place = place();
    place.write("sample.ndjson", "x\nreject y\n\nmany_events 3\ntrap\n");
    diff(&place, "batch.wasm", "single.wasm", &[]).succeeded();
}

#[test]
fn another_configuration_shows_in_the_field_that_it_changes() {
    let place = enrich();
    let config = ["--transform-config-new", r#"{"partition_by":["date"]}"#];
    let ran = diff(&place, "enrich.wasm", "enrich.wasm", &config);
    let ran = ran.failed(1, &["2 of 3 records differ"]);
    for part in [
        "3 records, 2 differ\nresults: each event, and each record that is quarantined or dropped\n  same ",
        "changed         2",
        "results that differ in a field\n",
        "2  partition",
        "new \"event_type=a/date=1970-01-01\"",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
}

#[test]
fn scripts_get_counts_and_examples_as_json() {
    let place = enrich();
    place.write("single.wasm", &crate::support::guests::rogue().by_record);
    let more = ["--json", "--examples", "1"];
    let ran = diff(&place, "enrich.wasm", "single.wasm", &more);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    ran.failed(1, &["3 of 3 records differ"]);
    assert_eq!(report["records"], 3);
    assert_eq!(
        report["results"],
        json!({"same":0,"changed":2,"added":0,"missing":0,"outcome_changed":1})
    );
    assert_eq!(report["outcomes"], json!({"quarantined to events":1}));
    assert_eq!(report["fields"]["event.event_uuid"], 2);
    assert_eq!(report["fields"]["event.echo"], 2);
    assert_eq!(report["examples"].as_array().unwrap().len(), 1);
    assert_eq!(report["examples"][0]["offset"], "0");
}

#[test]
fn a_failed_admission_names_the_component() {
    let place = enrich();
    let typo = ["--transform-config-new", r#"{"partition_bye":[]}"#];
    let expected = [
        "the new component",
        "cannot admit enrich.wasm",
        "partition_bye",
        "`--transform-config-new` gives the configuration",
    ];
    diff(&place, "enrich.wasm", "enrich.wasm", &typo).failed(2, &expected);
    let no_file = ["--transform-config-old", "nowhere.json"];
    let expected = ["the old component", "nowhere.json"];
    diff(&place, "enrich.wasm", "enrich.wasm", &no_file).failed(2, &expected);
}

#[test]
fn one_option_sets_the_configuration_of_both_components() {
    let place = enrich();
    let config = ["--transform-config", r#"{"partition_by":["date"]}"#];
    let ran = diff(&place, "enrich.wasm", "enrich.wasm", &config).succeeded();
    assert!(ran.stdout.contains("3 records, 0 differ"), "{ran:#?}");
    let typo = ["--transform-config", r#"{"partition_bye":[]}"#];
    let expected = ["the old component", "`--transform-config` gives"];
    diff(&place, "enrich.wasm", "enrich.wasm", &typo).failed(2, &expected);
    for one in ["--transform-config-old", "--transform-config-new"] {
        let both = [&config[..], &[one, "{}"]].concat();
        diff(&place, "enrich.wasm", "enrich.wasm", &both).failed(2, &["--transform-config", one]);
    }
}

#[test]
fn a_sample_without_records_says_so() {
    let place = enrich();
    place.write("sample.ndjson", "\n");
    diff(&place, "enrich.wasm", "enrich.wasm", &[]).failed(1, &["sample.ndjson has no records"]);
}
