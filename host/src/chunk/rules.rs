//! What a chunk heeds, and what it counts.

use std::time::Duration;

use crate::record::ShardId;

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

/// What a chunk has to heed to fit where it goes.
#[derive(Clone, Debug)]
pub struct ChunkRules {
    /// The shard of its records.
    pub shard: ShardId,
    /// Whether there is a bus that takes events; without one, what was meant for it is only counted.
    pub with_messages: bool,
    /// Whether the bus tells of objects, and so of the events in them.
    pub announced: bool,
    /// The most partitions that it may open in the lake.
    pub max_partitions: usize,
    /// The largest message that the bus takes, bytes, if it has a limit. An event over it needs an
    /// object in the lake for its message to point to.
    pub max_message_bytes: Option<usize>,
}

/// What a chunk adds to the counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Records read.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that they became.
    pub events: u64,
    /// Records in quarantine.
    pub rejected: u64,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Events meant for the bus while there is none.
    pub muted: u64,
}
