//! A console that has keys: it signs what it publishes, and activates only what is signed.

use super::rollout::{CONFIGS, NOTES, change, publish, releases};
use super::{console, transform};
use crate::support::program::Place;
use crate::swaps::forged::pem;

/// Writes a key pair, and returns the names of the files: the private key, and the public one.
fn key(place: &Place, name: &str) -> [String; 2] {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let (private, public) = pem(&pair);
    let files = ["key", "pub"].map(|end| format!("{name}.{end}"));
    place.write(&files[0], private);
    place.write(&files[1], public);
    files
}

#[test]
fn a_console_with_keys_signs_and_checks_releases() {
    let place = Place::new();
    let unsigned = super::publish(&place, CONFIGS[0], NOTES[0]);
    let [sign, public] = key(&place, "own");
    let registry = ["--registry", "file:registry", "--allow-publish"];
    let args = [&registry[..], &["--sign", &sign, "--public-key", &public]].concat();
    let console = console(&place, &args);
    console.says("/try", &["signed with the key of --sign"]);
    publish(&console, CONFIGS[1], NOTES[1]);
    let signed = releases(&place, "registry");
    let ids = signed.iter().map(|release| release[0].as_str().unwrap());
    let mut ids = ids.map(|path| {
        path.trim_start_matches("releases/")
            .trim_end_matches(".json")
    });
    let signed = ids.find(|id| *id != unsigned).unwrap();
    console.says(
        &format!("/release?id={signed}"),
        &["with the key of --public-key"],
    );
    console.says(
        &format!("/release?id={unsigned}"),
        &["cannot be activated here"],
    );
    change(&console, "activate", signed, "it is signed");
    let fields = [
        ("action", "activate"),
        ("release", &*unsigned),
        ("why", "x"),
        ("seen", "1"),
    ];
    let response = console.post("/releases/change", &fields);
    assert_eq!(response.status, 400, "{}", response.text());
    assert!(
        response.says("signature: the release is not signed"),
        "{}",
        response.text()
    );
    // The command takes it for signed too.
    transform(&place, &["rollback"]).succeeded();
    let args = ["activate", signed, "--public-key", &public];
    transform(&place, &args).succeeded();
    // Two keys of different pairs are wrong usage, and so is one without a use.
    let [other, _] = key(&place, "other");
    let args = [
        &["console"][..],
        &registry,
        &["--sign", &other, "--public-key", &public],
    ]
    .concat();
    place
        .run(&args)
        .failed(2, &["sign", "not the private key of --public-key"]);
    let args = ["console", "--registry", "file:registry", "--sign", &sign];
    place.run(&args).failed(2, &["sign", "--allow-publish"]);
}
