//! `sluice schema check` and `evolve`.

use std::fs;

use serde_json::json;

use super::{json, orders, run, schema};
use crate::support::program::Place;

/// A folder with the orders and a schema that does not have all of them.
fn place() -> Place {
    let place = Place::new();
    place.write("orders.ndjson", orders());
    let columns = r#"{"name":"at","type":"timestamp(0)"},{"name":"id","type":"long","doc":"kept"},
        {"name":"items","type":{"list":{"struct":[{"name":"sku","type":"string"}]}}},
        {"name":"kind","type":"string","path":["event_type"]},{"name":"total","type":"double"}"#;
    place.write("schema.json", schema(columns));
    place
}

#[test]
fn a_check_counts_what_goes_to_rest_and_why() {
    let place = place();
    let ran = run(&place, &["check", "schema.json", "orders.ndjson"]).succeeded();
    let expected = "  path           values  reason                                   example
  at             20      in the column too, in another notation   \"2026-01-31T12:00:00.250Z\"
  items[].count  20      no column                                1
  total          20      in the column too, in another notation   1.50
  note           5       no column                                null
  id             1       not of the column's type                 \"none\"
  user           1       no column                                \"u\"
22 events, 22 with _rest; 27 values in no column
each event can be put together again from its columns and _rest
";
    let squeezed = |text: &str| {
        text.split_whitespace()
            .map(|word| word.to_owned() + " ")
            .collect::<String>()
    };
    assert_eq!(squeezed(&ran.stdout), squeezed(expected));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_check_prints_one_json_object() {
    let place = place();
    let args = [
        "check",
        "schema.json",
        "orders.ndjson",
        "--event-type",
        "order",
        "--json",
    ];
    let found = json(&run(&place, &args).succeeded());
    assert_eq!(
        (&found["events"], &found["events_with_rest"]),
        (&21.into(), &21.into())
    );
    assert_eq!(
        (&found["values_in_no_column"], &found["damaged_events"]),
        (&26.into(), &0.into())
    );
    let id = json!({"path": "id", "reason": "misfit", "values": 1, "example": "\"none\""});
    let paths = found["rest"]["paths"].as_array().unwrap();
    assert!(paths.contains(&id), "{found:#}");
    let reasons = paths.iter().map(|path| path["reason"].as_str().unwrap());
    let expected = ["notation", "no_column", "notation", "no_column", "misfit"];
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
}

#[test]
fn nothing_goes_to_rest_with_a_schema_that_has_all() {
    let place = Place::new();
    place.write("a.ndjson", "{\"a\":1,\"b\":[1.5]}\n{\"a\":2,\"b\":[]}\n");
    run(&place, &["infer", "a.ndjson", "--output", "schema.json"]).succeeded();
    let ran = run(&place, &["check", "schema.json", "a.ndjson"]).succeeded();
    let expected = "2 events, 0 with _rest; 0 values in no column
each event can be put together again from its columns and _rest
";
    assert_eq!(ran.stdout, expected);
}

#[test]
fn columns_are_added_and_none_is_changed() {
    let place = place();
    let args = [
        "evolve",
        "schema.json",
        "orders.ndjson",
        "--output",
        "schema.json",
    ];
    let ran = run(&place, &args).succeeded();
    let (added, stays) = ran
        .stdout
        .split_once("stays in _rest, and in no column:\n")
        .unwrap();
    assert!(added.starts_with("added: 2 columns\n"), "{ran:#?}");
    for path in ["items[].count", "user"] {
        assert!(
            added.contains(path) && !stays.contains(path),
            "{path}: {ran:#?}"
        );
    }
    for path in ["id", "note"] {
        let is_path = |line: &str| line.split_whitespace().next() == Some(path);
        assert!(stays.lines().any(is_path), "{path}: {ran:#?}");
    }
    let expected = r#"{
  "version": 1,
  "columns": [
    {"name": "at", "type": "timestamp(0)"},
    {"name": "id", "type": "long", "doc": "kept"},
    {"name": "items", "type": {"list": {"struct": [
      {"name": "count", "type": "long"},
      {"name": "sku", "type": "string"}
    ]}}},
    {"name": "kind", "path": ["event_type"], "type": "string"},
    {"name": "total", "type": "double"},
    {"name": "user", "type": "string"}
  ]
}
"#;
    assert_eq!(
        fs::read_to_string(place.path("schema.json")).unwrap(),
        expected
    );
    let again = run(
        &place,
        &["evolve", "schema.json", "orders.ndjson", "--json"],
    )
    .succeeded();
    let again = json(&again);
    assert_eq!(
        (&again["added"], &again["not_added"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        again["schema"]["columns"][5],
        json!({"name": "user", "type": "string"})
    );
}

#[test]
fn what_gets_no_column_is_said() {
    let place = Place::new();
    place.write("a.ndjson", "{\"a\":1,\"A\":1}\n{\"A\":1}\n");
    place.write(
        "schema.json",
        schema(r#"{"name":"a","type":"long","path":["b"]}"#),
    );
    let ran = run(&place, &["evolve", "schema.json", "a.ndjson"]).succeeded();
    let expected = "added: 0 columns\nnot added: A: the name \"A\" is taken by the column \"a\"\nstays in _rest, and in no column:\n";
    assert!(ran.stdout.starts_with(expected), "{ran:#?}");
}

#[test]
fn what_a_new_column_does_not_take_is_said() {
    let place = Place::new();
    let object = "{\"n\":{\"v\":1,\"w\":null}}\n".repeat(10);
    place.write("a.ndjson", object + "{\"n\":{\"v\":\"x\"}}\n");
    place.write("schema.json", schema(""));
    let ran = run(&place, &["evolve", "schema.json", "a.ndjson", "--json"]).succeeded();
    let found = json(&ran);
    assert_eq!(found["added"], json!([{"path": "n", "type": "struct"}]));
    let expected = json!([
        {"path": "n.w", "reason": "no_column", "values": 10, "example": "null"},
        {"path": "n.v", "reason": "misfit", "values": 1, "example": "\"x\""},
    ]);
    assert_eq!(found["rest"]["paths"], expected);
}

#[test]
fn a_schema_that_is_not_valid_is_wrong_usage() {
    let place = place();
    place.write("wrong.json", schema(r#"{"name":"a","type":"int"}"#));
    for command in ["check", "evolve"] {
        let of = |file: &str| run(&place, &[command, file, "orders.ndjson"]);
        of("wrong.json").failed(2, &["wrong.json: columns[0].type: \"int\" is no type"]);
        of("nowhere.json").failed(2, &["nowhere.json: cannot read the schema: "]);
    }
    run(&place, &["check", "schema.json", "nowhere.ndjson"])
        .failed(1, &["cannot read nowhere.ndjson"]);
}

#[test]
fn nasty_events_are_put_together_again() {
    let place = Place::new();
    let events = [
        r#"{"a":1,"b":{"x":1.50,"y":[1,null]},"s":"\ud83d\ude00","t":"2026-01-31T12:00:00Z"}"#,
        r#"{"a":-0,"a":1,"b":{"x":1e400,"x":2},"s":"\ud83d","t":"2026-02-30","":{"":[]}}"#,
        r#"{"\u0061":12345678901234567890,"b":[],"s":null,"t":"2026-01-31T12:00:00+02:00","a.b":{"c":{}}}"#,
        r#"{"b":{"y":[[1],"1",{}],"z":{"a":1,"a":2}},"_rest":{"a":7},"a":true}"#,
    ];
    place.write("nasty.ndjson", events.join("\n"));
    place.write("first.ndjson", events[0]);
    for file in ["nasty.ndjson", "first.ndjson"] {
        run(&place, &["infer", file, "--output", "schema.json"]).succeeded();
        let ran = run(&place, &["check", "schema.json", "nasty.ndjson"]).succeeded();
        assert!(
            ran.stdout.contains("each event can be put together again"),
            "{ran:#?}"
        );
        assert!(ran.stdout.contains("4 events, "), "{ran:#?}");
    }
}
