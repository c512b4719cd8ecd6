//! What is said of a run at its end.

use serde::Serialize;

/// What a run did. `records` are in exactly one of three: made into `events` (one or more each),
/// `quarantined`, or `dropped`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Records that this run committed.
    pub records: u64,
    /// Events that they became.
    pub events: u64,
    /// Records that went to quarantine.
    pub quarantined: u64,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Objects of events in the lake.
    pub objects: u64,
    /// Messages on the bus.
    pub messages: u64,
    /// Bytes of the records, decompressed.
    pub bytes_in: u64,
    /// Bytes of the objects, compressed.
    pub bytes_out: u64,
    /// Wall time.
    pub seconds: f64,
    /// The release that transformed fresh chunks.
    pub release: String,
    /// Objects of records in quarantine.
    pub quarantine_objects: u64,
    /// Events that the transform meant for the bus while there was none.
    pub messages_unsent: u64,
    /// Lines of files that were empty and so no records.
    pub blank_lines: u64,
    /// Records of aggregates that were dropped because they belong to other shards.
    pub misplaced_records: u64,
    /// Records of these sources that earlier runs had committed.
    pub already_committed: u64,
    /// Chunks that this run committed.
    pub chunks: u64,
    /// Times that another release began to serve.
    pub release_swaps: u64,
    /// Releases that were refused.
    pub release_refusals: u64,
    /// Releases that this run took back because they did worse than they may.
    pub release_withdrawals: u64,
    /// Polls of the registry that failed.
    pub registry_failures: u64,
}
