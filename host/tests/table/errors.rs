//! What cannot be done, in words: 2 for wrong usage, 1 for what failed.

use std::fs;
use std::process::Command;

use super::{Bucket, Table};
use crate::local::events;
use crate::support::lake;
use crate::support::program::Place;
use testkit::proxy::{Fault, Rule};

/// A schema with one column.
const SCHEMA: &str =
    r#"{"version": 1, "columns": [{"name": "created_datetime", "type": "timestamp(3)"}]}"#;

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
    let none = [&[][..], &["--schema", "schema.json"]];
    table.place.write("schema.json", SCHEMA);
    let commands = ["sync", "status", "rebuild", "drop"].map(|command| (command, none[0]));
    let commands = commands.into_iter().chain([("evolve", none[1])]);
    let create = "sluice table create --lake file:lake";
    for (command, more) in commands.clone() {
        let parts = ["there is no catalog sqlite:", &format!("`{create}`")];
        table.run(command, more).failed(1, &parts);
    }
    assert!(!table.warehouse.folder.exists());
    table.create(&[]);
    let other = table.named("other");
    let create = format!("create it with `{create} --name other`");
    for (command, more) in commands {
        let missing = "there is no table sluice.other in sqlite:";
        let advice = match command {
            "drop" => "so none was removed",
            _ => &create,
        };
        other.run(command, more).failed(1, &[missing, advice]);
    }
}

/// What an error tells to do can be done as it stands there.
#[test]
fn the_command_that_creates_a_table_has_all_options() {
    let table = Table::in_folder();
    let place = ["--warehouse", "file:a b", "--catalog", "sqlite:c.sqlite"];
    table.create(&place);
    let table = table.named("of.events");
    let ran = table.run("sync", &place).failed(1, &["create it with"]);
    let command = ran.stderr.split('`').nth(1).unwrap();
    let command = command.replacen("sluice", env!("CARGO_BIN_EXE_sluice"), 1);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(table.place.path("."));
    assert!(shell.status().unwrap().success(), "{command}");
    table.run("status", &place).succeeded();
}

#[test]
fn a_schema_is_named_with_its_line() {
    let table = Table::in_folder();
    table.create(&[]);
    let long = SCHEMA.replace("timestamp(3)", "time");
    let cases = [
        ("none.json", None, "none.json: cannot read the schema"),
        (
            "broken.json",
            Some("{\n  \"version\": 1,\n  oops\n}"),
            "broken.json:3: ",
        ),
        (
            "type.json",
            Some(long.as_str()),
            "type.json: columns[0].type",
        ),
    ];
    for (name, content, part) in cases {
        if let Some(content) = content {
            table.place.write(name, content);
        }
        for command in ["create", "evolve", "rebuild"] {
            let ran = table.run(command, &["--schema", name]);
            ran.failed(2, &[part]);
        }
    }
}

/// The lake, or the warehouse, exists and may not be used.
#[test]
fn a_permission_that_is_missing_is_named() {
    let bucket = Bucket::new();
    let (table, proxy) = bucket.table("warehouse");
    table.land("events.ndjson", events(0..3), &[]);
    let denied = || Rule::new(Fault::s3(403, "AccessDenied")).always();
    let rule = proxy.add(denied().method("PUT").path("/warehouse/"));
    let parts = [
        "s3://bucket/warehouse/",
        "AccessDenied",
        "allow s3:PutObject",
    ];
    table.run("create", &[]).failed(1, &parts);
    proxy.remove(rule);
    table.create(&[]);
    let rule = proxy.add(denied().method("PUT").path("/warehouse/"));
    table.run("sync", &[]).failed(1, &parts);
    proxy.remove(rule);
    proxy.add(denied().method("GET").path("/warehouse/"));
    for command in ["sync", "status"] {
        let parts = [
            "s3://bucket/warehouse/",
            "AccessDenied",
            "allow s3:GetObject",
        ];
        table.run(command, &[]).failed(1, &parts);
    }
}

#[test]
fn a_table_is_created_once() {
    let table = built();
    let location = table.warehouse.metadata_location(&table.name);
    let again = table.create(&[]);
    assert!(again.contains("exists with these columns"), "{again}");
    table.place.write("one.json", SCHEMA);
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
    assert!(table.problem().contains(other_lake));
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
    let dropped = table.run("drop", &["--yes"]).succeeded().stdout;
    assert_eq!(table.warehouse.data_files(), files);
    table
        .run("sync", &[])
        .failed(1, &["there is no table sluice.events"]);
    let commands = removals(&dropped);
    assert_eq!(commands.len(), 2, "{dropped}");
    // Later, the command finds them by their names.
    let again = table.run("drop", &["--purge", "--yes"]);
    let again = again.failed(1, &["there is no table sluice.events", "dropped before"]);
    assert_eq!(removals(&again.stderr), commands);

    // Another one of this name begins anew, and takes nothing of the old one with it.
    table.create(&[]);
    assert_eq!(table.sync()["events"], 3);
    table.has_the_lake();
    // What another table of the catalog has is never named.
    let missing = table
        .place
        .run(&["table", "drop", "--lake", "file:lake", "--name", "event"]);
    let missing = missing.failed(1, &["there is no table sluice.event"]);
    assert_eq!(removals(&missing.stderr), [""; 0]);
    table.run("drop", &["--yes", "--purge"]).succeeded();
    assert_eq!(table.warehouse.data_files(), files);
    for command in commands {
        let mut shell = Command::new("sh");
        assert!(shell.args(["-c", &command]).status().unwrap().success());
    }
    assert_eq!(table.warehouse.data_files().len(), 0);
    let none = table.run("drop", &["--purge"]);
    let none = none.failed(1, &["there is no table sluice.events"]);
    assert_eq!(removals(&none.stderr), [""; 0]);
}

/// The table has the name of one that was dropped, whose files stay, and was rebuilt since.
#[test]
fn a_rebuilt_table_is_not_taken_for_one_that_was_dropped() {
    let table = built();
    table.run("rebuild", &[]).succeeded();
    let files = table.warehouse.data_files().len();
    table.run("drop", &["--yes", "--purge"]).succeeded();
    // The files of the one before are in a folder of the same name.
    let missing = table.run("drop", &["--purge"]);
    let missing = missing.failed(1, &["there is no table sluice.events"]);
    assert_eq!(removals(&missing.stderr), [""; 0]);
    assert!(table.warehouse.data_files().len() < files);
    assert!(!table.warehouse.data_files().is_empty());
}

/// The commands that remove folders.
fn removals(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("rm -r -- "))
        .map(str::to_owned)
        .collect()
}
