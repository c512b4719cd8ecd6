//! Others change the table between two syncs.

use serde_json::json;

use super::super::contents::are_events_of;
use super::super::{Table, kills_together, rest};
use super::{grow, python, schema};

/// Creates a table that is not divided, so that pyiceberg can append to it, with 10 events. Returns the snapshot.
fn build(table: &Table) -> i64 {
    table.place.write("schema.json", schema(""));
    table.create(&["--schema", "schema.json", "--partition", "none"]);
    grow(table, 0..10)
}

/// Asserts that the table has each event of the lake once, and this many rows of others.
fn has_the_lake_and(table: &Table, foreign: usize) {
    let (of_others, rows): (Vec<_>, Vec<_>) = table
        .rows()
        .into_iter()
        .partition(|row| row.origin.0 == "foreign");
    are_events_of(&rows, &table.lake);
    assert_eq!(of_others.len(), foreign);
    assert_eq!(table.status()["events"], rows.len() + foreign);
}

fn append_set_properties_and_expire(table: &Table) {
    build(table);
    python(table, &["append"]);
    grow(table, 10..20);
    has_the_lake_and(table, 1);
    python(table, &["property"]);
    let third = grow(table, 20..30);
    let metadata = table.warehouse.metadata(&table.name);
    assert_eq!(metadata.properties()["owner"], "somebody else");

    python(table, &["expire", &third.to_string()]);
    assert_eq!(table.status()["snapshots"], 1);
    grow(table, 30..40);
    // The snapshot that the watermark belongs to is gone as well.
    python(table, &["append"]);
    let status = table.status();
    let current = status["snapshot"].as_str().unwrap();
    python(table, &["expire", current]);
    assert_eq!(table.sync()["events"], 0);
    grow(table, 40..50);
    has_the_lake_and(table, 2);
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn appends_properties_and_expiry_by_others_change_nothing() {
    append_set_properties_and_expire(&Table::in_folder());
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn appends_properties_and_expiry_by_others_change_nothing_in_a_rest_catalog() {
    let table = rest::in_folder();
    append_set_properties_and_expire(&table);
    let rows = table.warehouse.count(&table.name);
    let read = python(&table, &["attached"]);
    assert_eq!(read, json!({ "pyiceberg": rows, "DuckDB": rows }));
}

fn roll_back(table: &Table) {
    let first = build(table);
    let second = grow(table, 10..20);
    python(table, &["rollback", &first.to_string()]);
    let location = table.warehouse.metadata_location(&table.name);
    let second = second.to_string();
    let parts = [
        "was rolled back",
        &second,
        "Nothing was written",
        "sluice table rebuild",
    ];
    for more in [&[][..], &["--follow", "--interval", "20ms"]] {
        table.run("sync", more).failed(1, &parts);
    }
    assert!(table.problem().contains(&second));
    assert_eq!(table.warehouse.metadata_location(&table.name), location);

    python(table, &["set", &second]);
    assert_eq!(table.sync()["events"], 0);
    grow(table, 20..30);
    has_the_lake_and(table, 0);
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn a_builder_stops_at_a_table_that_was_rolled_back() {
    roll_back(&Table::in_folder());
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn a_builder_stops_at_a_table_that_was_rolled_back_in_a_rest_catalog() {
    roll_back(&rest::in_folder());
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn a_builder_stops_if_a_column_has_lost_its_values() {
    let table = Table::in_folder();
    build(&table);
    python(&table, &["rename", "event_uuid"]);
    let parts = [
        "the column event_uuid",
        "rename the column back",
        "sluice table rebuild",
    ];
    table.run("sync", &[]).failed(1, &parts);
    assert!(table.problem().contains("the column event_uuid"));
    // A new column of this name does not have the values of the files that are there.
    python(&table, &["add", "event_uuid"]);
    table.run("sync", &[]).failed(1, &parts);
    // They are still in the column that has their id.
    let audit = ["audit", "--table", "--lake", "file:lake"];
    table.place.run(&audit).succeeded();
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn kills_and_a_foreign_writer_at_once_change_nothing() {
    kills_together::kill_all(true);
}
