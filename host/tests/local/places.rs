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
