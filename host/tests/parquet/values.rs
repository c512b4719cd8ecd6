//! Values that break readers or lose digits elsewhere come back as they came.

use sluice_schema::is_same_event;

use super::{PARQUET, parquet_keys};
use crate::audit::audit;
use crate::nasty_json;
use crate::support::lake;
use crate::support::program::Place;

/// Lands events with `builtin:copy`, and returns them as the lake has them.
fn landed(place: &Place, lines: &[String], schema: &str, more: &[&str]) -> Vec<String> {
    place.write("events.ndjson", lines.join("\n"));
    place.write("schema.json", schema);
    let args = ["--transform", "builtin:copy", "--bus", "none", "--final"];
    let args = [&PARQUET[..], &args, &["--schema", "schema.json"], more].concat();
    place.land(&args);
    assert!(!parquet_keys(place).is_empty());
    audit(place, &args).proven();
    lake::events(&place.lake())
        .into_values()
        .flatten()
        .collect()
}

/// Asserts that both have the same events in the same order.
fn are_same(found: &[String], expected: &[String]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let is_same = found == expected || is_same_event(found.as_bytes(), expected.as_bytes());
        assert!(is_same, "{found}\n{expected}");
    }
}

const OF_EACH_TYPE: &str = r#"{"version": 1, "columns": [
    {"name": "b", "type": "boolean"},
    {"name": "l", "type": "long"},
    {"name": "f", "type": "double"},
    {"name": "d", "type": "decimal(38,0)"},
    {"name": "s", "type": "string"},
    {"name": "t", "type": "timestamp(3)"},
    {"name": "day", "type": "date"},
    {"name": "id", "type": "uuid"},
    {"name": "bytes", "type": "binary"},
    {"name": "value", "type": "json"},
    {"name": "list", "type": {"list": "long"}},
    {"name": "map", "type": {"map": "double"}},
    {"name": "deep", "type": {"struct": [{"name": "x", "type": "long"}]}}
]}"#;

#[test]
fn digits_of_big_integers_are_kept() {
    let lines = [
        r#"{"l":9223372036854775807,"d":99999999999999999999999999999999999999,"f":12345678901234567890}"#,
        r#"{"l":9223372036854775808,"d":-1,"f":9007199254740993}"#,
        r#"{"l":-9223372036854775808,"d":18446744073709551616,"f":0.1000000000000000055511151231257827}"#,
    ]
    .map(ToOwned::to_owned);
    let place = Place::new();
    let found = landed(&place, &lines, OF_EACH_TYPE, &[]);
    are_same(&found, &lines);
    assert!(found[1].contains("9223372036854775808"), "{}", found[1]);
}

/// The producer writes a number as a text, then as an object, and then leaves it out.
#[test]
fn a_producer_that_changes_a_type_loses_no_value() {
    let values = ["1", "\"2\"", "{\"n\":3}", "[4]", "5.0", "null", "true", "6"];
    let event = |value| format!(r#"{{"l":{value},"s":"x"}}"#);
    let mut lines: Vec<_> = values.map(event).into();
    lines.push(r#"{"s":"x"}"#.to_owned());
    let place = Place::new();
    are_same(&landed(&place, &lines, OF_EACH_TYPE, &[]), &lines);
}

/// In each column, and in none.
#[test]
fn nasty_values_come_back_from_each_column() {
    let names = [
        "b", "l", "f", "d", "s", "t", "day", "id", "bytes", "value", "list", "map", "deep", "other",
    ];
    let values = nasty_json::values();
    let events = names.iter().flat_map(|name| {
        let event = move |value: &_| format!(r#"{{"{name}":{value},"s2":"é"}}"#);
        values.iter().map(event).collect::<Vec<_>>()
    });
    let lines: Vec<_> = events.collect();
    let place = Place::new();
    let found = landed(&place, &lines, OF_EACH_TYPE, &[]);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(found.len() + quarantined.len(), lines.len());
    assert!(found.len() > lines.len() / 3, "only {} landed", found.len());

    // With all JSON let through, all of it lands.
    let place = Place::new();
    let found = landed(&place, &lines, OF_EACH_TYPE, &["--lake-json", "any"]);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(found.len() + quarantined.len(), lines.len());
    for record in quarantined {
        assert_ne!(record.reason, "not_interoperable");
    }
}
