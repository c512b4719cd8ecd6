//! A lake of nasty events, read by three readers that no one here wrote, by the examples of docs/lake.md.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::Deserialize;

use crate::nasty_json;
use crate::support::lake;
use crate::support::program::Place;

/// What `read_lake.py` prints.
#[derive(Debug, Deserialize)]
struct Readings {
    /// The number of rows of the whole lake, or an error, by reader.
    rows: BTreeMap<String, serde_json::Value>,
    /// Reader, line, and error.
    failures: Vec<[String; 3]>,
}

/// Names of members that readers could confuse, and all that they are equal to in another reader.
const NAMES: &[&str] = &[
    "value",
    "Value",
    "VALUE",
    "a",
    "A",
    "ä",
    "Ä",
    "ß",
    "SS",
    "K",
    "\u{212a}",
    "",
    " ",
    ".",
    "a.b",
    "\\u0061",
    "\\\"",
    "\\u0000",
    "\\ud800",
    "$",
    "__proto__",
    "event_type",
    "Event_Type",
    "date",
    "é",
    "e\u{301}",
    "😀",
    "\\ud83d\\ude00",
];

const EVENT_NAMES: &[&str] = &[
    "nasty:json",
    "a",
    "A:b",
    "a=b:c",
    "a/b:c",
    "%2F:c",
    "..:c",
    "東京:大阪",
    "a b:c",
    "\\u0000:c",
    "*:c",
    "[x]:c",
    "{a,b}:c",
    "'q'':c",
    "\\\"q:c",
    "123:c",
    "2026-01-01:c",
    "NULL:c",
    "_x:c",
    ".x:c",
];

fn read(place: &Place) -> Readings {
    let python = std::env::var_os("SLUICE_READERS_PYTHON");
    let python = python.expect("SLUICE_READERS_PYTHON is the Python of `make readers`");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = Command::new(python)
        .arg(here.join("tests/readers/read_lake.py"))
        .arg(place.lake())
        .arg(here.join("../docs/lake.md"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Lands the lines. Each reader must read each line that landed, alone and in the whole lake.
fn are_readable(lines: &[Vec<u8>], at_least: usize) {
    let place = Place::new();
    place.write("events.ndjson", lines.join(&b'\n'));
    let summary = place.land(&["--final"]);
    assert_eq!(summary.count("records"), lines.len() as u64);
    let landed = lake::all_events(&place.lake()).len();
    assert!(landed >= at_least, "only {landed} landed");
    let readings = read(&place);
    assert_eq!(readings.failures, Vec::<[String; 3]>::new());
    assert_eq!(readings.rows.len(), 4);
    for (reader, rows) in &readings.rows {
        assert_eq!(*rows, landed, "{reader}");
    }
}

/// A line of a corpus as it is, and as the value of an event if it is JSON.
fn variants(line: &[u8]) -> Vec<Vec<u8>> {
    let as_value = str::from_utf8(line).ok().map(nasty_json::event);
    let lines = [Some(line.to_vec()), as_value];
    lines.into_iter().flatten().collect()
}

#[test]
#[ignore = "needs DuckDB, Polars and pyarrow: `make readers`"]
fn each_line_that_lands_is_read_alone() {
    let mut lines = nasty_json::lines();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for content in lake::tree(&corpus).into_values() {
        for line in content.split(|byte| *byte == b'\n') {
            lines.extend(variants(line));
        }
    }
    // Other files of JSON, such as a public test suite: each is one value.
    if let Some(folder) = std::env::var_os("SLUICE_READERS_SUITE") {
        for content in lake::tree(Path::new(&folder)).into_values() {
            let one_line: Vec<u8> = content.into_iter().filter(|b| *b != b'\n').collect();
            lines.extend(variants(&one_line));
        }
    }
    lines.retain(|line| !line.is_empty() && line != b"\r");
    are_readable(&lines, 100);
}

#[test]
#[ignore = "needs DuckDB, Polars and pyarrow: `make readers`"]
fn a_lake_of_nasty_events_is_read_with_an_explicit_schema() {
    let mut rng = Pcg64Mcg::seed_from_u64(20);
    let values = nasty_json::values();
    let lines: Vec<_> = (0..2_000)
        .map(|n| {
            let event_name = EVENT_NAMES.choose(&mut rng).unwrap();
            let mut line =
                format!(r#"{{"event_uuid":"u{n}","event_name":"{event_name}","created_at":{n}"#);
            for _ in 0..rng.random_range(0..4) {
                let name = NAMES.choose(&mut rng).unwrap();
                let value = values.choose(&mut rng).unwrap();
                line += &format!(r#","{name}":{value}"#);
            }
            (line + "}").into_bytes()
        })
        .collect();
    are_readable(&lines, 800);
}
