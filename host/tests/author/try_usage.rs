//! `sluice transform try`: releases, exit codes and wrong usage.

use crate::author::place;
use crate::author::try_rules::{EVENT, try_rules};
use crate::support::program::{Place, Ran};

#[test]
fn a_check_can_fail_if_too_many_records_are_quarantined() {
    let place = Place::new();
    place.write("events.ndjson", format!("{EVENT}\n{EVENT}\n{EVENT}\n{{\n"));
    let with = |share: &str| try_rules(&place, &["events.ndjson", "--max-quarantined", share]);
    with("25%").succeeded();
    let expected = ["1 of 4 records would be quarantined, more than --max-quarantined, 0 %"];
    let ran = with("0").failed(1, &expected);
    assert!(
        ran.stdout.contains("4 records: 3 with 3 events"),
        "{ran:#?}"
    );
    with("5").failed(2, &["--max-quarantined"]);
}

#[test]
fn a_release_is_tried_with_its_own_configuration() {
    let place = place();
    place.write("events.ndjson", EVENT);
    let run = |args: &[&str]| {
        let registry = ["--registry", "file:registry"];
        place.run(&[&["transform"], args, &registry].concat())
    };
    place
        .run(&["transform", "export", "enrich.wasm"])
        .succeeded();
    let config = ["--transform-config", r#"{"partition_by":["date"]}"#];
    let published = run(&[&["publish", "enrich.wasm"], &config[..]].concat()).succeeded();
    let release = published.stdout.trim();
    let partition = "  event_type=a/date=1970-01-01  to lake, bus\n";
    for name in [release, &release[..8]] {
        let ran = run(&["try", "events.ndjson", "--release", name]).succeeded();
        assert!(ran.stdout.contains(partition), "{ran:#?}");
    }
    let active = ["try", "events.ndjson", "--release", "active"];
    run(&active).failed(1, &["no release is active", "sluice transform list"]);
    run(&["activate", release]).succeeded();
    let ran = run(&active).succeeded();
    assert!(ran.stdout.contains(partition), "{ran:#?}");
    run(&["try", "events.ndjson", "--release", "0123456789"]).failed(1, &["0123456789"]);
    for option in [["--transform-config", "{}"], ["--transform", "single.wasm"]] {
        run(&[&active[..], &option[..]].concat()).failed(2, &[option[0], "--release"]);
    }
    try_rules(&place, &["events.ndjson", "--release", "active"]).failed(2, &["--registry"]);
    try_rules(&place, &["events.ndjson", "--registry", "file:registry"]).failed(2, &["--release"]);
    let mut command = place.command(&["transform", "try", "events.ndjson", "--release", "active"]);
    let ran = Ran::from(
        command
            .env("SLUICE_REGISTRY", "file:registry")
            .output()
            .unwrap(),
    );
    assert!(ran.succeeded().stdout.contains(partition));
    let mut command = place.command(&["transform", "try", "events.ndjson"]);
    Ran::from(
        command
            .env("SLUICE_REGISTRY", "file:registry")
            .output()
            .unwrap(),
    )
    .succeeded();
}

#[test]
fn rules_in_place_of_records_are_wrong_usage() {
    let place = place();
    place.write("events.ndjson", EVENT);
    try_rules(&place, &["rules.jq", "events.ndjson"]).failed(2, &["--jq rules.jq"]);
    try_rules(&place, &["rules.wasm"]).failed(2, &["--transform rules.wasm"]);
    try_rules(&place, &["file:events.ndjson"]).failed(2, &["--source file:events.ndjson"]);
}

#[test]
fn rules_that_do_not_load_and_input_that_cannot_be_read_fail() {
    let place = place();
    place.write("events.ndjson", EVENT);
    place.write("empty.ndjson", "\n");
    place.write("script", "#!/bin/sh\n");
    let no_component = ["--transform", "script", "events.ndjson"];
    try_rules(&place, &no_component).failed(2, &["transform: cannot admit script"]);
    try_rules(&place, &["nowhere.ndjson"]).failed(1, &["cannot read nowhere.ndjson"]);
    try_rules(&place, &["empty.ndjson"]).failed(1, &["empty.ndjson has no records"]);
    let expected = ["standard input has no records", "--source", "--quarantined"];
    try_rules(&place, &[]).failed(1, &expected);
    let ran = try_rules(&place, &["events.ndjson", "nowhere.ndjson"]);
    let ran = ran.failed(1, &["cannot read nowhere.ndjson"]);
    assert!(ran.stdout.contains("events.ndjson:1  1 event"), "{ran:#?}");
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let place = Place::new();
    place.write("events.ndjson", EVENT);
    let source = |source: &'static str| ["--source", source];
    for (args, expected) in [
        (vec!["events.ndjson", "--limit", "0"], "give 1 or more"),
        (vec!["events.ndjson", "--start", "latest"], "--source"),
        (
            [&source("file:events.ndjson")[..], &["--start", "latest"]].concat(),
            "only a stream has this",
        ),
        (source("lambda").to_vec(), "kinesis:STREAM"),
        (
            source("events.ndjson").to_vec(),
            "did you mean `file:events.ndjson`?",
        ),
        (
            [&["events.ndjson"], &source("file:events.ndjson")[..]].concat(),
            "cannot be used with",
        ),
        (vec!["--quarantined", "gs://x"], "file:DIR"),
        (vec!["events.ndjson", "--reason", "trap"], "--quarantined"),
        (vec!["events.ndjson", "--shard", "s"], "--quarantined"),
        (
            vec!["events.ndjson", "--transform-config", "nowhere.json"],
            "nowhere.json",
        ),
        (
            vec!["events.ndjson", "--watch", "--max-quarantined", "0"],
            "--max-quarantined",
        ),
    ] {
        try_rules(&place, &args).failed(2, &[expected]);
    }
}
