//! What a run does at its start if it cannot use a release of its registry.

use crate::local::events;
use crate::support::lake;
use crate::support::program::{Place, Ran};
use crate::swaps::fixture::{Kept, ReleaseFixture};
use crate::swaps::forged::pem;

/// A folder with three events and the built-in transform as a file.
fn place() -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place
        .run(&["transform", "export", "rules.wasm"])
        .succeeded();
    place
}

/// Publishes the built-in transform to the folder `registry` and returns the id of the release.
fn publish(place: &Place, more: &[&str]) -> String {
    let args = [
        "transform",
        "publish",
        "rules.wasm",
        "--registry",
        "file:registry",
    ];
    let published = place.run(&[&args[..], more].concat()).succeeded();
    published.stdout.trim().to_owned()
}

#[test]
fn a_registry_that_is_mistyped_ends_the_run() {
    let place = place();
    publish(&place, &[]);
    let mistyped = ["--registry", "file:registri"];
    let parts = [
        "registri",
        "no release was ever published",
        "--allow-empty-registry",
    ];
    place.try_land(&mistyped).failed(1, &parts);
    assert!(!place.lake().exists());
    let replay = [
        "replay",
        "--source",
        "file:events.ndjson",
        "--lake",
        "file:again",
    ];
    place
        .run(&[&replay[..], &mistyped].concat())
        .failed(1, &parts);
    assert!(!place.path("again").exists());
}

#[test]
fn a_registry_may_begin_empty_if_the_settings_say_so() {
    let place = place();
    let empty = ["--registry", "file:registry", "--allow-empty-registry"];
    assert_eq!(place.land(&empty).counts(["records", "events"]), [3, 3]);
    place
        .try_land(&["--allow-empty-registry"])
        .failed(2, &["allow_empty_registry", "--registry"]);
}

#[test]
fn a_registry_in_which_nothing_was_activated_is_used_with_a_warning() {
    let place = place();
    publish(&place, &[]);
    let ran = place.try_land(&["--registry", "file:registry"]);
    assert!(
        ran.stderr.contains("no release was ever activated"),
        "{ran:?}"
    );
    assert_eq!(ran.summary().count("records"), 3);
    assert_eq!(lake::all_events(&place.lake()).len(), 3);
}

#[test]
fn a_worker_does_not_start_with_an_empty_registry() {
    for kept in [Kept::InFolder, Kept::InS3] {
        let mut fixture = ReleaseFixture::new(1, kept);
        fixture.put(5);
        let run = |more: &[&str]| {
            let more = [&["--exit-when-caught-up"], more].concat();
            Ran::from(fixture.worker(&more).output().unwrap())
        };
        run(&[]).failed(
            1,
            &["no release was ever published", "--allow-empty-registry"],
        );
        assert_eq!(fixture.landed(), 0);
        run(&["--allow-empty-registry"]).succeeded();
        fixture.assert_complete(&["own"]);
    }
}

/// Writes the key pair `NAME.key` and `NAME.pub`.
fn write_keys(place: &Place, name: &str) {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let (private, public) = pem(&pair);
    place.write(&format!("{name}.key"), private);
    place.write(&format!("{name}.pub"), public);
}

fn activate(place: &Place, release: &str) {
    let args = [
        "transform",
        "activate",
        release,
        "--registry",
        "file:registry",
    ];
    place.run(&args).succeeded();
}

#[test]
fn a_run_with_a_wrong_public_key_lands_nothing() {
    let place = place();
    for name in ["own", "other"] {
        write_keys(&place, name);
    }
    let signed = publish(&place, &["--sign", "own.key"]);
    activate(&place, &signed);
    let follow = |key| place.try_land(&["--registry", "file:registry", "--public-key", key]);
    let parts = [
        "the active release",
        &signed,
        "fails admission",
        "signature",
        "--public-key",
    ];
    follow("other.pub").failed(1, &parts);
    assert!(!place.lake().exists());
    assert_eq!(follow("own.pub").summary().release(), signed);
    place
        .try_land(&["--public-key", "own.pub"])
        .failed(2, &["public_key", "--registry"]);
}

#[test]
fn a_run_goes_on_with_the_last_release_that_is_admitted() {
    let place = place();
    write_keys(&place, "own");
    let signed = publish(&place, &["--sign", "own.key"]);
    let config = ["--transform-config", r#"{"partition_by":["date"]}"#];
    let unsigned = publish(&place, &config);
    activate(&place, &signed);
    activate(&place, &unsigned);
    let ran = place.try_land(&["--registry", "file:registry", "--public-key", "own.pub"]);
    assert!(ran.stderr.contains("a release failed admission"), "{ran:?}");
    assert_eq!(ran.summary().release(), signed);
}
