//! Values of settings that mean nothing are wrong usage, however they are given, and the message says what would be
//! right.

use crate::local::events;
use crate::support::program::{Place, Ran};

/// A setting by its flag, a value that means nothing, and what the message says.
const MEANINGLESS: [(&str, &str, &str); 25] = [
    ("log-level", "warning", "warn, info, debug"),
    ("log-level", "verbose", "warn, info, debug"),
    ("log-level", "warn,sluice", "warn,sluice=debug"),
    ("lake", "file://lake", "did you mean `file:lake`?"),
    ("lake", "file:~/lake", "give the whole path"),
    (
        "source",
        "file:///a.ndjson",
        "did you mean `file:/a.ndjson`?",
    ),
    ("source", "file:~/a.ndjson", "give the whole path"),
    ("bus", "file://bus", "did you mean `file:bus`?"),
    ("registry", "file:~/registry", "give the whole path"),
    ("chunk-bytes", "64", "KiB, MiB, GiB"),
    ("chunk-bytes", "64 zorb", "KiB, MiB, GiB"),
    ("memory", "lots", "KiB, MiB, GiB"),
    ("limits-record-bytes", "10", "KiB, MiB, GiB"),
    ("lease", "60", "ms, s, m, h, d, w"),
    ("retry-timeout", "5 zorbs", "ms, s, m, h, d, w"),
    ("chunk-age", "soon", "ms, s, m, h, d, w"),
    ("source", "kinesis:my stream", "1 to 128 letters, digits"),
    ("source", "kinesis://x", "did you mean `kinesis:x`?"),
    (
        "source",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/x",
        "did you mean `kinesis:arn:aws:",
    ),
    ("bus", "sqs:bad name", "1 to 80 letters, digits"),
    ("bus", "sqs://q", "did you mean `sqs:q`?"),
    ("bus", "sqs:http://x", "http://HOST/ACCOUNT/QUEUE"),
    ("bus", "off", "did you mean `none`?"),
    ("lake", "s3://Bad_Bucket/x", "3 to 63 lower-case letters"),
    ("lake", "s3://bucket/../x", "give the prefix itself"),
];

/// Settings whose value is a text or a path.
const TEXTS: [&str; 8] = [
    "source",
    "lake",
    "bus",
    "transform",
    "transform-config",
    "registry",
    "log-level",
    "config",
];

fn variable(flag: &str) -> String {
    format!("SLUICE_{}", flag.to_uppercase().replace('-', "_"))
}

/// The key of `sluice.toml`.
fn key(flag: &str) -> String {
    let dotted = ["log-", "chunk-", "limits-"];
    let table = dotted.iter().find(|table| flag.starts_with(**table));
    let flag = table.map_or(flag.to_owned(), |table| {
        flag.replacen(table, &table.replace('-', "."), 1)
    });
    flag.replace('-', "_")
}

/// Runs `run` and `config check` with a source and a lake, unless the setting under test is one of them.
fn refused(flag: &str, args: &[&str], variable: Option<(&str, &str)>, toml: &str, parts: &[&str]) {
    for command in [&["run"][..], &["config", "check"]] {
        let place = Place::new();
        place.write("events.ndjson", events(0..3));
        place.write("sluice.toml", toml);
        let mut all = command.to_vec();
        for given in [["--source", "file:events.ndjson"], ["--lake", "file:lake"]] {
            if given[0] != format!("--{flag}") {
                all.extend(given);
            }
        }
        all.extend(args);
        let mut program = place.command(&all);
        program.envs(variable);
        Ran::from(program.output().unwrap()).failed(2, parts);
        assert!(!place.lake().exists(), "{flag}");
    }
}

#[test]
fn a_flag_without_meaning_is_refused() {
    for (flag, value, part) in MEANINGLESS {
        refused(flag, &[&format!("--{flag}"), value], None, "", &[part]);
    }
}

#[test]
fn a_variable_without_meaning_is_refused_by_its_name() {
    for (flag, value, part) in MEANINGLESS {
        let name = variable(flag);
        let starts = format!("{name}: ");
        refused(flag, &[], Some((&name, value)), "", &[&starts, part]);
    }
}

#[test]
fn a_line_of_the_file_without_meaning_is_refused_by_its_place() {
    for (flag, value, part) in MEANINGLESS {
        let key = key(flag);
        let toml = format!("# settings\n{key} = {value:?}\n");
        let starts = format!("sluice.toml:2: {key}: ");
        refused(flag, &[], None, &toml, &[&starts, part]);
    }
}

#[test]
fn files_do_not_have_the_settings_of_a_stream() {
    let why = "only a stream has this";
    for (flag, value) in [
        ("start", "latest"),
        ("exit-when-caught-up", "true"),
        ("on-expired-checkpoint", "continue"),
        ("lease", "30s"),
        ("chunk-age", "10s"),
    ] {
        refused(flag, &[&format!("--{flag}={value}")], None, "", &[why]);
        let name = variable(flag);
        let starts = format!("{name}: ");
        refused(flag, &[], Some((&name, value)), "", &[&starts, why]);
    }
}

#[test]
fn a_file_of_settings_for_runs_of_all_kinds_may_have_those_of_a_stream() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.write("sluice.toml", "start = 'latest'\nlease = '30s'\n");
    place.land(&["--exit-when-caught-up=false"]);
}

#[test]
fn an_empty_value_is_refused() {
    for flag in TEXTS {
        let given = format!("--{flag}");
        refused(flag, &[&given, ""], None, "", &[&given]);
        let name = variable(flag);
        let why = format!("{name}: is empty");
        refused(flag, &[], Some((&name, "")), "", &[&why]);
        if flag != "config" {
            let toml = format!("{} = ''\n", key(flag));
            let why = format!("sluice.toml:1: {}: is empty", key(flag));
            refused(flag, &[], None, &toml, &[&why]);
        }
    }
}

#[test]
fn a_flag_overrides_a_variable_without_meaning() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    let mut command = place.command(&Place::landing(&["--chunk-bytes", "1MiB"]));
    command.env("SLUICE_CHUNK_BYTES", "64");
    Ran::from(command.output().unwrap()).succeeded();
}

#[test]
fn directives_with_a_level_for_each_target_are_accepted() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.land(&["--log-level", "warn, sluice=debug"]);
}

#[test]
fn generate_refuses_paths_without_meaning() {
    let place = Place::new();
    for (to, part) in [
        ("file://made", "did you mean `file:made`?"),
        ("made.ndjson", "did you mean `file:made.ndjson`?"),
        ("kinesis:my stream", "1 to 128 letters, digits"),
        ("file:~/made", "give the whole path"),
    ] {
        let args = ["generate", "--events", "1", "--to", to];
        place.run(&args).failed(2, &["to: ", part]);
    }
}
