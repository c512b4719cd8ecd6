//! A part of a source, for replays.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::SequenceNumber;

/// One end of the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bound {
    /// A record of one shard: its sequence number, or the offset of its line in a file.
    Sequence(SequenceNumber),
    /// A moment of arrival, milliseconds since the Unix epoch.
    Moment(i64),
}

/// The part of a source; `None` means from the oldest or to the newest record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The first record, or the moment at or after which the first one came.
    pub from: Option<Bound>,
    /// The last record, or the moment before which the last one came.
    pub to: Option<Bound>,
}

impl Bounds {
    /// Whether a record comes before the part. If the bound is a moment, the source seeks to it,
    /// and this is false.
    #[must_use]
    pub fn is_before(&self, sequence: SequenceNumber) -> bool {
        matches!(self.from, Some(Bound::Sequence(from)) if sequence < from)
    }

    /// Whether a record that came at `arrived_at` (milliseconds since the Unix epoch) is after the
    /// part.
    #[must_use]
    pub fn is_after(&self, sequence: SequenceNumber, arrived_at: u64) -> bool {
        match self.to {
            None => false,
            Some(Bound::Sequence(to)) => sequence > to,
            Some(Bound::Moment(to)) => i64::try_from(arrived_at).is_ok_and(|at| at >= to),
        }
    }

    /// Whether the part ends with this record, so that no later one needs to be read.
    #[must_use]
    pub fn ends_with(&self, sequence: SequenceNumber) -> bool {
        matches!(self.to, Some(Bound::Sequence(to)) if sequence >= to)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |bound: Option<Bound>, open: &str| bound.map_or(open.into(), String::from);
        let (from, to) = (end(self.from, "the oldest"), end(self.to, "the newest"));
        write!(f, "from {from} to {to}")
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self::Sequence);
        }
        DateTime::parse_from_rfc3339(text)
            .map(|moment| Self::Moment(moment.timestamp_millis()))
            .map_err(|_| {
                "expected a time such as 2026-01-31T12:00:00Z, or the number of a record".into()
            })
    }
}

impl TryFrom<String> for Bound {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Bound> for String {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Sequence(sequence) => sequence.to_string(),
            Bound::Moment(moment) => DateTime::<Utc>::from_timestamp_millis(moment)
                .map_or(moment.to_string(), |moment| {
                    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_time_or_a_record() {
        let moment: Bound = "2026-01-01T01:00:00.5+01:00".parse().unwrap();
        assert_eq!(moment, Bound::Moment(1_767_225_600_500));
        assert_eq!(String::from(moment), "2026-01-01T00:00:00.500Z");
        let record: Bound = "4711".parse().unwrap();
        assert_eq!(record, Bound::Sequence(4_711.into()));
        for text in ["", "yesterday", "2026-01-01", "-1"] {
            assert!(text.parse::<Bound>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn records_are_included_and_the_end_of_a_time_is_not() {
        let records = Bounds {
            from: "10".parse().ok(),
            to: "20".parse().ok(),
        };
        assert!(records.is_before(9.into()) && !records.is_before(10.into()));
        assert!(!records.is_after(20.into(), 0) && records.is_after(21.into(), 0));
        let times = Bounds {
            from: None,
            to: Some(Bound::Moment(1_000)),
        };
        assert!(!times.is_after(0.into(), 999) && times.is_after(0.into(), 1_000));
        assert_eq!(times.to_string(), "from the oldest to 1970-01-01T00:00:01Z");
    }
}
