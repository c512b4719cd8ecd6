//! The settings of a table: flags override variables, which override the section `[table]` of the file, which overrides
//! defaults.

use std::fs;

use serde_json::{Value, json};

use crate::local::{events, reversed};
use crate::support::program::{Place, Ran};

/// A lake of three events, and a file that names it and a warehouse.
fn place(table: &str) -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place
        .run(&Place::landing(&[
            "--source",
            "file:events.ndjson",
            "--bus",
            "none",
        ]))
        .summary();
    place.write(
        "sluice.toml",
        format!("lake = 'file:lake'\n[table]\n{table}"),
    );
    place
}

fn with(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = place.command(args);
    command.envs(variables.iter().copied());
    command.output().unwrap().into()
}

/// The names of the folders of tables in a warehouse, without their numbers.
fn tables(place: &Place, warehouse: &str) -> Vec<String> {
    let folders = fs::read_dir(place.path(warehouse).join("sluice"));
    let names = folders.into_iter().flatten().map(|folder| {
        let name = folder.unwrap().file_name().into_string().unwrap();
        name.split('-').next().unwrap().to_owned()
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn all_commands_take_the_section_of_the_file() {
    let place = place("name = 'lessons'\nwarehouse = 'file:warehouse'\nmax_age = '0s'\n");
    place.run(&["table", "create"]).succeeded();
    assert_eq!(tables(&place, "warehouse"), ["lessons"]);
    let synced = place.run(&["table", "sync", "--json"]).succeeded().stdout;
    assert!(synced.contains("sluice.lessons"), "{synced}");
    let status = place.run(&["table", "status"]).succeeded().stdout;
    assert!(status.contains("3 events"), "{status}");
    let audit = place.run(&["audit", "--table"]).succeeded().stdout;
    assert!(audit.contains("sluice.lessons"), "{audit}");
    place.run(&["table", "rebuild"]).succeeded();
    let dropped = place.run(&["table", "drop", "--yes"]).succeeded().stdout;
    assert!(dropped.contains("sluice.lessons"), "{dropped}");
}

#[test]
fn another_file_is_named_by_a_flag_or_a_variable() {
    let place = place("warehouse = 'file:warehouse'\n");
    place.write(
        "other.toml",
        "lake = 'file:lake'\ntable.warehouse = 'file:other'\n",
    );
    place
        .run(&["table", "create", "--config", "other.toml"])
        .succeeded();
    assert_eq!(tables(&place, "other"), ["events"]);
    let variable = [("SLUICE_CONFIG", "other.toml")];
    with(&place, &["table", "status"], &variable).succeeded();
    assert!(!place.path("warehouse").exists());
    let missing = ["table", "status", "--config", "nowhere.toml"];
    place.run(&missing).failed(2, &["nowhere.toml"]);
}

#[test]
fn a_flag_overrides_a_variable_and_a_variable_the_file() {
    let place = place("name = 'file'\nwarehouse = 'file:warehouse'\n");
    let variable = [("SLUICE_TABLE_NAME", "variable")];
    let create = ["table", "create"];
    with(&place, &create, &variable).succeeded();
    assert_eq!(tables(&place, "warehouse"), ["variable"]);
    let flag = ["table", "create", "--name", "flag"];
    with(&place, &flag, &variable).succeeded();
    assert_eq!(tables(&place, "warehouse"), ["flag", "variable"]);
    place.run(&create).succeeded();
    assert_eq!(tables(&place, "warehouse"), ["file", "flag", "variable"]);
    // An age of the file holds for a sync without --follow, too.
    place.write(
        "waits.toml",
        "lake = 'file:lake'\n[table]\nname = 'file'\nwarehouse = 'file:warehouse'\nmax_age = '1d'\n",
    );
    let sync = ["table", "sync", "--config", "waits.toml"];
    let waits = place.run(&sync).succeeded().stdout;
    assert!(waits.contains("3 events wait"), "{waits}");
    let all = ["table", "sync", "--config", "waits.toml", "--max-age", "0s"];
    let written = place.run(&all).succeeded().stdout;
    assert!(
        written.contains("has all events of the lake: 3"),
        "{written}"
    );
}

#[test]
fn an_error_names_the_place_of_the_setting() {
    let sync = ["table", "sync"];
    for (table, parts) in [
        (
            "name = 'Events'\n",
            ["sluice.toml:3: table.name", "no name of a table"],
        ),
        (
            "warehouse = 'file:lake/x'\n",
            ["sluice.toml:3: table.warehouse", "is inside the lake"],
        ),
        (
            "interval = '0s'\n",
            ["sluice.toml:3: table.interval", "at least 1ms"],
        ),
        (
            "scratch = 's3://bucket/scratch'\n",
            ["sluice.toml:3: table.scratch", "local folder"],
        ),
        (
            "catalog = 'x.sqlite'\n",
            ["sluice.toml:3: table.catalog", "sqlite:FILE"],
        ),
        (
            "memory = '1MiB'\n",
            ["sluice.toml:3: table.memory", "at least 16.0 MiB"],
        ),
        (
            "file_size = '64'\n",
            ["sluice.toml:3: table.file_size", "no unit"],
        ),
        (
            "threads = 0\n",
            ["sluice.toml:3: table.threads", "1 or more"],
        ),
        (
            "dedupe.window = 'soon'\n",
            ["sluice.toml:3: table.dedupe.window", "soon"],
        ),
        (
            "dedupe = { kee = 'x' }\n",
            [
                "sluice.toml:3: table.dedupe.kee",
                "did you mean `table.dedupe.key`?",
            ],
        ),
        (
            "warehose = 'file:x'\n",
            [
                "sluice.toml:3: table.warehose",
                "did you mean `table.warehouse`?",
            ],
        ),
    ] {
        let place = place(table);
        place.run(&sync).failed(2, &parts);
        place.run(&["table", "create"]).failed(2, &parts);
        let audit = ["audit", "--table", "--quick"];
        place.run(&audit).failed(2, &parts);
        let check = ["config", "check", "--source", "file:events.ndjson"];
        let checked = place.run(&check).failed(2, &parts);
        let error = checked.stderr.lines().last().unwrap();
        let run = ["run", "--source", "file:events.ndjson"];
        place.run(&run).failed(2, &[error]);
        assert!(!place.path("lake.warehouse").exists());
    }
    let place = place("");
    for (variable, value, parts) in [
        (
            "SLUICE_TABLE_NAME",
            "a-b",
            ["SLUICE_TABLE_NAME: ", "no name of a table"],
        ),
        (
            "SLUICE_TABLE_THREADS",
            "many",
            ["SLUICE_TABLE_THREADS: ", "many"],
        ),
        (
            "SLUICE_TABLE_MEMORY",
            "1MiB",
            ["SLUICE_TABLE_MEMORY: ", "at least 16.0 MiB"],
        ),
        (
            "SLUICE_TABLE_WAREHOSE",
            "file:x",
            ["SLUICE_TABLE_WAREHOSE: ", "SLUICE_TABLE_WAREHOUSE"],
        ),
    ] {
        with(&place, &sync, &[(variable, value)]).failed(2, &parts);
    }
    let flag = ["table", "sync", "--name", "a-b"];
    let flag = place.run(&flag).failed(2, &["table.name: "]);
    assert!(!flag.stderr.contains("sluice.toml"), "{}", flag.stderr);
    let nowhere = Place::new();
    nowhere
        .run(&sync)
        .failed(2, &["lake: missing", "--lake file:lake"]);
}

#[test]
fn a_name_or_a_scratch_folder_that_a_command_refuses_is_found_before() {
    let run = ["run", "--source", "file:events.ndjson"];
    let check = ["config", "check", "--source", "file:events.ndjson"];
    let reserved = place("name = 'events__rebuild'\n");
    let file = place("scratch = 'events.ndjson/scratch'\n");
    file.run(&["table", "create"]).succeeded();
    for (place, command, parts) in [
        (
            &reserved,
            "create",
            ["sluice.toml:3: table.name", "events__rebuild"],
        ),
        (
            &file,
            "sync",
            ["sluice.toml:3: table.scratch", "events.ndjson is a file"],
        ),
    ] {
        for args in [&run[..], &check, &["table", command]] {
            place.run(args).failed(2, &parts);
        }
    }
}

/// The rule for duplicates of the table that a command has created or rebuilt.
fn rule_of(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let args = [&["table"], args, &["--json"]].concat();
    let done = with(place, &args, variables).succeeded().stdout;
    serde_json::from_str::<Value>(&done).unwrap()["dedupe"].take()
}

#[test]
fn a_rule_for_duplicates_is_that_of_the_flag_the_variable_or_the_file() {
    let place = place("dedupe = { key = 'event_uuid', window = '2h' }\n");
    let rule = |key: &str, window: &str| json!({"key": key, "window": window});
    let create = ["create", "--name"];
    let variable = [("SLUICE_TABLE_DEDUPE_WINDOW", "3h")];
    let of_file = rule_of(&place, &[&create[..], &["file"]].concat(), &[]);
    assert_eq!(of_file, rule("event_uuid", "2h"));
    let of_variable = rule_of(&place, &[&create[..], &["variable"]].concat(), &variable);
    assert_eq!(of_variable, rule("event_uuid", "3h"));
    let flags = ["flag", "--dedupe-key", "event_name"];
    let flags = [&create[..], &flags, &["--dedupe-window", "4h"]].concat();
    assert_eq!(rule_of(&place, &flags, &variable), rule("event_name", "4h"));

    // The same three events again, in a file that begins with another one.
    place.write("again.ndjson", reversed(&events(0..3)));
    let again = ["--source", "file:again.ndjson", "--bus", "none"];
    place.run(&Place::landing(&again)).summary();
    let sync = ["table", "sync", "--name", "file", "--json"];
    let synced = || {
        let synced = place.run(&sync).succeeded().stdout;
        let synced: Value = serde_json::from_str(&synced).unwrap();
        let count = |name: &str| synced[name].as_u64().unwrap();
        (count("events"), count("duplicates"))
    };
    assert_eq!(synced(), (3, 3));
    let rebuild = ["rebuild", "--name", "file"];
    let without = [&rebuild[..], &["--no-dedupe"]].concat();
    assert_eq!(rule_of(&place, &without, &variable), Value::Null);
    // A builder has the rule of its table, whatever the file says.
    place.write("third.ndjson", events(1..3) + &events(0..1));
    let third = ["--source", "file:third.ndjson", "--bus", "none"];
    place.run(&Place::landing(&third)).summary();
    assert_eq!(synced(), (3, 0));
    assert_eq!(rule_of(&place, &rebuild, &[]), rule("event_uuid", "2h"));
}

#[test]
fn a_rule_for_duplicates_that_is_none_is_named() {
    let check = ["config", "check", "--source", "file:events.ndjson"];
    let run = ["run", "--source", "file:events.ndjson"];
    for (dedupe, parts) in [
        (
            "dedupe = { key = 'event_uuid' }\n",
            ["table.dedupe.window: missing", "table.dedupe.key needs it"],
        ),
        (
            "dedupe.window = '2h'\n",
            ["table.dedupe.key: missing", "table.dedupe.window needs it"],
        ),
        (
            "[table.dedupe]\nkey = 'event_uuid'\nwindow = '0s'\n",
            ["sluice.toml:5: table.dedupe.window", "at least 1ms"],
        ),
    ] {
        let place = place(dedupe);
        place.run(&["table", "create"]).failed(2, &parts);
        place.run(&check).failed(2, &parts);
        place.run(&run).failed(2, &parts);
    }
    let place = place("dedupe = { key = 'created_at', window = '2h' }\n");
    let parts = [
        "sluice.toml:3: table.dedupe.key",
        "no column created_at that can be a key",
    ];
    place.run(&["table", "create"]).failed(2, &parts);
    let variable = [("SLUICE_TABLE_DEDUPE_WINDOW", "soon")];
    let parts = ["SLUICE_TABLE_DEDUPE_WINDOW: ", "soon"];
    with(&place, &["table", "create"], &variable).failed(2, &parts);
}

#[test]
fn a_file_for_several_processes_is_taken_by_each() {
    // The settings of `run` that a command of tables has under the same name are those of `run`.
    let place = place("warehouse = 'file:warehouse'\n");
    let file = fs::read_to_string(place.path("sluice.toml")).unwrap();
    let of_run = "http = '127.0.0.1:9'\nthreads = 2\nmemory = '1GiB'\nsource = 'kinesis:events'\n";
    place.write("sluice.toml", format!("{of_run}{file}"));
    place.run(&["table", "create"]).succeeded();
    place.run(&["table", "sync"]).succeeded();
    // An interval of the file is for a builder that goes on.
    place.write("sluice.toml", format!("{of_run}{file}interval = '1m'\n"));
    place.run(&["table", "sync"]).succeeded();
    let flag = ["table", "sync", "--interval", "1m"];
    place.run(&flag).failed(2, &["--follow"]);
}

#[test]
fn settings_are_shown_with_their_origin() {
    let place = place("name = 'lessons'\n");
    let show = ["config", "show", "--source", "file:events.ndjson"];
    let shown = with(&place, &show, &[("SLUICE_TABLE_THREADS", "3")])
        .succeeded()
        .stdout;
    for line in [
        "table.name = \"lessons\"  # sluice.toml",
        "table.threads = \"3\"  # environment",
        "table.memory = \"256MiB\"  # default",
        "# table.scratch = -  # not set",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let schema = place.run(&["config", "schema"]).succeeded().stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let table = &schema["properties"]["table"];
    assert_eq!(table["additionalProperties"], false);
    assert_eq!(table["properties"]["name"]["default"], "events");
}

#[test]
fn only_a_worker_that_goes_on_builds_the_table() {
    let place = place("");
    let run = ["run", "--source", "file:events.ndjson"];
    let build = [("SLUICE_TABLE_BUILD", "true")];
    with(&place, &run, &build).failed(2, &["SLUICE_TABLE_BUILD: needs a worker that goes on"]);
    let ends = [
        "run",
        "--source",
        "kinesis:events",
        "--exit-when-caught-up",
        "--table-build",
    ];
    place
        .run(&ends)
        .failed(2, &["table.build: needs a worker that goes on"]);
    // A file can be for runs of all kinds.
    place.write("sluice.toml", "lake = 'file:lake'\n[table]\nbuild = true\n");
    place.run(&run).succeeded();
    // A worker that builds needs to know where.
    place.write(
        "sluice.toml",
        "lake = 's3://bucket/lake'\n[table]\nbuild = true\n",
    );
    let worker = ["config", "check", "--source", "kinesis:events"];
    place.run(&worker).failed(2, &["table.warehouse: missing"]);
}
