//! The same programs on the same events by Debian's jq.

use std::process::Command;

use serde_json::Value;

use sluice_engine::record::BATCH_MAX_RECORDS;

use super::program;
use crate::support::outcomes::{CallMode, RecordOutcome, batch, record_outcomes, run};
use crate::support::program::Place;

const PROGRAMS: &str = include_str!("programs.txt");
const EVENTS: &str = include_str!("events.ndjson");

/// The version that the table is made for. Others differ from it in more than they differ from this.
const VERSION: &str = "jq-1.6";

/// A program of the table.
struct Row {
    text: &'static str,
    /// Why its outputs differ from those of jq.
    difference: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let lines = PROGRAMS.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &'static str| match line.strip_prefix("! ") {
        None => Row {
            text: line,
            difference: None,
        },
        Some(rest) => {
            let (text, why) = rest.rsplit_once(" ## ").unwrap();
            Row {
                text,
                difference: Some(why),
            }
        }
    };
    lines.map(row).collect()
}

/// What a program gives for an event: its outputs, or nothing if it ends with an error.
type Outputs = Option<Value>;

/// The outputs of jq for each event.
fn of_jq(place: &Place, text: &str) -> Vec<Outputs> {
    let filter = format!("try {{ok: [{text}]}} catch {{error: true}}");
    let mut jq = Command::new("jq");
    let ran = jq
        .args(["-c", &filter])
        .arg(place.path("events.ndjson"))
        .output();
    let stdout = String::from_utf8(ran.unwrap().stdout).unwrap();
    let lines = stdout.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        value.get("ok").cloned()
    });
    lines.collect()
}

/// The outputs of the built-in transform for each event.
fn of_builtin(text: &str, events: &[&str]) -> Vec<Outputs> {
    let release = program(&format!("{{ok: [{text}]}}"));
    let batches = events.chunks(BATCH_MAX_RECORDS).map(batch);
    let found = batches.flat_map(|records| {
        let outcome = run(&release, &records, CallMode::Usual);
        record_outcomes(&records, &outcome)
    });
    let outputs = found.map(|outcome| match outcome {
        RecordOutcome::Events(events) => {
            let value: Value = serde_json::from_str(&events[0].json).unwrap();
            value.get("ok").cloned()
        }
        _ => None,
    });
    outputs.collect()
}

/// Whether two values are equal. Numbers are compared as floats: jq has no others, and prints 17 digits of them.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            (left - right).abs() <= 1e-15 * left.abs()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, left)| right.get(name).is_some_and(|right| equal(left, right));
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}

fn are_equal(ours: &[Outputs], theirs: &[Outputs]) -> bool {
    let pair = |(ours, theirs): (&Outputs, &Outputs)| match (ours, theirs) {
        (Some(ours), Some(theirs)) => equal(ours, theirs),
        (None, None) => true,
        _ => false,
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(pair)
}

fn installed_version() -> Option<String> {
    let ran = Command::new("jq").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

/// Compares all programs on these events.
fn compare(events: &str) {
    match installed_version() {
        Some(version) if version == VERSION => {}
        found => {
            let found = found.unwrap_or_else(|| "no jq".to_owned());
            println!("NOT compared with jq: this needs {VERSION}, and {found} is installed");
            return;
        }
    }
    let place = Place::new();
    place.write("events.ndjson", events);
    let events: Vec<_> = events.lines().collect();
    let mut wrong = Vec::new();
    for row in rows().iter().filter(|row| row.difference.is_none()) {
        let (ours, theirs) = (of_builtin(row.text, &events), of_jq(&place, row.text));
        if !are_equal(&ours, &theirs) {
            wrong.push(format!(
                "{}\n  here: {ours:?}\n  jq:   {theirs:?}",
                row.text
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} programs differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_outputs_are_those_of_jq() {
    compare(EVENTS);
}

/// With many events: `cargo test --release --workspace jq::compare:: -- --ignored`, about five minutes.
#[test]
#[ignore = "it takes minutes: CONTRIBUTING.md has the command"]
fn the_outputs_for_many_events_are_those_of_jq() {
    let place = Place::new();
    let args = [
        "generate",
        "--events",
        "10000",
        "--seed",
        "5",
        "--to",
        "file:many.ndjson",
    ];
    place.run(&args).succeeded();
    let many = std::fs::read_to_string(place.path("many.ndjson")).unwrap();
    compare(&many);
}

#[test]
fn the_table_is_long_enough_and_gives_its_reasons() {
    let rows = rows();
    let alike = rows.iter().filter(|row| row.difference.is_none()).count();
    assert!(alike >= 300, "{alike}");
    for row in rows.iter().filter_map(|row| row.difference) {
        assert!(row.len() > 10, "{row}");
    }
}
