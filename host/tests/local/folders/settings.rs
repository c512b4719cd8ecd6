//! Folders and patterns with other settings and other commands, and several sources in a variable.

use std::os::unix::fs::symlink;

use super::{land_from, write_files};
use crate::support::program::{Place, Ran};

#[test]
fn an_audit_a_check_and_a_trial_take_the_same_files() {
    let place = Place::new();
    write_files(&place, &["in/b.ndjson", "in/a.ndjson", "in/sub/c.ndjson"]);
    place.write("in/.hidden", "no json\n");
    land_from(&place, &["file:in/**"], &[]).succeeded();
    let audit = |source: &str| {
        let targets = ["--lake", "file:lake", "--bus", "file:bus"];
        let args = [&["audit", "--source", source], &targets[..]].concat();
        place.run(&args)
    };
    let proven = audit("file:in/**").succeeded().stdout;
    assert!(proven.starts_with("proven: 9 records "), "{proven}");
    assert!(
        proven.contains("note: 3 files found in the folders"),
        "{proven}"
    );
    assert!(
        proven.contains("note: left out of the folders: 1 hidden"),
        "{proven}"
    );
    let flat = audit("file:in").succeeded().stdout;
    assert!(flat.starts_with("proven: 6 records "), "{flat}");
    audit("file:in/*.json").failed(1, &["matches no file to read"]);
    let check =
        |source: &str| place.run(&["config", "check", "--source", source, "--lake", "file:lake"]);
    let checked = check("file:in").succeeded().stdout;
    let expected = "the settings are valid\nnote: 2 files found in the folders of the sources\n\
                    note: left out of the folders: 1 hidden; 1 sub-folder";
    assert!(checked.starts_with(expected), "{checked}");
    check("file:in/*.json").failed(1, &["matches no file to read"]);
    for args in [&["--source", "file:in"][..], &["in"], &["in/*.ndjson"]] {
        let args = [&["transform", "try", "--json"], args].concat();
        let tried = place.run(&args).succeeded();
        let sources = tried.stdout.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            Some(line["source"].as_str()?.to_owned())
        });
        let expected = [["in/a.ndjson"; 3], ["in/b.ndjson"; 3]].concat();
        assert_eq!(sources.collect::<Vec<_>>(), expected, "{args:?}");
    }
    let nothing = place.run(&["transform", "try", "in/*.json"]);
    nothing.failed(1, &["matches no file to read"]);
}

#[test]
fn a_variable_holds_several_sources() {
    let place = Place::new();
    write_files(&place, &["a.ndjson", "b,c.ndjson", "in/d.ndjson"]);
    let with = |args: &[&str], sources: &str| {
        let mut command = place.command(args);
        command
            .env("SLUICE_SOURCE", sources)
            .env("SLUICE_LAKE", "file:lake");
        Ran::from(command.output().unwrap())
    };
    let sources = r"file:a.ndjson,file:b\,c.ndjson, file:in";
    let run = ["run", "--summary", "json"];
    assert_eq!(
        with(&run, sources).summary().counts(["records", "files"]),
        [9, 3]
    );
    let shown = with(&["config", "show"], sources).succeeded().stdout;
    let line = r#"source = ["file:a.ndjson", "file:b,c.ndjson", "file:in"]  # environment"#;
    assert!(shown.lines().any(|shown| shown == line), "{shown}");
    with(&run, "file:a.ndjson,,-").failed(2, &["SLUICE_SOURCE: value 2 of 3 is empty"]);
    let parts = [
        "SLUICE_SOURCE: value 2 of 2: ",
        "did you mean `file:b.ndjson`?",
    ];
    with(&run, "file:a.ndjson,b.ndjson").failed(2, &parts);
    // A comma in a flag or in `sluice.toml` is a part of the value.
    let flag = ["run", "--summary", "json", "--source", "file:b,c.ndjson"];
    let summary = with(&flag, "file:nowhere").summary();
    assert_eq!(summary.counts(["records", "already_committed"]), [0, 3]);
    place.write(
        "sluice.toml",
        "source = ['file:b,c.ndjson', 'file:in']\nlake = 'file:lake'\n",
    );
    let summary = place.run(&run).summary();
    assert_eq!(summary.counts(["records", "already_committed"]), [0, 6]);
}

#[test]
fn a_name_is_for_one_file() {
    let place = Place::new();
    write_files(&place, &["in/x.ndjson"]);
    let name = ["--source-name", "x"];
    for source in ["file:in", "file:in/*"] {
        let parts = ["source_name: ", "the path of one file"];
        land_from(&place, &[source], &name).failed(2, &parts);
    }
    land_from(&place, &["file:in/x.ndjson"], &name).succeeded();
}

#[test]
fn a_folder_of_sources_cannot_hold_the_lake_or_the_bus() {
    let place = Place::new();
    write_files(&place, &["events.ndjson", "in/x.ndjson"]);
    let parts = ["source: ", "also reads the folder of the lake"];
    land_from(&place, &["file:**/*.ndjson"], &[]).failed(2, &parts);
    let bus = ["--bus", "file:in"];
    let parts = ["source: ", "also reads the folder of the bus"];
    land_from(&place, &["file:in"], &bus).failed(2, &parts);
    assert!(!place.lake().exists());
    // The current folder alone holds the lake, but is not read recursively.
    assert_eq!(
        land_from(&place, &["file:."], &[])
            .summary()
            .count("records"),
        3
    );
    symlink("../lake/_sluice", place.path("in/link")).unwrap();
    let parts = ["source: ", "lies in the folder of the lake"];
    land_from(&place, &["file:in/**"], &[]).failed(2, &parts);
}
