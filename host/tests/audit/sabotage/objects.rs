//! Whole objects, and all objects of a chunk.

use std::fs;

use serde_json::json;
use sluice::format::{Format, decode};

use super::{CHUNK, PARTITION, Tampered, VICTIM, audit, object_keys, says};
use crate::support::guests::rogue;
use crate::support::program::Place;

#[test]
fn an_object_that_is_gone_is_named_with_its_records() {
    let tampered = Tampered::new();
    let key = tampered.key(PARTITION, VICTIM);
    fs::remove_file(tampered.path(&key)).unwrap();
    let expected = json!({
        "kind": "missing_object", "object": key,
        "record": tampered.rid(1), "last_record": tampered.rid(CHUNK - 3),
    });
    says(&tampered.finding(), &expected);
}

#[test]
fn an_object_of_quarantine_that_is_gone_is_named_with_its_record() {
    let tampered = Tampered::new();
    let key = tampered.key("_sluice/quarantine/", CHUNK - 1);
    fs::remove_file(tampered.path(&key)).unwrap();
    let record = tampered.rid(CHUNK - 1);
    let expected = json!({ "kind": "missing_object", "object": key, "record": record });
    says(&tampered.finding(), &expected);
}

#[test]
fn an_object_that_is_damaged_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(PARTITION, VICTIM);
    let object = fs::read(tampered.path(&key)).unwrap();
    fs::write(tampered.path(&key), &object[..object.len() / 2]).unwrap();
    says(
        &tampered.finding(),
        &json!({ "kind": "damaged_object", "object": key }),
    );
}

#[test]
fn a_chunk_without_its_objects_is_named_with_its_records() {
    let tampered = Tampered::new();
    for partition in ["lesson", "payment", "login"] {
        let key = tampered.key(&format!("event_type={partition}/"), CHUNK);
        fs::remove_file(tampered.path(&key)).unwrap();
    }
    let found = tampered.findings();
    assert_eq!(found.len(), 3);
    for (n, partition) in ["lesson", "payment", "login"].iter().enumerate() {
        let first = tampered.rid(CHUNK + (n + 2) % 3);
        let named = |finding: &&serde_json::Value| finding["record"] == first;
        let finding = found.iter().find(named);
        let finding = finding.unwrap_or_else(|| panic!("{first} is not in {found:#?}"));
        assert_eq!(finding["kind"], "missing_object");
        let object = finding["object"].as_str().unwrap();
        assert!(object.contains(partition), "{finding:#}");
    }
    let json = audit(&tampered.place, &["--bus", "none"]).json;
    assert_eq!(
        json.counts(["in_lake", "wrong"]),
        [2 * CHUNK as u64 - 1, CHUNK as u64]
    );
}

#[test]
fn an_object_with_another_range_is_reported() {
    let tampered = Tampered::new();
    let key = tampered.key(PARTITION, CHUNK);
    let (first, last) = (tampered.rid(CHUNK), tampered.rid(2 * CHUNK - 1));
    let (from, to) = (tampered.rid(CHUNK + 400), tampered.rid(2 * CHUNK + 100));
    let number = |rid: &str| format!("{:0>20}", rid.rsplit_once(':').unwrap().1);
    let copy = key.replace(&number(&first), &number(&from));
    let copy = copy.replace(&number(&last), &number(&to));
    assert_ne!(key, copy);
    fs::copy(tampered.path(&key), tampered.path(&copy)).unwrap();
    let expected = json!({ "kind": "overlapping_chunks", "object": copy, "record": from });
    says(&tampered.finding(), &expected);
}

#[test]
fn an_object_in_another_partition_or_format_is_one_too_many() {
    let tampered = Tampered::new();
    let key = tampered.key(PARTITION, VICTIM);
    let elsewhere = key.replace("payment", "refund");
    fs::create_dir_all(tampered.path(&elsewhere).parent().unwrap()).unwrap();
    fs::copy(tampered.path(&key), tampered.path(&elsewhere)).unwrap();
    says(
        &tampered.finding(),
        &json!({ "kind": "extra_object", "object": elsewhere }),
    );
    fs::remove_file(tampered.path(&elsewhere)).unwrap();
    let content = decode(Format::NDJSON_ZST, &fs::read(tampered.path(&key)).unwrap()).unwrap();
    let plain = key.replace(".zst", "");
    fs::write(tampered.path(&plain), content).unwrap();
    let expected = json!({ "kind": "extra_object", "object": plain });
    says(&tampered.finding(), &expected);
    fs::remove_file(tampered.path(&key)).unwrap();
    let found = tampered.findings();
    let kinds: Vec<_> = found.iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["extra_object", "missing_object"]);
}

/// A query over the partition reads it.
#[test]
fn a_copy_under_a_name_of_its_own_is_named() {
    let tampered = Tampered::new();
    let key = tampered.key(PARTITION, VICTIM);
    let copy = format!("{PARTITION}copy.ndjson.zst");
    fs::copy(tampered.path(&key), tampered.path(&copy)).unwrap();
    let expected = json!({ "kind": "extra_object", "object": copy, "shard": null });
    says(&tampered.finding(), &expected);
}

#[test]
fn only_the_events_of_a_missing_object_are_missing() {
    let place = Place::new();
    let commands = ["echo\n", "drop\n", "echo\n"];
    let text: String = commands
        .iter()
        .map(|command| command.repeat(CHUNK))
        .collect();
    place.write("events.ndjson", text);
    place.write("rogue.wasm", &rogue().by_batch);
    let args = [
        "--transform",
        "rogue.wasm",
        "--chunk-records",
        "1",
        "--bus",
        "none",
    ];
    place.land(&args);
    audit(&place, &["--bus", "none"]).proven();
    let first = object_keys(&place.lake()).remove(0);
    fs::remove_file(place.lake().join(first)).unwrap();
    let audited = audit(&place, &["--bus", "none"]);
    let counts = audited.json.counts(["in_lake", "dropped", "wrong"]);
    assert_eq!(counts, [CHUNK as u64; 3]);
    assert_eq!(audited.disproven().len(), 1);
}

#[test]
fn the_first_thousand_findings_are_kept_and_all_are_counted() {
    let tampered = Tampered::new();
    for key in object_keys(&tampered.place.lake()) {
        tampered.edit(&key, |lines| {
            for (n, line) in lines.iter_mut().enumerate() {
                *line = format!("{{\"n\":{n}}}");
            }
        });
    }
    assert_eq!(tampered.findings().len(), 1_000);
    let ran = tampered.place.audit(&[]);
    let ran = ran.failed(1, &["not proven: 3,000 findings"]);
    assert!(ran.stdout.contains("and 2,980 more"), "{}", ran.stdout);
}
