//! `sluice transform activate` of a release that is active already, and rollbacks in a row.

use std::fs;

use crate::support::program::{Place, Ran};

/// `sluice transform …` on the registry of this folder.
fn transform(place: &Place, args: &[&str]) -> Ran {
    let registry = ["--registry", "file:registry"];
    place.run(&[&["transform"], args, &registry].concat())
}

fn publish(place: &Place, config: &str) -> String {
    let args = ["publish", "rules.wasm", "--transform-config", config];
    let published = transform(place, &args).succeeded();
    published.stdout.trim().to_owned()
}

#[test]
fn a_release_that_is_active_already_stays_so_and_nothing_is_written() {
    let place = Place::new();
    place
        .run(&["transform", "export", "rules.wasm"])
        .succeeded();
    let release = publish(&place, "{}");
    let first = transform(&place, &["activate", &release]).succeeded();
    assert_eq!(first.stderr, "");
    let document = || fs::read(place.path("registry/active.json")).unwrap();
    let before = document();
    let again = transform(&place, &["activate", &release[..8]]).succeeded();
    assert_eq!(
        again.stderr,
        "the release is active already, and nothing was changed\n"
    );
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(document(), before);
    // It cannot be compared with itself.
    for trial in ["--canary=5%", "--shadow"] {
        let args = ["activate", &release, trial];
        transform(&place, &args).failed(1, &["is active already"]);
    }

    let other = publish(&place, r#"{"partition_by":["date"]}"#);
    transform(&place, &["activate", &other, "--canary", "5%"]).succeeded();
    let before = document();
    let again = transform(&place, &["activate", &release]).succeeded();
    let hint = "nothing was changed; to end the trial, run `sluice transform rollback`\n";
    assert!(again.stderr.ends_with(hint), "{again:#?}");
    assert!(again.stdout.contains("canary"), "{again:#?}");
    assert_eq!(document(), before);
}

/// Each rollback goes back one release more, so the second one is no way to undo the first.
#[test]
fn a_rollback_says_what_it_restores_and_how_to_undo_it() {
    let place = Place::new();
    place
        .run(&["transform", "export", "rules.wasm"])
        .succeeded();
    let configs = ["{}", r#"{"partition_by":["date"]}"#];
    let [first, second] = configs.map(|config| publish(&place, config));
    for release in [&first, &second] {
        transform(&place, &["activate", release]).succeeded();
    }
    let third = publish(&place, r#"{"partition_by":["hour"]}"#);
    transform(&place, &["activate", &third, "--canary", "5%"]).succeeded();
    let trial = transform(&place, &["rollback"]).succeeded();
    let same = "the trial has ended; the active release is the same as before\n";
    assert_eq!(trial.stderr, same);

    let once = transform(&place, &["rollback"]).succeeded();
    let expected = format!("rolled back from {second} to {first}\n");
    assert_eq!(once.stderr, expected);
    assert!(once.stdout.contains(&first), "{once:#?}");

    let twice = transform(&place, &["rollback"]).succeeded();
    let begin = format!("rolled back from {first}; no release is active now, so hosts run the");
    let end = format!("; to undo it, run `sluice transform activate {first}`\n");
    assert!(twice.stderr.starts_with(&begin), "{twice:#?}");
    assert!(
        twice
            .stderr
            .contains("; the change before was a rollback too (at 2"),
        "{twice:#?}"
    );
    assert!(twice.stderr.ends_with(&end), "{twice:#?}");
    assert!(twice.stdout.contains("active  nothing"), "{twice:#?}");
    transform(&place, &["rollback"]).failed(1, &["no release is active, so there is nothing"]);

    // One activation is undone at once, and says so too.
    transform(&place, &["activate", &second]).succeeded();
    let only = transform(&place, &["rollback"]).succeeded();
    assert!(
        only.stderr.contains("no release is active now"),
        "{only:#?}"
    );
    assert!(!only.stderr.contains("was a rollback too"), "{only:#?}");
    transform(&place, &["activate", &second]).succeeded();
}
