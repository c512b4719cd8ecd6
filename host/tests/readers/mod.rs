//! A lake of nasty events, read by three readers that no one here wrote, by the examples of docs/lake.md.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::Deserialize;
use serde::de::DeserializeOwned;

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

/// What `read_parquet.py` prints of one reader.
#[derive(Debug, Deserialize)]
struct Rows {
    /// The types of the columns, as the reader names them.
    #[serde(default)]
    types: BTreeMap<String, String>,
    /// The id and the text of `_rest` of each row, by where it comes from.
    #[serde(default)]
    rows: BTreeMap<String, (Option<String>, Option<String>)>,
    error: Option<String>,
}

fn read(place: &Place) -> Readings {
    run("read_lake.py", place)
}

fn run<T: DeserializeOwned>(script: &str, place: &Place) -> T {
    let python = std::env::var_os("SLUICE_READERS_PYTHON");
    let python = python.expect("SLUICE_READERS_PYTHON is the Python of `make readers`");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = Command::new(python)
        .arg(here.join("tests/readers").join(script))
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
    are_readable(&nasty_events(), 800);
}

/// Events of many types, with nasty names and values.
fn nasty_events() -> Vec<Vec<u8>> {
    let mut rng = Pcg64Mcg::seed_from_u64(20);
    let values = nasty_json::values();
    let lines = (0..2_000).map(|n| {
        let event_name = EVENT_NAMES.choose(&mut rng).unwrap();
        let mut line =
            format!(r#"{{"event_uuid":"u{n}","event_name":"{event_name}","created_at":{n}"#);
        for _ in 0..rng.random_range(0..4) {
            let name = NAMES.choose(&mut rng).unwrap();
            let value = values.choose(&mut rng).unwrap();
            line += &format!(r#","{name}":{value}"#);
        }
        (line + "}").into_bytes()
    });
    lines.collect()
}

/// Columns of all types, for the values of nasty events.
const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "event_type", "type": "string"},
    {"name": "created_datetime", "type": "timestamp(0)"},
    {"name": "created_at", "type": "decimal(38,9)"},
    {"name": "value", "type": "json"},
    {"name": "a", "type": "double"},
    {"name": "a.b", "type": "long"},
    {"name": "é", "type": {"list": "string"}},
    {"name": "ß", "type": {"map": "json"}},
    {"name": "😀", "type": {"struct": [{"name": "a", "type": "boolean"}]}},
    {"name": "empty", "path": [""], "type": "binary"},
    {"name": "one space", "path": [" "], "type": "date"},
    {"name": "$", "type": "uuid"}
]}"#;

/// All readers see the same rows, each once, and the types of the schema.
#[test]
#[ignore = "needs DuckDB, Polars and pyarrow: `make readers`"]
fn parquet_of_nasty_events_is_read_alike() {
    let place = Place::new();
    place.write("events.ndjson", nasty_events().join(&b'\n'));
    place.write("schema.json", SCHEMA);
    place.land(&["--final", "--format", "parquet", "--schema", "schema.json"]);
    let landed = lake::all_events(&place.lake()).len();
    assert!(landed >= 800, "only {landed} landed");
    let readings: BTreeMap<String, Rows> = run("read_parquet.py", &place);
    assert_eq!(readings.len(), 3);
    for (reader, found) in &readings {
        assert_eq!(found.error, None, "{reader}");
        assert_eq!(found.rows.len(), landed, "{reader}");
        assert!(found.rows == readings["DuckDB"].rows, "{reader}");
    }
    let types = &readings["DuckDB"].types;
    for (column, expected) in [
        ("event_uuid", "VARCHAR"),
        ("created_datetime", "TIMESTAMP WITH TIME ZONE"),
        ("created_at", "DECIMAL(38,9)"),
        ("value", "VARCHAR"),
        ("a", "DOUBLE"),
        ("a.b", "BIGINT"),
        ("é", "VARCHAR[]"),
        ("ß", "MAP(VARCHAR, VARCHAR)"),
        ("😀", "STRUCT(a BOOLEAN)"),
        ("empty", "BLOB"),
        ("one space", "DATE"),
        ("$", "VARCHAR"),
        ("_line", "BIGINT"),
    ] {
        assert_eq!(types[column], expected, "{column}");
    }
    let mut ids: Vec<_> = readings["DuckDB"].rows.values().collect();
    ids.sort_unstable();
    ids.dedup_by_key(|(id, _)| id.clone());
    assert_eq!(ids.len(), landed);
}
