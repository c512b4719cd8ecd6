//! Registries and lakes at a place that was not meant.

use crate::local::events;
use crate::support::program::Place;

#[test]
fn a_registry_in_which_nothing_was_published_is_named() {
    let place = Place::new();
    for command in ["list", "gc"] {
        let args = ["transform", command, "--registry", "file:nowhere"];
        let parts = ["no release was ever published", "file:nowhere"];
        place.run(&args).failed(1, &parts);
    }
    let id = "1".repeat(64);
    for (release, more) in [
        ("11111111", None),
        (&*id, Some("--unchecked")),
        (&*id, None),
    ] {
        for command in ["activate", "show"] {
            let mut args = vec!["transform", command, release, "--registry", "file:nowhere"];
            args.extend(more.filter(|_| command == "activate"));
            place.run(&args).failed(1, &["the registry file:nowhere"]);
        }
    }
}

/// The same in a run and in `config check`.
#[test]
fn a_file_is_no_lake_bus_or_registry() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    for (key, wrong) in [
        ("lake", "file:events.ndjson"),
        ("lake", "file:events.ndjson/lake"),
        ("bus", "file:events.ndjson"),
        ("registry", "file:events.ndjson"),
    ] {
        for command in [&["run"][..], &["config", "check"]] {
            let flag = format!("--{key}");
            let mut args = [command, &["--source", "file:events.ndjson", &flag, wrong]].concat();
            if key != "lake" {
                args.extend(["--lake", "file:lake"]);
            }
            let parts = [&format!("{key}: ")[..], "events.ndjson is a file"];
            place.run(&args).failed(2, &parts);
        }
    }
}

#[test]
fn a_source_in_the_lake_is_refused() {
    let place = Place::new();
    place.write("lake/events.ndjson", events(0..3));
    let source = ["--source", "file:lake/events.ndjson"];
    let parts = ["source: ", "lies in the folder of the lake"];
    place.try_land(&source).failed(2, &parts);
}

#[test]
fn a_lake_in_another_lake_is_refused() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.try_land(&[]).succeeded();
    for inside in ["file:lake/event_type=lesson", "file:lake/_sluice"] {
        let parts = ["lake: ", "lies in another lake"];
        place.try_land(&["--lake", inside]).failed(2, &parts);
    }
}
