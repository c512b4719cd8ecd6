//! Redrives that cannot be what their user wants.

use super::{of_reason, place, redrive};
use crate::support::lake;
use crate::support::program::Place;

const COPY: [&str; 2] = ["--transform", "builtin:copy"];

#[test]
fn settings_that_do_not_fit_are_named() {
    let place = place();
    let before = lake::tree(&place.lake());
    for (flags, parts) in [
        (
            &["--source", "file:events.ndjson"][..],
            &["source: a redrive reads the quarantine of the lake"][..],
        ),
        (
            &["--release", "01234567", "--jq", "."],
            &["either --release or --jq"],
        ),
        (&["--release", "01234567"], &["release: needs a registry"]),
        (&["--reason", "No Code"], &["--reason"]),
        (&["--id", "Not-An-Id"], &["--id"]),
        (
            &["--format", "parquet"],
            &[
                "format: the chunks of these records are lines",
                "--format ndjson",
            ],
        ),
    ] {
        redrive(&place, flags).failed(2, parts);
    }
    let help = place.run(&["redrive", "--help"]).succeeded().stdout;
    let is_flag = |name: &str| help.lines().any(|line| line.trim_start().starts_with(name));
    assert!(is_flag("--id <ID>") && !is_flag("--source <") && !is_flag("--archive <"));
    // A reason that there is not.
    let ran = redrive(&place, &["--reason", "mising_field"]).succeeded();
    let there_are = "there are the reasons invalid_json, missing_field, the releases ";
    assert!(ran.stderr.contains(there_are), "{ran:?}");
    assert!(lake::tree(&place.lake()) == before, "the lake has changed");
}

#[test]
fn the_quarantine_of_parquet_needs_the_flags_of_parquet() {
    let place = Place::new();
    let missing = r#"{"event_uuid":"m","more":1}"#;
    place.write("events.ndjson", format!("broken\n{missing}\n"));
    place.land(&["--format", "parquet"]);
    let parts = [
        "format:",
        "--format parquet",
        "--schema FILE",
        "_sluice/schemas",
    ];
    redrive(&place, &COPY).failed(2, &parts);
    let fix = [&COPY[..], &["--format", "parquet"]].concat();
    // A dry run counts what no column has, too.
    let tried = redrive(&place, &[&fix[..], &["--dry-run"]].concat()).summary();
    let summary = redrive(&place, &fix).summary();
    for summary in [&tried, &summary] {
        assert_eq!(of_reason(summary, "missing_field"), [1, 1, 0, 0]);
        assert_eq!(summary.count("unmapped_values"), 1);
        assert_eq!(summary.0["unmapped_paths"]["more"], 1);
        assert_eq!(summary.0["releases"][0]["records"], 2);
    }
    assert_eq!(
        lake::all_events(&place.lake()),
        [r#"{"event_uuid":"m","more":1}"#]
    );
}

#[test]
fn columns_that_are_not_those_of_the_chunks_are_said() {
    let place = Place::new();
    place.write("events.ndjson", "broken\n");
    let schema = r#"{"version":1,"columns":[{"name":"event_uuid","type":"string"}]}"#;
    place.write("schema.json", schema);
    place.land(&["--format", "parquet", "--schema", "schema.json"]);
    let parquet = [&COPY[..], &["--format", "parquet", "--dry-run"]].concat();
    let with_schema = [&parquet[..], &["--schema", "schema.json"]].concat();
    for (flags, warns) in [(parquet, true), (with_schema, false)] {
        let ran = redrive(&place, &flags).succeeded();
        let warning = "and the redrive writes the built-in ones";
        assert_eq!(ran.stderr.contains(warning), warns, "{ran:?}");
    }
}

#[test]
fn a_lake_in_which_nothing_has_landed_is_an_error() {
    let place = Place::new();
    redrive(&place, &[]).failed(1, &["nothing has landed in lake"]);
    assert!(!place.lake().exists());
}

#[test]
fn a_redrive_is_continued_with_its_own_filters_only() {
    let place = place();
    let one = ["--id", "one", "--reason", "missing_field"];
    redrive(&place, &[&COPY[..], &one].concat()).succeeded();
    let other = ["--id", "one", "--reason", "invalid_json"];
    let parts = ["id: the redrive one exists and takes other records"];
    redrive(&place, &[&COPY[..], &other].concat()).failed(2, &parts);
    redrive(&place, &[&COPY[..], &one].concat()).succeeded();
    let ran = redrive(&place, &[&COPY[..], &["--id", "one"]].concat()).succeeded();
    assert!(ran.stderr.contains("takes nothing more"), "{ran:?}");
}

/// Nobody knows what it has landed, and its ledger has the ordinals of the list that is gone.
#[test]
fn without_the_list_of_a_redrive_no_redrive_begins() {
    let place = place();
    let one = [&COPY[..], &["--id", "one", "--reason", "missing_field"]].concat();
    redrive(&place, &one).succeeded();
    let path = place.lake().join("_sluice/redrives/one.json");
    let list = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let two = ["--id", "two", "--reason", "invalid_json"];
    for more in [&["--id", "one"][..], &two] {
        let parts = ["redrives/one.json does not exist", "restore it"];
        redrive(&place, &[&COPY[..], more].concat()).failed(1, &parts);
    }
    std::fs::write(&path, list).unwrap();
    let summary = redrive(&place, &[&COPY[..], &two].concat()).summary();
    assert_eq!(of_reason(&summary, "invalid_json"), [4, 0, 0, 4]);
}

/// All of its records would land again.
#[test]
fn a_redrive_whose_ledger_is_gone_does_not_begin_anew() {
    let place = place();
    let one = [&COPY[..], &["--id", "one", "--reason", "missing_field"]].concat();
    redrive(&place, &one).succeeded();
    let before = lake::objects(&place.lake());
    let ledger = place.lake().join("_sluice/ledger/redrive-one.json");
    std::fs::remove_file(ledger).unwrap();
    let parts = ["one has no ledger", "_sluice/ledger/redrive-one.json"];
    redrive(&place, &one).failed(1, &parts);
    assert_eq!(lake::objects(&place.lake()), before);
}

#[test]
fn rules_that_have_quarantined_all_of_the_records_before_are_said() {
    let place = place();
    let ran = redrive(&place, &["--reason", "missing_field"]).succeeded();
    let warning = "has quarantined all of them before";
    assert!(ran.stderr.contains(warning), "{ran:?}");
    let ran = redrive(
        &place,
        &[&COPY[..], &["--reason", "missing_field"]].concat(),
    )
    .succeeded();
    assert!(!ran.stderr.contains(warning), "{ran:?}");
}

#[test]
fn a_redrive_that_nobody_gives_rules_says_so() {
    let place = Place::new();
    place.write("events.ndjson", "broken\n");
    place.land(&COPY);
    let warning = "no rules are given, so builtin:enrich transforms these records";
    for (rules, warns) in [(&[][..], true), (&["--jq", "."], false)] {
        let ran = redrive(&place, &[rules, &["--dry-run"]].concat()).succeeded();
        assert_eq!(ran.stderr.contains(warning), warns, "{ran:?}");
    }
}

/// Its release was rolled back, and a redrive by the default rules rejects everything once more.
#[test]
fn a_registry_without_an_active_release_is_said_and_so_are_the_rules() {
    let place = place();
    let registry = ["--registry", "file:registry"];
    let transform = |args: &[&str]| {
        let ran = place.run(&[&["transform"], args, &registry[..]].concat());
        ran.succeeded().stdout.trim().to_owned()
    };
    let release = transform(&["publish", "builtin:copy"]);
    transform(&["activate", &release]);
    let tried = |more: &[&str]| {
        let ran = redrive(&place, &[&registry[..], &["--dry-run"], more].concat());
        ran.succeeded().stderr
    };
    let warning = "no release of the registry is active, so builtin:enrich transforms";
    let by_release = format!("by release {}", &release[..8]);
    let active = tried(&[]);
    assert!(
        active.contains(&by_release) && !active.contains(warning),
        "{active}"
    );
    transform(&["rollback", "--why", "too slow"]);
    let default = tried(&[]);
    let parts = [warning, "give --release ID", "by builtin:enrich, release "];
    for part in parts {
        assert!(default.contains(part), "{part}: {default}");
    }
    let pinned = tried(&["--release", &release[..8]]);
    assert!(
        pinned.contains(&by_release) && !pinned.contains(warning),
        "{pinned}"
    );
}

#[test]
fn a_redrive_on_which_another_process_works_is_named_once() {
    let place = place();
    let ledgers = place.lake().join("_sluice/ledger");
    std::fs::create_dir_all(&ledgers).unwrap();
    let lock = std::fs::File::create(ledgers.join("redrive-one.lock")).unwrap();
    lock.lock().unwrap();
    let one = [&COPY[..], &["--id", "one"]].concat();
    let parts = ["another process works on the redrive one; wait for it or stop it"];
    let ran = redrive(&place, &one).failed(1, &parts);
    for other in ["the redrive one of", "another run is working"] {
        assert!(!ran.stderr.contains(other), "{other}: {ran:?}");
    }
    drop(lock);
    let ran = redrive(&place, &one).succeeded();
    assert_eq!(of_reason(&ran.summary(), "missing_field"), [5, 5, 0, 0]);
}
