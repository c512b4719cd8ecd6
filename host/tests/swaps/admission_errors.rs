//! Releases that fail admission, put into a registry without the checks of `publish`. The previous
//! release transforms every record, and each admission error names its step.

use std::fs;

use serde_json::{Value, json};
use sluice::ENRICH;
use sluice_engine::digest::Digest;

use crate::metrics::watched::{metrics, status};
use crate::support::guests::rogue;
use crate::swaps::fixture::{Kept, ReleaseFixture, admission_error, stamp, wait_until_active};
use crate::swaps::forged::{Forged, bad, pem};

#[test]
fn a_release_that_fails_admission_is_not_used() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let good = fixture.stamped(&stamp("good"));
    fixture.activate(&good, &[]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &good);
    let bad = bad();
    for (what, forged, step) in &bad {
        let id = forged.put(&fixture);
        fixture.activate(&id, &["--unchecked"]);
        let (failed, why) = admission_error(&mut worker, &id);
        assert_eq!(failed, *step, "{what}: {why}");
        assert!(!why.contains("panicked"), "{what}: {why}");
        assert_eq!(status(worker.address)["release"], good, "{what}");
        fixture.put(5);
        let all = fixture.records();
        worker.until(|_| fixture.landed() == all);
    }
    fixture.assert_complete(&["good"]);
    let counted = metrics(worker.address).all("sluice_release_admission_errors_total");
    let counted: f64 = counted.into_iter().map(|(_, count)| count).sum();
    assert!((counted - bad.len() as f64).abs() < 0.5, "{counted}");
}

/// Changes the files of a release in a registry.
type Tamper<'a> = dyn Fn(&ReleaseFixture, &Forged, &str) + 'a;

#[test]
fn releases_of_a_tampered_registry_are_not_used() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let good = fixture.stamped(&stamp("good"));
    fixture.activate(&good, &[]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &good);
    let forged =
        |n: usize| Forged::with_config(&rogue().by_record[..], &json!({ "stamp": n }).to_string());
    let component = |forged: &Forged| format!("components/{}.wasm", forged.manifest.component);
    let tampers: [(&str, &Tamper<'_>); 6] = [
        ("digest", &|fixture, forged, _| {
            let mut bytes = forged.component.clone();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(fixture.file(&component(forged)), bytes).unwrap();
        }),
        ("digest", &|fixture, _, id| {
            let other = Forged::with_config(ENRICH, "{}");
            let text = serde_json::to_vec(&other.manifest).unwrap();
            fs::write(fixture.file(&format!("releases/{id}.json")), text).unwrap();
        }),
        ("digest", &|fixture, _, id| {
            fs::write(fixture.file(&format!("releases/{id}.json")), "{").unwrap();
        }),
        ("size", &|fixture, _, id| {
            fs::write(
                fixture.file(&format!("releases/{id}.json")),
                vec![b' '; 2 << 20],
            )
            .unwrap();
        }),
        ("fetch", &|fixture, _, id| {
            fs::remove_file(fixture.file(&format!("releases/{id}.json"))).unwrap();
        }),
        ("fetch", &|fixture, forged, _| {
            fs::remove_file(fixture.file(&component(forged))).unwrap();
        }),
    ];
    for (n, (step, tamper)) in tampers.iter().enumerate() {
        let release = forged(n);
        let id = release.put(&fixture);
        tamper(&fixture, &release, &id);
        point_at(&fixture, &id);
        assert_eq!(admission_error(&mut worker, &id).0, *step, "{n}");
        fixture.put(5);
        let all = fixture.records();
        worker.until(|_| fixture.landed() == all);
        release.put(&fixture);
    }
    fixture.assert_complete(&["good"]);
}

/// Writes `active.json` without checks.
fn point_at(fixture: &ReleaseFixture, release: &str) {
    let mut rollout = fixture.active();
    rollout["active"] = release.into();
    rollout["number"] = (rollout["number"].as_u64().unwrap() + 1).into();
    fs::write(fixture.file("active.json"), rollout.to_string()).unwrap();
}

#[test]
fn golden_cases_run_wherever_a_release_is_admitted() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    fixture.write_cases("a");
    let config = r#"{"stamp":"a"}"#;
    let publish = ["--transform-config", config, "--cases", "cases"];
    let a = fixture.publish(&rogue().by_record, &publish);
    fixture.activate(&a, &[]);
    fixture.write_cases("b");
    let ran = fixture.transform(&[&["publish", "new.wasm"], &publish[..]].concat());
    ran.failed(1, &["cases", "hello", "event.stamp"]);
    let unchecked = fixture.publish(
        &rogue().by_record,
        &[&publish[..], &["--unchecked"]].concat(),
    );
    let ran = fixture.transform(&["activate", &unchecked]);
    ran.failed(1, &["cases", "hello"]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &a);
    fixture.activate(&unchecked, &["--unchecked"]);
    let (step, why) = admission_error(&mut worker, &unchecked);
    assert_eq!(
        (&*step, why.contains("event.stamp")),
        ("cases", true),
        "{why}"
    );
    fixture.put(5);
    worker.until(|_| fixture.landed() == 5);
    fixture.assert_complete(&["a"]);
}

#[test]
fn with_a_public_key_only_signed_releases_are_used() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    for name in ["own", "other"] {
        let pkcs8 = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        let (private, public) = pem(&pkcs8);
        fixture.cloud.place.write(&format!("{name}.key"), private);
        fixture.cloud.place.write(&format!("{name}.pub"), public);
    }
    let publish = |fixture: &ReleaseFixture, config: &str, key: &[&str]| {
        let args = [&["--transform-config", config], key].concat();
        fixture.publish(&rogue().by_record, &args)
    };
    let signed = publish(&fixture, r#"{"stamp":"signed"}"#, &["--sign", "own.key"]);
    let unsigned = publish(&fixture, r#"{"stamp":"unsigned"}"#, &[]);
    let foreign = publish(&fixture, r#"{"stamp":"foreign"}"#, &["--sign", "other.key"]);
    let moved = publish(&fixture, r#"{"stamp":"moved"}"#, &[]);
    fs::copy(
        fixture.file(&format!("releases/{signed}.sig")),
        fixture.file(&format!("releases/{moved}.sig")),
    )
    .unwrap();
    fixture.cloud.place.write("events.ndjson", "record 0\n");
    let replay = [
        "replay",
        "--source",
        "file:events.ndjson",
        "--lake",
        "file:again",
    ];
    let replay = [
        &replay[..],
        &["--registry", "file:registry", "--public-key", "own.pub"],
    ]
    .concat();
    let replayed = |id: &str| {
        fixture
            .cloud
            .place
            .run(&[&replay[..], &["--release", id]].concat())
    };
    replayed(&unsigned).failed(1, &["signature", "not signed"]);
    replayed(&signed).succeeded();
    fixture.activate(&signed, &["--public-key", "own.pub"]);
    let mut worker = fixture.watched(&["--public-key", "own.pub"]);
    wait_until_active(&mut worker, &signed);
    for bad in [&unsigned, &foreign, &moved] {
        let asked = fixture.transform(&["activate", bad, "--public-key", "own.pub"]);
        asked.failed(1, &["signature"]);
        fixture.activate(bad, &[]);
        assert_eq!(admission_error(&mut worker, bad).0, "signature");
        fixture.put(5);
        let all = fixture.records();
        worker.until(|_| fixture.landed() == all);
    }
    fixture.assert_complete(&["signed"]);
    // A release can be signed later: its id does not change.
    publish(&fixture, r#"{"stamp":"unsigned"}"#, &["--sign", "own.key"]);
    fixture.transform(&["show", &unsigned[..8]]).succeeded();
    fixture.activate(&unsigned, &["--public-key", "own.pub"]);
    wait_until_active(&mut worker, &unsigned);
}

/// The digest of a component covers its bytes and nothing else.
#[test]
fn a_release_is_named_by_its_content() {
    let fixture = ReleaseFixture::new(1, Kept::InFolder);
    let a = fixture.publish(ENRICH, &["--note", "first"]);
    let again = fixture.publish(ENRICH, &["--note", "second", "--transform-config", " { } "]);
    assert_eq!(a, again);
    let listed = fixture.transform(&["list", "--json"]).succeeded().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let only = &listed["releases"][0];
    assert_eq!(only["component"], Digest::of(ENRICH).to_string());
    assert_eq!(
        (&only["note"], &only["release"]),
        (&json!("first"), &json!(a))
    );
    assert_eq!(listed["releases"].as_array().unwrap().len(), 1);
}
