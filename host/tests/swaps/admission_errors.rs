//! Releases that fail admission, put into a registry without the checks of `publish`. The previous
//! release transforms every record, and each admission error names its step.

use std::fs;

use serde_json::{Value, json};
use sluice::ENRICH;
use sluice_engine::digest::Digest;
use sluice_release::bundle::{Manifest, ReleaseBundle};

use crate::metrics::watched::{metrics, status};
use crate::support::guests::{Tiny, bomb, rogue};
use crate::swaps::fixture::{Kept, ReleaseFixture, admission_error, stamp, wait_until_active};

/// A release of these bytes in the format of a registry, and its parts.
pub(super) struct Forged {
    component: Vec<u8>,
    manifest: Manifest,
}

impl Forged {
    pub(super) fn new(component: impl Into<Vec<u8>>) -> Self {
        Self::with_config(component, "{}")
    }

    fn with_config(component: impl Into<Vec<u8>>, config: &str) -> Self {
        let bundle = ReleaseBundle::new(component.into(), config).unwrap();
        Self {
            component: bundle.component().to_vec(),
            manifest: bundle.manifest().clone(),
        }
    }

    /// Puts it into the registry without checks and returns its id.
    pub(super) fn put(&self, fixture: &ReleaseFixture) -> String {
        let id = self.manifest.id().to_string();
        let manifest = serde_json::to_vec(&self.manifest).unwrap();
        for folder in ["components", "releases", "cases"] {
            fs::create_dir_all(fixture.file(folder)).unwrap();
        }
        fs::write(
            fixture.file(&format!("components/{}.wasm", self.manifest.component)),
            &self.component,
        )
        .unwrap();
        fs::write(fixture.file(&format!("releases/{id}.json")), manifest).unwrap();
        id
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// All invalid releases by name, with the step that must fail.
fn bad() -> Vec<(&'static str, Forged, &'static str)> {
    let flipped = |at: usize| {
        let mut component = ENRICH.to_vec();
        component[at] ^= 0x40;
        component
    };
    let tiny = |tiny: Tiny| Forged::new(tiny.component());
    let other_world = "package sluice:transform@2.0.0;
        interface rules { configure: func(config: string) -> result<_, string>; }
        world transform { export rules; }";
    let mut large = ENRICH.to_vec();
    large.resize(100 << 20, 0);
    vec![
        (
            "truncated",
            Forged::new(&ENRICH[..ENRICH.len() / 2]),
            "compile",
        ),
        (
            "cut by a byte",
            Forged::new(&ENRICH[..ENRICH.len() - 1]),
            "compile",
        ),
        (
            "a flipped bit in its header",
            Forged::new(flipped(5)),
            "compile",
        ),
        ("empty", Forged::new(&b""[..]), "compile"),
        (
            "a script",
            Forged::new(&b"#!/bin/sh\nexit 0\n"[..]),
            "compile",
        ),
        (
            "a core module",
            Forged::new(Tiny::default().module()),
            "compile",
        ),
        (
            "an empty component",
            Forged::new(wat("(component)")),
            "world",
        ),
        (
            "an import of WASI",
            Forged::new(wat(
                r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance)))"#,
            )),
            "imports",
        ),
        (
            "an import of a function",
            Forged::new(wat(r#"(component (import "secrets" (func)))"#)),
            "imports",
        ),
        ("too large", Forged::new(large), "size"),
        (
            "loops in describe",
            tiny(Tiny {
                describe: Tiny::FOREVER,
                ..Tiny::default()
            }),
            "describe",
        ),
        (
            "traps in describe",
            tiny(Tiny {
                describe: "unreachable",
                ..Tiny::default()
            }),
            "describe",
        ),
        (
            "loops when it starts",
            tiny(Tiny {
                start: Tiny::FOREVER,
                ..Tiny::default()
            }),
            "describe",
        ),
        (
            "loops in configure",
            tiny(Tiny {
                configure: Tiny::FOREVER,
                ..Tiny::default()
            }),
            "configure",
        ),
        (
            "traps in configure",
            Forged::with_config(&rogue().by_record[..], r#"{"configure":"trap"}"#),
            "configure",
        ),
        (
            "rejects its configuration",
            Forged::with_config(&rogue().by_record[..], r#"{"configure":"reject"}"#),
            "configure",
        ),
        (
            "reads a member twice",
            Forged::with_config(&rogue().by_fields[..], r#"{"declare":"read_twice"}"#),
            "declare",
        ),
        (
            "loops in declare",
            tiny(Tiny::declaring(Tiny::FOREVER)),
            "declare",
        ),
        (
            "a configuration of another transform",
            Forged::with_config(ENRICH, r#"{"colour":"red"}"#),
            "transform_config",
        ),
        (
            "another contract",
            Forged::new(contract(other_world)),
            "world",
        ),
        ("a compile bomb", Forged::new(bomb()), "compile"),
    ]
}

/// A component of another contract.
fn contract(wit: &str) -> Vec<u8> {
    let text = r#"(component
        (core module $m
            (memory (export "memory") 1)
            (func (export "configure") (param i32 i32) (result i32) i32.const 64)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
        (core instance $i (instantiate $m))
        (func $configure (param "config" string) (result (result (error string)))
            (canon lift (core func $i "configure") (memory $i "memory")
                (realloc (func $i "realloc"))))
        (instance $rules (export "configure" (func $configure)))
        (export "sluice:transform/rules@2.0.0" (instance $rules)))"#;
    assert!(wit.contains("@2.0.0"));
    wat(text)
}

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
        let error = admission_error(&mut worker, &id);
        assert_eq!(error.0, *step, "{what}: {}", error.1);
        assert!(!error.1.contains("panicked"), "{what}: {}", error.1);
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

/// A key pair as the private and the public key in PEM.
pub(super) fn pem(pair: &aws_lc_rs::signature::Ed25519KeyPair) -> (String, String) {
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    let text = |kind: &str, der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n")
    };
    let begin = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let public = [&begin[..], pair.public_key().as_ref()].concat();
    let private = pair.to_pkcs8().unwrap();
    (text("PRIVATE", private.as_ref()), text("PUBLIC", &public))
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
