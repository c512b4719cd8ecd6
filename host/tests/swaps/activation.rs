//! `sluice transform activate` of a release that is active already.

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
