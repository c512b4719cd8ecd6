//! The commands that show quarantined records.

mod filters;
mod output;
mod streams;

use std::fs;

use serde_json::Value;

use crate::support::lake;
use crate::support::ledgers::{edit_ledger, ledgers};
use crate::support::program::{Place, Ran};

/// Records that are quarantined for three reasons; one is not UTF-8.
const RECORDS: &[u8] = b"{}\nnot json\n{\"event_uuid\":1}\n\xff\n";

/// A folder with a lake that has them.
fn place() -> Place {
    let place = Place::new();
    place.write("events.ndjson", RECORDS);
    place.land(&[]);
    place
}

/// Runs a command of quarantine on the lake of a folder.
fn quarantine(place: &Place, args: &[&str]) -> Ran {
    let (command, more) = args.split_first().unwrap();
    let lake = ["quarantine", command, "--lake", "file:lake"];
    place.run(&[&lake[..], more].concat())
}

/// The lines of JSON that a command prints.
fn lines(ran: Ran) -> Vec<Value> {
    let ran = ran.succeeded();
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The path of the object of quarantine with a reason.
fn object(place: &Place, reason: &str) -> String {
    let mut paths = lake::tree(&place.lake()).into_keys();
    let folder = format!("_sluice/quarantine/reason={reason}/");
    let path = paths.find(|path| path.starts_with(&folder) && path.ends_with(".zst"));
    path.unwrap()
}

#[test]
fn records_are_listed_by_reason() {
    let place = place();
    let before = lake::tree(&place.lake());
    let listed = lines(quarantine(&place, &["list", "--json"]));
    let counts: Vec<_> = listed
        .iter()
        .map(|line| (line["reason"].as_str(), line["records"].as_u64()))
        .collect();
    let expected = [
        (Some("invalid_field"), Some(1)),
        (Some("invalid_json"), Some(2)),
        (Some("missing_field"), Some(1)),
        (None, None),
    ];
    assert_eq!(counts, expected);
    let summary = &listed[3]["summary"];
    assert_eq!(
        (&summary["records"], &summary["objects"]),
        (&4.into(), &3.into())
    );
    assert_eq!(summary["bytes"], RECORDS.len() - 4);
    assert_eq!(summary["releases"].as_array().unwrap().len(), 1);
    let shard = ledgers(&place.lake()).into_keys().next().unwrap();
    assert_eq!(summary["shards"], serde_json::json!([shard]));
    assert_eq!(summary["first_arrived_at"], Value::Null);

    let people = quarantine(&place, &["list"]).succeeded().stdout;
    for part in ["invalid_json: 2 records", "shards", "total: 4 records"] {
        assert!(people.contains(part), "{part}: {people}");
    }
    let misspelt = quarantine(&place, &["list", "--reason", "mising_field"]).succeeded();
    let there_are =
        "there are the reasons invalid_field, invalid_json, missing_field, the releases ";
    assert!(misspelt.stderr.contains(there_are), "{misspelt:?}");
    let objects = lines(quarantine(&place, &["list", "--objects", "--json"]));
    let keys: Vec<_> = objects
        .iter()
        .filter_map(|line| line["key"].as_str())
        .collect();
    assert_eq!(keys.len(), 3);
    for key in keys {
        assert!(before.contains_key(key), "{key}");
    }
    assert_eq!(lake::tree(&place.lake()), before);
}

#[test]
fn the_lake_comes_from_the_environment_or_the_settings_file() {
    let place = place();
    place.write(
        "sluice.toml",
        "lake = \"file:lake\"\n[chunk]\nrecords = 10\n",
    );
    let ran = place.run(&["quarantine", "list"]).succeeded();
    assert!(ran.stdout.contains("total: 4 records"), "{ran:?}");
    let mut command = place.command(&["quarantine", "list"]);
    let ran = Ran::from(command.env("SLUICE_LAKE", "file:other").output().unwrap());
    ran.failed(
        1,
        &[
            "other has no ledger",
            "give the lake that `run` has written",
        ],
    );
    place.write("sluice.toml", "lake = \"nothing\"\n");
    let ran = place.run(&["quarantine", "list"]);
    ran.failed(2, &["sluice.toml:1: lake", "file:DIR"]);
}

#[test]
fn wrong_usage_ends_with_2() {
    let place = place();
    place
        .run(&["quarantine", "list"])
        .failed(2, &["lake: missing"]);
    for args in [
        &["list", "--reason", "No"][..],
        &["list", "--quarantined-by", "0123"],
        &["list", "--from", "yesterday"],
        &[
            "list",
            "--from",
            "2026-01-02T00:00:00Z",
            "--to",
            "2026-01-01T00:00:00Z",
        ],
        &["sample", "--per-reason", "0"],
        &["show"],
        &["show", "no-id"],
        &["show", "shard:x"],
    ] {
        quarantine(&place, args).failed(2, &[]);
    }
}

#[test]
fn a_record_is_shown_by_its_id() {
    let place = place();
    let all = lake::quarantine(&place.lake());
    for record in &all {
        let ran = quarantine(&place, &["show", &record.rid, "--json", "--payload"]);
        let [shown] = &lines(ran)[..] else { panic!() };
        assert_eq!(shown["rid"], record.rid);
        assert_eq!(shown["reason"], record.reason);
        assert_eq!(shown["message"], record.message);
        assert_eq!(shown["release"], record.release);
        assert_eq!(shown["data"].as_str(), record.data.as_deref());
        assert_eq!(shown["data_base64"].as_str(), record.data_base64.as_deref());
        // A record of a file has neither.
        assert!(shown.get("arrived_at").is_none() && shown.get("partition_key").is_none());
        assert_eq!(shown["is_redriven"], false);
        assert_eq!(shown["redrive"], Value::Null);
        let content = &lake::tree(&place.lake())[shown["object"].as_str().unwrap()];
        assert!(!content.is_empty());
    }
    let people = quarantine(&place, &["show", &all[0].rid]).succeeded();
    assert!(people.stdout.contains("quarantined as"), "{people:?}");
    let unknown = format!("{}:999999", all[0].shard);
    quarantine(&place, &["show", &unknown]).failed(1, &[&unknown, "landed or was dropped"]);
}

#[test]
fn a_chunk_that_is_not_committed_is_said_and_not_listed() {
    let place = place();
    place.write("more.ndjson", b"not json\n{}\n{\"event_uuid\":1}\n\xff\n");
    place.land(&["--source", "file:more.ndjson"]);
    let shards: Vec<_> = ledgers(&place.lake()).into_keys().collect();
    assert_eq!(shards.len(), 2);
    edit_ledger(&place.lake(), &shards[0], |ledger| {
        ledger["committed"] = Value::Null;
    });
    let ran = quarantine(&place, &["list", "--json"]).succeeded();
    let expected = "leaving out 3 files in quarantine of chunks that are not committed yet";
    assert!(ran.stderr.contains(expected), "{ran:?}");
    let listed = lines(ran);
    let summary = &listed.last().unwrap()["summary"];
    assert_eq!(summary["shards"], serde_json::json!([shards[1]]));
    assert_eq!(summary["left_out"]["not_committed"], 3);
}

#[test]
fn what_cannot_be_read_is_named_and_ends_with_1() {
    let place = place();
    let damaged = object(&place, "missing_field");
    place.write(&format!("lake/{damaged}"), "damaged");
    // A list needs no object.
    quarantine(&place, &["list"]).succeeded();
    let ran = quarantine(&place, &["sample", "--json"]);
    assert_eq!(ran.stdout.lines().count(), 3, "{ran:?}");
    ran.failed(1, &[&damaged, "damaged", "1 file cannot be used"]);
    let manifests = place.lake().join("_sluice/chunks");
    let mut paths = lake::tree(&manifests).into_keys();
    let manifest = paths.find(|path| path.ends_with(".json")).unwrap();
    fs::write(manifests.join(&manifest), "{}").unwrap();
    let expected = [
        &manifest[..],
        "chunk manifest",
        "3 objects of quarantine are",
    ];
    quarantine(&place, &["list"]).failed(1, &expected);
    fs::remove_file(manifests.join(&manifest)).unwrap();
    let ran = quarantine(&place, &["list"]).succeeded();
    assert!(
        ran.stderr
            .contains("3 files in quarantine without a chunk manifest"),
        "{ran:?}"
    );
    let ledger = crate::support::ledgers::first_group(&place.lake());
    fs::write(&ledger, "{}").unwrap();
    quarantine(&place, &["list"]).failed(1, &["00000001.json", "restore"]);
}
