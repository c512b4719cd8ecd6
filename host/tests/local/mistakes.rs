//! Mistakes of users, and the program's messages: exit code 2 for wrong usage, 1 for a failure.

use crate::local::events;
use crate::support::guests::{Tiny, rogue};
use crate::support::lake;
use crate::support::program::Place;

fn place() -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place
}

/// Wrong usage: exit code 2, and nothing is written.
fn assert_wrong_usage(args: &[&str], parts: &[&str]) {
    let place = place();
    place.run(args).failed(2, parts);
    assert!(!place.lake().exists());
}

#[test]
fn a_missing_source_or_lake_is_named_with_the_ways_to_give_it() {
    assert_wrong_usage(
        &["run"],
        &[
            "source: missing",
            "--source",
            "SLUICE_SOURCE",
            "sluice.toml",
        ],
    );
    assert_wrong_usage(
        &["run", "--source", "-"],
        &["lake: missing", "--lake", "SLUICE_LAKE"],
    );
}

#[test]
fn an_invalid_target_gets_a_hint() {
    let lake = ["--lake", "file:lake"];
    let source = |source| [&["run", "--source", source], lake.as_slice()].concat();
    assert_wrong_usage(
        &source("events.ndjson"),
        &["source", "did you mean `file:events.ndjson`?"],
    );
    assert_wrong_usage(&source("http://x"), &["source", "http://x"]);
    assert_wrong_usage(&source("file:"), &["source"]);
    let into = |lake| ["run", "--source", "file:events.ndjson", "--lake", lake];
    assert_wrong_usage(&into("lake"), &["lake", "did you mean `file:lake`?"]);
    let bus = [&into("file:lake")[..], &["--bus", "bus"]].concat();
    assert_wrong_usage(&bus, &["bus", "file:DIR", "did you mean `file:bus`?"]);
}

#[test]
fn a_bus_in_the_lake_is_rejected() {
    for (lake, bus) in [
        ("file:lake", "file:lake"),
        ("file:lake", "file:./lake/bus"),
        ("file:bus/lake", "file:bus"),
        ("file:.", "file:bus"),
    ] {
        let run = [
            "--source",
            "file:events.ndjson",
            "--lake",
            lake,
            "--bus",
            bus,
        ];
        for command in ["run", "audit"] {
            let args = [&[command], &run[..]].concat();
            assert_wrong_usage(&args, &["bus: ", "the lake"]);
        }
    }
}

/// A replay uses no bus unless it is given as a flag.
#[test]
fn a_bus_of_the_settings_file_does_not_stand_in_the_way_of_a_replay() {
    let place = place();
    place.write("sluice.toml", "bus = 'file:again/bus'\n");
    let args = ["--source", "file:events.ndjson", "--lake", "file:again"];
    place
        .run(&[&["run"], &args[..]].concat())
        .failed(2, &["bus"]);
    place.run(&[&["replay"], &args[..]].concat()).succeeded();
}

#[test]
fn a_wrong_value_is_rejected_before_anything_starts() {
    for (flag, value, part) in [
        ("--compression", "lz4", "zstd"),
        ("--compression-level", "20", "compression_level"),
        ("--compression-level", "high", "whole number"),
        ("--chunk-bytes", "0", "chunk.bytes"),
        ("--chunk-records", "0", "give 1 or more"),
        ("--limits-fuel", "0", "give 1 or more"),
        ("--limits-memory", "8GiB", "limits.memory"),
        ("--limits-time", "0s", "limits.time: must be 1ms or more"),
        ("--limits-time", "999us", "limits.time: must be 1ms or more"),
        (
            "--limits-record-bytes",
            "0B",
            "limits.record_bytes: 0 is too low; give 1B or more",
        ),
        (
            "--limits-output-bytes",
            "0B",
            "limits.output_bytes: 0 is too low; give 1B or more",
        ),
        ("--limits-partitions", "0", "give 1 or more"),
        ("--threads", "0", "give 1 or more"),
        ("--threads", "65535", "the largest is 1024"),
        ("--threads", "100000", "the largest is 1024"),
        ("--threads", "many", "give a whole number"),
        ("--http", "9464", "127.0.0.1:9464"),
        ("--transform-config", "nowhere.json", "transform_config"),
        ("--log-level", "sluice=loudest", "log.level"),
        ("--config", "nowhere.toml", "nowhere.toml"),
        ("--unheard-of", "x", "--unheard-of"),
    ] {
        let args = Place::landing(&[flag, value]);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        assert_wrong_usage(&args, &[part]);
    }
}

#[test]
fn a_transform_configuration_that_is_not_an_object_is_rejected() {
    for config in ["{", "{\"a\":}"] {
        let ran = place().try_land(&["--transform-config", config]);
        assert_ne!(ran.code, Some(0));
        assert!(ran.stderr.contains("transform_config"), "{ran:?}");
    }
}

#[test]
fn help_exits_with_0_and_a_missing_command_with_2() {
    let place = place();
    let help = place.run(&["run", "--help"]).succeeded();
    assert!(help.stdout.contains("--limits-fuel"));
    place.run(&["--version"]).succeeded();
    place.run::<&str>(&[]).failed(2, &["Usage"]);
    place.run(&["rnu"]).failed(2, &["rnu"]);
}

#[test]
fn a_source_that_cannot_be_read_is_named() {
    let place = place();
    let from = |source| place.try_land(&["--source", source]);
    from("file:nowhere.ndjson").failed(1, &["cannot read nowhere.ndjson"]);
    from("file:*.json").failed(1, &["cannot read *.json", "matches no file to read"]);
}

#[test]
fn a_missing_source_does_not_undo_those_before_it() {
    let place = place();
    let ran = place.try_land(&[
        "--source",
        "file:events.ndjson",
        "--source",
        "file:nowhere.ndjson",
    ]);
    ran.failed(1, &["nowhere.ndjson"]);
    assert_eq!(lake::all_events(&place.lake()).len(), 3);
    assert_eq!(
        place.land(&[]).counts(["records", "already_committed"]),
        [0, 3]
    );
}

#[test]
fn a_lake_that_is_a_file_is_named() {
    let place = place();
    place.write("lake", "a file");
    place.try_land(&[]).failed(2, &["lake: lake is a file"]);
}

#[test]
fn a_failed_admission_names_the_step_and_the_transform() {
    let place = place();
    place.write("core.wasm", Tiny::default().module());
    place.write("rogue.wasm", &rogue().by_batch);
    place.write(
        "wasi.wasm",
        wat::parse_str(r#"(component (import "wasi:cli/exit@0.2.0" (instance)))"#).unwrap(),
    );
    let with = |transform| place.try_land(&["--transform", transform]);
    with("nowhere.wasm").failed(2, &["cannot read nowhere.wasm"]);
    with("events.ndjson").failed(2, &["transform: cannot admit events.ndjson: compile"]);
    with("core.wasm").failed(2, &["cannot admit core.wasm", "core WebAssembly module"]);
    with("wasi.wasm").failed(
        2,
        &["cannot admit wasi.wasm", "imports", "wasi:cli/exit@0.2.0"],
    );
    let rejected = r#"{"configure":"reject"}"#;
    let ran = place.try_land(&["--transform", "rogue.wasm", "--transform-config", rejected]);
    ran.failed(2, &["cannot admit rogue.wasm", "configure", "colour"]);
    assert!(!place.lake().exists());
}

#[test]
fn generate_rejects_impossible_options() {
    assert_wrong_usage(&["generate", "--events", "1"], &["--to"]);
    assert_wrong_usage(&["generate", "--to", "events"], &["file:PATH"]);
    assert_wrong_usage(&["generate", "--to", "-", "--types", "0"], &["types"]);
    assert_wrong_usage(
        &["generate", "--to", "-", "--malformed", "1.5"],
        &["malformed"],
    );
}

#[test]
fn generate_makes_the_same_bytes_anywhere() {
    let place = place();
    let args = [
        "generate",
        "--events",
        "1000",
        "--malformed",
        "0.1",
        "--seed",
        "3",
    ];
    place
        .run(&[&args[..], &["--to", "file:made/a.ndjson"]].concat())
        .succeeded();
    place
        .run(&[&args[..], &["--to", "file:made/b.ndjson", "--quiet"]].concat())
        .succeeded();
    let read = |name| std::fs::read(place.path(name)).unwrap();
    assert_eq!(read("made/a.ndjson"), read("made/b.ndjson"));
}
