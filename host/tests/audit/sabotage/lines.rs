//! Lines of objects and of the bus.

use std::fs;

use serde_json::{Value, json};

use super::{CHUNK, LINE, PARTITION, Tampered, VICTIM, audit, says};
use crate::local::events;
use crate::support::lake;
use crate::support::program::Place;

fn edited(change: impl Fn(&mut Vec<String>)) -> (Tampered, String) {
    let tampered = Tampered::new();
    let key = tampered.key(PARTITION, VICTIM);
    tampered.edit(&key, change);
    (tampered, key)
}

#[test]
fn a_line_that_is_missing_names_its_record() {
    let (tampered, key) = edited(|lines| drop(lines.remove(LINE - 1)));
    let expected =
        json!({ "kind": "missing_record", "object": key, "record": tampered.rid(VICTIM) });
    says(&tampered.finding(), &expected);
    let json = audit(&tampered.place, &["--bus", "none"]).json;
    let counts = json.counts(["in_lake", "quarantined", "wrong"]);
    assert_eq!(counts, [3 * CHUNK as u64 - 2, 1, 1]);
}

#[test]
fn a_line_that_was_changed_names_its_record() {
    let (tampered, key) = edited(|lines| lines[LINE - 1] = lines[LINE - 1].replace("u-13", "u-31"));
    let expected = json!({
        "kind": "changed_line", "object": key, "line": LINE, "record": tampered.rid(VICTIM)
    });
    says(&tampered.finding(), &expected);
}

#[test]
fn a_repeated_line_names_its_record() {
    let (tampered, key) = edited(|lines| lines.insert(LINE + 2, lines[LINE - 1].clone()));
    let expected = json!({
        "kind": "repeated_line", "object": key, "line": LINE + 3, "record": tampered.rid(VICTIM)
    });
    says(&tampered.finding(), &expected);
}

#[test]
fn a_line_of_no_record_is_named_by_its_place() {
    let (tampered, key) = edited(|lines| lines.insert(LINE, "{}".into()));
    let expected = json!({
        "kind": "extra_line", "object": key, "line": LINE + 1, "record": null
    });
    says(&tampered.finding(), &expected);
}

#[test]
fn swapped_lines_are_reported() {
    let (tampered, key) = edited(|lines| lines.swap(LINE - 1, LINE));
    let finding = tampered.finding();
    says(&finding, &json!({ "kind": "moved_line", "object": key }));
    let records = [tampered.rid(VICTIM), tampered.rid(VICTIM + 3)];
    assert!(
        records.iter().any(|record| finding["record"] == **record),
        "{finding:#}"
    );
}

#[test]
fn an_entry_of_quarantine_that_was_changed_names_its_record() {
    let tampered = Tampered::new();
    let key = tampered.key("_sluice/quarantine/", CHUNK - 1);
    tampered.edit(&key, |lines| {
        lines[0] = lines[0].replace("broken", "mended");
    });
    let record = tampered.rid(CHUNK - 1);
    let expected = json!({ "kind": "changed_line", "line": 1, "record": record });
    says(&tampered.finding(), &expected);
}

#[test]
fn messages_are_compared_too() {
    let place = Place::new();
    place.write("events.ndjson", events(0..2 * CHUNK));
    place.land(&["--chunk-records", "1"]);
    audit(&place, &[]).proven();
    let mut files = lake::messages_exist(&place.bus());
    files.sort_unstable();
    let (first, second) = (&files[0], &files[1]);
    let text = fs::read_to_string(place.bus().join(first)).unwrap();
    let dropped = text.lines().nth(7).unwrap();
    fs::write(
        place.bus().join(first),
        text.replacen(&format!("{dropped}\n"), "", 1),
    )
    .unwrap();
    fs::remove_file(place.bus().join(second)).unwrap();
    let found = audit(&place, &[]).disproven();
    assert_eq!(found.len(), 2, "{found:#?}");
    let rid = serde_json::from_str::<Value>(dropped).unwrap()["rid"].clone();
    let object = format!("bus:{first}");
    says(
        &found[0],
        &json!({ "kind": "missing_record", "record": rid, "object": object }),
    );
    let object = format!("bus:{second}");
    says(
        &found[1],
        &json!({ "kind": "missing_object", "object": object }),
    );
}
