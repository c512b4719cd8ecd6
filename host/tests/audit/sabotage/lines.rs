//! Lines of objects and of the bus.

use std::fs;

use serde_json::{Value, json};

use super::{CHUNK, LINE, PARTITION, Tampered, VICTIM, audit, says};
use crate::local::events;
use crate::support::lake;
use crate::support::packs::Pack;
use crate::support::program::Place;

/// What is done to the lines of an object.
type Change = fn(&mut Vec<String>);

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

const PACKED: [&str; 4] = ["--bus-messages", "packed", "--bus-message-bytes", "16384"];

/// A chunk with packed messages, in a file of a folder.
struct PackedChunk {
    place: Place,
    file: String,
    lines: Vec<String>,
}

impl PackedChunk {
    fn new() -> Self {
        let place = Place::new();
        place.write("events.ndjson", events(0..CHUNK));
        place.land(&PACKED);
        audit(&place, &PACKED).proven();
        let file = lake::messages_exist(&place.bus()).remove(0);
        let text = fs::read_to_string(place.bus().join(&file)).unwrap();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        assert!(lines.len() > 3);
        Self { place, file, lines }
    }

    /// The only finding of an audit with other lines, and its counts of records in the lake and in a wrong place.
    fn with(&self, change: fn(&mut Vec<String>)) -> (Value, [u64; 2]) {
        let mut lines = self.lines.clone();
        change(&mut lines);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.place.bus().join(&self.file), text).unwrap();
        self.finding()
    }

    fn finding(&self) -> (Value, [u64; 2]) {
        let audited = audit(&self.place, &PACKED);
        let counts = audited.json.counts(["in_lake", "wrong"]);
        let mut found = audited.disproven();
        assert_eq!(found.len(), 1, "{found:#?}");
        (found.remove(0), counts)
    }

    fn object(&self) -> String {
        format!("bus:{}", self.file)
    }
}

#[test]
fn a_packed_message_that_is_wrong_names_its_records() {
    let chunk = PackedChunk::new();
    let pack = Pack::parse(&chunk.lines[1]);
    assert!(1 < pack.count && pack.count < CHUNK);
    let changes: [(&str, Option<usize>, Change); 3] = [
        ("missing_record", None, |lines| drop(lines.remove(1))),
        ("changed_line", Some(2), |lines| {
            lines[1] = lines[1].replacen("payment:done", "payment:gone", 1);
            lines[1] = lines[1].replacen("lesson:done", "lesson:gone", 1);
            lines[1] = lines[1].replacen("login:done", "login:gone", 1);
        }),
        ("repeated_line", Some(3), |lines| {
            lines.insert(2, lines[1].clone());
        }),
    ];
    for (kind, line, change) in changes {
        let (finding, counts) = chunk.with(change);
        let expected = json!({
            "kind": kind, "object": chunk.object(), "record": pack.first, "last_record": pack.last
        });
        says(&finding, &expected);
        assert_eq!(finding["line"].as_u64(), line.map(|line| line as u64));
        let message = finding["message"].as_str().unwrap();
        let named = format!("{} records ({} to {})", pack.count, pack.first, pack.last);
        assert!(message.contains(&named), "{message}");
        assert_eq!(counts, [(CHUNK - pack.count) as u64, pack.count as u64]);
    }
}

#[test]
fn a_packed_message_of_no_record_is_named_by_its_place() {
    let chunk = PackedChunk::new();
    let (finding, counts) = chunk.with(|lines| lines.insert(1, "{}".into()));
    let expected = json!({
        "kind": "extra_line", "object": chunk.object(), "line": 2, "record": null
    });
    says(&finding, &expected);
    assert_eq!(counts, [CHUNK as u64, 0]);
}

#[test]
fn packed_messages_that_are_all_missing_name_their_records() {
    let chunk = PackedChunk::new();
    fs::remove_file(chunk.place.bus().join(&chunk.file)).unwrap();
    let (finding, counts) = chunk.finding();
    let ends = chunk.lines.iter().map(|line| Pack::parse(line));
    let position = |rid: &str| {
        let (_, position) = rid.rsplit_once(':').unwrap();
        position.parse::<u64>().unwrap()
    };
    let (first, last): (Vec<_>, Vec<_>) = ends.map(|pack| (pack.first, pack.last)).unzip();
    let expected = json!({
        "kind": "missing_object",
        "object": chunk.object(),
        "record": first.iter().min_by_key(|rid| position(rid)),
        "last_record": last.iter().max_by_key(|rid| position(rid)),
    });
    says(&finding, &expected);
    assert_eq!(counts, [0, CHUNK as u64]);
}
