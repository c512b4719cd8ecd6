//! A panic has the place in the transform that causes it, not one in the SDK.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use sluice_transform::testing::Tester;
use sluice_transform::{
    Description, Events, Kind, Metadata, RawText, Read, Record, Rejection, Routes, Timestamp,
    Transform, Write,
};

const DO: Read = Read::value(0, "do");
const KIND: Read = Read::kind(1, "kind");
const WRONG_READ: Read = Read::value(0, "secret");
const WRONG_WRITE: Write = Write::new(0, "secret");

#[derive(Debug)]
struct Wrong;

impl Transform for Wrong {
    fn describe() -> Description {
        Description {
            name: "wrong",
            version: "1.0.0",
            summary: "Panics in the way that a record says",
            config_schema: "",
        }
    }

    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn reads(&self) -> Vec<Read> {
        vec![DO, KIND]
    }

    fn writes(&self) -> Vec<Write> {
        vec![Write::new(0, "a")]
    }

    fn metadata(&self) -> Metadata {
        Metadata::NONE
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let action = record.text(&DO)?;
        if action == "code" {
            return Err(Rejection::new("Wrong Code", ""));
        }
        if !reads(record, &action)? {
            edits(&action, events);
        }
        Ok(())
    }
}

/// Uses a read in the way that `action` says. Returns whether there is one.
fn reads(record: &Record<'_>, action: &str) -> Result<bool, Rejection> {
    match action {
        "raw" => _ = record.raw(&WRONG_READ),
        "kind" => _ = record.kind(&WRONG_READ),
        "is_repeated" => _ = record.is_repeated(&WRONG_READ),
        "require" => record.require(&WRONG_READ, Kind::String)?,
        "text" => _ = record.text(&WRONG_READ)?,
        "raw_text" => _ = record.raw_text(&WRONG_READ)?,
        "number" => _ = record.number(&WRONG_READ)?,
        "boolean" => _ = record.boolean(&WRONG_READ)?,
        "time" => _ = record.time(&WRONG_READ)?,
        "optional_text" => _ = record.optional_text(&WRONG_READ)?,
        "optional_raw_text" => _ = record.optional_raw_text(&WRONG_READ)?,
        "optional_number" => _ = record.optional_number(&WRONG_READ)?,
        "optional_boolean" => _ = record.optional_boolean(&WRONG_READ)?,
        "optional_time" => _ = record.optional_time(&WRONG_READ)?,
        "raw of a kind" => _ = record.raw(&KIND),
        "text of a kind" => _ = record.text(&KIND)?,
        "optional text of a kind" => _ = record.optional_text(&KIND)?,
        "partition_key" => _ = record.partition_key(),
        "sequence_number" => _ = record.sequence_number(),
        "shard" => _ = record.shard(),
        "arrived_at" => _ = record.arrived_at(),
        _ => return Ok(false),
    }
    Ok(true)
}

fn edits(action: &str, events: &mut Events) {
    let mut event = events.event(Routes::LAKE, &[]);
    let text = RawText::new(b"x").unwrap();
    match action {
        "set_text" => _ = event.set_text(&WRONG_WRITE, ""),
        "set_raw_text" => _ = event.set_raw_text(&WRONG_WRITE, text),
        "set_json" => _ = event.set_json(&WRONG_WRITE, b"1"),
        "set_number" => _ = event.set_number(&WRONG_WRITE, 1),
        "set_number, not finite" => _ = event.set_number(&WRONG_WRITE, f64::NAN),
        "set_bool" => _ = event.set_bool(&WRONG_WRITE, true),
        "set_null" => _ = event.set_null(&WRONG_WRITE),
        "set_time" => _ = event.set_time(&WRONG_WRITE, &Timestamp::new(0, 0).unwrap()),
        "remove" => _ = event.remove(&WRONG_WRITE),
        "split_once" => _ = text.split_once(0xff),
        other => unreachable!("{other}"),
    }
}

const ACTIONS: &[&str] = &[
    "raw",
    "kind",
    "is_repeated",
    "require",
    "text",
    "raw_text",
    "number",
    "boolean",
    "time",
    "optional_text",
    "optional_raw_text",
    "optional_number",
    "optional_boolean",
    "optional_time",
    "raw of a kind",
    "text of a kind",
    "optional text of a kind",
    "partition_key",
    "sequence_number",
    "shard",
    "arrived_at",
    "set_text",
    "set_raw_text",
    "set_json",
    "set_number",
    "set_number, not finite",
    "set_bool",
    "set_null",
    "set_time",
    "remove",
    "split_once",
    "code",
];

/// The file and the message of the last panic.
static LAST: Mutex<(String, String)> = Mutex::new((String::new(), String::new()));

/// The only test of this program, because it sets the hook of all panics.
#[test]
fn a_panic_has_its_place_in_the_transform() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|panic| {
        let file = panic.location().map_or("", panic::Location::file);
        *LAST.lock().unwrap() = (file.to_owned(), panic.to_string());
    }));
    let tester = Tester::<Wrong>::new("{}").unwrap();
    let run = |action: &&str| {
        let record = format!(r#"{{"do":"{action}","kind":"x"}}"#);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| tester.transform(record)));
        let (file, message) = LAST.lock().unwrap().clone();
        (outcome.is_err(), file, message)
    };
    let found: Vec<_> = ACTIONS.iter().map(run).collect();
    panic::set_hook(hook);
    for (action, (panicked, file, message)) in ACTIONS.iter().zip(found) {
        assert!(panicked, "{action} does not panic");
        assert!(file.ends_with("panic_places.rs"), "{action}: {message}");
        assert!(!message.contains("unreachable"), "{action}: {message}");
    }
}
