//! A component that fails admission gets no record, and the message names the step.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice::ENRICH;
use sluice_engine::limits::COMPONENT_MAX_BYTES;
use sluice_engine::limits::Limits;
use sluice_release::admission::validate;
use sluice_release::bundle::ReleaseBundle;

use crate::support::guests::{Tiny, rogue};
use crate::support::outcomes::{
    CallMode, admitted, batch, limits, obeyed, shared_engine, try_admit, words,
};

/// The admission error of a component with this configuration.
fn admission_error(component: &[u8], config: &str) -> String {
    let bundle = ReleaseBundle::new(component.to_vec(), config).unwrap();
    match validate(shared_engine(), &bundle, &limits()) {
        Ok(release) => panic!("{} was admitted", release.name()),
        Err(error) => error.to_string(),
    }
}

/// Asserts that the error begins with the step and contains `parts`.
fn fails_at(component: &[u8], config: &str, step: &str, parts: &[&str]) {
    let error = admission_error(component, config);
    assert!(error.starts_with(&format!("{step}: ")), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_valid_component_is_admitted_under_its_own_name() {
    assert_eq!(
        admitted(&rogue().by_batch, "{}", &limits()).name(),
        "rogue 0.1.0"
    );
    let tiny = admitted(&Tiny::default().component(), "{}", &limits());
    assert_eq!(
        words(&obeyed(&tiny, CallMode::Usual, &["a", "b"])),
        ["dropped", "dropped"]
    );
}

#[test]
fn the_calls_of_a_component_are_known() {
    for (component, expected) in [
        (ENRICH, (true, true, true)),
        (&rogue().by_record[..], (true, false, false)),
        (&rogue().by_batch[..], (true, true, false)),
        (&rogue().by_fields[..], (false, false, true)),
        (&rogue().by_all[..], (true, true, true)),
    ] {
        let release = admitted(component, "{}", &limits());
        let calls = release.calls();
        let found = (calls.records, calls.batch, calls.fields);
        assert_eq!(found, expected, "{}", release.name());
    }
}

#[test]
fn a_truncated_file_fails_admission() {
    let length = ENRICH.len();
    for cut in [1, 4, 7, 9, 100, length / 2, length - 1_000, length - 1] {
        fails_at(&ENRICH[..cut], "{}", "compile", &[]);
    }
    // This prefix is a whole component without content.
    fails_at(&ENRICH[..8], "{}", "world", &[]);
    fails_at(b"", "{}", "compile", &[]);
    fails_at(b"#!/bin/sh\n", "{}", "compile", &[]);
}

/// A component with a flipped bit can still be valid. It must never make the host panic.
#[test]
fn a_flipped_bit_never_panics() {
    let sound = Tiny::default().component();
    let short = Limits {
        fuel: 1_000_000,
        time: Duration::from_secs(60),
        ..limits()
    };
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let mut admitted_anyway = 0;
    for _ in 0..1_500 {
        let mut component = sound.clone();
        let bit = rng.random_range(0..component.len() * 8);
        component[bit / 8] ^= 1 << (bit % 8);
        let bundle = ReleaseBundle::new(component, "{}").unwrap();
        if let Ok(release) = validate(shared_engine(), &bundle, &short) {
            let records = batch(&["first", "last"]);
            let _whatever = release.run(&records, &[]);
            admitted_anyway += 1;
        }
    }
    assert!(
        admitted_anyway > 0,
        "no flip was harmless, which is unlikely"
    );
}

/// Modules that pass text to each other, from one memory to another.
const PARTS: &str = r#"
    (component $callee
        (core module $m (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
            (func (export "take") (param i32 i32)))
        (core instance $i (instantiate $m))
        (func (export "take") (param "text" string)
            (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc")))))
    (component $caller (import "take" (func $take (param "text" string)))
        (core module $m (memory (export "memory") 1))
        (core instance $i (instantiate $m))
        (core func $lowered (canon lower (func $take) (memory $i "memory")))
        (core module $user (import "callee" "take" (func (param i32 i32))))
        (core instance (instantiate $user
            (with "callee" (instance (export "take" (func $lowered)))))))
    (instance $callee (instantiate $callee))
    (instance (instantiate $caller (with "take" (func $callee "take"))))"#;

#[test]
fn a_component_of_several_parts_is_compiled_and_lacks_the_world_only() {
    let component = wat(&format!("(component {PARTS})"));
    fails_at(&component, "{}", "world", &["sluice:transform/rules"]);
}

#[test]
fn a_component_over_the_size_limit_fails_admission_unread() {
    let large = vec![0; COMPONENT_MAX_BYTES + 1];
    fails_at(&large, "{}", "size", &["10485761", "10485760"]);
    fails_at(&large[1..], "{}", "compile", &[]);
}

/// The configuration is validated against the component's schema before the component gets it.
#[test]
fn a_configuration_is_checked_by_the_components_schema() {
    for (config, message) in [
        (
            r#"{"partition_bye":["date"]}"#,
            "transform_config: partition_bye: there is no such field",
        ),
        (
            r#"{"partition_by":["date","week"]}"#,
            "transform_config: partition_by[1]: value is not one of \"date\" or \"hour\"",
        ),
        (
            r#"{"partition_by":["date","date"]}"#,
            "transform_config: partition_by: value has non-unique elements",
        ),
    ] {
        assert_eq!(admission_error(ENRICH, config), message);
    }
    admitted(ENRICH, r#"{"partition_by":["date","hour"]}"#, &limits());
}

#[test]
fn a_component_that_needs_more_memory_than_the_limit_fails_admission() {
    let small = Limits {
        memory_bytes: 1 << 16,
        ..limits()
    };
    let error = try_admit(ENRICH, "{}", &small).err().unwrap().to_string();
    assert!(error.contains("memory"), "{error}");
}
