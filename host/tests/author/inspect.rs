//! `sluice transform inspect`: what a component is, and whether it passes admission.

use serde_json::{Value, json};

use crate::author::place;
use crate::support::guests::{Tiny, bomb};
use crate::support::program::Place;

/// The report of a file, and the exit code.
fn report(place: &Place, args: &[&str]) -> (Option<i32>, Value) {
    let args = [&["transform", "inspect", "--json"], args].concat();
    let ran = place.run(&args);
    let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
    (ran.code, report)
}

#[test]
fn the_built_in_transform_is_inspected_without_a_file() {
    let place = Place::new();
    let ran = place.run(&["transform", "inspect"]).succeeded();
    for part in [
        "builtin:enrich",
        "sluice:transform/rules@1.0.0",
        "contract  1.0.0",
        "name      enrich 0.1.0",
        "  schema    {\n",
        "partition_by",
        "calls     fields, batch, records",
        "admitted  yes",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
}

#[test]
fn scripts_get_all_of_it_as_json() {
    let place = place();
    let (code, report) = report(&place, &["single.wasm"]);
    assert_eq!(code, Some(0));
    assert_eq!(report["kind"], "component");
    assert_eq!(report["imports"], json!(["sluice:transform/log@1.0.0"]));
    let mut exports: Vec<String> = serde_json::from_value(report["exports"].clone()).unwrap();
    exports.sort();
    assert_eq!(
        exports,
        [
            "sluice:transform/records@1.0.0",
            "sluice:transform/rules@1.0.0"
        ]
    );
    assert_eq!(report["contract"], "1.0.0");
    assert_eq!(report["calls"], json!(["records"]));
    assert_eq!(report["description"]["name"], "rogue");
    assert_eq!(report["description"]["config_schema"], json!({}));
    assert_eq!(report["admitted"], true);
    let bytes = std::fs::read(place.path("single.wasm")).unwrap();
    assert_eq!(report["bytes"], bytes.len());
    assert_eq!(report["sha256"].as_str().unwrap().len(), 64);
}

/// The description helps to correct the configuration.
#[test]
fn a_rejected_configuration_does_not_hide_the_description() {
    let args = [
        "batch.wasm",
        "--transform-config",
        r#"{"configure":"reject"}"#,
    ];
    let (code, report) = report(&place(), &args);
    assert_eq!(code, Some(2));
    assert_eq!(report["admission_error"]["step"], "configure");
    let reason = report["admission_error"]["reason"].as_str().unwrap();
    assert!(reason.contains("colour: expected red or blue"), "{reason}");
    assert_eq!(report["description"]["name"], "rogue");
    assert_eq!(report["calls"], json!(["batch", "records"]));
    let args = [&["transform", "inspect"], &args[..]].concat();
    let expected = ["at step configure; `--transform-config` gives the configuration"];
    place().run(&args).failed(2, &expected);
}

#[test]
fn the_calls_are_listed_in_the_order_of_the_hosts_choice() {
    let place = place();
    for (file, calls) in [
        ("single.wasm", json!(["records"])),
        ("batch.wasm", json!(["batch", "records"])),
        ("fields.wasm", json!(["fields"])),
        ("all.wasm", json!(["fields", "batch", "records"])),
    ] {
        let (code, report) = report(&place, &[file]);
        assert_eq!((code, &report["calls"]), (Some(0), &calls), "{file}");
    }
    let ran = place.run(&["transform", "inspect", "fields.wasm"]);
    let ran = ran.succeeded();
    assert!(ran.stdout.contains("  calls     fields\n"), "{ran:#?}");
}

#[test]
fn a_wrong_declaration_fails_admission() {
    let args = [
        "fields.wasm",
        "--transform-config",
        r#"{"declare":"write_twice"}"#,
    ];
    let (code, report) = report(&place(), &args);
    assert_eq!(code, Some(2));
    assert_eq!(report["admission_error"]["step"], "declare");
    let reason = report["admission_error"]["reason"].as_str().unwrap();
    assert!(reason.contains("also"), "{reason}");
    assert_eq!(report["description"]["name"], "rogue");
    assert_eq!(report["calls"], json!(["fields"]));
}

#[test]
fn a_core_module_gets_a_hint() {
    let place = Place::new();
    place.write("module.wasm", Tiny::default().module());
    let (code, found) = report(&place, &["module.wasm"]);
    assert_eq!(code, Some(2));
    assert_eq!(found["kind"], "core_module");
    assert_eq!(found["contract"], "1.0.0");
    assert_eq!(found["admission_error"]["step"], "compile");
    assert_eq!(found["calls"], json!([]));
    let ran = place.run(&["transform", "inspect", "module.wasm"]);
    let hint = "make a component of it with `sluice transform wrap`, or";
    assert!(ran.stdout.contains(hint), "{ran:#?}");
    ran.failed(
        2,
        &["transform: module.wasm fails admission at step compile"],
    );
}

/// A component from elsewhere is inspected before it is published, so it must not cost more than there.
#[test]
fn a_component_that_exceeds_the_limits_of_a_compiler_fails_admission() {
    let place = Place::new();
    place.write("bomb.wasm", bomb());
    let (code, found) = report(&place, &["bomb.wasm"]);
    assert_eq!(code, Some(2));
    assert_eq!(found["kind"], "component");
    assert_eq!(found["admission_error"]["step"], "compile");
    let reason = found["admission_error"]["reason"].as_str().unwrap();
    assert!(reason.contains("1024 MiB of memory"), "{reason}");
    assert_eq!(found["imports"], json!([]));
}

#[test]
fn forbidden_imports_are_listed() {
    let place = Place::new();
    let wasi = r#"(component (import "wasi:cli/environment@0.2.3" (instance)))"#;
    place.write("wasi.wasm", wat::parse_str(wasi).unwrap());
    let (code, report) = report(&place, &["wasi.wasm"]);
    assert_eq!(code, Some(2));
    assert_eq!(report["imports"], json!(["wasi:cli/environment@0.2.3"]));
    assert_eq!(report["contract"], Value::Null);
    assert_eq!(report["description"], Value::Null);
    assert_eq!(report["admission_error"]["step"], "imports");
}

#[test]
fn a_file_that_is_not_webassembly_fails_admission() {
    let place = Place::new();
    place.write("script", "#!/bin/sh\n");
    let (code, report) = report(&place, &["script"]);
    assert_eq!(code, Some(2));
    assert_eq!(report["kind"], "other");
    assert_eq!(report["admission_error"]["step"], "compile");
    place
        .run(&["transform", "inspect", "nowhere.wasm"])
        .failed(2, &["cannot read nowhere.wasm"]);
}
