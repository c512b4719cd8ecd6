//! `sluice config check` finds what a run would stop at, with the same message and the same exit code.

use crate::local::events;
use crate::support::guests::rogue;
use crate::support::program::{Place, Ran};

/// Runs `config check` and then `run` with the same arguments: both fail with the same error.
fn both_fail(place: &Place, more: &[&str], code: i32, parts: &[&str]) {
    let args = Place::landing(more);
    let check = ["config".to_owned(), "check".to_owned()].into_iter();
    let check: Vec<_> = check.chain(args.iter().skip(1).cloned()).collect();
    let check = place.run(&check).failed(code, parts);
    assert_eq!(check.stdout, "");
    assert!(!place.lake().exists());
    let error = check.stderr.lines().last().unwrap();
    place.run(&args).failed(code, &[error]);
}

fn place() -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place
}

#[test]
fn a_source_that_cannot_be_read_is_found() {
    let place = place();
    both_fail(
        &place,
        &["--source", "file:nowhere.ndjson"],
        1,
        &["cannot read nowhere.ndjson"],
    );
    both_fail(
        &place,
        &["--source", "file:*.json"],
        1,
        &["cannot read *.json", "matches no file to read"],
    );
    place.write("events.xz", b"\xfd7zXZ\0and more");
    both_fail(
        &place,
        &["--source", "file:events.xz"],
        1,
        &["cannot read events.xz", "format"],
    );
}

#[test]
fn files_of_settings_that_do_not_exist_are_found() {
    let place = place();
    for (flag, parts) in [
        ("--transform", ["transform: ", "cannot read nowhere.file"]),
        ("--transform-config", ["transform_config: ", "nowhere.file"]),
        ("--public-key", ["public_key: ", "nowhere.file"]),
    ] {
        both_fail(&place, &[flag, "nowhere.file"], 2, &parts);
    }
}

#[test]
fn a_configuration_that_the_transform_rejects_is_found() {
    let place = place();
    let typo = ["--transform-config", r#"{"partition_bye":[]}"#];
    let parts = [
        "transform_config: ",
        "builtin:enrich",
        "partition_bye: there is no",
    ];
    both_fail(&place, &typo, 2, &parts);
    both_fail(
        &place,
        &["--transform-config", r#"{"partition_by":"#],
        2,
        &["transform_config: ", "not JSON"],
    );
    place.write("rogue.wasm", &rogue().by_batch);
    let rejected = r#"{"configure":"reject"}"#;
    both_fail(
        &place,
        &["--transform", "rogue.wasm", "--transform-config", rejected],
        2,
        &["transform_config: ", "rogue.wasm", "configure: ", "colour"],
    );
}

#[test]
fn a_member_that_a_configuration_has_twice_is_found_wherever_it_is_given() {
    let place = place();
    let config = r#"{"partition_by":[],"time_member":"a","time_member":"b"}"#;
    let parts = [
        "transform_config: ",
        "has the member \"time_member\" twice; give it once",
    ];
    both_fail(&place, &["--transform-config", config], 2, &parts);
    place.write("config.json", config);
    let with_name = [&parts[..], &["\"config.json\" has"]].concat();
    both_fail(
        &place,
        &["--transform-config", "config.json"],
        2,
        &with_name,
    );
    place.write("sluice.toml", format!("transform_config = '{config}'\n"));
    both_fail(&place, &[], 2, &["transform_config", parts[1]]);
    place.write("sluice.toml", "");

    let nested = r#"{"a":[{"b":1,"b":2}]}"#;
    let parts = [
        "transform_config: ",
        "has the member \"b\" twice in `a[0]`; give it once",
    ];
    let jq = ["--jq", ".a", "--transform-config", nested];
    both_fail(&place, &jq, 2, &parts);
    let publish = ["transform", "publish", "--registry", "file:registry"];
    place.run(&[&publish[..], &jq].concat()).failed(2, &parts);
    let args = Place::landing(&[]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut program = place.command(&args);
    program.env("SLUICE_TRANSFORM_CONFIG", nested);
    let parts = ["SLUICE_TRANSFORM_CONFIG: ", parts[1]];
    Ran::from(program.output().unwrap()).failed(2, &parts);
}

#[test]
fn an_error_of_a_variable_names_it() {
    let place = place();
    for (variable, value) in [
        ("SLUICE_TRANSFORM", "nowhere.wasm"),
        ("SLUICE_TRANSFORM_CONFIG", r#"{"partition_bye":[]}"#),
        ("SLUICE_PUBLIC_KEY", "nowhere.pem"),
    ] {
        for command in ["run", "config check"] {
            let more = ["--source", "file:events.ndjson", "--lake", "file:lake"];
            let args: Vec<_> = command.split(' ').chain(more).collect();
            let mut program = place.command(&args);
            program.env(variable, value);
            Ran::from(program.output().unwrap()).failed(2, &[&format!("sluice: {variable}: ")]);
        }
    }
    let mut program = place.command(&["transform", "list"]);
    program.env("SLUICE_REGISTRY", "file://registry");
    let ran = Ran::from(program.output().unwrap());
    ran.failed(2, &["SLUICE_REGISTRY: ", "did you mean `file:registry`?"]);
}

#[test]
fn a_component_that_fails_admission_is_found() {
    let place = place();
    both_fail(
        &place,
        &["--transform", "events.ndjson"],
        2,
        &["transform: cannot admit events.ndjson: compile: "],
    );
}

#[test]
fn a_run_that_would_start_is_accepted() {
    let place = place();
    place.write("rogue.wasm", &rogue().by_batch);
    for more in [&[][..], &["--transform", "rogue.wasm"], &["--source", "-"]] {
        let args = Place::landing(more).into_iter().skip(1);
        let check = ["config".to_owned(), "check".to_owned()].into_iter();
        let ran = place.run(&check.chain(args).collect::<Vec<_>>());
        assert_eq!(ran.succeeded().stdout, "the settings are valid\n");
        assert!(!place.lake().exists());
    }
}
