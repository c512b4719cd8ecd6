//! Ledgers, releases and the source.

use std::fs;

use serde_json::json;
use sluice_engine::digest::Digest;

use super::{CHUNK, Tampered, audit, audit_quickly, says};
use crate::local::{event, events};
use crate::support::program::Place;

#[test]
fn an_old_ledger_is_found_by_later_objects() {
    let tampered = Tampered::new();
    let last = tampered.rid(2 * CHUNK - 1);
    let last = last.rsplit_once(':').unwrap().1;
    let digest = Digest::of(event(2 * CHUNK - 1).as_bytes());
    tampered.edit_ledger(|ledger| {
        ledger["committed"] = json!({
            "last": last, "last_digest": digest.to_string(), "records": 2 * CHUNK
        });
    });
    let found = tampered.findings();
    let mut objects: Vec<_> = found
        .iter()
        .map(|one| one["object"].as_str().unwrap())
        .collect();
    objects.sort_unstable();
    let folders = [
        "event_type=lesson/",
        "event_type=login/",
        "event_type=payment/",
        "_sluice/chunks/",
    ];
    let mut expected = folders.map(|folder| tampered.key(folder, 2 * CHUNK));
    expected.sort_unstable();
    assert_eq!(objects, expected);
    assert!(found.iter().all(|one| one["kind"] == "beyond_ledger"));
}

#[test]
fn a_wrong_count_in_a_ledger_is_reported() {
    let tampered = Tampered::new();
    tampered.edit_ledger(|ledger| ledger["committed"]["records"] = json!(3 * CHUNK + 1));
    says(
        &tampered.finding(),
        &json!({ "kind": "ledger_count", "shard": tampered.shard }),
    );
}

#[test]
fn a_ledger_that_is_gone_is_named_once() {
    let tampered = Tampered::new();
    fs::remove_dir_all(tampered.place.path("lake/_sluice/ledger")).unwrap();
    let folder = "_sluice/ledger/";
    let expected = json!({ "kind": "missing_ledger", "shard": tampered.shard, "object": folder });
    says(&tampered.finding(), &expected);
    let found = audit_quickly(&tampered.place, &[]).inconsistent();
    assert_eq!(found.len(), 1);
    says(&found[0], &expected);
}

#[test]
fn a_ledger_that_cannot_be_read_is_named_and_other_shards_are_audited() {
    let tampered = Tampered::new();
    let other = ["--source", "file:other.ndjson", "--lake", "file:lake"];
    tampered.place.write("other.ndjson", events(0..10));
    let run = [&["run"], &other[..], &["--http", "none"]].concat();
    tampered.place.run(&run).succeeded();
    tampered.edit_ledger(|ledger| *ledger = json!({}));
    let sources = [
        "--source",
        "file:events.ndjson",
        "--source",
        "file:other.ndjson",
    ];
    let more = [&sources[..], &["--bus", "none"]].concat();
    let full = audit(&tampered.place, &more);
    assert_eq!(full.json.count("in_lake"), 10);
    for found in [
        full.disproven(),
        audit_quickly(&tampered.place, &[]).inconsistent(),
    ] {
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0]["kind"], "damaged_ledger");
    }
}

#[test]
fn a_changed_source_is_reported() {
    let tampered = Tampered::new();
    let (before, changed) = (event(3 * CHUNK - 1), event(2 * CHUNK - 1));
    let text = fs::read_to_string(tampered.place.path("events.ndjson")).unwrap();
    tampered
        .place
        .write("events.ndjson", text.replace(&before, &changed));
    let kinds: Vec<_> = tampered
        .findings()
        .iter()
        .map(|one| one["kind"].clone())
        .collect();
    assert!(kinds.contains(&"source_changed".into()), "{kinds:?}");
    assert!(kinds.len() > 1, "{kinds:?}");
    tampered.place.write("events.ndjson", events(0..CHUNK - 1));
    let kinds: Vec<_> = tampered
        .findings()
        .iter()
        .map(|one| one["kind"].clone())
        .collect();
    for kind in ["source_changed", "unknown_range"] {
        assert!(kinds.contains(&kind.into()), "{kind} is not in {kinds:?}");
    }
}

#[test]
fn a_missing_release_is_reported_for_each_of_its_chunks() {
    let tampered = Tampered::new();
    fs::remove_dir_all(tampered.place.path("lake/_sluice/components")).unwrap();
    let found = tampered.findings();
    assert_eq!(found.len(), 3);
    for (chunk, finding) in found.iter().enumerate() {
        let key = tampered.key("_sluice/chunks/", chunk * CHUNK);
        says(
            finding,
            &json!({ "kind": "unknown_release", "object": key }),
        );
    }
    let json = audit(&tampered.place, &["--bus", "none"]).json;
    assert_eq!(json.count("wrong"), 3 * CHUNK as u64);
    fs::remove_dir_all(tampered.place.path("lake/_sluice/releases")).unwrap();
    let found = audit_quickly(&tampered.place, &[]).inconsistent();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["kind"], "unknown_release");
}

#[test]
fn a_pending_range_that_the_source_no_longer_has_is_named() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    place.try_land(&[]).failed(1, &["event_type=payment"]);
    fs::remove_file(in_the_way).unwrap();
    assert_eq!(audit(&place, &[]).proven().count("pending"), 30);
    place.write("events.ndjson", events(0..29));
    let found = audit(&place, &[]).disproven();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["kind"], "source_changed");
}
