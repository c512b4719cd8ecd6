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

/// Why a component with these settings is refused.
fn refusal_of(component: &[u8], settings: &str) -> String {
    let offer = Offer::new(component.to_vec(), settings).unwrap();
    match admit(shared_engine(), &offer, &limits()) {
        Ok(release) => panic!("{} was admitted", release.name()),
        Err(refusal) => refusal.to_string(),
    }
}

/// Asserts that the refusal begins with the step and names `parts`.
fn refused(component: &[u8], settings: &str, step: &str, parts: &[&str]) {
    let refusal = refusal_of(component, settings);
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

#[test]
fn flipped_bits_of_the_enrichment_never_panic() {
    let mut dice = Pcg64Mcg::seed_from_u64(2);
    for _ in 0..12 {
        let mut component = ENRICH.to_vec();
        let bit = dice.random_range(0..component.len() * 8);
        component[bit / 8] ^= 1 << (bit % 8);
        let offer = Offer::new(component, "{}").unwrap();
        if let Ok(release) = admit(shared_engine(), &offer, &limits()) {
            let _whatever = release.run(&slice(&["{}"]), &[]);
        }
    }
}

#[test]
fn a_core_module_is_refused_with_the_way_out() {
    refused(&wat("(module)"), "{}", "compile", &["core", "component"]);
    refused(&Tiny::default().module(), "{}", "compile", &["core"]);
}

#[test]
fn an_import_is_refused_by_its_name() {
    for name in [
        "wasi:cli/environment@0.2.3",
        "wasi:clocks/wall-clock@0.2.0",
        "sluice:transform/clock@1.0.0",
        "sluice:transform/log@2.0.0",
    ] {
        let component = wat(&format!(r#"(component (import "{name}" (instance)))"#));
        refused(&component, "{}", "imports", &[name]);
    }
    let function = wat(r#"(component (import "now" (func (result u64))))"#);
    refused(&function, "{}", "imports", &["`now`"]);
}

#[test]
fn another_world_is_refused() {
    refused(
        &wat("(component)"),
        "{}",
        "world",
        &["sluice:transform/rules"],
    );
    let other = wat(r#"(component (component $c) (instance $i (instantiate $c))
            (export "other:world/run@1.0.0" (instance $i)))"#);
    refused(&other, "{}", "world", &["other:world/run@1.0.0"]);
    let later = wat(r#"(component (component $c) (instance $i (instantiate $c))
            (export "sluice:transform/rules@2.0.0" (instance $i)))"#);
    refused(&later, "{}", "world", &["sluice:transform/rules@2.0.0"]);
}

#[test]
fn a_missing_function_is_refused() {
    let hollow = wat(r#"(component (component $c) (instance $i (instantiate $c))
            (export "sluice:transform/rules@1.0.0" (instance $i)))"#);
    refused(&hollow, "{}", "world", &["configure"]);
}

/// The same core functions, lifted to another type than the contract's.
#[test]
fn functions_of_other_types_are_refused() {
    let wit = "package sluice:transform@1.0.0;
        interface rules {
            configure: func(settings: string) -> result<_, string>;
            describe: func() -> tuple<string, string>;
            transform: func(a: string, b: string, c: string, d: string, e: s64) -> list<string>;
        }
        world transform { export rules; }";
    let component = Tiny::default().component_of(wit);
    refused(&component, "{}", "world", &[]);
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
fn a_component_of_too_many_parts_is_refused() {
    let memory = "(core module $m (memory 1))";
    let five = "(core instance (instantiate $m))".repeat(5);
    let component = wat(&format!("(component {memory}{five})"));
    refused(&component, "{}", "compile", &["memories"]);
    let seventeen = "(core instance (instantiate $m))".repeat(17);
    let component = wat(&format!("(component (core module $m){seventeen})"));
    refused(&component, "{}", "compile", &["instances"]);
}

/// Several memories are for several parts; a module has one.
#[test]
fn a_module_of_two_memories_is_refused() {
    let component =
        wat("(component (core module $m (memory 1) (memory 1)) (core instance (instantiate $m)))");
    refused(&component, "{}", "compile", &["memories"]);
}

#[test]
fn a_component_over_the_limit_is_refused_unread() {
    let large = vec![0; COMPONENT_MAX_BYTES + 1];
    refused(&large, "{}", "size", &["10485761", "10485760"]);
    refused(&large[1..], "{}", "compile", &[]);
}

#[test]
fn settings_that_are_refused_say_why() {
    let rogue = &rogue().by_slab;
    refused(
        rogue,
        r#"{"configure":"refuse"}"#,
        "configure",
        &["colour: expected red or blue"],
    );
}

#[test]
fn a_component_whose_schema_is_no_json_is_refused() {
    // The description is at 64; the schema's address and length are its last two words.
    let component = Tiny {
        describe: "(i32.store8 (i32.const 128) (i32.const 123))
            (i32.store (i32.const 88) (i32.const 128))
            (i32.store (i32.const 92) (i32.const 1))
            i32.const 64",
        ..Tiny::default()
    }
    .component();
    let schema = "the component's settings schema cannot be used";
    refused(&component, "{}", "schema", &[schema, "not JSON"]);
}

/// The component's own schema is asked before the component is.
#[test]
fn settings_are_checked_by_the_components_schema() {
    for (settings, said) in [
        (
            r#"{"partition_bye":["date"]}"#,
            "settings: partition_bye: there is no such setting",
        ),
        (
            r#"{"partition_by":["date","week"]}"#,
            "settings: partition_by[1]: value is not one of \"date\" or \"hour\"",
        ),
        (
            r#"{"partition_by":["date","date"]}"#,
            "settings: partition_by: value has non-unique elements",
        ),
    ] {
        assert_eq!(refusal_of(ENRICH, settings), said);
    }
    admitted(ENRICH, r#"{"partition_by":["date","hour"]}"#, &limits());
}

#[test]
fn a_configure_that_dies_is_refused_with_how_it_died() {
    let rogue = &rogue().by_record;
    refused(
        rogue,
        r#"{"configure":"trap"}"#,
        "configure",
        &["trap", "unreachable"],
    );
    refused(
        rogue,
        r#"{"configure":"loop"}"#,
        "configure",
        &["out_of_fuel"],
    );
}

#[test]
fn a_describe_that_dies_is_refused_with_how_it_died() {
    let describe = |describe| {
        Tiny {
            describe,
            ..Tiny::default()
        }
        .component()
    };
    refused(
        &describe("unreachable"),
        "{}",
        "describe",
        &["trap", "unreachable"],
    );
    refused(&describe(Tiny::FOREVER), "{}", "describe", &["out_of_fuel"]);
    refused(
        &describe("i32.const -4"),
        "{}",
        "describe",
        &["invalid_output"],
    );
}

#[test]
fn a_start_that_dies_is_refused() {
    for start in ["unreachable", Tiny::FOREVER] {
        let component = Tiny {
            start,
            ..Tiny::default()
        }
        .component();
        refused(&component, "{}", "describe", &["instance"]);
    }
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

/// What a record meets when the component's answer is no value of the contract's.
#[test]
fn an_answer_outside_of_memory_is_the_records_outcome() {
    for (transform, outcome) in [
        ("i32.const -4", "invalid_output"),
        ("i32.const 65537", "invalid_output"),
        (
            "(i32.store (i32.const 64) (i32.const 7)) i32.const 64",
            "invalid_output",
        ),
        (
            "(i32.div_u (i32.const 1) (local.get 0)) (i32.div_u (i32.const 0))",
            "trap",
        ),
        ("(i32.load (i32.const -1))", "trap"),
        (
            "(memory.grow (i32.const 60000)) drop unreachable",
            "out_of_memory",
        ),
    ] {
        let component = Tiny {
            transform,
            ..Tiny::default()
        }
        .component();
        let release = admitted(&component, "{}", &limits());
        let fates = obeyed(&release, Way::Usual, &["record"]);
        assert_eq!(words(&fates), [outcome], "{transform}: {fates:?}");
    }
}
