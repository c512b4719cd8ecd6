//! The limits, rules and counts of a chunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sluice_engine::outcome::{Quarantined, ReasonCode, Transformed};
use sluice_engine::record::{Batch, ShardId};

use crate::format::parquet::TableSchema;
use crate::layout::arrival_times::ArrivalTimes;
use crate::layout::partition_columns::partition_columns;
use crate::ledger::pins::Pins;

/// The limits at which a new chunk closes. A chunk closes only at the end of a batch. Where a batch
/// ends depends on the records alone, so another run closes its chunks at the same records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of records.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Time since its first record was read, for a source without an end.
    pub age: Option<Duration>,
}

impl ChunkLimits {
    /// No limit: the chunk closes at the end of its source.
    pub const NONE: Self = Self {
        bytes: u64::MAX,
        records: u64::MAX,
        age: None,
    };
}

/// The rules of a chunk.
#[derive(Clone, Debug)]
pub struct ChunkRules {
    /// The shard of its records.
    pub shard: ShardId,
    /// The settings that decide its outcome.
    pub pins: Pins,
    /// Whether it keeps the record of each line, for the audit.
    pub with_positions: bool,
    /// The schema of its objects, if they have columns: the one that its pins name.
    pub table: Option<Arc<TableSchema>>,
}

/// The counts of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Records read.
    pub records: u64,
    /// Bytes of these records.
    pub bytes: u64,
    /// Events made of these records.
    pub events: u64,
    /// Those of them that go to the lake.
    pub lake_events: u64,
    /// Records quarantined, by reason.
    pub quarantined: BTreeMap<ReasonCode, u64>,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Events for the bus that are not sent, because there is no bus.
    pub unsent: u64,
    /// Records with events of which none goes to the lake.
    pub bus_only: u64,
    /// When its records arrived; `None` if the source does not say.
    pub arrived_at: Option<ArrivalTimes>,
    /// What became of records that are redriven, by the reason that they were quarantined for.
    pub redriven: BTreeMap<ReasonCode, RedrivenCounts>,
}

/// What became of redriven records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RedrivenCounts {
    /// How many there are.
    pub records: u64,
    /// Records with an event in the lake.
    pub landed: u64,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Records with events of which none goes to the lake.
    pub bus_only: u64,
    /// Records that are quarantined again, by their new reason.
    pub quarantined: BTreeMap<String, u64>,
    /// The columns of the partitions that their events are in.
    #[serde(skip)]
    pub columns: BTreeSet<String>,
}

impl RedrivenCounts {
    /// Adds the counts of other records.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.landed += other.landed;
        self.dropped += other.dropped;
        self.bus_only += other.bus_only;
        for (reason, records) in &other.quarantined {
            *self.quarantined.entry(reason.clone()).or_default() += records;
        }
        self.columns.extend(other.columns.iter().cloned());
    }

    /// Records that are quarantined again.
    #[must_use]
    pub fn quarantined_again(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

impl ChunkCounts {
    /// Counts a batch and its result, except for events by where they go, which depends on the chunk's rules.
    pub(super) fn add(&mut self, batch: &Batch, outcome: &Transformed, bus_only: u64) {
        self.add_redriven(batch, outcome, bus_only);
        self.add_arrival(batch);
        self.records += batch.len() as u64;
        self.bus_only += bus_only;
        self.bytes += batch.data().len() as u64;
        self.events += outcome.events.len() as u64;
        self.dropped += outcome.dropped;
        for Quarantined { reason, .. } in &outcome.quarantined {
            match self.quarantined.get_mut(&reason.code) {
                Some(records) => *records += 1,
                None => {
                    self.quarantined.insert(reason.code.clone(), 1);
                }
            }
        }
    }

    /// Adds the counts of another chunk.
    pub fn absorb(&mut self, other: &Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.events += other.events;
        self.lake_events += other.lake_events;
        for (reason, records) in &other.quarantined {
            *self.quarantined.entry(reason.clone()).or_default() += records;
        }
        self.dropped += other.dropped;
        self.unsent += other.unsent;
        self.bus_only += other.bus_only;
        if let Some(times) = other.arrived_at {
            self.arrived_at = ArrivalTimes::add(self.arrived_at, &[times.min, times.max]);
        }
        for (reason, counts) in &other.redriven {
            self.redriven.entry(reason.clone()).or_default().add(counts);
        }
    }

    /// Adds the times of a batch. In a redrive, records without a time can come before others: the least time of the chunk is
    /// then unknown.
    fn add_arrival(&mut self, batch: &Batch) {
        let unknown = (self.records > 0).then_some(ArrivalTimes { min: 0, max: 0 });
        let before = self.arrived_at.or(unknown);
        self.arrived_at = ArrivalTimes::add(before, batch.arrived_at());
    }

    fn add_redriven(&mut self, batch: &Batch, outcome: &Transformed, bus_only: u64) {
        let Some(redriven) = batch.redriven() else {
            return;
        };
        let mut counts = RedrivenCounts {
            records: batch.len() as u64,
            dropped: outcome.dropped,
            bus_only,
            columns: columns(outcome),
            ..RedrivenCounts::default()
        };
        for Quarantined { reason, .. } in &outcome.quarantined {
            let code = reason.code.to_string();
            *counts.quarantined.entry(code).or_default() += 1;
        }
        let elsewhere = counts.dropped + bus_only + counts.quarantined_again();
        counts.landed = counts.records.saturating_sub(elsewhere);
        let reason = redriven.reason.clone();
        self.redriven.entry(reason).or_default().add(&counts);
    }

    /// Records quarantined, for any reason.
    #[must_use]
    pub fn quarantined_records(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

/// The columns of the partitions that events of a batch go to.
fn columns(outcome: &Transformed) -> BTreeSet<String> {
    let in_lake = outcome.events.iter().filter(|event| event.routes.lake);
    let partitions: BTreeSet<_> = in_lake.map(|event| event.partition).collect();
    let paths = partitions.into_iter();
    let paths = paths.filter_map(|partition| outcome.partitions.get(partition as usize));
    paths.map(|path| partition_columns(path.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::{Record, SequenceNumber};

    use super::*;

    fn arrived(batches: &[&[u64]]) -> Option<ArrivalTimes> {
        let mut counts = ChunkCounts::default();
        for times in batches {
            let mut batch = Batch::new(ShardId::new("s").unwrap());
            for arrived_at in *times {
                batch.push(Record {
                    data: b"{}",
                    partition_key: "",
                    position: SequenceNumber::from(0).into(),
                    arrived_at: *arrived_at,
                });
            }
            counts.add(&batch, &Transformed::default(), 0);
        }
        counts.arrived_at
    }

    #[test]
    fn records_without_a_time_make_the_least_time_of_their_chunk_unknown() {
        let times = |min, max| Some(ArrivalTimes { min, max });
        assert_eq!(arrived(&[&[5, 3], &[9]]), times(3, 9));
        assert_eq!(arrived(&[&[0], &[0, 0]]), None);
        assert_eq!(arrived(&[&[0], &[7]]), times(0, 7));
        assert_eq!(arrived(&[&[7], &[0]]), times(0, 7));
    }
}
