//! Hostile transforms run by the program: what reaches the disk, the log and the machine.

use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::Place;

fn place(commands: &[&str]) -> Place {
    let place = Place::new();
    place.write("events.ndjson", commands.join("\n") + "\n");
    place.write("rogue.wasm", &rogue().by_batch);
    place
}

#[test]
fn a_flood_of_messages_is_bounded() {
    let place = place(&["log_flood", "log_flood", "log once"]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    let floods = ran.stderr.lines().filter(|line| line.contains("flood é"));
    let longest = floods.clone().map(str::len).max().unwrap();
    assert!((1..=100).contains(&floods.count()), "{}", ran.stderr.len());
    assert!(longest < 1_200, "{longest}");
    assert!(ran.stderr.contains("more than 100 messages"), "{ran:?}");
}

#[test]
fn a_message_cannot_forge_a_line_of_the_log() {
    let place = place(&["log_lines"]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours() {
    let place = place(&["log it"]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    assert!(ran.stderr.contains("it"));
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn messages_of_a_transform_are_logged_under_its_own_target() {
    let place = place(&["log first", "log second"]);
    let args = [
        "--transform",
        "rogue.wasm",
        "--log-format",
        "json",
        "--log-level",
        "warn",
    ];
    let ran = place.try_land(&args).succeeded();
    let messages: Vec<_> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["target"] == "transform" && line["level"] == "ERROR")
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(messages, ["first", "second"]);
}

/// Each record gets another instance, which logs as much again.
#[test]
fn messages_logged_before_traps_are_bounded_together() {
    let place = place(&["log_and_trap"; 5]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    let words = ran.stderr.matches("a last word").count();
    assert!((1..=100).contains(&words), "{words}");
    assert!(ran.stderr.contains("more than 100 messages"), "{ran:?}");
}

/// A limit on bytes alone is not enough: each event has one byte, and takes a hundred in the host.
#[test]
fn a_flood_of_tiny_events_is_bounded() {
    let place = place(&["many_partitions 15000"; 300]);
    let component = &rogue().by_record;
    place.write("rogue.wasm", component);
    let (ran, peak) = place.run_watched(&Place::landing(&["--transform", "rogue.wasm"]));
    let [records, quarantined] = ran.summary().counts(["records", "quarantined"]);
    assert_eq!(records, 300);
    assert!((1..300).contains(&quarantined), "{quarantined}");
    assert!(peak < 384 << 20, "{} MiB", peak >> 20);
    assert_eq!(lake::quarantine(&place.lake())[0].reason, "invalid_output");
}
