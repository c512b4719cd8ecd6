//! Others change the table between two syncs.

use super::super::contents::are_events_of;
use super::super::{Table, kills_together};
use super::{grow, python, schema};

/// A table that is not divided, so that pyiceberg can append to it, with 10 events.
fn built() -> (Table, i64) {
    let table = Table::in_folder();
    table.place.write("schema.json", schema(""));
    table.create(&["--schema", "schema.json", "--partition", "none"]);
    let first = grow(&table, 0..10);
    (table, first)
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

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn appends_properties_and_expiry_by_others_change_nothing() {
    let (table, _) = built();
    python(&table, &["append"]);
    grow(&table, 10..20);
    has_the_lake_and(&table, 1);
    python(&table, &["property"]);
    let third = grow(&table, 20..30);
    let metadata = table.warehouse.metadata(&table.name);
    assert_eq!(metadata.properties()["owner"], "somebody else");

    python(&table, &["expire", &third.to_string()]);
    assert_eq!(table.status()["snapshots"], 1);
    grow(&table, 30..40);
    // The snapshot that the watermark belongs to is gone as well.
    python(&table, &["append"]);
    let status = table.status();
    let current = status["snapshot"].as_str().unwrap();
    python(&table, &["expire", current]);
    assert_eq!(table.sync()["events"], 0);
    grow(&table, 40..50);
    has_the_lake_and(&table, 2);
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn a_builder_stops_at_a_table_that_was_rolled_back() {
    let (table, first) = built();
    let second = grow(&table, 10..20);
    python(&table, &["rollback", &first.to_string()]);
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

    python(&table, &["set", &second]);
    assert_eq!(table.sync()["events"], 0);
    grow(&table, 20..30);
    has_the_lake_and(&table, 0);
}

#[test]
#[ignore = "needs pyiceberg and DuckDB: `make readers`"]
fn a_builder_stops_if_a_column_has_lost_its_values() {
    let (table, _) = built();
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
