//! Releases that only a registry without checks can have, and keys to sign some.

use std::fs;

use sluice::ENRICH;
use sluice_release::bundle::{Manifest, ReleaseBundle};

use crate::support::guests::{Tiny, bomb, rogue};
use crate::swaps::fixture::ReleaseFixture;

/// A name, an invalid release, and the step of admission that must fail.
type Bad = (&'static str, Forged, &'static str);

/// A release of these bytes in the format of a registry, and its parts.
pub(super) struct Forged {
    pub(super) component: Vec<u8>,
    pub(super) manifest: Manifest,
}

impl Forged {
    pub(super) fn new(component: impl Into<Vec<u8>>) -> Self {
        Self::with_config(component, "{}")
    }

    pub(super) fn with_config(component: impl Into<Vec<u8>>, config: &str) -> Self {
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

/// All invalid releases.
pub(super) fn bad() -> Vec<Bad> {
    let kinds = [
        files,
        interfaces,
        descriptions,
        configurations,
        declarations,
    ];
    kinds.iter().flat_map(|releases| releases()).collect()
}

/// Files that are no component, or none that a compiler takes.
fn files() -> Vec<Bad> {
    let forged = |name, bytes: &[u8], step| (name, Forged::new(bytes), step);
    let mut flipped = ENRICH.to_vec();
    flipped[5] ^= 0x40;
    let mut large = ENRICH.to_vec();
    large.resize(100 << 20, 0);
    let shorter = |by: usize| &ENRICH[..ENRICH.len() - by];
    vec![
        forged("truncated", shorter(ENRICH.len() / 2), "compile"),
        forged("cut by a byte", shorter(1), "compile"),
        forged("a flipped bit in its header", &flipped, "compile"),
        forged("empty", b"", "compile"),
        forged("a script", b"#!/bin/sh\nexit 0\n", "compile"),
        forged("a core module", &Tiny::default().module(), "compile"),
        forged("a compile bomb", &bomb(), "compile"),
        forged("too large", &large, "size"),
    ]
}

/// Components that import or export other interfaces than those of the contract.
fn interfaces() -> Vec<Bad> {
    let wasi = r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance)))"#;
    let function = r#"(component (import "secrets" (func)))"#;
    let forged = |name, text, step| (name, Forged::new(wat(text)), step);
    vec![
        forged("an empty component", "(component)", "world"),
        forged("an import of WASI", wasi, "imports"),
        forged("an import of a function", function, "imports"),
        forged("another contract", OTHER_CONTRACT, "world"),
    ]
}

/// A component of another contract.
const OTHER_CONTRACT: &str = r#"(component
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

/// Components that cannot be started or described.
fn descriptions() -> Vec<Bad> {
    let describing = |describe| Tiny {
        describe,
        ..Tiny::default()
    };
    let starting = Tiny {
        start: Tiny::FOREVER,
        ..Tiny::default()
    };
    let forged = |name, tiny: Tiny| (name, Forged::new(tiny.component()), "describe");
    vec![
        forged("loops in describe", describing(Tiny::FOREVER)),
        forged("traps in describe", describing("unreachable")),
        forged("loops when it starts", starting),
    ]
}

/// Components that do not take their configuration.
fn configurations() -> Vec<Bad> {
    let looping = Tiny {
        configure: Tiny::FOREVER,
        ..Tiny::default()
    };
    let configured = |config| Forged::with_config(&rogue().by_record[..], config);
    vec![
        (
            "loops in configure",
            Forged::new(looping.component()),
            "configure",
        ),
        (
            "traps in configure",
            configured(r#"{"configure":"trap"}"#),
            "configure",
        ),
        (
            "rejects its configuration",
            configured(r#"{"configure":"reject"}"#),
            "configure",
        ),
        (
            "a configuration of another transform",
            Forged::with_config(ENRICH, r#"{"colour":"red"}"#),
            "transform_config",
        ),
    ]
}

/// Components whose declaration is invalid.
fn declarations() -> Vec<Bad> {
    let twice = r#"{"declare":"read_twice"}"#;
    let twice = Forged::with_config(&rogue().by_fields[..], twice);
    let looping = Forged::new(Tiny::declaring(Tiny::FOREVER).component());
    vec![
        ("reads a member twice", twice, "declare"),
        ("loops in declare", looping, "declare"),
    ]
}

/// A key pair as the private and the public key in PEM.
pub(crate) fn pem(pair: &aws_lc_rs::signature::Ed25519KeyPair) -> (String, String) {
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
