//! The result of each record, as lines for people and golden cases.
//!
//! A line is one JSON object. An event is
//! `{"event":…,"partition":"event_type=lesson","routes":["lake","bus"]}` with its bytes as they are, a
//! rejection `{"quarantined":{"code":…,"message":…}}`, and a record that was dropped
//! `{"dropped":true}`.

use std::fmt;

use sluice_engine::outcome::{Event, Reason, Transformed};

/// The result of one record: one line for each event, or one line for its rejection or drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordResult {
    /// Its kind, the same for all its lines.
    pub kind: ResultKind,
    /// Its lines, at least one.
    pub lines: Vec<String>,
}

/// The kinds of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// It became events.
    Events,
    /// It is quarantined.
    Quarantined,
    /// The transform dropped it.
    Dropped,
}

impl fmt::Display for ResultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Quarantined => "quarantined",
            Self::Dropped => "dropped",
        })
    }
}

/// The results of the `records` records of a batch, in order.
#[must_use]
pub fn record_results(records: usize, outcome: &Transformed) -> Vec<RecordResult> {
    let mut events = outcome.events.iter().peekable();
    let mut quarantined = outcome.quarantined.iter().peekable();
    let result = |record| {
        let mut lines = Vec::new();
        while let Some(event) = events.next_if(|event| event.record == record) {
            lines.push(event_line(outcome, event));
        }
        if !lines.is_empty() {
            let kind = ResultKind::Events;
            return RecordResult { kind, lines };
        }
        match quarantined.next_if(|quarantined| quarantined.record == record) {
            Some(quarantined) => RecordResult {
                kind: ResultKind::Quarantined,
                lines: vec![rejected_line(&quarantined.reason)],
            },
            None => RecordResult {
                kind: ResultKind::Dropped,
                lines: vec![r#"{"dropped":true}"#.to_owned()],
            },
        }
    };
    (0..).take(records).map(result).collect()
}

fn event_line(outcome: &Transformed, event: &Event) -> String {
    let json = String::from_utf8_lossy(outcome.event_data(event));
    let path = outcome.partitions[event.partition as usize].as_str();
    let path = serde_json::Value::from(path);
    let routes = match (event.routes.lake, event.routes.bus) {
        (true, true) => r#"["lake","bus"]"#,
        (true, false) => r#"["lake"]"#,
        (false, _) => r#"["bus"]"#,
    };
    format!(r#"{{"event":{json},"partition":{path},"routes":{routes}}}"#)
}

/// Leaves out the backtrace, which depends on how the component was called.
fn rejected_line(reason: &Reason) -> String {
    let message = serde_json::Value::from(reason.message.as_str());
    let code = reason.code.as_str();
    format!(r#"{{"quarantined":{{"code":"{code}","message":{message}}}}}"#)
}

#[cfg(test)]
mod tests {
    use sluice_engine::outcome::{Quarantined, Routes};
    use sluice_engine::partition::PartitionPath;

    use super::*;

    #[test]
    fn each_record_has_its_lines_in_order() {
        let path = PartitionPath::from_pairs(&[("event_type", "a\"b")]).unwrap();
        let event = |record, start, end, bus| Event {
            record,
            start,
            end,
            partition: 0,
            routes: Routes { lake: true, bus },
        };
        let outcome = Transformed {
            data: br#"{"n": 1.50}2"#.to_vec(),
            events: vec![event(1, 0, 11, true), event(1, 11, 12, false)],
            partitions: vec![path],
            quarantined: vec![Quarantined {
                record: 2,
                reason: Reason::rejected("not_wanted", "a \"word\"".into()),
            }],
            ..Transformed::default()
        };
        let results = record_results(3, &outcome);
        let kinds: Vec<_> = results.iter().map(|result| result.kind).collect();
        assert_eq!(
            kinds,
            [
                ResultKind::Dropped,
                ResultKind::Events,
                ResultKind::Quarantined
            ]
        );
        let lines: Vec<_> = results
            .into_iter()
            .flat_map(|result| result.lines)
            .collect();
        assert_eq!(
            lines,
            [
                r#"{"dropped":true}"#,
                r#"{"event":{"n": 1.50},"partition":"event_type=a%22b","routes":["lake","bus"]}"#,
                r#"{"event":2,"partition":"event_type=a%22b","routes":["lake"]}"#,
                r#"{"quarantined":{"code":"not_wanted","message":"a \"word\""}}"#,
            ]
        );
    }
}
