//! `sluice transform test`: golden cases.

use std::fs;

use crate::author::place;
use crate::support::program::{Place, Ran};

fn test(place: &Place, more: &[&str]) -> Ran {
    let args = ["transform", "test", "batch.wasm", "--cases", "cases"];
    place.run(&[&args, more].concat())
}

fn written(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap()
}

/// Commands for `rogue`, and their results.
const COMMANDS: &str = "many_events 2\nreject too loud\n\ndrop\npartition a b\nlake_only\n";
const RESULTS: &str = r#"{"event":{"n":0},"partition":"","routes":["lake","bus"]}
{"event":{"n":1},"partition":"","routes":["lake","bus"]}
{"quarantined":{"code":"not_wanted","message":"too loud"}}
{"dropped":true}
{"event":{},"partition":"place=a b","routes":["lake","bus"]}
{"event":{},"partition":"","routes":["lake"]}
"#;

#[test]
fn cases_whose_results_are_as_they_should_be_pass() {
    let place = place();
    place.write("cases/commands.in.ndjson", COMMANDS);
    place.write("cases/commands.out.ndjson", RESULTS);
    // A record is the bytes of its file without one line end; spaces count.
    place.write("cases/echo.in.json", " two\nlines\n\n");
    let echo = r#"{"event":{"echo":" two\u000alines\u000a","sequence":"0"},"partition":"","routes":["lake","bus"]}"#;
    place.write("cases/echo.out.ndjson", format!("{echo}\n"));
    let ran = test(&place, &[]).succeeded();
    assert!(ran.stdout.contains("2 of 2 cases passed"), "{ran:#?}");
    let single = ["transform", "test", "single.wasm", "--cases", "cases"];
    place.run(&single).succeeded();
}

#[test]
fn what_differs_is_named_by_line_and_field() {
    let place = place();
    place.write("cases/a.in.json", "many_events 2");
    place.write("cases/a.out.ndjson", {
        let first = r#"{"event":{"n":7},"partition":"","routes":["lake","bus"]}"#;
        format!("{first}\n")
    });
    place.write("cases/b.in.json", "drop\n");
    place.write("cases/b.out.ndjson", "{\"dropped\":true}\n");
    let ran = test(&place, &[]).failed(1, &["1 of 2 cases failed"]);
    for part in [
        "FAILED  a",
        "line 1: event.n",
        "expected 7",
        "got      0",
        "line 2: the whole line",
        "expected nothing",
        "ok      b",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
}

#[test]
fn a_case_without_results_fails_until_it_is_blessed() {
    let place = place();
    place.write("cases/commands.in.ndjson", COMMANDS);
    let ran = test(&place, &[]).failed(1, &["1 of 1 case failed"]);
    assert!(ran.stdout.contains("--bless"), "{ran:#?}");
    let ran = test(&place, &["--bless"]).succeeded();
    assert!(ran.stdout.contains("new     commands"), "{ran:#?}");
    assert_eq!(written(&place, "cases/commands.out.ndjson"), RESULTS);
    test(&place, &[]).succeeded();
}

#[test]
fn blessing_says_what_it_changed_and_leaves_the_rest() {
    let place = place();
    place.write("cases/old.in.json", "drop");
    place.write("cases/old.out.ndjson", "{\"dropped\":false}\n");
    place.write("cases/same.in.json", "drop");
    // Line ends of Windows are accepted, and stay.
    place.write("cases/same.out.ndjson", "{\"dropped\":true}\r\n");
    let ran = test(&place, &["--bless"]).succeeded();
    assert!(ran.stdout.contains("changed old"), "{ran:#?}");
    assert!(ran.stdout.contains("ok      same"), "{ran:#?}");
    assert_eq!(
        written(&place, "cases/old.out.ndjson"),
        "{\"dropped\":true}\n"
    );
    assert_eq!(
        written(&place, "cases/same.out.ndjson"),
        "{\"dropped\":true}\r\n"
    );
}

/// A record that traps fails its batch as a whole. Alone, each record has its own outcome.
#[test]
fn a_trap_is_a_result_like_any_other() {
    let place = place();
    place.write("cases/deadly.in.ndjson", "trap\nloop\ndrop\n");
    test(&place, &["--bless"]).succeeded();
    let results = written(&place, "cases/deadly.out.ndjson");
    let codes: Vec<_> = results
        .lines()
        .map(|line| line.get(..40).unwrap_or(line))
        .collect();
    assert!(
        codes[0].starts_with(r#"{"quarantined":{"code":"trap","#),
        "{codes:?}"
    );
    assert!(
        codes[1].starts_with(r#"{"quarantined":{"code":"out_of_fuel","#),
        "{codes:?}"
    );
    assert_eq!(codes[2], r#"{"dropped":true}"#);
    test(&place, &[]).succeeded();
}

/// Faults in a batch call whose lists match but whose results differ from those of single records.
#[test]
fn a_batch_call_that_differs_fails_and_is_not_blessed() {
    let place = place();
    place.write("cases/two.in.ndjson", "many_events 1\nmany_events 2\n");
    for (fault, part) in [("trap", "fails as a whole"), ("wrong_counts", "as a whole")] {
        let config = format!(r#"{{"batch":"{fault}"}}"#);
        let ran = test(&place, &["--bless", "--transform-config", &config]);
        let ran = ran.failed(1, &["1 of 1 case failed"]);
        assert!(ran.stdout.contains(part), "{ran:#?}");
        assert!(!place.path("cases/two.out.ndjson").exists());
    }
}

/// Commands for `rogue` as a transform of fields, and their results.
const OBJECTS: &str = r#"{"n":1}
{"command":"reject","n":2}
{"command":"drop"}
[1]
{"command":"two"}
"#;
const EDITED: &str = r#"{"event":{"n":1,"set":1},"partition":"","routes":["lake","bus"]}
{"quarantined":{"code":"not_wanted","message":"2"}}
{"dropped":true}
{"quarantined":{"code":"not_an_object","message":"expected a JSON object, found an array"}}
{"event":{"command":"two","set":1},"partition":"","routes":["lake","bus"]}
{"event":{"command":"two","also":2},"partition":"","routes":["lake","bus"]}
"#;

#[test]
fn a_transform_of_fields_has_cases_like_any_other() {
    let place = place();
    place.write("cases/objects.in.ndjson", OBJECTS);
    place.write("cases/deadly.in.ndjson", {
        let commands = ["trap", "huge", "smuggle", "drop"];
        commands
            .map(|command| format!("{{\"command\":\"{command}\"}}\n"))
            .concat()
    });
    let fields = |more: &[&str]| {
        let args = ["transform", "test", "fields.wasm", "--cases", "cases"];
        place.run(&[&args, more].concat())
    };
    fields(&["--bless"]).succeeded();
    assert_eq!(written(&place, "cases/objects.out.ndjson"), EDITED);
    let deadly = written(&place, "cases/deadly.out.ndjson");
    let codes = ["trap", "invalid_output", "invalid_output"];
    for (line, code) in deadly.lines().zip(codes) {
        let begin = format!(r#"{{"quarantined":{{"code":"{code}","#);
        assert!(line.starts_with(&begin), "{line}");
    }
    assert_eq!(deadly.lines().last(), Some(r#"{"dropped":true}"#));
    fields(&[]).succeeded();
}

/// The component of all interfaces echoes records by `records` and `batch`, and edits them by `fields`.
#[test]
fn calls_that_disagree_are_named() {
    let place = place();
    place.write("cases/one.in.json", r#"{"n":1}"#);
    let test = |config: &str| {
        let args = [
            "transform",
            "test",
            "all.wasm",
            "--cases",
            "cases",
            "--bless",
        ];
        let config = ["--transform-config", config];
        place
            .run(&[&args[..], &config].concat())
            .failed(1, &["1 of 1 case failed"])
    };
    let ran = test("{}");
    for part in [
        "one.in.json: `transform` (expected) and `transform-fields` with one record (got) differ\n",
        "one.in.json: `transform` (expected) and `transform-fields` (got) differ\n",
        "result 1: event.set",
        "got      1",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
    assert!(!ran.stdout.contains("transform-batch"), "{ran:#?}");
    let ran = test(r#"{"batch":"wrong_counts","fields":"wrong_counts"}"#);
    for part in [
        "one.in.json: `transform-batch` fails as a whole, and no record fails alone",
        "one.in.json: `transform-fields` fails as a whole, and no record fails alone",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
    assert!(!place.path("cases/one.out.ndjson").exists());
}

#[test]
fn no_cases_and_ambiguous_ones_are_wrong_usage() {
    let place = place();
    test(&place, &[]).failed(2, &["cases: cannot read cases"]);
    place.write("cases/notes.txt", "nothing");
    test(&place, &[]).failed(2, &["there are none", "NAME.in.json"]);
    place.write("cases/left.out.ndjson", "");
    test(&place, &[]).failed(2, &["left.out.ndjson has no input file"]);
    place.write("cases/left.in.json", "drop");
    place.write("cases/left.in.ndjson", "drop");
    test(&place, &[]).failed(2, &["left.in.json and left.in.ndjson are one case"]);
}

#[test]
fn the_configuration_is_given_as_for_a_run() {
    let place = place();
    place.write("cases/a.in.json", "drop");
    test(&place, &["--transform-config", "nowhere.json"])
        .failed(2, &["transform_config", "nowhere.json"]);
    place.write("rejected.json", r#"{"configure":"reject"}"#);
    test(&place, &["--transform-config", "rejected.json"]).failed(
        2,
        &[
            "cannot admit batch.wasm",
            "colour",
            "`--transform-config` gives",
        ],
    );
}
