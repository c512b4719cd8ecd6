//! The built-in transform `enrich` with a configuration: names of the members that it reads, and formats of times.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::lake;
use crate::support::program::{Place, Ran};

/// Folders with golden cases and the configuration that they are for.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/enrich")
}

fn test(config: &str, cases: &Path) -> Ran {
    let cases = cases.to_str().unwrap();
    let args = ["transform", "test", "builtin:enrich", "--cases", cases];
    Place::new().run(&[&args[..], &["--transform-config", config]].concat())
}

/// Each case runs by every call of the component, and in new instances.
#[test]
fn the_cases_of_each_configuration_pass() {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let cases = entry.unwrap().path();
        let config = fs::read_to_string(cases.join("config.json")).unwrap();
        test(&config, &cases).succeeded();
        names.push(cases.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort_unstable();
    let expected = ["auto", "iso8601", "microseconds", "milliseconds", "names"];
    assert_eq!(names, expected);
}

/// A moment in each format, and its record in whole.
const MOMENTS: [(&str, &str); 5] = [
    ("seconds", "1767225600.25"),
    ("milliseconds", "1767225600250"),
    ("microseconds", "1767225600250000"),
    ("iso8601", r#""2026-01-01T01:00:00.25+01:00""#),
    ("auto", r#""2026-01-01 00:00:00.250z""#),
];

#[test]
fn a_moment_lands_in_the_same_partition_in_each_format() {
    for (format, time) in MOMENTS {
        let place = Place::new();
        let record = format!(r#"{{"id":"u","type":"a:b","time":{time}"#);
        place.write("events.ndjson", format!("{record}}}\n"));
        let config = format!(
            r#"{{"id_member":"id","name_member":"type","time_member":"time","time_format":"{format}","partition_by":["date","hour"]}}"#
        );
        place.land(&["--transform-config", &config]);
        let added = r#","created_datetime":"2026-01-01T00:00:00.25Z","event_type":"a","event_subtype":"b"}"#;
        let partition = "event_type=a/date=2026-01-01/hour=00".to_owned();
        let expected = BTreeMap::from([(partition, vec![record + added])]);
        assert_eq!(lake::events(&place.lake()), expected, "{format}");
    }
}

#[test]
fn a_configuration_that_cannot_work_says_what_to_write() {
    let place = Place::new();
    place.write("events.ndjson", "{}\n");
    let long = format!(r#"{{"name_member":"{}"}}"#, "x".repeat(1_025));
    for (config, problem) in [
        (
            r#"{"time_format":"days"}"#,
            r#"time_format: value is not one of "seconds", "milliseconds", "microseconds", "iso8601" or "auto""#,
        ),
        (
            r#"{"time_member":7}"#,
            "time_member: value is not of type \"string\"",
        ),
        (&long, "name_member: value is longer than 1024 characters"),
        (
            r#"{"id_member":null}"#,
            "id_member: value is not of type \"string\"",
        ),
        (
            r#"{"time_membre":"ts"}"#,
            "time_membre: there is no such field",
        ),
        (
            r#"{"id_member":"event_name"}"#,
            "name_member: \"event_name\" is the name of id_member too",
        ),
        (
            r#"{"id_member":"event_type"}"#,
            "id_member: events would lose their id",
        ),
        (
            r#"{"partition_by":["Date"]}"#,
            "partition_by[0]: value is not one of \"date\" or \"hour\"",
        ),
    ] {
        let parts = ["transform_config: ", "builtin:enrich", problem];
        let ran = place.try_land(&["--transform-config", config]);
        ran.failed(2, &parts);
    }
}
