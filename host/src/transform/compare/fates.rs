//! What became of each record, as lines that people read and keep.
//!
//! A line is one JSON object. An event is
//! `{"event":…,"partition":"event_type=lesson","routes":["lake","bus"]}` with its bytes as they are, a
//! rejection `{"quarantined":{"code":…,"message":…}}`, and a record that was dropped
//! `{"dropped":true}`.

use std::fmt;

use crate::transform::outcome::{Event, Reason, Transformed};

/// What became of one record: one line for each event, or the one of its rejection or drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// What it is.
    pub kind: Kind,
    /// Its lines, at least one.
    pub lines: Vec<String>,
}

/// The ways in which a record can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It became events.
    Events,
    /// It goes to quarantine.
    Quarantined,
    /// The transform dropped it.
    Dropped,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Quarantined => "quarantined",
            Self::Dropped => "dropped",
        })
    }
}

/// The fates of the `records` records of a slice, in order.
#[must_use]
pub fn fates(records: usize, outcome: &Transformed) -> Vec<Fate> {
    let mut events = outcome.events.iter().peekable();
    let mut quarantined = outcome.quarantined.iter().peekable();
    let fate = |record| {
        let mut lines = Vec::new();
        while let Some(event) = events.next_if(|event| event.record == record) {
            lines.push(event_line(outcome, event));
        }
        if !lines.is_empty() {
            let kind = Kind::Events;
            return Fate { kind, lines };
        }
        match quarantined.next_if(|quarantined| quarantined.record == record) {
            Some(quarantined) => Fate {
                kind: Kind::Quarantined,
                lines: vec![rejected_line(&quarantined.reason)],
            },
            None => Fate {
                kind: Kind::Dropped,
                lines: vec![r#"{"dropped":true}"#.to_owned()],
            },
        }
    };
    (0..).take(records).map(fate).collect()
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

/// Without the backtrace, which is another by each way in.
fn rejected_line(reason: &Reason) -> String {
    let message = serde_json::Value::from(reason.message.as_str());
    let code = reason.code.as_str();
    format!(r#"{{"quarantined":{{"code":"{code}","message":{message}}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::PartitionPath;
    use crate::transform::outcome::{Quarantined, Routes};

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
        let fates = fates(3, &outcome);
        let kinds: Vec<_> = fates.iter().map(|fate| fate.kind).collect();
        assert_eq!(kinds, [Kind::Dropped, Kind::Events, Kind::Quarantined]);
        let lines: Vec<_> = fates.into_iter().flat_map(|fate| fate.lines).collect();
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
