//! `sluice schema diff`.

use std::fs;

use serde_json::json;

use super::{json, orders, run, schema};
use crate::support::program::Place;

#[test]
fn columns_that_differ_are_printed_and_the_command_fails() {
    let place = Place::new();
    let old = r#"{"name":"a","type":"long"},{"name":"b","type":"date"}"#;
    let new = r#"{"name":"b","type":"string"},{"name":"c","type":{"struct":[{"name":"d","type":"uuid"}]}}"#;
    place.write("old.json", schema(old));
    place.write("new.json", schema(new));
    let ran =
        run(&place, &["diff", "old.json", "new.json"]).failed(1, &["sluice: 3 columns differ"]);
    let expected = "  column  change   old   new     old values fit
  a       removed  long          no
  b       type     date  string  yes
  c       added          struct  yes
";
    assert_eq!(ran.stdout, expected);
    let ran =
        run(&place, &["diff", "old.json", "new.json", "--json"]).failed(1, &["3 columns differ"]);
    let expected = json!({
        "changes": [
            {"column": "a", "change": "removed", "old": "long", "new": null, "compatible": false},
            {"column": "b", "change": "type", "old": "date", "new": "string", "compatible": true},
            {"column": "c", "change": "added", "old": null, "new": "struct", "compatible": true},
        ],
        "incompatible": 1,
    });
    assert_eq!(json(&ran), expected);
}

#[test]
fn equal_schemas_do_not_differ_however_they_are_written() {
    let place = Place::new();
    place.write(
        "old.json",
        schema(r#"{"name":"a","type":"long"},{"name":"b","type":"date"}"#),
    );
    place.write(
        "new.json",
        schema(r#"{"type":"date","name":"b"},{"path":["a"],"type":"long","name":"a"}"#),
    );
    let ran = run(&place, &["diff", "old.json", "new.json"]).succeeded();
    assert_eq!(ran.stdout, "the schemas have the same columns\n");
    let ran = run(&place, &["diff", "old.json", "new.json", "--json"]).succeeded();
    assert_eq!(json(&ran), json!({"changes": [], "incompatible": 0}));
    run(&place, &["diff", "old.json", "nowhere.json"])
        .failed(2, &["nowhere.json: cannot read the schema: "]);
    run(&place, &["diff", "old.json"]).failed(2, &["<NEW>"]);
}

/// The part of docs/schema.md between two texts.
fn shown(start: &str, end: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(start).unwrap();
    rest.split_once(end).unwrap().0.to_owned()
}

#[test]
fn the_commands_and_the_document_of_the_page_work() {
    let place = Place::new();
    place.write("events.ndjson", orders());
    place.write(
        "later.ndjson",
        orders() + "{\"event_type\":\"logout\",\"after\":1.5}\n",
    );
    let commands = shown("```sh\n", "```");
    let commands: Vec<_> = commands
        .lines()
        .map(|line| line.split('#').next().unwrap())
        .collect();
    let (last, others) = commands.split_last().unwrap();
    let words = |command: &str| {
        command
            .split_whitespace()
            .skip(1)
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    for command in others {
        place.run(&words(command)).succeeded();
    }
    let ran = place.run(&words(last)).failed(1, &["1 column differs"]);
    assert!(ran.stdout.contains("after   added"), "{ran:#?}");
    place.write("shown.json", shown("```json\n", "```"));
    run(&place, &["diff", "shown.json", "shown.json"]).succeeded();
}
