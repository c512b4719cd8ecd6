//! Where records are after redrives, and what is wrong with them there.

use std::fs;

use serde_json::json;
use sluice::format::{Format, decode};

use super::{EVENTS, GOOD, Redriven, kinds, places};
use crate::audit::{audit, audit_quickly};
use crate::support::lake;
use crate::support::program::Place;

#[test]
fn each_record_counts_where_it_is_now() {
    let redriven = Redriven::landed();
    for report in redriven.proven() {
        assert_eq!(places(&report), [720, 480, 0, 0, 0]);
    }
    for (id, reason, expected) in [
        ("first", "ends_with_5", [840, 360, 240, 0, 0]),
        ("second", "no_ten", [960, 240, 360, 0, 0]),
        ("third", "ends_with_1", [1_200, 0, 600, 0, 0]),
    ] {
        let rules = if id == "first" { super::BETTER } else { GOOD };
        redriven.redrive(id, reason, rules).succeeded();
        for report in redriven.proven() {
            assert_eq!(places(&report), expected, "{report:#}");
            assert_eq!(report["objects_of_others"], 0);
            assert_eq!(report["notes"], json!([]));
        }
    }
    assert_eq!(lake::all_events(&redriven.place.lake()).len(), EVENTS);
    let text = redriven.place.audit(&["--bus", "none"]).succeeded().stdout;
    let row = "  redriven             600  times that a redrive took a record from quarantine\n";
    assert!(text.contains(row), "{text}");
}

/// The lake of one source is audited with the redrives of all.
#[test]
fn redrives_of_other_sources_are_audited_too() {
    let redriven = Redriven::once();
    redriven
        .place
        .write("other.ndjson", "{\"n\":2}\n{\"n\":3}\n");
    let other = [
        "--source",
        "file:other.ndjson",
        "--bus",
        "none",
        "--jq",
        GOOD,
    ];
    redriven.place.land(&other);
    let proven = audit(&redriven.place, &other[..4]).proven();
    // What is counted where it was is counted with its source.
    assert_eq!(places(&proven.0), [122, 120, 0, 0, 0]);
    assert!(proven.count("objects_of_others") > 0);
}

#[test]
fn what_a_redrive_has_not_landed_is_in_quarantine() {
    let redriven = Redriven::landed();
    let folder = "lake/_sluice/quarantine/reason=no_ten";
    let in_the_way = redriven.place.write(folder, "in the way");
    let ran = redriven.redrive("first", "ends_with_5", super::BETTER);
    ran.failed(1, &["reason=no_ten"]);
    fs::remove_file(in_the_way).unwrap();
    for report in redriven.proven() {
        assert_eq!(places(&report), [720, 480, 0, 0, 0], "{report:#}");
        let notes = report["notes"].to_string();
        for part in [
            "the redrive first has not finished",
            "sluice redrive --lake file:lake",
            "--id first --release ",
            "--registry file:lake/_sluice",
        ] {
            assert!(notes.contains(part), "{notes}");
        }
    }
    redriven
        .redrive("first", "ends_with_5", super::BETTER)
        .succeeded();
    for report in redriven.proven() {
        assert_eq!(places(&report), [840, 360, 240, 0, 0]);
        assert_eq!(report["notes"], json!([]));
    }
}

/// A record of quarantine can be decoded into several.
#[test]
fn records_that_are_decoded_anew_are_proven() {
    let place = Place::new();
    place.write("events.ndjson", "{\"n\":1}{\"n\":2}\n".repeat(20));
    let encoded = ["--record-encoding", "gzip", "--bus", "none", "--jq", GOOD];
    assert_eq!(place.land(&encoded).count("quarantined"), 20);
    let args = ["redrive", "--lake", "file:lake", "--jq", GOOD];
    let more = ["--record-format", "concatenated", "--http", "none"];
    place.run(&[&args[..], &more].concat()).succeeded();
    let full = audit(&place, &["--bus", "none"]).proven().0;
    for report in [full, audit_quickly(&place, &[]).consistent().0] {
        assert_eq!(places(&report), [40, 0, 20, 0, 0], "{report:#}");
    }
}

/// The id is that of the record in its source, not its place in the redrive.
#[test]
fn a_line_of_a_redrive_is_named_by_its_record() {
    let redriven = Redriven::once();
    let (needle, changed) = ("\"n\":10}", "\"n\":11}");
    let objects = redriven.keys("", "redrive-first-").into_iter();
    let objects =
        objects.filter(|key| key.ends_with(".ndjson.zst") && !key.starts_with("_sluice/"));
    let objects = objects.map(|key| {
        let path = redriven.path(&key);
        let content = decode(Format::NDJSON_ZST, &fs::read(&path).unwrap()).unwrap();
        (path, String::from_utf8(content).unwrap())
    });
    let mut objects = objects.filter(|(_, content)| content.contains(needle));
    let (path, content) = objects.next().unwrap();
    let content = content.replacen(needle, changed, 1);
    fs::write(&path, zstd::encode_all(content.as_bytes(), 1).unwrap()).unwrap();
    let found = audit(&redriven.place, &["--bus", "none"]).disproven();
    assert_eq!(kinds(&found), ["changed_line"], "{found:#?}");
    let text = fs::read_to_string(redriven.place.path("events.ndjson")).unwrap();
    let at = text.find("{\"event_uuid\":\"u-10\"").unwrap();
    assert_eq!(found[0]["record"], format!("{}:{at}", redriven.shard));
    assert_eq!(found[0]["shard"], "redrive-first");
}

#[test]
fn an_object_that_was_redriven_is_still_needed() {
    let redriven = Redriven::once();
    let key = redriven
        .keys("_sluice/quarantine/reason=ends_with_5/", "")
        .remove(0);
    let object = fs::read(redriven.path(&key)).unwrap();
    fs::remove_file(redriven.path(&key)).unwrap();
    let [full, quick] = redriven.findings();
    assert_eq!(kinds(&full), ["missing_object", "unknown_range"]);
    assert_eq!(kinds(&quick), ["missing_object"]);
    let unknown = full.iter().find(|one| one["kind"] == "unknown_range");
    let message = unknown.unwrap()["message"].as_str().unwrap();
    assert!(
        message.contains(&key) && message.contains("does not exist"),
        "{message}"
    );
    let text = String::from_utf8(decode(Format::NDJSON_ZST, &object).unwrap()).unwrap();
    let changed = text.replacen("u-10", "u-11", 1);
    fs::write(
        redriven.path(&key),
        zstd::encode_all(changed.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    let full = audit(&redriven.place, &["--bus", "none"]).disproven();
    assert_eq!(kinds(&full), ["changed_line", "unknown_range"], "{full:#?}");
}
