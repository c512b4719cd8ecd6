//! Results for scripts: a JSON object for each record, and a last one with the counts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use sluice_engine::log_budget::LogLevel;
use sluice_engine::outcome::Reason;
use sluice_release::compare::fields::Difference;

use super::summary::{Spread, Summary};
use super::trial::{Outcome, Tried, TriedEvent};
use crate::output;
use crate::output::OutputError;

/// Prints lines of JSON.
pub(super) struct JsonPrinter {
    /// Whether members that stay the same are among the differences.
    pub(super) full: bool,
}

/// A record, and what becomes of it.
#[derive(Serialize)]
struct RecordLine<'a> {
    /// The file, the stream, or the object of quarantine.
    source: &'a str,
    /// The line in a file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    rid: String,
    /// `events`, `quarantined` or `dropped`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventEntry<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<ReasonEntry<'a>>,
    /// Why the record was quarantined, if it comes from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    was_quarantined: Option<ReasonEntry<'a>>,
    fuel: u64,
    time_ns: u64,
    /// The first messages that the rules logged, and how many they logged besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<LogEntry<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    log_suppressed: u64,
    /// The bytes of the record, as in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

#[derive(Serialize)]
struct EventEntry<'a> {
    event: Box<RawValue>,
    partition: &'a str,
    routes: Vec<&'static str>,
    /// Values are JSON texts, so that numbers keep their digits.
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct ReasonEntry<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<&'a str>,
}

#[derive(Serialize)]
struct LogEntry<'a> {
    level: LogLevel,
    message: &'a str,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands a reference
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: SummaryEntry<'a>,
}

#[derive(Serialize)]
struct SummaryEntry<'a> {
    release: String,
    records: u64,
    records_with_events: u64,
    events: u64,
    dropped: u64,
    quarantined: BTreeMap<&'a str, u64>,
    fuel: SpreadEntry,
    time_ns: SpreadEntry,
    /// The limit at which trying stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct SpreadEntry {
    median: u64,
    max: u64,
}

impl JsonPrinter {
    pub(super) fn record(&self, tried: &Tried<'_>) -> Result<(), OutputError> {
        let text = std::str::from_utf8(tried.record.data).ok();
        let (name, events, quarantined) = match &tried.outcome {
            Outcome::Events(events) => {
                let entry = |event| self.event(tried, event);
                ("events", Some(events.iter().map(entry).collect()), None)
            }
            Outcome::Quarantined(reason) => ("quarantined", None, Some(ReasonEntry::of(reason))),
            Outcome::Dropped => ("dropped", None, None),
        };
        let was = tried.origin.quarantined.as_ref();
        let log = tried.usage.log.iter().map(|logged| LogEntry {
            level: logged.level,
            message: &logged.message,
        });
        print(&RecordLine {
            source: &tried.origin.source,
            line: tried.origin.line,
            rid: tried.rid(),
            outcome: name,
            events,
            quarantined,
            was_quarantined: was.map(|(code, message)| ReasonEntry {
                code,
                message,
                backtrace: None,
            }),
            fuel: tried.usage.fuel,
            time_ns: nanos(tried.usage.time),
            log: log.collect(),
            log_suppressed: tried.usage.log_suppressed,
            data: text,
            data_base64: text.is_none().then(|| STANDARD.encode(tried.record.data)),
        })
    }

    fn event<'a>(&self, tried: &Tried<'_>, event: &'a TriedEvent) -> EventEntry<'a> {
        EventEntry {
            event: raw(&event.json),
            partition: &event.partition,
            routes: event.routes(),
            differences: tried.differences(event, self.full),
        }
    }

    #[allow(clippy::unused_self, reason = "the other printer needs it")]
    pub(super) fn summary(&self, summary: &Summary) -> Result<(), OutputError> {
        let Spread { median, max } = summary.time();
        let fuel = summary.fuel();
        let quarantined = summary.quarantined.iter();
        print(&SummaryLine {
            summary: SummaryEntry {
                release: summary.release.to_string(),
                records: summary.records(),
                records_with_events: summary.with_events,
                events: summary.events,
                dropped: summary.dropped,
                quarantined: quarantined
                    .map(|(code, records)| (code.as_str(), *records))
                    .collect(),
                fuel: SpreadEntry {
                    median: fuel.median,
                    max: fuel.max,
                },
                time_ns: SpreadEntry {
                    median: nanos(median),
                    max: nanos(max),
                },
                limit: summary.limit,
            },
        })
    }
}

impl<'a> ReasonEntry<'a> {
    fn of(reason: &'a Reason) -> Self {
        Self {
            code: reason.code.as_str(),
            message: &reason.message,
            backtrace: reason.backtrace.as_deref(),
        }
    }
}

/// The bytes of an event as they are; the host has checked that they are JSON.
fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap_or_default()
}

fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn print(line: &impl Serialize) -> Result<(), OutputError> {
    match serde_json::to_string(line) {
        Ok(json) => output::line(escape(json)),
        Err(error) => unreachable!("strings and numbers are written to memory: {error}"),
    }
}

/// Escapes the control characters that JSON has as they are: a terminal may act on DEL and C1. They are in texts only, so
/// the value stays the same.
#[must_use]
pub fn escape(json: String) -> String {
    let is_control = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    if !json.contains(is_control) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 6);
    for c in json.chars() {
        match is_control(c) {
            true => escaped += &format!("\\u{:04x}", u32::from(c)),
            false => escaped.push(c),
        }
    }
    escaped
}
