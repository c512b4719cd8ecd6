//! What a run says on standard error while it works.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::Value;

use crate::local::events;
use crate::support::program::{Place, Ran, Running};

/// Runs from standard input until a line about the progress is printed, then to the end of the input. Returns what
/// was on standard error.
fn land_slowly(place: &Place, more: &[&str]) -> String {
    let args = [&["--source", "-"], more].concat();
    let mut command = place.command(&Place::landing(&args));
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut input = running.0.stdin.take().unwrap();
    let mut lines = BufReader::new(running.0.stderr.take().unwrap());
    input.write_all(events(0..3).as_bytes()).unwrap();
    let mut said = String::new();
    while !said.contains(" read, ") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    input.write_all(events(3..8).as_bytes()).unwrap();
    drop(input);
    while lines.read_line(&mut said).unwrap() > 0 {}
    assert_eq!(running.ends(), Some(0), "{said}");
    said
}

#[test]
fn the_last_line_has_the_counts_of_the_summary() {
    let said = land_slowly(&Place::new(), &[]);
    let last = said.lines().last();
    assert_eq!(last, Some("sluice: 8 records read, 8 committed"), "{said}");
}

#[test]
fn logs_as_json_are_nothing_but_json() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3) + "half");
    place.write("broken.ndjson", "broken\n");
    let json = [
        "--log-format",
        "json",
        "--log-level",
        "info",
        "--http",
        "127.0.0.1:0",
    ];
    let sources = ["events", "missing", "broken"].map(|name| format!("file:{name}.ndjson"));
    let sources: Vec<_> = sources.iter().flat_map(|name| ["--source", name]).collect();
    let ran = place.try_land(&[&json[..], &sources].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines = json_lines(&ran);
    let errors = lines.iter().filter(|line| line["level"] == "ERROR");
    let errors: Vec<_> = errors
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(errors.len(), 2, "{ran:?}");
    assert!(
        errors[0].starts_with("cannot read missing.ndjson"),
        "{errors:?}"
    );
    assert!(errors[1].starts_with("1 of 3 sources failed"), "{errors:?}");
    let more = [
        "--source",
        "file:broken.ndjson",
        "--lake",
        "file:new",
        "--max-quarantined",
        "5%",
    ];
    let ran = place.try_land(&[&json[..], &more].concat());
    let last = json_lines(&ran).pop().unwrap();
    assert!(
        last["message"]
            .as_str()
            .unwrap()
            .contains("quarantined 1 of 1 record"),
        "{last}"
    );
}

/// Every line of standard error, which must be an object with the fields of a log line.
fn json_lines(ran: &Ran) -> Vec<Value> {
    let parsed = |line| -> Value {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{ran:?}"));
        for field in ["timestamp", "level", "target"] {
            assert!(parsed[field].is_string(), "{field}: {parsed}");
        }
        parsed
    };
    ran.stderr.lines().map(parsed).collect()
}
