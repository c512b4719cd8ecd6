//! Wrong rules have one exit code wherever a user gives them: 2. Those of a release are a failure: 1.

use crate::author::try_rules::EVENT;
use crate::support::program::Place;

const LAND: [&str; 4] = ["--source", "file:events.ndjson", "--lake", "file:lake"];

/// A folder with an event, a case, a script and a program that does not compile.
fn place() -> Place {
    let mut place = Place::new();
    place.install();
    place.write("events.ndjson", format!("{EVENT}\n"));
    place.write("cases/a.in.json", EVENT);
    place.write("cases/a.out.ndjson", "{}\n");
    place.write("script", "#!/bin/sh\n");
    place.write("rules.jq", ".a |\n");
    place
}

/// Commands that take rules, and whether they name a component by an option.
fn commands() -> Vec<(Vec<&'static str>, bool)> {
    let of_tool = |name, more: &[&'static str]| [&["transform", name], more].concat();
    let registry = ["--registry", "file:registry"];
    vec![
        ([&["run"], &LAND[..]].concat(), true),
        ([&["config", "check"], &LAND[..]].concat(), true),
        (of_tool("try", &["events.ndjson"]), true),
        (of_tool("inspect", &[]), false),
        (of_tool("test", &["--cases", "cases"]), false),
        (of_tool("bench", &["--sample", "events.ndjson"]), false),
        (of_tool("publish", &registry), false),
    ]
}

#[test]
fn a_program_that_does_not_compile_is_wrong_usage() {
    let place = place();
    for (command, _) in commands() {
        for program in [".a |", "rules.jq"] {
            let args = [&command[..], &["--jq", program]].concat();
            place.run(&args).failed(2, &["jq: "]);
        }
    }
    let diff = ["transform", "diff", "rules.jq", "builtin:copy"];
    let diff = [&diff[..], &["events.ndjson"]].concat();
    place.run(&diff).failed(2, &["the old component: jq: "]);
    assert!(!place.lake().exists() && !place.path("registry").exists());
}

#[test]
fn a_file_that_is_no_component_is_wrong_usage() {
    let place = place();
    let expected = ["transform: ", "script", "compile"];
    for (command, has_option) in commands() {
        let rules = match has_option {
            true => &["--transform", "script"][..],
            false => &["script"],
        };
        let args = [&command[..], rules].concat();
        let ran = place.run(&args);
        // `publish` names the release and not its file.
        match command.contains(&"publish") {
            true => ran.failed(2, &["transform: the release fails admission: compile"]),
            false => ran.failed(2, &expected),
        };
    }
    let diff = [
        "transform",
        "diff",
        "builtin:copy",
        "script",
        "events.ndjson",
    ];
    place.run(&diff).failed(2, &expected);
    let precompile = [
        "transform",
        "precompile",
        "compiled",
        "--transform",
        "script",
    ];
    place
        .run(&precompile)
        .failed(2, &["transform: cannot compile script"]);
    assert!(!place.lake().exists() && !place.path("registry").exists());
}

/// Whoever uses a release did not write it.
#[test]
fn a_release_that_fails_admission_is_a_failure() {
    let place = place();
    let run = |args: &[&str]| {
        let registry = ["--registry", "file:registry"];
        place.run(&[&["transform"], args, &registry].concat())
    };
    let published = run(&["publish", "script", "--unchecked"]).succeeded();
    let release = published.stdout.trim();
    run(&["activate", release]).failed(1, &["the release fails admission: compile"]);
    let try_it = ["try", "events.ndjson", "--release", release];
    run(&try_it).failed(1, &["cannot admit release", "compile"]);
    run(&["activate", release, "--unchecked"]).succeeded();
    run(&["bench", "builtin:copy"]).failed(1, &["cannot admit release", "compile"]);
    let land = [&["run"], &LAND[..], &["--registry", "file:registry"]].concat();
    place.run(&land).failed(1, &["fails admission", "compile"]);
}
