//! The counts of all records that were tried.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::HumanCount;
use sluice_engine::outcome::ReasonCode;
use sluice_release::bundle::ReleaseId;

use super::trial::{Outcome, Tried};
use crate::config::max_quarantined::MaxQuarantined;
use crate::output::counted;

/// What became of the records, and what they took.
pub(crate) struct Summary {
    /// The rules that were tried.
    pub(crate) release: ReleaseId,
    /// Records with events.
    pub(crate) with_events: u64,
    pub(crate) events: u64,
    pub(crate) dropped: u64,
    pub(crate) quarantined: BTreeMap<ReasonCode, u64>,
    /// The limit at which trying stopped, although there may be more records.
    pub(super) limit: Option<usize>,
    fuel: Vec<u64>,
    time: Vec<Duration>,
}

/// The median and the maximum of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spread<T> {
    pub(super) median: T,
    pub(super) max: T,
}

impl Summary {
    pub(crate) fn new(release: ReleaseId) -> Self {
        Self {
            release,
            with_events: 0,
            events: 0,
            dropped: 0,
            quarantined: BTreeMap::new(),
            limit: None,
            fuel: Vec::new(),
            time: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, tried: &Tried<'_>) {
        match &tried.outcome {
            Outcome::Events(events) => {
                self.with_events += 1;
                self.events += events.len() as u64;
            }
            Outcome::Quarantined(reason) => {
                *self.quarantined.entry(reason.code.clone()).or_default() += 1;
            }
            Outcome::Dropped => self.dropped += 1,
        }
        self.fuel.push(tried.usage.fuel);
        self.time.push(tried.usage.time);
    }

    /// Notes that trying stopped at a limit.
    pub(super) fn stopped_at(&mut self, limit: usize) {
        self.limit = Some(limit);
    }

    pub(crate) fn records(&self) -> u64 {
        self.fuel.len() as u64
    }

    pub(super) fn quarantined_records(&self) -> u64 {
        self.quarantined.values().sum()
    }

    pub(super) fn fuel(&self) -> Spread<u64> {
        spread(&self.fuel)
    }

    pub(super) fn time(&self) -> Spread<Duration> {
        spread(&self.time)
    }

    /// Checks the share of quarantined records.
    ///
    /// # Errors
    /// It is above `max`.
    pub(super) fn check(&self, max: Option<MaxQuarantined>) -> anyhow::Result<()> {
        let (quarantined, records) = (self.quarantined_records(), self.records());
        match max {
            Some(max) if max.is_exceeded(quarantined, records) => anyhow::bail!(
                "{} of {} would be quarantined, more than --max-quarantined, {max}",
                HumanCount(quarantined),
                counted(records, "record")
            ),
            _ => Ok(()),
        }
    }
}

/// The median is the lower one of the two in the middle, so that it is a measurement.
fn spread<T: Copy + Default + Ord>(values: &[T]) -> Spread<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len().saturating_sub(1) / 2;
    Spread {
        median: sorted.get(middle).copied().unwrap_or_default(),
        max: sorted.last().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_one_of_the_measurements() {
        let of = |values: &[u64]| {
            let spread = spread(values);
            (spread.median, spread.max)
        };
        assert_eq!(of(&[]), (0, 0));
        assert_eq!(of(&[7]), (7, 7));
        assert_eq!(of(&[9, 1]), (1, 9));
        assert_eq!(of(&[9, 1, 4]), (4, 9));
    }
}
