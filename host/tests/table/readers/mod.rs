//! A table as pyiceberg and `DuckDB` read it, and as others change it.

mod catalogs;
mod foreign;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::Table;

/// The Python that has the readers.
fn interpreter() -> OsString {
    let python = std::env::var_os("SLUICE_TABLE_READERS_PYTHON");
    python.expect("SLUICE_TABLE_READERS_PYTHON is a Python of `make readers`")
}

/// Runs an action of `table.py`.
fn python(table: &Table, action: &[&str]) -> Value {
    let run = try_python(table, action);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{action:?}: {errors}");
    serde_json::from_slice(&run.stdout).unwrap()
}

/// The same, where others can change the table at the same time.
pub(super) fn try_python(table: &Table, action: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/table/readers/table.py");
    Command::new(interpreter())
        .arg(script)
        .arg(table.warehouse.catalog.name())
        .arg(table.warehouse.metadata_location(&table.name))
        .args(action)
        .output()
        .unwrap()
}

/// The days of the events, each with events of one type only.
const DAYS: usize = 3;

/// The columns, and one more if it is given.
fn schema(more: &str) -> String {
    format!(
        r#"{{"version": 1, "columns": [
            {{"name": "event_uuid", "type": "string"}},
            {{"name": "event_type", "type": "string"}},
            {{"name": "created_datetime", "type": "timestamp(0)"}},
            {{"name": "n", "type": "decimal(38,0)"}},
            {{"name": "tags", "type": {{"list": "string"}}}},
            {{"name": "place", "type": {{"struct": [{{"name": "x", "type": "double"}}]}}}}{more}
        ]}}"#
    )
}

/// A number with more digits than a double or a long has.
fn big(n: usize) -> String {
    format!("1{n:030}")
}

/// Events whose id, big number, day and type depend on `n`. Their members `late` and `more` have no column at first.
fn events(range: std::ops::Range<usize>) -> String {
    let event = |n: usize| {
        let (day, big) = (n % DAYS, big(n));
        let (kind, at) = (
            ["lesson", "login", "payment"][day],
            1_767_225_600 + day * 86_400 + n,
        );
        format!(
            "{{\"event_uuid\":\"u-{n}\",\"event_name\":\"{kind}:done\",\"created_at\":{at},\"n\":{big},\
             \"tags\":[\"a\",null],\"place\":{{\"x\":0.5}},\"late\":{n},\"more\":{big}}}\n"
        )
    };
    range.map(event).collect()
}

/// Lands events in a file of their own, and takes them. Returns the snapshot.
fn grow(table: &Table, range: std::ops::Range<usize>) -> i64 {
    let count = range.len();
    table.land(
        &format!("events-{}.ndjson", range.start),
        events(range),
        &[],
    );
    assert_eq!(table.sync()["events"], count);
    let status = table.status();
    status["snapshot"].as_str().unwrap().parse().unwrap()
}

/// The big number and the text of `_rest` of each row, by where it comes from.
fn expected(table: &Table) -> Value {
    let rows = table.rows().into_iter().map(|row| {
        let (shard, chunk, line) = &row.origin;
        let id = row.text("event_uuid").unwrap();
        let n = id.strip_prefix("u-").unwrap().parse().unwrap();
        (
            format!("{shard} {chunk} {line} {id}"),
            json!([big(n), row.rest]),
        )
    });
    json!(rows.collect::<BTreeMap<_, _>>())
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn a_table_is_read_alike() {
    let table = Table::in_folder();
    table.place.write("old.json", schema(""));
    table
        .place
        .write("new.json", schema(r#", {"name": "late", "type": "long"}"#));
    table.create(&["--schema", "old.json"]);
    let first = grow(&table, 0..30);
    let second = grow(&table, 30..60);
    table.run("evolve", &["--schema", "new.json"]).succeeded();
    grow(&table, 60..90);
    table.has_the_lake();

    let read = python(&table, &["read"]);
    for (reader, time, number, long) in [
        ("pyiceberg", "timestamptz", "decimal(38, 0)", "long"),
        (
            "DuckDB",
            "TIMESTAMP WITH TIME ZONE",
            "DECIMAL(38,0)",
            "BIGINT",
        ),
    ] {
        let read = &read[reader];
        assert_eq!(read["count"], 90, "{reader}");
        assert!(read["rows"] == expected(&table), "{reader}: {read:#}");
        let types = ["created_datetime", "n", "late", "_line"]
            .map(|name| read["types"][name].as_str().unwrap());
        assert_eq!(types, [time, number, long, long], "{reader}");
    }
    // Each commit has made a file a day. Files without a column say nothing about its values.
    for (filter, files, rows) in [
        ("_line > 0", 3 * DAYS, 90),
        ("event_type = 'login'", 3, 30),
        ("created_datetime >= '2026-01-03T00:00:00+00:00'", 3, 30),
        ("late is null", 2 * DAYS, 60),
        ("late >= 80", 3 * DAYS, 10),
    ] {
        let planned = python(&table, &["plan", filter]);
        let expected = json!({"files": files, "pyiceberg": rows, "DuckDB": rows});
        assert_eq!(planned, expected, "{filter}");
    }
    for (snapshot, rows) in [(first, 30), (second, 60)] {
        let counts = python(&table, &["count", &snapshot.to_string()]);
        assert_eq!(counts, json!({"pyiceberg": rows, "DuckDB": rows}));
    }
}
