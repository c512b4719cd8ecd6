//! Chunk manifests.

use std::fs;

use serde_json::{Value, json};
use sluice::layout::chunk_manifest::ChunkManifest;

use super::{CHUNK, Tampered, audit, audit_quickly, says};

const MANIFESTS: &str = "_sluice/chunks/";

impl Tampered {
    /// The findings of a quick audit.
    fn quick_findings(&self) -> Vec<Value> {
        audit_quickly(&self.place, &[]).inconsistent()
    }

    /// Sets a part of a manifest, such as `objects[0].key`.
    fn set(&self, key: &str, part: &str, value: &Value) {
        let pointer = part.replace(['.', '['], "/").replace(']', "");
        self.edit_manifest(key, |manifest| {
            *manifest.pointer_mut(&format!("/{pointer}")).unwrap() = value.clone();
        });
    }

    /// Changes a manifest, and writes it as Sluice would.
    fn edit_manifest(&self, key: &str, change: impl Fn(&mut Value)) {
        let mut manifest = serde_json::from_slice(&fs::read(self.path(key)).unwrap()).unwrap();
        change(&mut manifest);
        let manifest: ChunkManifest = serde_json::from_value(manifest).unwrap();
        fs::write(self.path(key), manifest.json()).unwrap();
    }
}

/// Asserts that both audits have one finding, which says this.
fn both_say(tampered: &Tampered, expected: &Value) {
    for found in [tampered.findings(), tampered.quick_findings()] {
        assert_eq!(found.len(), 1, "{found:#?}");
        says(&found[0], expected);
    }
}

#[test]
fn a_manifest_that_is_gone_is_named_with_its_records() {
    for chunk in 0..3 {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, chunk * CHUNK);
        fs::remove_file(tampered.path(&key)).unwrap();
        let expected = json!({
            "kind": "missing_manifest", "object": key,
            "record": tampered.rid(chunk * CHUNK), "last_record": tampered.rid(chunk * CHUNK + CHUNK - 1),
        });
        both_say(&tampered, &expected);
        let json = audit(&tampered.place, &["--bus", "none"]).json;
        assert_eq!(json.count("wrong"), CHUNK as u64);
    }
}

#[test]
fn manifests_that_are_gone_with_their_objects_are_named_by_their_last_record() {
    let tampered = Tampered::new();
    for folder in [
        MANIFESTS,
        "event_type=lesson/",
        "event_type=login/",
        "event_type=payment/",
    ] {
        fs::remove_file(tampered.path(&tampered.key(folder, CHUNK))).unwrap();
    }
    let expected = json!({
        "kind": "missing_manifest", "object": null, "record": tampered.rid(2 * CHUNK - 1),
    });
    both_say(&tampered, &expected);
}

/// Each part of a manifest is compared: by the full audit all of them, by the quick one those that ledgers and
/// names can contradict.
#[test]
fn a_manifest_that_was_changed_is_named_with_the_part() {
    let (sha_256, xxh128) = ("0".repeat(64), format!("xxh128:{}", "0".repeat(32)));
    let changes = [
        ("arrived_at", json!({ "min": 1, "max": 2 })),
        ("counts.bytes", json!(1)),
        ("counts.dropped", json!(1)),
        ("counts.events", json!(999)),
        ("counts.quarantined", json!(1)),
        ("pins.limits.fuel", json!(1)),
        ("last_digest", json!(sha_256)),
        ("objects", json!([])),
        ("objects[0].digest", json!(xxh128)),
        ("objects[1].bytes", json!(7)),
        ("objects[2].lines", json!(332)),
        ("objects[2].partition", json!("event_type=refund")),
        ("quarantine[0].digest", json!(xxh128)),
        ("range.count", json!(999)),
    ];
    for (part, value) in changes {
        let tampered = Tampered::new();
        let chunk = if part.starts_with("quarantine") {
            0
        } else {
            CHUNK
        };
        let key = tampered.key(MANIFESTS, chunk);
        tampered.set(&key, part, &value);
        let found = tampered.findings();
        let changed = found.iter().find(|one| one["kind"] == "changed_manifest");
        let changed = changed.unwrap_or_else(|| panic!("{part}: {found:#?}"));
        says(
            changed,
            &json!({ "object": key, "record": tampered.rid(chunk) }),
        );
        let message = changed["message"].as_str().unwrap();
        let values = format!(": {part} is ");
        let (sums, pins) = (format!("{part}: "), "with its pins, its release fails: ");
        let is_named = message.contains(&values)
            || message.contains(&sums)
            || part.starts_with("pins") && message.contains(pins);
        assert!(is_named, "{part}: {message}");
    }
}

#[test]
fn a_quick_audit_compares_counts_and_names() {
    let other_key = json!("event_type=refund/other.ndjson.zst");
    let changes = [
        (&["ledger_count"][..], "range.count", json!(999)),
        (&["ledger_digest"], "last_digest", json!("0".repeat(64))),
        (&["extra_object"; 3], "objects", json!([])),
        (
            &["missing_object", "extra_object"],
            "objects[1].key",
            other_key,
        ),
    ];
    for (kinds, part, value) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, 2 * CHUNK);
        tampered.set(&key, part, &value);
        let found = tampered.quick_findings();
        let found: Vec<_> = found.iter().map(|one| one["kind"].clone()).collect();
        assert_eq!(found, kinds, "{part}");
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_named_with_the_reason() {
    let changes = [
        ("EOF", "\"pins\"", None),
        ("format version 2", "\"version\":1", Some("\"version\":2")),
        ("unknown field", "\"pins\"", Some("\"pinned\"")),
        ("another chunk", "\"shard\":\"", Some("\"shard\":\"x")),
    ];
    for (why, part, other) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, CHUNK);
        let text = fs::read_to_string(tampered.path(&key)).unwrap();
        let changed = match other {
            Some(other) => text.replacen(part, other, 1),
            None => text.split_once(part).unwrap().0.to_owned(),
        };
        fs::write(tampered.path(&key), changed).unwrap();
        both_say(
            &tampered,
            &json!({ "kind": "changed_manifest", "object": key }),
        );
        let message = tampered.finding()["message"].to_string();
        assert!(message.contains(why), "{why}: {message}");
    }
}

#[test]
fn a_manifest_that_follows_another_record_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(MANIFESTS, CHUNK);
    tampered.set(&key, "after", &json!("17"));
    both_say(
        &tampered,
        &json!({ "kind": "changed_manifest", "object": key }),
    );
}

#[test]
fn a_copy_of_a_manifest_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(MANIFESTS, CHUNK);
    let copy = key.replace(".json", "-copy.json");
    fs::copy(tampered.path(&key), tampered.path(&copy)).unwrap();
    both_say(
        &tampered,
        &json!({ "kind": "extra_manifest", "object": copy }),
    );
}

/// The copy is a manifest by its name and its content, of a part of its range.
#[test]
fn a_second_manifest_for_the_same_records_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(MANIFESTS, CHUNK);
    let number = |n: usize| tampered.rid(n).rsplit_once(':').unwrap().1.to_owned();
    let (first, later) = (number(CHUNK), number(CHUNK + 400));
    let padded = |number: &str| format!("{number:0>20}");
    let copy = key.replace(&padded(&first), &padded(&later));
    assert_ne!(key, copy);
    fs::copy(tampered.path(&key), tampered.path(&copy)).unwrap();
    tampered.set(&copy, "range.first", &json!(later));
    let expected = json!({
        "kind": "overlapping_chunks", "object": copy, "record": tampered.rid(CHUNK + 400),
    });
    both_say(&tampered, &expected);
}

/// The pins say with what a chunk was made, so other pins make another chunk.
#[test]
fn changed_pins_are_found_by_what_they_make() {
    let faults = json!([{ "fault": "out_of_memory", "first": 3, "last": 5 }]);
    let changes = [
        ("record_too_large", "pins.limits.record_bytes", json!(10)),
        ("too_many_partitions", "pins.limits.partitions", json!(1)),
        ("out_of_memory", "resource_faults", faults),
    ];
    for (reason, part, value) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, CHUNK);
        tampered.set(&key, part, &value);
        let found = tampered.findings();
        let is_missing = |one: &Value| {
            let object = one["object"].as_str().unwrap_or_default();
            one["kind"] == "missing_object" && object.contains(reason)
        };
        assert!(found.iter().any(is_missing), "{reason}: {found:#?}");
    }
}

/// By its content it is the same manifest, and a repetition would not put it.
#[test]
fn a_manifest_with_other_bytes_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(MANIFESTS, CHUNK);
    let text = fs::read_to_string(tampered.path(&key)).unwrap();
    fs::write(tampered.path(&key), format!("{text}\n")).unwrap();
    both_say(
        &tampered,
        &json!({ "kind": "changed_manifest", "object": key }),
    );
}

/// A name that leads nowhere is listed and cannot be read.
#[test]
fn a_manifest_that_is_listed_and_does_not_exist_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(MANIFESTS, CHUNK);
    fs::remove_file(tampered.path(&key)).unwrap();
    std::os::unix::fs::symlink("nowhere", tampered.path(&key)).unwrap();
    both_say(
        &tampered,
        &json!({ "kind": "missing_manifest", "object": key }),
    );
}
