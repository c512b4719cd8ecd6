//! Lists, claims and ledgers of redrives that were removed, changed or added.

use std::fs;

use serde_json::{Value, json};

use super::{Redriven, audit, audit_quickly, kinds};

const LIST: &str = "_sluice/redrives/first.json";

#[test]
fn a_list_that_is_gone_is_named_once() {
    let redriven = Redriven::once();
    fs::remove_file(redriven.path(LIST)).unwrap();
    let found = redriven.finding();
    assert_eq!(
        (&found["kind"], &found["object"]),
        (&json!("missing_redrive"), &json!(LIST))
    );
    let message = found["message"].as_str().unwrap();
    assert!(
        message.contains("the redrive first has 2 claims; restore it"),
        "{message}"
    );
}

#[test]
fn a_ledger_without_a_list_is_named() {
    let redriven = Redriven::once();
    fs::remove_file(redriven.path(LIST)).unwrap();
    fs::remove_dir_all(redriven.path("_sluice/redrives/claims")).unwrap();
    let found = redriven.finding();
    assert_eq!(found["kind"], "missing_redrive");
    let message = found["message"].as_str().unwrap();
    assert!(message.contains("has a ledger or chunks"), "{message}");
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let redriven = Redriven::once();
    redriven.edit(LIST, |text| text.truncate(100));
    assert_eq!(redriven.finding()["kind"], "damaged_redrive");
}

/// The document is a valid one, and says something else than the manifests.
#[test]
fn a_list_with_another_digest_is_named() {
    let redriven = Redriven::once();
    redriven.edit(LIST, |text| {
        let list: Value = serde_json::from_str(text).unwrap();
        let digest = |object: usize| list["objects"][object]["digest"].as_str().unwrap();
        *text = text.replacen(digest(0), digest(1), 1);
    });
    let [full, quick] = redriven.findings();
    assert_eq!(kinds(&quick), ["damaged_redrive"]);
    assert_eq!(kinds(&full), ["damaged_redrive", "unknown_range"]);
}

/// Without it, another redrive could land the same records.
#[test]
fn a_claim_that_is_gone_is_named_with_its_object() {
    let redriven = Redriven::twice();
    let claim = redriven.claim("ends_with_5");
    fs::remove_file(redriven.path(&claim)).unwrap();
    let found = redriven.finding();
    assert_eq!(found["kind"], "missing_claim");
    let message = found["message"].as_str().unwrap();
    for part in ["it has 200 records", "have 0", "it has no claim of", &claim] {
        assert!(message.contains(part), "{message}");
    }
    let report = audit(&redriven.place, &["--bus", "none"]).json.0;
    assert_eq!(report["wrong"], 200);
}

#[test]
fn a_claim_that_cannot_be_read_is_named() {
    let redriven = Redriven::once();
    let claim = redriven.claim("ends_with_5");
    redriven.edit(&claim, |text| text.truncate(10));
    let [full, quick] = redriven.findings();
    for found in [full, quick] {
        assert_eq!(kinds(&found), ["damaged_claim", "missing_claim"]);
        assert!(found.iter().any(|one| one["object"] == claim));
    }
}

#[test]
fn a_claim_of_another_object_is_one_too_many() {
    let redriven = Redriven::once();
    let claim = redriven.claim("ends_with_5");
    let copy = claim.replace("ends_with_5", "ends_with_1");
    let text = fs::read_to_string(redriven.path(&claim)).unwrap();
    redriven.place.write(&format!("lake/{copy}"), text);
    let found = redriven.finding();
    assert_eq!(
        (&found["kind"], &found["object"]),
        (&json!("extra_claim"), &json!(copy))
    );
    assert!(found["message"].as_str().unwrap().contains("move it away"));
}

#[test]
fn a_claim_that_the_list_does_not_have_is_named() {
    let redriven = Redriven::once();
    let objects = redriven.keys("_sluice/quarantine/reason=ends_with_1/", "");
    let claim = redriven
        .claim("ends_with_5")
        .replace("ends_with_5", "ends_with_1");
    redriven.write_claim(&claim, "first", &objects[0]);
    let found = redriven.finding();
    assert_eq!(
        (&found["kind"], &found["object"]),
        (&json!("unlisted_claim"), &json!(claim))
    );
}

#[test]
fn a_claim_of_an_object_without_a_chunk_is_named() {
    let redriven = Redriven::once();
    let manifest = redriven.keys("_sluice/chunks/", &redriven.shard).remove(0);
    fs::remove_file(redriven.path(&manifest)).unwrap();
    let quick = audit_quickly(&redriven.place, &[]).inconsistent();
    assert_eq!(
        kinds(&quick),
        ["missing_manifest", "unknown_quarantine"],
        "{quick:#?}"
    );
}

/// A redrive that has finished without landing what it has claimed.
#[test]
fn a_claim_whose_records_were_landed_nowhere_is_named() {
    let redriven = Redriven::once();
    redriven
        .redrive("third", "ends_with_1", super::GOOD)
        .succeeded();
    // Its ledger is that of a redrive that has skipped everything.
    let ledger = "_sluice/ledger/redrive-third.json";
    redriven.edit(ledger, |text| {
        let mut ledger: Value = serde_json::from_str(text).unwrap();
        ledger["committed"] = Value::Null;
        *text = ledger.to_string();
    });
    for key in redriven.keys("", "redrive-third-") {
        fs::remove_file(redriven.path(&key)).unwrap();
    }
    let [full, quick] = redriven.findings();
    for found in [full, quick] {
        assert_eq!(
            (kinds(&found), found.len()),
            (vec!["unredriven_claim"], 2),
            "{found:#?}"
        );
        let message = found[0]["message"].as_str().unwrap();
        assert!(
            message.contains("200 of its 200 records are in no chunk of it"),
            "{message}"
        );
    }
}

#[test]
fn a_redrive_that_was_set_back_is_named() {
    let redriven = Redriven::once();
    fs::remove_file(redriven.path("_sluice/ledger/redrive-first.json")).unwrap();
    let [full, quick] = redriven.findings();
    for found in [full, quick] {
        assert_eq!(kinds(&found), ["missing_ledger"], "{found:#?}");
        assert_eq!(found[0]["shard"], "redrive-first");
    }
}
