//! Events that drift from the schema: said once, and counted.

use std::fs;

use serde_json::Value;

use super::{PARQUET, schema};
use crate::lambda::{function, mapping, settings};
use crate::local;
use crate::metrics::watched::{Watched, metrics, status};
use crate::support::cloud::{Cloud, signal};
use crate::support::lambda::{Step, Then};
use crate::support::program::Place;

/// A schema with a column for each member of the events as they are at first.
const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "created_at", "type": "double"},
    {"name": "created_datetime", "type": "string"},
    {"name": "event_name", "type": "string"},
    {"name": "event_subtype", "type": "string"},
    {"name": "event_type", "type": "string"},
    {"name": "event_uuid", "type": "string"},
    {"name": "n", "type": "long"},
    {"name": "score", "type": "long"}
]}"#;

/// What no log may have.
const PRIVATE: &str = "private words";

/// Events of two types, a line each. With `drift`, those of lessons have a new member, another type of `n`, and no score.
fn events(range: std::ops::Range<usize>, drift: bool) -> Vec<String> {
    let event = |n: usize| {
        let kind = ["lesson", "payment"][n % 2];
        let more = match drift && kind == "lesson" {
            true => format!(r#""n":"{PRIVATE}","note":["{PRIVATE}"]"#),
            false => format!(r#""n":{n},"score":{n}"#),
        };
        format!(
            r#"{{"event_uuid":"u-{n}","event_name":"{kind}:done","created_at":1767225600.5,{more}}}"#
        )
    };
    range.map(event).collect()
}

/// A folder with events of which the second half drifts.
fn drifting() -> Place {
    let place = Place::new();
    place.write("schema.json", SCHEMA);
    let lines = [events(0..4_000, false), events(4_000..8_000, true)].concat();
    place.write("events.ndjson", lines.join("\n") + "\n");
    place
}

fn with_schema<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let schema = ["--schema", "schema.json", "--bus", "none"];
    let chunks = ["--chunk-records", "1000"];
    [&PARQUET[..], &schema, &chunks, more].concat()
}

/// The lines of a log about drift.
fn said(log: &str) -> Vec<Value> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["event"] == "schema_drift")
        .collect()
}

/// Members of an entry or a log line, sorted.
fn described(entries: &[Value]) -> Vec<String> {
    let of = |entry: &Value| {
        let members = ["drift", "event_type", "path", "column_type", "value_kind"];
        let texts = members.map(|name| entry[name].as_str().unwrap_or("-").to_owned());
        texts.join(" ")
    };
    let mut all: Vec<_> = entries.iter().map(of).collect();
    all.sort_unstable();
    all
}

/// All that drifts in these events.
const ALL: [&str; 3] = [
    "new_path lesson note - list",
    "new_type lesson n long string",
    "vanished lesson score long -",
];

#[test]
fn a_run_says_once_how_events_drift_from_the_schema() {
    let place = drifting();
    let ran = place
        .try_land(&with_schema(&["--log-format", "json"]))
        .succeeded();
    let said = said(&ran.stderr);
    assert_eq!(described(&said), ALL);
    for line in &said {
        assert_eq!(line["level"], "WARN", "{line}");
        let advice = line["advice"].as_str().unwrap();
        let evolves = advice.contains("sluice schema evolve");
        assert_eq!(evolves, line["drift"] == "new_path", "{line}");
    }
    for output in [&ran.stdout, &ran.stderr] {
        assert!(!output.contains(PRIVATE), "{output}");
    }

    let summary = ran.summary();
    assert_eq!(summary.counts(["records", "schema_drifts"]), [8_000, 3]);
    let unwatched = [
        "schema_drift_unwatched_events",
        "schema_drift_unwatched_values",
    ];
    assert_eq!(summary.counts(unwatched), [0, 0]);
    let entries = summary.0["schema_drift_paths"].as_array().unwrap();
    assert_eq!(described(entries), ALL);
    for entry in entries {
        assert!(entry["count"].as_u64().unwrap() >= 100, "{entry}");
        let first_seen = entry["first_seen"].as_str().unwrap();
        assert!(first_seen.ends_with('Z'), "{entry}");
        assert!(entry["came_back"].is_null(), "{entry}");
    }
}

#[test]
fn the_summary_for_people_has_the_drift() {
    let place = drifting();
    let ran = place
        .try_land(&with_schema(&["--summary", "text"]))
        .succeeded();
    for part in [
        "  drift                  3  from the schema",
        "  new_path note: of events of the type lesson\n",
        "  new_type n: of events of the type lesson\n",
        "  vanished score: of events of the type lesson\n",
    ] {
        assert!(ran.stdout.contains(part), "{part:?}: {}", ran.stdout);
    }
    assert_eq!(ran.stderr.matches("event=\"schema_drift\"").count(), 3);
}

/// Without a schema of the settings, and in lines, there is nothing to drift from.
#[test]
fn only_a_schema_of_the_settings_is_watched() {
    let place = drifting();
    for (lake, args) in [("file:lines", &[][..]), ("file:builtin", &PARQUET[..])] {
        let args = [args, &["--lake", lake, "--bus", "none"]].concat();
        let ran = place.try_land(&args).succeeded();
        assert!(!ran.stderr.contains("schema_drift"), "{}", ran.stderr);
        let summary = ran.summary();
        assert_eq!(summary.count("schema_drifts"), 0);
        assert_eq!(summary.0["schema_drift_paths"], serde_json::json!([]));
    }
}

/// A chunk is repeated with the schema that it was pinned with, which says nothing about the one that is used now.
#[test]
fn a_repetition_is_not_compared_with_the_schema() {
    let place = Place::new();
    place.write("events.ndjson", local::events(0..30));
    // Most members have no column in it.
    place.write("schema.json", schema("long"));
    let in_the_way = place.write("lake/event_type=payment", "in the way");
    let ran = place.try_land(&with_schema(&[]));
    let ran = ran.failed(1, &["event_type=payment"]);
    assert!(!ran.stderr.contains("schema_drift"), "{}", ran.stderr);
    fs::remove_file(in_the_way).unwrap();
    let summary = place.land(&with_schema(&[]));
    assert_eq!(summary.counts(["records", "schema_drifts"]), [30, 0]);

    // What is new is compared: four members of three types of events.
    place.write("events.ndjson", local::events(0..60));
    let summary = place.land(&with_schema(&[]));
    assert_eq!(summary.counts(["records", "schema_drifts"]), [30, 12]);
}

#[test]
fn a_worker_shows_the_drift_in_its_pages() {
    let cloud = Cloud::new(1);
    cloud.place.write("schema.json", SCHEMA);
    cloud.kinesis.records_per_read(50);
    let put = |events: Vec<String>| {
        let records: Vec<_> = events.into_iter().map(String::into_bytes).collect();
        cloud.put_all(&records);
    };
    let args = ["--schema", "schema.json", "--chunk-records", "50"];
    let mut command = cloud.command(&[&PARQUET[..], &args].concat());
    let mut watched = Watched::start(&mut command);
    put(events(0..1_000, false));
    watched.until(|address| status(address)["totals"]["records"] == 1_000);
    assert_eq!(status(watched.address)["totals"]["schema_drifts"], 0);
    put(events(1_000..2_000, true));
    watched.until(|address| {
        let totals = &status(address)["totals"];
        totals["records"] == 2_000 && totals["schema_drifts"] == 3
    });

    let totals = status(watched.address)["totals"].clone();
    let entries = totals["schema_drift_paths"].as_array().unwrap();
    assert_eq!(described(entries), ALL);
    assert!(!totals.to_string().contains(PRIVATE), "{totals}");
    let found = metrics(watched.address);
    for drift in ["new_path", "new_type", "vanished"] {
        let count = found.count("sluice_schema_drifts_total", &[("drift", drift)]);
        assert_eq!(count, 1, "{drift}");
    }
    assert_eq!(found.all("sluice_schema_drifts_total").len(), 3);
    let sampled = found.count("sluice_schema_drift_sampled_events_total", &[]);
    assert!((400..=2_000).contains(&sampled), "{sampled}");
    for what in ["events", "values"] {
        let name = format!("sluice_schema_drift_unwatched_{what}_total");
        assert_eq!(found.count(&name, &[]), 0);
    }

    signal(&watched.run.0, "TERM");
    let ran = watched.end();
    assert_eq!(ran.stderr.matches("event=\"schema_drift\"").count(), 3);
    assert_eq!(ran.summary().count("schema_drifts"), 3);
}

#[test]
fn a_function_counts_the_drift_in_its_metrics() {
    let cloud = Cloud::new(1);
    let schema = cloud.place.write("schema.json", SCHEMA);
    let variables = [
        ("SLUICE_FORMAT", "parquet"),
        ("SLUICE_SCHEMA", schema.to_str().unwrap()),
    ];
    let records: Vec<_> = events(0..300, true)
        .into_iter()
        .map(String::into_bytes)
        .collect();
    cloud.put_all(&records);
    let function = function(&cloud, &variables);
    let steps = mapping(&cloud, &function, settings()).run_until_idle();
    let metrics: Vec<Value> = steps
        .iter()
        .map(|step| match step {
            Step::Invoked(delivered, Then::Passed) => {
                let lines = delivered.invoked.logs.stdout.iter();
                let mut lines = lines.filter_map(|line| serde_json::from_str(line).ok());
                let metrics = lines.find(|line: &Value| line["_aws"].is_object());
                metrics.expect("a line of metrics")
            }
            other => panic!("{other:?}"),
        })
        .collect();
    // The new member and the other type come at once.
    let counts: Vec<_> = metrics.iter().map(|line| &line["SchemaDrift"]).collect();
    assert_eq!(counts, [2, 0, 0]);
    let declared = &metrics[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    let mut declared = declared.as_array().unwrap().iter();
    assert!(declared.any(|metric| metric["Name"] == "SchemaDrift"));
    let log = function.logs().stderr.join("\n");
    assert_eq!(described(&said(&log)), ALL[..2]);
    assert!(!log.contains(PRIVATE), "{log}");
}
