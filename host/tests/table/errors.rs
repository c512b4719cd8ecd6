//! What cannot be done, in words: 2 for wrong usage, 1 for what failed.

use std::fs;

use super::Table;
use crate::local::events;
use crate::support::lake;
use crate::support::program::Place;

/// A table with three events.
fn built() -> Table {
    let table = Table::in_folder();
    table.create(&[]);
    table.land("events.ndjson", events(0..3), &[]);
    assert_eq!(table.sync()["events"], 3);
    table
}

#[test]
fn wrong_usage_is_said_with_its_setting() {
    let place = Place::new();
    let cases: [(&[&str], &str); 12] = [
        (
            &["create", "--lake", "file:lake", "--name", "Events"],
            "table.name",
        ),
        (
            &["sync", "--lake", "file:lake", "--name", "a.b.c"],
            "table.name",
        ),
        (
            &[
                "create",
                "--lake",
                "file:lake",
                "--warehouse",
                "file:lake/tables",
            ],
            "table.warehouse",
        ),
        (
            &[
                "create",
                "--lake",
                "file:lake/in",
                "--warehouse",
                "file:lake",
            ],
            "table.warehouse",
        ),
        (&["create", "--lake", "s3://bucket/lake"], "table.warehouse"),
        (
            &[
                "create",
                "--lake",
                "s3://bucket/lake",
                "--warehouse",
                "s3://bucket/lake/x",
            ],
            "table.warehouse",
        ),
        (
            &[
                "create",
                "--lake",
                "s3://bucket/lake",
                "--warehouse",
                "s3://bucket/x",
            ],
            "table.catalog",
        ),
        (
            &[
                "status",
                "--lake",
                "file:lake",
                "--catalog",
                "catalog.sqlite",
            ],
            "table.catalog",
        ),
        (
            &[
                "create",
                "--lake",
                "file:lake",
                "--partition",
                "hour(created_datetime)",
            ],
            "day(COLUMN)",
        ),
        (
            &[
                "create",
                "--lake",
                "file:lake",
                "--partition",
                "day(event_name)",
            ],
            "created_datetime",
        ),
        (
            &["create", "--lake", "file:lake", "--schema", "none.json"],
            "none.json",
        ),
        (
            &["sync", "--lake", "file:lake", "--interval", "1s"],
            "--follow",
        ),
    ];
    for (args, part) in cases {
        let args = [&["table"][..], args].concat();
        place.run(&args).failed(2, &[part]);
    }
    // None of them has created anything.
    assert_eq!(lake::tree(&place.path(".")).len(), 0);
}

#[test]
fn what_does_not_exist_is_not_created_by_reading() {
    let table = Table::in_folder();
    for command in ["sync", "status"] {
        let parts = ["there is no catalog", "sluice table create"];
        table.run(command, &[]).failed(1, &parts);
    }
    assert!(!table.warehouse.folder.exists());
    table.create(&[]);
    let other = table.named("other");
    for command in ["sync", "status", "drop"] {
        let parts = ["there is no table sluice.other", "sluice table create"];
        other.run(command, &[]).failed(1, &parts);
    }
}

#[test]
fn a_table_is_created_once() {
    const ONE: &str =
        r#"{"version": 1, "columns": [{"name": "created_datetime", "type": "timestamp(3)"}]}"#;
    let table = built();
    let location = table.warehouse.metadata_location(&table.name);
    let again = table.create(&[]);
    assert!(again.contains("exists with these columns"), "{again}");
    table.place.write("one.json", ONE);
    let exists = "there is a table sluice.events with";
    let other = table.run("create", &["--schema", "one.json"]);
    other.failed(1, &[exists, "another schema", "sluice table evolve"]);
    let other = table.run("create", &["--partition", "event_type"]);
    other.failed(1, &[exists, "the layout day(created_datetime)"]);
    let fewer = table.run("evolve", &["--schema", "one.json"]);
    fewer.failed(2, &["schema", "a table only gets new columns"]);
    assert_eq!(table.warehouse.metadata_location(&table.name), location);
}

#[test]
fn a_table_of_another_lake_is_left_alone() {
    let table = built();
    let location = table.warehouse.metadata_location(&table.name);
    let lake = fs::rename(&table.lake, table.place.path("moved"));
    lake.unwrap();
    let other_lake = "this is another lake than that of the table";
    // An empty lake, another one, and an older state.
    table.run("sync", &[]).failed(1, &[other_lake]);
    table.land("other.ndjson", events(3..6), &[]);
    table.run("sync", &[]).failed(1, &[other_lake]);
    table.run("status", &[]).failed(1, &[other_lake]);
    assert_eq!(table.warehouse.metadata_location(&table.name), location);
    fs::remove_dir_all(&table.lake).unwrap();
    fs::rename(table.place.path("moved"), &table.lake).unwrap();
    table.has_the_lake();
}

#[test]
fn an_object_that_has_expired_is_named() {
    let table = built();
    table.land("more.ndjson", events(3..6), &[]);
    let location = table.warehouse.metadata_location(&table.name);
    let objects = lake::tree(&table.lake).into_keys();
    let mut objects =
        objects.filter(|key| key.starts_with("event_type=") && key.contains("/more.ndjson"));
    let key = objects.next().unwrap();
    let content = fs::read(table.lake.join(&key)).unwrap();
    fs::remove_file(table.lake.join(&key)).unwrap();
    table.run("sync", &[]).failed(1, &[&key]);
    assert_eq!(table.warehouse.metadata_location(&table.name), location);
    fs::write(table.lake.join(&key), content).unwrap();
    assert_eq!(table.sync()["events"], 3);
    table.has_the_lake();
}

#[test]
fn a_table_is_only_dropped_on_purpose() {
    let table = built();
    let files = table.warehouse.data_files();
    for more in [&[][..], &["--purge"]] {
        let parts = ["yes", "would remove sluice.events"];
        table.run("drop", more).failed(2, &parts);
    }
    table.has_the_lake();
    table.run("drop", &["--yes"]).succeeded();
    assert_eq!(table.warehouse.data_files(), files);
    table
        .run("sync", &[])
        .failed(1, &["there is no table sluice.events"]);

    // Another one of this name begins anew, and takes nothing of the old one with it.
    table.create(&[]);
    assert_eq!(table.sync()["events"], 3);
    table.has_the_lake();
    table.run("drop", &["--yes", "--purge"]).succeeded();
    assert_eq!(table.warehouse.data_files(), files);
}
