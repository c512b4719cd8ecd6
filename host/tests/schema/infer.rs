//! `sluice schema infer` of files.

use std::fs;
use std::io::Write as _;

use serde_json::json;

use super::{json, orders, run};
use crate::support::program::Place;

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// The cells of the line of a path, without the example.
fn cells<'t>(text: &'t str, path: &str) -> Vec<&'t str> {
    let lines = text
        .lines()
        .map(|line| line.trim().split("  ").filter(|cell| !cell.is_empty()));
    let mut lines = lines.map(|cells| cells.map(str::trim).collect::<Vec<_>>());
    let line = lines.find(|cells| cells.first() == Some(&path));
    line.unwrap_or_else(|| panic!("{path} is not in {text}"))
}

#[test]
fn a_table_shows_types_shares_conflicts_and_examples() {
    let place = Place::new();
    place.write("orders.ndjson", orders());
    let ran = run(&place, &["infer", "orders.ndjson"]).succeeded();
    let text = &ran.stdout;
    assert!(text.starts_with("event type order: 21 events\n"), "{text}");
    assert!(text.contains("\nevent type login: 1 event\n"), "{text}");
    assert!(
        text.ends_with("22 events; a schema for all of them has 6 columns\n"),
        "{text}"
    );
    let (orders, _) = text.split_once("event type login").unwrap();
    for (path, expected) in [
        ("id", &["id", "long", "100 %", "20 long, 1 string", "1"][..]),
        (
            "total",
            &["total", "decimal(18,2)", "95.2 %", "20 double", "1.50"],
        ),
        ("items", &["items", "list<struct>", "95.2 %", "20 list"]),
        ("items[]", &["items[]", "struct", "20", "20 object"]),
        (
            "items[].sku",
            &["items[].sku", "string", "100 %", "20 string", "\"s1\""],
        ),
        ("at", &["at", "timestamp(3)", "95.2 %", "20 timestamp"]),
        ("note", &["note", "-", "23.8 %", "5 null", "null"]),
    ] {
        assert_eq!(cells(orders, path)[..expected.len()], *expected);
    }
    let notes = [
        "  id: conflict with long, so to _rest: 1 string, such as \"none\"\n",
        "  note: no column: only null\n",
    ];
    for note in notes {
        assert!(orders.contains(note), "{note:?} is not in {orders}");
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn the_schema_is_written_and_is_the_same_each_time() {
    let place = Place::new();
    place.write("orders.ndjson", orders());
    place.write("orders.ndjson.gz", gzip(&orders()));
    place.write(
        "in/a.ndjson.zst",
        zstd::encode_all(orders().as_bytes(), 3).unwrap(),
    );
    for file in ["orders.ndjson", "orders.ndjson.gz", "in"] {
        let args = ["infer", file, "--output", "new/schema.json"];
        let ran = run(&place, &args).succeeded();
        assert!(
            ran.stderr
                .starts_with("sluice: wrote new/schema.json: a schema of 6 columns, digest "),
            "{ran:#?}"
        );
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), 2, "{ran:#?}");
        assert_eq!(
            lines[0],
            "22 events; a schema for all of them has 6 columns"
        );
        assert!(lines[1].contains("without --output"), "{ran:#?}");
        let expected = r#"{
  "version": 1,
  "columns": [
    {"name": "at", "type": "timestamp(3)"},
    {"name": "event_type", "type": "string"},
    {"name": "id", "type": "long"},
    {"name": "items", "type": {"list": {"struct": [
      {"name": "count", "type": "long"},
      {"name": "sku", "type": "string"}
    ]}}},
    {"name": "total", "type": "decimal(18,2)"},
    {"name": "user", "type": "string"}
  ]
}
"#;
        assert_eq!(
            fs::read_to_string(place.path("new/schema.json")).unwrap(),
            expected
        );
    }
    let files = fs::read_dir(place.path("new")).unwrap().count();
    assert_eq!(files, 1, "nothing else stays behind");
}

#[test]
fn all_is_in_one_json_object() {
    let place = Place::new();
    place.write("orders.ndjson", orders());
    let ran = place.run_with_input(&["schema", "infer", "-", "--json"], orders().as_bytes());
    let found = json(&ran.succeeded());
    assert_eq!(found["events"], 22);
    assert_eq!(found["types"][0]["event_type"], "order");
    let paths = found["types"][0]["paths"].as_array().unwrap();
    let id = paths.iter().find(|path| path["path"] == "id").unwrap();
    let expected = json!({
        "path": "id",
        "type": "long",
        "no_column": null,
        "present": 21,
        "out_of": 21,
        "kinds": {"long": 20, "string": 1},
        "conflicts": {"string": 1},
        "whole_digits": 2,
        "fraction_digits": null,
        "examples": {"long": "1", "string": "\"none\""},
    });
    assert_eq!(*id, expected);
    let total = paths.iter().find(|path| path["path"] == "total").unwrap();
    assert_eq!(total["fraction_digits"], json!({"fewest": 2, "most": 2}));
    assert_eq!(
        found["schema"]["columns"][0],
        json!({"name": "at", "type": "timestamp(3)"})
    );
    assert_eq!(found["digest"].as_str().unwrap().len(), 64);
    let of_file = json(&run(&place, &["infer", "orders.ndjson", "--json"]).succeeded());
    assert_eq!(of_file, found);
}

#[test]
fn conflicts_between_types_of_events_are_shown() {
    let place = Place::new();
    let events = [
        "{\"event_type\":\"a\",\"n\":1}",
        "{\"event_type\":\"b\",\"n\":\"x\",\"m\":null}",
    ];
    place.write("a.ndjson", events.join("\n"));
    let ran = run(&place, &["infer", "a.ndjson"]).succeeded();
    let expected = "all types of events together:
  n: conflict, so the column is json: 1 long, such as 1; 1 string, such as \"x\"

2 events; a schema for all of them has 2 columns
";
    assert!(ran.stdout.ends_with(expected), "{ran:#?}");
    let found = json(&run(&place, &["infer", "a.ndjson", "--json"]).succeeded());
    assert_eq!(
        found["all_types"]["paths"][1]["conflicts"],
        json!({"long": 1, "string": 1})
    );
}

#[test]
fn one_type_of_events_can_be_asked_for() {
    let place = Place::new();
    place.write("orders.ndjson", orders());
    let of = |event_type: &str| {
        run(
            &place,
            &["infer", "orders.ndjson", "--event-type", event_type],
        )
    };
    let ran = of("login").succeeded();
    assert!(
        ran.stdout
            .ends_with("1 event; a schema for all of them has 2 columns\n"),
        "{ran:#?}"
    );
    of("x").failed(
        1,
        &["orders.ndjson has no events of the type \"x\": 22 events have other types"],
    );
}

#[test]
fn lines_that_are_no_objects_are_counted() {
    let place = Place::new();
    place.write("some.ndjson", "{\"a\":1}\n\n[1]\n{\n{\"a\":2}\n");
    let ran = run(&place, &["infer", "some.ndjson"]).succeeded();
    let expected = "sluice: left out: 2 lines are no JSON objects, such as some.ndjson:3: an array, and an event is an object\n";
    assert_eq!(ran.stderr, expected);
    assert!(
        ran.stdout.starts_with("events without a type: 2 events\n"),
        "{ran:#?}"
    );
    place.write("none.ndjson", "[1]\n");
    let parts =
        ["none.ndjson has no events: 1 line is no JSON object, such as none.ndjson:1: an array"];
    run(&place, &["infer", "none.ndjson"]).failed(1, &parts);
    place.write("empty.ndjson", "\n");
    run(&place, &["infer", "empty.ndjson"])
        .failed(1, &["empty.ndjson has no events: there are no lines"]);
}

#[test]
fn what_events_hold_cannot_control_the_terminal() {
    let place = Place::new();
    place.write(
        "a.ndjson",
        "{\"event_type\":\"\u{9b}1m\",\"a\u{202e}b\":\"\u{9b}31m\"}\n\u{9b}\n",
    );
    let ran = run(&place, &["infer", "a.ndjson"]).succeeded();
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(['\u{9b}', '\u{202e}']), "{ran:#?}");
    }
    let object = run(&place, &["infer", "a.ndjson", "--json"]).succeeded();
    assert!(!object.stdout.contains('\u{9b}'), "{object:#?}");
    assert_eq!(json(&object)["types"][0]["event_type"], "\u{9b}1m");
    assert!(ran.stdout.contains("\\u{9b}31m"), "{ran:#?}");
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let place = Place::new();
    place.write("orders.ndjson", orders());
    for (args, expected) in [
        (
            &["infer", "orders.ndjson", "--lake", "file:lake"][..],
            "cannot be used with",
        ),
        (&["infer", "--lake", "lake"], "lake: "),
        (&["infer", "--lake", "gs://x"], "file:DIR"),
        (&["infer", "orders.ndjson", "--format", "x"], "--format"),
        (&["new"], "new"),
    ] {
        run(&place, args).failed(2, &[expected]);
    }
    run(&place, &["infer", "nowhere.ndjson"]).failed(1, &["cannot read nowhere.ndjson"]);
    let into_folder = ["infer", "orders.ndjson", "--output", "."];
    run(&place, &into_folder).failed(1, &["cannot write ."]);
}

/// Threads tell different types apart, if there are more than each of them has room for.
#[test]
fn a_type_of_events_that_lacks_some_says_so() {
    let place = Place::new();
    let events = (0..30_000).map(|n| format!("{{\"event_type\":\"t{}\"}}\n", n * 7_919 % 3_000));
    place.write("many.ndjson", events.collect::<String>());
    let ran = run(&place, &["infer", "many.ndjson", "--json"]).succeeded();
    let found = json(&ran);
    assert_eq!(found["events"], 30_000);
    let types = found["types"].as_array().unwrap();
    let listed = types.iter().filter(|one| one["event_type"].is_string());
    let (partial, whole): (Vec<_>, Vec<_>) = listed.partition(|one| one["is_partial"] == true);
    assert_eq!(partial.len() + whole.len(), 1_000);
    assert!(whole.iter().all(|one| one["events"] == 10), "{whole:?}");
    assert!(!partial.is_empty());
    let ran = run(&place, &["infer", "many.ndjson"]).succeeded();
    let shown = ran.stdout.matches(": at least ").count();
    assert_eq!(shown, partial.len());
}
