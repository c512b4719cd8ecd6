//! A quarantined record as commands print it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use sluice_engine::sanitize::escape;

use crate::layout::quarantine::QuarantinedRecord;
use crate::quarantine::QuarantineObject;

/// A record in an object of quarantine.
pub(super) struct ShownRecord<'a> {
    pub(super) record: &'a QuarantinedRecord<'a>,
    pub(super) object: &'a QuarantineObject,
    /// The object as people name it.
    pub(super) place: &'a str,
    /// The index of its line.
    pub(super) line: u64,
    /// Whether the bytes of the record are printed.
    pub(super) payload: bool,
}

/// A time as text, of milliseconds since the Unix epoch.
pub(crate) fn time(milliseconds: u64) -> String {
    let time = i64::try_from(milliseconds).ok();
    let time = time.and_then(DateTime::from_timestamp_millis);
    time.unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Adds a line with a name and a value, which cannot control the terminal.
pub(super) fn line(text: &mut String, name: &str, value: &str) {
    let _infallible = writeln!(text, "  {name:<9} {}", escape(value));
}

impl ShownRecord<'_> {
    /// Whether no redrive has committed the record.
    pub(super) fn is_current(&self) -> bool {
        self.line >= self.object.redriven
    }

    /// The record for people, in several lines.
    pub(super) fn text(&self) -> String {
        let record = self.record;
        let mut text = format!(
            "{}  {} as {}\n",
            escape(&record.rid),
            match self.is_current() {
                true => "quarantined",
                false => "was quarantined",
            },
            escape(&record.reason)
        );
        line(&mut text, "message", &record.message);
        if let Some(backtrace) = &record.backtrace {
            for (number, function) in backtrace.lines().enumerate() {
                let name = if number == 0 { "backtrace" } else { "" };
                line(&mut text, name, function);
            }
        }
        if record.arrived_at > 0 {
            line(&mut text, "arrived", &time(record.arrived_at));
        }
        if !record.partition_key.is_empty() {
            line(&mut text, "key", &record.partition_key);
        }
        line(&mut text, "release", &record.release);
        let object = format!("{}, line {}", self.place, self.line + 1);
        line(&mut text, "object", &object);
        if self.payload {
            self.add_payload(&mut text);
        }
        text
    }

    fn add_payload(&self, text: &mut String) {
        let data = self.record.data().unwrap_or_default();
        match std::str::from_utf8(&data) {
            Ok(data) => line(text, "data", data),
            Err(_) => line(text, "base64", &STANDARD.encode(&data)),
        }
    }

    /// The record for scripts: what its line has, and where it is.
    pub(super) fn json(&self) -> Map<String, Value> {
        let record = self.record;
        let mut json = Map::new();
        let mut add = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
        add("rid", json!(record.rid));
        add("reason", json!(record.reason));
        add("message", json!(record.message));
        if let Some(backtrace) = &record.backtrace {
            add("backtrace", json!(backtrace));
        }
        add("release", json!(record.release));
        if !record.partition_key.is_empty() {
            add("partition_key", json!(record.partition_key));
        }
        if record.arrived_at > 0 {
            add("arrived_at", json!(record.arrived_at));
        }
        add("object", json!(self.object.key));
        add("line", json!(self.line + 1));
        add("shard", json!(self.object.shard));
        add("claimed_by", json!(self.object.claimed_by));
        add("is_redriven", json!(!self.is_current()));
        if self.payload {
            let data = record.data().unwrap_or_default();
            match std::str::from_utf8(&data) {
                Ok(data) => add("data", json!(data)),
                Err(_) => add("data_base64", json!(STANDARD.encode(&data))),
            }
        }
        json
    }
}
