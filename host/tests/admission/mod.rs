//! What is not fit to serve is refused before it sees a record, and the message names the step.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice::transform::ENRICH;
use sluice::transform::admit::{COMPONENT_MAX_BYTES, admit};
use sluice::transform::limits::Limits;
use sluice::transform::release::Offer;

use crate::support::guests::{Tiny, rogue};
use crate::support::outcomes::{
    Way, admitted, limits, obeyed, offered, shared_engine, slice, words,
};

/// Why a component with this configuration is refused.
fn refusal_of(component: &[u8], config: &str) -> String {
    let offer = Offer::new(component.to_vec(), config).unwrap();
    match admit(shared_engine(), &offer, &limits()) {
        Ok(release) => panic!("{} was admitted", release.name()),
        Err(refusal) => refusal.to_string(),
    }
}

/// Asserts that the refusal begins with the step and names `parts`.
fn refused(component: &[u8], config: &str, step: &str, parts: &[&str]) {
    let refusal = refusal_of(component, config);
    assert!(refusal.starts_with(&format!("{step}: ")), "{refusal}");
    for part in parts {
        assert!(refusal.contains(part), "{part:?} is not in {refusal}");
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_sound_component_is_admitted_under_its_own_name() {
    assert_eq!(
        admitted(&rogue().by_slab, "{}", &limits()).name(),
        "rogue 0.1.0"
    );
    assert!(admitted(ENRICH, "{}", &limits()).has_slice());
    let tiny = admitted(&Tiny::default().component(), "{}", &limits());
    assert!(!tiny.has_slice());
    assert_eq!(
        words(&obeyed(&tiny, Way::Usual, &["a", "b"])),
        ["dropped", "dropped"]
    );
}

#[test]
fn a_truncated_file_is_refused() {
    let length = ENRICH.len();
    for cut in [1, 4, 7, 9, 100, length / 2, length - 1_000, length - 1] {
        refused(&ENRICH[..cut], "{}", "compile", &[]);
    }
    // So much is a whole component, and an empty one.
    refused(&ENRICH[..8], "{}", "world", &[]);
    refused(b"", "{}", "compile", &[]);
    refused(b"#!/bin/sh\n", "{}", "compile", &[]);
}

/// A flipped bit may make another component that is as good; none may make the host fall over.
#[test]
fn a_flipped_bit_never_panics() {
    let sound = Tiny::default().component();
    let short = Limits {
        fuel: 1_000_000,
        time: Duration::from_secs(60),
        ..limits()
    };
    let mut dice = Pcg64Mcg::seed_from_u64(1);
    let mut admitted_anyway = 0;
    for _ in 0..1_500 {
        let mut component = sound.clone();
        let bit = dice.random_range(0..component.len() * 8);
        component[bit / 8] ^= 1 << (bit % 8);
        let offer = Offer::new(component, "{}").unwrap();
        if let Ok(release) = admit(shared_engine(), &offer, &short) {
            let records = slice(&["first", "last"]);
            let _whatever = release.run(&records, &[]);
            admitted_anyway += 1;
        }
    }
    assert!(
        admitted_anyway > 0,
        "no flip was harmless, which is unlikely"
    );
}

/// Parts that hand text to each other, from one memory to another.
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
fn a_component_of_several_parts_gets_as_far_as_any_other() {
    let component = wat(&format!("(component {PARTS})"));
    refused(&component, "{}", "world", &["sluice:transform/rules"]);
}

#[test]
fn a_component_over_the_limit_is_refused_unread() {
    let large = vec![0; COMPONENT_MAX_BYTES + 1];
    refused(&large, "{}", "size", &["10485761", "10485760"]);
    refused(&large[1..], "{}", "compile", &[]);
}

/// The component's own schema is asked before the component is.
#[test]
fn a_configuration_is_checked_by_the_components_schema() {
    for (config, said) in [
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
        assert_eq!(refusal_of(ENRICH, config), said);
    }
    admitted(ENRICH, r#"{"partition_by":["date","hour"]}"#, &limits());
}

#[test]
fn a_component_that_wants_more_memory_than_an_instance_gets_is_refused() {
    let small = Limits {
        memory_bytes: 1 << 16,
        ..limits()
    };
    let refusal = offered(ENRICH, "{}", &small).err().unwrap().to_string();
    assert!(refusal.contains("memory"), "{refusal}");
}
