//! The limits, rules and counts of a chunk.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_engine::outcome::{Quarantined, ReasonCode, Transformed};
use sluice_engine::record::{Batch, ShardId};

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

/// The rules that make a chunk fit its sinks.
#[derive(Clone, Debug)]
pub struct ChunkRules {
    /// The shard of its records.
    pub shard: ShardId,
    /// Whether there is a bus for events; without one, events for the bus are only counted.
    pub with_messages: bool,
    /// Whether the bus gets a message for each object.
    pub object_notifications: bool,
    /// Whether it keeps the record of each line, for the audit.
    pub with_positions: bool,
    /// The most partitions that it may open in the lake.
    pub max_partitions: usize,
    /// The largest message that the bus accepts, bytes, if it has a limit. The message of a larger
    /// event points to its object in the lake.
    pub max_message_bytes: Option<usize>,
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
    /// Records quarantined, by reason.
    pub quarantined: BTreeMap<ReasonCode, u64>,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Events for the bus that are not sent, because there is no bus.
    pub unsent: u64,
    /// Records with events of which none goes to the lake.
    pub bus_only: u64,
}

impl ChunkCounts {
    /// Counts a batch and its result, except for unsent events, which depend on the chunk's rules.
    pub(super) fn add(&mut self, batch: &Batch, outcome: &Transformed) {
        self.records += batch.len() as u64;
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

    /// Records quarantined, for any reason.
    #[must_use]
    pub fn quarantined_records(&self) -> u64 {
        self.quarantined.values().sum()
    }
}
