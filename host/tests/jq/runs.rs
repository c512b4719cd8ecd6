//! The program with rules as text: `--jq`, and the names of built-in transforms.

use std::fs;

use sluice::builtin::Builtin;

use crate::support::lake;
use crate::support::program::{Place, Ran};

const EVENTS: &str = "{\"kind\":\"a\",\"n\":1}\n{\"kind\":\"b\",\"n\":2}\n{\"n\":3}\n";

fn place() -> Place {
    let place = Place::new();
    place.write("events.ndjson", EVENTS);
    place
}

#[test]
fn a_program_on_the_command_line_makes_the_events() {
    let place = place();
    let config = ["--transform-config", r#"{"partition_by":["kind"]}"#];
    place.land(&[&["--jq", ".n += 1"], &config[..]].concat());
    let events = lake::events(&place.lake());
    assert_eq!(events["kind=a"], [r#"{"kind":"a","n":2}"#]);
    assert_eq!(events["kind=b"], [r#"{"kind":"b","n":3}"#]);
    assert_eq!(lake::quarantine(&place.lake()).len(), 1);
    // A run with another program has another release, and nothing lands twice.
    let again = place.try_land(&[&["--jq", "."], &config[..]].concat());
    again.succeeded();
    assert_eq!(lake::all_events(&place.lake()).len(), 2);
}

#[test]
fn a_program_in_a_file_makes_the_events() {
    let place = place();
    place.write(
        "rules.jq",
        "# Keeps what has a kind.\nselect(.kind)\n| {kind, twice: (.n * 2)}\n",
    );
    place.land(&["--jq", "rules.jq"]);
    let events = lake::all_events(&place.lake());
    assert_eq!(
        events,
        [r#"{"kind":"a","twice":2}"#, r#"{"kind":"b","twice":4}"#]
    );
    assert!(lake::quarantine(&place.lake()).is_empty());
}

#[test]
fn a_program_comes_from_a_variable_or_the_settings_file() {
    let place = place();
    place.write(
        "sluice.toml",
        "jq = '''\n{n}\n'''\n[transform_config]\nroutes = ['lake']\n",
    );
    place.land(&[]);
    assert_eq!(lake::all_events(&place.lake())[0], r#"{"n":1}"#);
    let mut command = place.command(&Place::landing(&["--lake", "file:other"]));
    command.env("SLUICE_JQ", "{m: .n}");
    Ran::from(command.output().unwrap()).succeeded();
    assert_eq!(lake::all_events(&place.path("other"))[0], r#"{"m":1}"#);
}

#[test]
fn what_is_wrong_with_a_program_is_wrong_usage() {
    let place = place();
    place.write("rules.jq", ".a\n| now\n");
    let check = |more: &[&str]| {
        let common = [
            "config",
            "check",
            "--source",
            "file:events.ndjson",
            "--lake",
            "file:lake",
        ];
        place.run(&[&common[..], more].concat())
    };
    check(&["--jq", "rules.jq"]).failed(2, &["jq: ", "rules.jq", "line 2, column 3", "clock"]);
    check(&["--jq", ".a |"]).failed(2, &["jq: ", "line 1, column 5", "found the end"]);
    check(&["--jq", "nowhere.jq"]).failed(2, &["jq: cannot read nowhere.jq"]);
    let both = ["--jq", ".", "--transform", "builtin:copy"];
    check(&both).failed(
        2,
        &["jq: cannot be combined with the transform builtin:copy"],
    );
    let twice = ["--jq", ".", "--transform-config", r#"{"program":"."}"#];
    check(&twice).failed(2, &["transform_config: ", "give one of them"]);
    let wrong = [
        "--jq",
        ".",
        "--transform-config",
        r#"{"partition_by":["a b"]}"#,
    ];
    check(&wrong).failed(2, &["transform_config: ", "partition_by"]);
    let none = ["--transform", "builtin:jq"];
    check(&none).failed(2, &["transform_config: ", "program: the field is missing"]);
    let unknown = ["--transform", "builtin:copi"];
    check(&unknown).failed(
        2,
        &[
            "builtin:enrich, builtin:jq, builtin:copy",
            "did you mean `copy`?",
        ],
    );
    check(&["--transform", "copy"])
        .failed(2, &["cannot read copy", "did you mean `builtin:copy`?"]);
}

#[test]
fn a_fault_of_a_program_is_told_without_frames() {
    let place = place();
    place.write("rules.jq", ".a\n| lenght\n");
    for jq in [".a\n| lenght", "rules.jq"] {
        let run = ["config", "check", "--source", "file:events.ndjson"];
        let run = place.run(&[&run[..], &["--lake", "file:lake", "--jq", jq]].concat());
        let tried = place.run(&["transform", "try", "--jq", jq, "events.ndjson"]);
        for ran in [run, tried] {
            let stderr = ran.stderr;
            let fault = "program: line 2, column 3 (`| lenght`): there is no filter `lenght/0`; did you mean `length`?";
            assert!(stderr.contains(fault), "{stderr}");
            for frame in ["configure: ", "rejected its configuration"] {
                assert!(!stderr.contains(frame), "{stderr}");
            }
        }
    }
}

#[test]
fn each_built_in_transform_is_a_component_without_imports_of_its_own() {
    let place = place();
    for builtin in Builtin::ALL {
        let name = builtin.to_string();
        let config = match builtin {
            Builtin::Jq => r#"{"program":"."}"#,
            _ => "{}",
        };
        let args = [
            "transform",
            "inspect",
            &name,
            "--transform-config",
            config,
            "--json",
        ];
        let ran = place.run(&args).succeeded();
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["description"]["name"], builtin.name());
        assert_eq!(report["admitted"], true, "{report}");
        for import in report["imports"].as_array().unwrap() {
            assert_eq!(import, "sluice:transform/log@1.0.0");
        }
        let args = ["transform", "export", "x.wasm", "--transform", &name];
        place.run(&args).succeeded();
        assert_eq!(fs::read(place.path("x.wasm")).unwrap(), builtin.component());
    }
}

#[test]
fn all_built_in_transforms_are_precompiled() {
    let place = place();
    let ran = place
        .run(&["transform", "precompile", "compiled"])
        .succeeded();
    assert_eq!(ran.stdout.lines().count(), Builtin::ALL.len());
    let one = [
        "transform",
        "precompile",
        "one",
        "--transform",
        "builtin:copy",
    ];
    let one = place.run(&one).succeeded();
    let name = |line: &str| line.rsplit('/').next().unwrap().to_owned();
    let all: Vec<_> = ran.stdout.lines().map(name).collect();
    assert_eq!(all[2], name(one.stdout.trim()));
    for file in ran.stdout.lines() {
        assert!(place.path(file).is_file(), "{file}");
    }
}

#[test]
fn authors_and_publishers_take_programs_too() {
    let place = place();
    place.write("rules.jq", "{n}");
    place.write("cases/a.in.ndjson", EVENTS);
    let test = ["transform", "test", "--jq", "{n}", "--cases", "cases"];
    place.run(&[&test[..], &["--bless"]].concat()).succeeded();
    let as_file = ["transform", "test", "rules.jq", "--cases", "cases"];
    place.run(&as_file).succeeded();
    place.run(&test).succeeded();
    let differ = [
        "transform",
        "diff",
        "rules.jq",
        "builtin:copy",
        "events.ndjson",
    ];
    place.run(&differ).failed(1, &["2 of 3 records differ"]);
    let publish = [
        "transform",
        "publish",
        "--jq",
        "rules.jq",
        "--registry",
        "file:registry",
    ];
    let id = place.run(&publish).succeeded().stdout;
    let activate = [
        "transform",
        "activate",
        id.trim(),
        "--registry",
        "file:registry",
    ];
    place.run(&activate).succeeded();
    place.land(&["--registry", "file:registry"]);
    assert_eq!(lake::all_events(&place.lake())[2], r#"{"n":3}"#);
    place
        .run(&["transform", "test", "--cases", "cases"])
        .failed(2, &["FILE"]);
}
