//! Chunk manifests.

use std::fs;

use serde_json::{Value, json};

use super::{CHUNK, Tampered, audit, audit_quickly, says};

const MANIFESTS: &str = "_sluice/chunks/";

impl Tampered {
    /// The findings of a quick audit.
    fn quick_findings(&self) -> Vec<Value> {
        audit_quickly(&self.place, &[]).inconsistent()
    }

    fn edit_manifest(&self, key: &str, change: impl Fn(&mut Value)) {
        let mut manifest = serde_json::from_slice(&fs::read(self.path(key)).unwrap()).unwrap();
        change(&mut manifest);
        fs::write(self.path(key), manifest.to_string()).unwrap();
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
    let changes: [(&str, fn(&mut Value)); 12] = [
        ("arrived_at", |all| {
            all["arrived_at"] = json!({ "min": 1, "max": 2 })
        }),
        ("counts.bytes", |all| all["counts"]["bytes"] = json!(1)),
        ("counts.dropped", |all| all["counts"]["dropped"] = json!(1)),
        ("counts.events", |all| all["counts"]["events"] = json!(999)),
        ("counts.quarantined", |all| {
            all["counts"]["quarantined"] = json!(1)
        }),
        ("last_digest", |all| {
            all["last_digest"] = json!("0".repeat(64))
        }),
        ("objects", |all| {
            drop(all["objects"].as_array_mut().unwrap().pop())
        }),
        ("objects[1].bytes", |all| {
            all["objects"][1]["bytes"] = json!(7)
        }),
        ("objects[0].digest", |all| {
            all["objects"][0]["digest"] = json!(format!("xxh128:{}", "0".repeat(32)));
        }),
        ("objects[2].lines", |all| {
            all["objects"][2]["lines"] = json!(332)
        }),
        ("objects[2].partition", |all| {
            all["objects"][2]["partition"] = json!("event_type=refund")
        }),
        ("range.count", |all| all["range"]["count"] = json!(999)),
    ];
    for (part, change) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, CHUNK);
        tampered.edit_manifest(&key, change);
        let found = tampered.findings();
        let changed = found.iter().find(|one| one["kind"] == "changed_manifest");
        let changed = changed.unwrap_or_else(|| panic!("{part}: {found:#?}"));
        says(
            changed,
            &json!({ "object": key, "record": tampered.rid(CHUNK) }),
        );
        let message = changed["message"].as_str().unwrap();
        assert!(
            message.contains(&format!(": {part} is ")),
            "{part}: {message}"
        );
    }
}

#[test]
fn a_quick_audit_compares_counts_and_names() {
    let changes: [(&str, fn(&mut Value)); 4] = [
        ("ledger_count", |all| all["range"]["count"] = json!(999)),
        ("ledger_digest", |all| {
            all["last_digest"] = json!("0".repeat(64))
        }),
        ("extra_object", |all| {
            drop(all["objects"].as_array_mut().unwrap().pop())
        }),
        ("missing_object", |all| {
            let objects = all["objects"].as_array_mut().unwrap();
            let mut more = objects[0].clone();
            more["key"] = json!(more["key"].as_str().unwrap().replace("lesson", "refund"));
            objects.push(more);
        }),
    ];
    for (kind, change) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, 2 * CHUNK);
        tampered.edit_manifest(&key, change);
        let found = tampered.quick_findings();
        assert_eq!(found.len(), 1, "{kind}: {found:#?}");
        assert_eq!(found[0]["kind"], kind);
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_named_with_the_reason() {
    let changes: [(&str, fn(&str) -> String); 4] = [
        ("EOF", |text| text[..text.len() / 2].to_owned()),
        ("format version 2", |text| {
            text.replace("\"version\":1", "\"version\":2")
        }),
        ("unknown field", |text| {
            text.replace("\"pins\"", "\"pinned\"")
        }),
        ("another chunk", |text| {
            text.replacen("\"shard\":\"", "\"shard\":\"x", 1)
        }),
    ];
    for (why, change) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, CHUNK);
        let text = fs::read_to_string(tampered.path(&key)).unwrap();
        fs::write(tampered.path(&key), change(&text)).unwrap();
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
    tampered.edit_manifest(&key, |all| all["after"] = json!("17"));
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
    tampered.edit_manifest(&copy, |all| all["range"]["first"] = json!(later));
    let expected = json!({
        "kind": "overlapping_chunks", "object": copy, "record": tampered.rid(CHUNK + 400),
    });
    both_say(&tampered, &expected);
}

/// The pins say with what a chunk was made, so other pins make another chunk.
#[test]
fn changed_pins_are_found_by_what_they_make() {
    let changes: [(&str, fn(&mut Value)); 3] = [
        ("record_too_large", |all| {
            all["pins"]["limits"]["record_bytes"] = json!(10)
        }),
        ("too_many_partitions", |all| {
            all["pins"]["limits"]["partitions"] = json!(1)
        }),
        ("out_of_memory", |all| {
            all["resource_faults"] = json!([{ "fault": "out_of_memory", "first": 3, "last": 5 }]);
        }),
    ];
    for (reason, change) in changes {
        let tampered = Tampered::new();
        let key = tampered.key(MANIFESTS, CHUNK);
        tampered.edit_manifest(&key, change);
        let found = tampered.findings();
        let missing = |one: &&Value| {
            let object = one["object"].as_str().unwrap_or_default();
            one["kind"] == "missing_object" && object.contains(reason)
        };
        assert!(
            found.iter().any(|one| missing(&one)),
            "{reason}: {found:#?}"
        );
    }
}
