//! What is printed of records, and that it cannot control the terminal.

use super::{place, quarantine};
use crate::support::lake;
use crate::support::program::Place;

#[test]
fn the_bytes_of_records_are_printed_only_if_asked_for() {
    let place = Place::new();
    place.write("events.ndjson", "secret of somebody\n");
    place.land(&[]);
    let rid = &lake::quarantine(&place.lake())[0].rid;
    for args in [
        &["list"][..],
        &["list", "--objects"],
        &["list", "--objects", "--json"],
        &["sample"],
        &["sample", "--json"],
        &["show", rid],
        &["show", rid, "--json"],
    ] {
        let ran = quarantine(&place, args).succeeded();
        assert!(!format!("{ran:?}").contains("secret"), "{args:?}: {ran:?}");
    }
    for args in [&["sample"][..], &["sample", "--json"], &["show", rid]] {
        let ran = quarantine(&place, &[args, &["--payload"]].concat()).succeeded();
        assert!(
            ran.stdout.contains("secret of somebody"),
            "{args:?}: {ran:?}"
        );
    }
}

#[test]
fn no_record_and_no_file_can_control_the_terminal() {
    let place = Place::new();
    // A command of a terminal, one of C1, and a change of the direction of writing.
    let hostile = "\u{1b}[2J \u{9b}31m \u{202e}";
    place.write("events.ndjson", format!("{hostile}\n"));
    place.land(&[]);
    place.write(
        &format!("lake/_sluice/quarantine/reason={hostile}/x.ndjson"),
        "",
    );
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["sample", "--payload"],
        &["sample", "--payload", "--json"],
    ] {
        let ran = quarantine(&place, args).succeeded();
        let text = ran.stdout.clone() + &ran.stderr;
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(is_control), "{args:?}: {ran:?}");
        assert!(
            ran.stderr
                .contains("1 file in quarantine that Sluice has not written")
        );
    }
    let people = quarantine(&place, &["sample", "--payload"]).succeeded();
    assert!(people.stdout.contains("\\u{1b}[2J"), "{people:?}");
}

#[test]
fn bytes_that_are_no_text_are_printed_as_base64() {
    let place = place();
    let args = ["sample", "--payload", "--reason", "invalid_json"];
    let ran = quarantine(&place, &args).succeeded();
    for part in ["data      not json", "base64    /w=="] {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
}
