//! The status of a table that no builder can go on with: all that can be read of it, and why.

use std::fs;

use serde_json::{Value, json};

use super::Table;
use crate::local::events;

/// A table with two commits, and their snapshots.
fn built() -> (Table, [i64; 2]) {
    let table = Table::in_folder();
    table.create(&[]);
    let snapshots = [0..3, 3..5].map(|range| {
        table.land(&format!("{}.ndjson", range.start), events(range), &[]);
        table.sync();
        table.warehouse.metadata(&table.name).current_snapshot_id()
    });
    (table, snapshots.map(Option::unwrap))
}

/// Makes a snapshot the current one.
fn set_current(table: &Table, snapshot: i64) {
    table.warehouse.change(&table.name, |metadata| {
        metadata["current-snapshot-id"] = snapshot.into();
        metadata["refs"]["main"]["snapshot-id"] = snapshot.into();
    });
}

/// Asserts that a builder ends with this error, and that the status says the same. Returns the status.
fn stops(table: &Table, parts: &[&str]) -> Value {
    let location = table.warehouse.metadata_location(&table.name);
    table.run("sync", &[]).failed(1, parts);
    let error = "no builder can go on with the table sluice.events";
    let text = table.run("status", &[]).failed(1, &[error]).stdout;
    let problem = text.lines().find(|line| line.starts_with("problem "));
    let problem = problem.unwrap_or_else(|| panic!("no problem in {text}"));
    let json = table.run("status", &["--json"]).failed(1, &[error]).stdout;
    let status: Value = serde_json::from_str(&json).unwrap();
    for part in parts {
        assert!(problem.contains(part), "{part:?} is not in {problem}");
        assert!(status["problem"].as_str().unwrap().contains(part));
    }
    assert_eq!(table.warehouse.metadata_location(&table.name), location);
    status
}

#[test]
fn a_table_without_a_problem_says_none() {
    let (table, [_, last]) = built();
    let status = table.status();
    assert_eq!(status["problem"], Value::Null);
    assert_eq!(status["last_commit"]["snapshot"], last.to_string());
    assert_eq!(status["snapshot"], last.to_string());
    let text = table.run("status", &[]).succeeded().stdout;
    assert!(!text.contains("problem"), "{text}");
}

#[test]
fn a_table_that_was_rolled_back_is_shown_with_its_last_commit() {
    let (table, [first, last]) = built();
    set_current(&table, first);
    let named = last.to_string();
    let status = stops(&table, &["was rolled back", &named, "sluice table rebuild"]);
    assert_eq!(status["events"], 3);
    assert_eq!(status["snapshot"], first.to_string());
    assert_eq!(status["last_commit"]["snapshot"], named);
    assert_eq!(status["partition"], "day(created_datetime)");
    assert_eq!(status["columns"], 6);
    set_current(&table, last);
    table.has_the_lake();
}

#[test]
fn a_renamed_column_is_named() {
    let (table, _) = built();
    let rename = |from: &'static str, to: &'static str| {
        table.warehouse.change(&table.name, |metadata| {
            for schema in metadata["schemas"].as_array_mut().unwrap() {
                for field in schema["fields"].as_array_mut().unwrap() {
                    if field["name"] == from {
                        field["name"] = to.into();
                    }
                }
            }
        });
    };
    rename("event_uuid", "id");
    let status = stops(&table, &["the column event_uuid", "rename the column back"]);
    assert_eq!(
        (&status["events"], &status["columns"]),
        (&5.into(), &6.into())
    );
    assert_eq!(status["waiting_chunks"], 0);
    rename("id", "event_uuid");
    table.has_the_lake();
}

#[test]
fn a_missing_column_is_named_and_evolve_adds_it() {
    let table = Table::in_folder();
    table.create(&[]);
    table.land("events.ndjson", events(0..5), &[]);
    table.warehouse.change(&table.name, |metadata| {
        for schema in metadata["schemas"].as_array_mut().unwrap() {
            let fields = schema["fields"].as_array_mut().unwrap();
            fields.retain(|field| field["name"] != "event_name");
        }
    });
    let status = stops(&table, &["the column event_name", "sluice table evolve"]);
    assert_eq!(status["waiting_chunks"], 1);
    // The name of the schema is that of its document.
    let schema = status["schema"].as_str().unwrap();
    let schema = format!("lake.warehouse/_sluice/schemas/{schema}.json");
    let evolved = table.run("evolve", &["--schema", &schema]).succeeded();
    assert!(evolved.stdout.contains("added 1 column"), "{evolved:?}");
    assert_eq!(table.sync()["events"], 5);
    table.has_the_lake();
    let rows = table.rows();
    assert!(
        rows.iter()
            .all(|row| row.columns.contains_key("event_name"))
    );
    let again = table.run("evolve", &["--schema", &schema]).succeeded();
    assert!(again.stdout.contains("added 0 columns"), "{again:?}");
}

#[test]
fn another_partition_spec_is_shown() {
    let (table, _) = built();
    table.warehouse.change(&table.name, |metadata| {
        let mut spec = metadata["partition-specs"][0].clone();
        spec["spec-id"] = 1.into();
        spec["fields"][0]["transform"] = "month".into();
        spec["fields"][0]["field-id"] = 1_001.into();
        metadata["last-partition-id"] = 1_001.into();
        let specs = metadata["partition-specs"].as_array_mut().unwrap();
        specs.push(spec);
        metadata["default-spec-id"] = 1.into();
    });
    let status = stops(&table, &["another partition spec", "set it back"]);
    assert_eq!(status["events"], 5);
    assert_eq!(status["partition"], Value::Null);
}

#[test]
fn a_lost_watermark_leaves_unknown_what_waits() {
    let (table, _) = built();
    let tables = table.warehouse.folder.join("_sluice/tables");
    let folder = fs::read_dir(tables).unwrap().next().unwrap().unwrap();
    fs::remove_dir_all(folder.path().join("watermarks")).unwrap();
    let status = stops(
        &table,
        &["watermarks/", "does not exist", "restore the file"],
    );
    assert_eq!(status["events"], 5);
    assert_eq!(status["waiting_chunks"], Value::Null);
}

#[test]
fn another_lake_is_a_problem() {
    let (table, _) = built();
    fs::rename(&table.lake, table.place.path("moved")).unwrap();
    let status = stops(&table, &["this is another lake than that of the table"]);
    assert_eq!(status["events"], 5);
    let shards = status["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 2);
    assert!(shards.iter().all(|shard| shard["lake"] == json!(null)));
}
