//! A run that has nothing to do, with other rules than those that have landed the records.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::local::{event, events};
use crate::support::lake;
use crate::support::program::{Place, Ran};

const WHY: &str = "nothing is transformed again: the records have landed with another release";

/// Lands with this transform. Returns the first digits of its release, and what was said.
fn land(place: &Place, transform: &str) -> (String, String) {
    let Ran {
        code,
        stdout,
        stderr,
    } = place.try_land(&["--transform", transform]);
    let said = stderr.clone();
    let summary = Ran {
        code,
        stdout,
        stderr,
    };
    (summary.summary().release()[..8].to_owned(), said)
}

#[test]
fn a_run_with_nothing_to_do_says_that_its_rules_are_others() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    let (enrich, said) = land(&place, "builtin:enrich");
    assert!(!said.contains(WHY), "{said}");
    let (same, said) = land(&place, "builtin:enrich");
    assert!(same == enrich && !said.contains(WHY), "{said}");
    let before = lake::tree(&place.lake());
    let (copy, said) = land(&place, "builtin:copy");
    for part in [WHY, "run `sluice replay` into another lake", &enrich, &copy] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert_eq!(lake::tree(&place.lake()), before);

    // What is new lands with the new rules, and the last chunk counts.
    let mut file = OpenOptions::new();
    let mut file = file.append(true).open(place.path("events.ndjson")).unwrap();
    writeln!(file, "{}", event(3)).unwrap();
    let (_, said) = land(&place, "builtin:copy");
    assert!(!said.contains(WHY), "{said}");
    let (_, said) = land(&place, "builtin:copy");
    assert!(!said.contains(WHY), "{said}");
    let (_, said) = land(&place, "builtin:enrich");
    assert!(said.contains(WHY), "{said}");
}

/// Files of a folder that have landed are not even opened.
#[test]
fn a_run_over_a_folder_with_nothing_to_do_says_it_too() {
    let place = Place::new();
    place.write("in/a.ndjson", events(0..3));
    let land = |more: &[&str]| {
        let ran = place.try_land(&[&["--source", "file:in"], more].concat());
        ran.succeeded().stderr
    };
    land(&[]);
    assert!(!land(&[]).contains(WHY));
    let said = land(&["--transform", "builtin:copy"]);
    assert!(said.contains(WHY), "{said}");
    let said = land(&["--record-format", "lines"]);
    assert!(said.contains("nothing is decoded again"), "{said}");
}

/// A registry changes releases while nothing arrives.
#[test]
fn a_release_that_was_activated_since_is_no_warning() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    land(&place, "builtin:copy");
    let registry = ["--registry", "file:registry"];
    let publish = [&["transform", "publish", "builtin:enrich"], &registry[..]].concat();
    let published = place.run(&publish).succeeded();
    let activate = ["transform", "activate", published.stdout.trim()];
    place.run(&[&activate[..], &registry].concat()).succeeded();
    let ran = place.try_land(&registry).succeeded();
    assert!(!ran.stderr.contains(WHY), "{ran:#?}");
    let info = [&registry[..], &["--log-level", "info"]].concat();
    let ran = place.try_land(&info).succeeded();
    assert!(ran.stderr.contains(WHY), "{ran:#?}");
}
