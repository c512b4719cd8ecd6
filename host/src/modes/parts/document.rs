//! The plan of a replay in parts, `_sluice/parts.json`. It is created by the first part that starts and never changes.

use serde::{Deserialize, Serialize};
use sluice_engine::record::Bounds;

use super::assignment::{Unit, assign};
use super::names::Names;
use crate::config::Part;
use crate::ledger::DocumentVersion;

/// The version of the format.
const VERSION: u32 = 1;

/// What all parts of a replay must have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedReplay {
    /// The number of parts.
    pub(super) parts: u32,
    /// The part of the source that is replayed.
    pub(super) bounds: Bounds,
    /// The sources, as text.
    pub(super) source: Vec<String>,
    /// When the stream was created, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stream_created_at: Option<i64>,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanDocument {
    version: u32,
    /// What is divided.
    pub(super) replay: PlannedReplay,
    /// The units of each part.
    pub(super) units: Vec<Names>,
    /// The units that had no record to replay when they were divided.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub(super) without_records: Names,
}

/// What is divided.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// All units.
    pub units: Vec<Unit>,
    /// The names of those that have no record to replay.
    pub without_records: Vec<String>,
}

impl From<Vec<Unit>> for Units {
    fn from(units: Vec<Unit>) -> Self {
        let without_records = Vec::new();
        Self {
            units,
            without_records,
        }
    }
}

impl PlannedReplay {
    /// Checks that a part is one of this replay.
    ///
    /// # Errors
    /// What is another one, and what to do.
    pub(super) fn check(&self, wanted: &Self, part: Part) -> Result<(), String> {
        let of = wanted.parts;
        if self.parts != of {
            let parts = self.parts;
            return Err(format!(
                "it has {parts} parts, and this is part {part}; give --part K/{parts}, or start all {of} parts with a \
                 lake of their own"
            ));
        }
        if self.bounds != wanted.bounds {
            let (planned, wanted) = (self.bounds, wanted.bounds);
            return Err(format!(
                "it replays {planned}, and this part {wanted}; give all parts the same --from and --to, or start them \
                 with a lake of their own"
            ));
        }
        if self.source != wanted.source {
            let (planned, wanted) = (self.source.join(", "), wanted.source.join(", "));
            return Err(format!(
                "it replays {planned}, and this part {wanted}; give all parts the same --source, or start them with a \
                 lake of their own"
            ));
        }
        if self.stream_created_at != wanted.stream_created_at {
            return Err(
                "the stream was deleted and created again since; start all parts with another lake"
                    .into(),
            );
        }
        Ok(())
    }
}

impl PlanDocument {
    /// Divides units.
    pub(super) fn new(replay: PlannedReplay, units: Units) -> Self {
        let assigned = assign(units.units, replay.parts).into_iter();
        Self {
            version: VERSION,
            units: assigned.map(Names::new).collect(),
            without_records: Names::new(units.without_records),
            replay,
        }
    }

    /// Parses a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let damaged = |error: serde_json::Error| format!("it is damaged: {error}");
        let DocumentVersion { version } = serde_json::from_slice(text).map_err(damaged)?;
        if version != VERSION {
            return Err(format!(
                "its format has version {version}, and this program reads version {VERSION}; start all parts with the \
                 same version of Sluice"
            ));
        }
        let document: Self = serde_json::from_slice(text).map_err(damaged)?;
        if document.units.len() != document.replay.parts as usize {
            let (units, parts) = (document.units.len(), document.replay.parts);
            return Err(format!(
                "it is damaged: it has the units of {units} parts, not of {parts}"
            ));
        }
        Ok(document)
    }

    /// The document as text.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(super) fn text(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay() -> PlannedReplay {
        PlannedReplay {
            parts: 2,
            bounds: Bounds {
                from: "2026-01-01T00:00:00Z".parse().ok(),
                to: None,
            },
            source: vec!["kinesis:events".into()],
            stream_created_at: Some(7),
        }
    }

    fn document() -> PlanDocument {
        let unit = |name: &str| Unit::new(name.into(), 1);
        let units = Units {
            units: ["shard-1", "shard-2", "shard-3"].map(unit).into(),
            without_records: vec!["shard-3".into()],
        };
        PlanDocument::new(replay(), units)
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let text = String::from_utf8(document().text().unwrap()).unwrap();
        assert_eq!(PlanDocument::parse(text.as_bytes()), Ok(document()));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["replay"]["parts"], 2);
        assert_eq!(value["replay"]["bounds"]["from"], "2026-01-01T00:00:00Z");
        assert_eq!(value["units"][0][1], "6 3");
    }

    #[test]
    fn the_plan_of_a_million_objects_takes_some_megabytes() {
        let key = |n: u32| format!("s3://bucket/events/day={:02}/{:09}.json.gz", n % 28, n * 7);
        let units = (0..1_000_000).map(|n| Unit::new(key(n), u64::from(n % 100)));
        let replay = PlannedReplay {
            parts: 8,
            ..replay()
        };
        let document = PlanDocument::new(replay, units.collect::<Vec<_>>().into());
        let text = document.text().unwrap();
        assert!(text.len() < 40_000_000, "{}", text.len());
        assert!(PlanDocument::parse(&text) == Ok(document));
    }

    #[test]
    fn a_damaged_document_and_one_of_another_version_say_so() {
        let text = String::from_utf8(document().text().unwrap()).unwrap();
        for (before, after, part) in [
            ("\"version\": 1", "\"version\": 2", "version 2"),
            ("\"parts\": 2", "\"parts\": 3", "not of 3"),
            ("6 3", "x", "damaged"),
        ] {
            let error = PlanDocument::parse(text.replace(before, after).as_bytes());
            let error = error.unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(PlanDocument::parse(&text.as_bytes()[..20]).is_err());
    }

    #[test]
    fn a_part_of_another_replay_is_told_what_to_do() {
        let part = Part::new(1, 2).unwrap();
        let planned = replay();
        assert_eq!(planned.check(&replay(), part), Ok(()));
        let others = [
            (
                PlannedReplay {
                    parts: 3,
                    ..replay()
                },
                "--part K/2",
            ),
            (
                PlannedReplay {
                    bounds: Bounds::default(),
                    ..replay()
                },
                "--from and --to",
            ),
            (
                PlannedReplay {
                    source: vec!["kinesis:other".into()],
                    ..replay()
                },
                "the same --source",
            ),
            (
                PlannedReplay {
                    stream_created_at: Some(8),
                    ..replay()
                },
                "created again",
            ),
        ];
        for (other, advice) in others {
            let error = planned.check(&other, part).unwrap_err();
            assert!(error.contains(advice), "{error}");
        }
    }
}
