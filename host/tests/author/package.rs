//! The package that `new` creates builds with plain cargo, and `wrap` makes a component of its
//! module.

use std::fs;
use std::path::Path;

use crate::support::guests::{Tiny, cargo};
use crate::support::lake;
use crate::support::program::Place;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds a package as its README describes, and wraps it as `rules.wasm`.
fn build(place: &Place) {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    let folder = place.path("my-rules");
    let release = ["build", "--release", "--target", TARGET, "--offline"];
    cargo(&folder, &release, &target_dir);
    cargo(&folder, &["test", "--offline"], &target_dir);
    let module = target_dir.join(TARGET).join("release/my_rules.wasm");
    let module = module.to_str().unwrap();
    place
        .run(&["transform", "wrap", module, "--out", "rules.wasm"])
        .succeeded();
}

#[test]
fn a_new_package_builds_and_passes_its_own_cases_and_serves() {
    let place = Place::new();
    let ran = place.run(&["transform", "new", "my-rules"]).succeeded();
    assert!(ran.stdout.contains("release/my_rules.wasm"), "{ran:#?}");
    build(&place);
    let inspect = ["transform", "inspect", "rules.wasm"];
    let ran = place.run(&inspect).succeeded();
    assert!(ran.stdout.contains("my-rules 0.1.0"), "{ran:#?}");

    let cases = ["--cases", "my-rules/cases"];
    let test = ["transform", "test", "rules.wasm"];
    let ran = place.run(&[&test[..], &cases].concat()).succeeded();
    assert!(ran.stdout.contains("2 of 2 cases passed"), "{ran:#?}");

    let events = "file:events.ndjson";
    place
        .run(&["generate", "--events", "50", "--to", events])
        .succeeded();
    let summary = place.land(&["--transform", "rules.wasm"]);
    assert_eq!(
        summary.counts(["records", "events", "quarantined"]),
        [50, 50, 0]
    );
    panics_reach_quarantine(&place);
}

/// Rules that panic on three records: by an assertion, by a sum that does not fit its type, and by a constant with the
/// number of another member.
const PANICKING: &str = r#"        assert_ne!(event_name, "panic", "no such record");
        if event_name == "overflow" {
            let cents = 250_u8 + u8::try_from(event_name.len()).unwrap_or_default();
            assert_ne!(cents, 0);
        }
        if event_name == "wrong number" {
            record.kind(&Read::value(0, "secret"));
        }
"#;

/// Builds the package again with rules that panic on some records.
fn panics_reach_quarantine(place: &Place) {
    let path = place.path("my-rules/src/lib.rs");
    let rules = fs::read_to_string(&path).unwrap();
    let start = "        let event_type =";
    assert!(rules.contains(start));
    let panicking = rules.replacen(start, &format!("{PANICKING}{start}"), 1);
    fs::write(&path, panicking).unwrap();
    build(place);
    let panics = [
        ("panic", "no such record"),
        ("overflow", "attempt to add with overflow"),
        ("wrong number", "`secret` is read, but is not the item 0"),
    ];
    let records = panics.map(|(name, _)| format!("{{\"event_name\":\"{name}\"}}\n"));
    place.write("panics.ndjson", records.concat());
    let source = ["--source", "file:panics.ndjson", "--lake", "file:panics"];
    place.land(&[&source[..], &["--transform", "rules.wasm"]].concat());
    let quarantine = lake::quarantine(&place.path("panics"));
    assert_eq!(quarantine.len(), panics.len(), "{quarantine:?}");
    for (_, message) in panics {
        let found = quarantine.iter().find(|it| it.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{message}: {quarantine:?}"));
        assert_eq!(found.reason, "trap");
        for part in ["unreachable", "src/lib.rs:"] {
            assert!(found.message.contains(part), "{found:?}");
        }
    }
}

#[test]
fn an_existing_package_is_not_overwritten() {
    let place = Place::new();
    place
        .run(&["transform", "new", "rules", "--path", "here/there"])
        .succeeded();
    assert!(place.path("here/there/sluice/wit/transform.wit").exists());
    place
        .run(&["transform", "new", "other", "--path", "here/there"])
        .failed(2, &["path", "here/there is not empty"]);
    place
        .run(&["transform", "new", "../rules"])
        .failed(2, &["name", "../rules"]);
    for name in ["sluice-transform", "json-scan"] {
        place
            .run(&["transform", "new", name])
            .failed(2, &["name", name, "choose another name"]);
        assert!(!place.path(name).exists());
    }
}

#[test]
fn a_module_that_cannot_be_wrapped_gets_a_reason() {
    let place = Place::new();
    let wrap = |file: &str| place.run(&["transform", "wrap", file, "--out", "out.wasm"]);
    place.write("bare.wasm", Tiny::default().module());
    wrap("bare.wasm").failed(1, &["cannot wrap bare.wasm", "wit-bindgen"]);
    place.write("component.wasm", Tiny::default().component());
    wrap("component.wasm").failed(1, &["a component already"]);
    place.write("events.ndjson", "{}\n");
    wrap("events.ndjson").failed(1, &["not a WebAssembly module"]);
    wrap("nowhere.wasm").failed(1, &["cannot read nowhere.wasm"]);
    assert!(!place.path("out.wasm").exists());
}
