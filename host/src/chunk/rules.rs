//! What a chunk heeds, and what it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::{ShardId, Slice};
use crate::transform::outcome::{Quarantined, ReasonCode, Transformed};

/// When a fresh chunk closes. It closes between slices, where the records alone decide, so that
/// another run makes the same chunks of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Input, bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Time since its first record came, for a source that has no end.
    pub age: Option<Duration>,
}

impl ChunkLimits {
    /// A chunk that closes at the end of what it is given.
    pub const NONE: Self = Self {
        bytes: u64::MAX,
        records: u64::MAX,
        age: None,
    };
}

/// What a chunk has to heed to fit where it goes.
#[derive(Clone, Debug)]
pub struct ChunkRules {
    /// The shard of its records.
    pub shard: ShardId,
    /// Whether there is a bus that takes events; without one, what was meant for it is only counted.
    pub with_messages: bool,
    /// Whether the bus tells of objects, and so of the events in them.
    pub object_notifications: bool,
    /// Whether it keeps which record each line came of, for who wants to name them.
    pub with_positions: bool,
    /// The most partitions that it may open in the lake.
    pub max_partitions: usize,
    /// The largest message that the bus takes, bytes, if it has a limit. An event over it needs an
    /// object in the lake for its message to point to.
    pub max_message_bytes: Option<usize>,
}

/// What a chunk adds to the counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Records read.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that they became.
    pub events: u64,
    /// Records in quarantine, by reason.
    pub quarantined: BTreeMap<ReasonCode, u64>,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Events meant for the bus while there is none.
    pub unsent: u64,
    /// Records with events of which none went to the lake.
    pub bus_only: u64,
}

impl ChunkCounts {
    /// Counts a slice and what became of it; not what is unsent, which the chunk's rules decide.
    pub(super) fn add(&mut self, slice: &Slice, outcome: &Transformed) {
        self.records += slice.len() as u64;
        self.bytes += slice.data().len() as u64;
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

    /// Records in quarantine, whatever the reason.
    #[must_use]
    pub fn quarantined_records(&self) -> u64 {
        self.quarantined.values().sum()
    }
}
