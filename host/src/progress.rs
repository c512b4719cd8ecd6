//! The counts of a run, and the summary made of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::chunk::ChunkCounts;
use crate::record::Slice;
use crate::transform::release::ReleaseId;

/// What has been done so far. Counts are taken when a chunk is committed, except for what was read,
/// which is ahead of them.
#[derive(Debug, Default)]
pub struct Progress {
    read_records: AtomicU64,
    blank_lines: AtomicU64,
    outsiders: AtomicU64,
    records: AtomicU64,
    bytes_in: AtomicU64,
    events: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
    muted: AtomicU64,
    messages: AtomicU64,
    objects: AtomicU64,
    quarantine_objects: AtomicU64,
    bytes_out: AtomicU64,
    chunks: AtomicU64,
    committed_before: AtomicU64,
}

impl Progress {
    /// A slice was read.
    pub fn read(&self, slice: &Slice) {
        self.read_records.fetch_add(slice.len() as u64, Relaxed);
        self.blank_lines.fetch_add(slice.skipped(), Relaxed);
        self.outsiders.fetch_add(slice.outsiders(), Relaxed);
    }

    /// An object was put: of events, or of records in quarantine.
    pub fn put(&self, bytes: u64, in_lake: bool) {
        let objects = if in_lake {
            &self.objects
        } else {
            &self.quarantine_objects
        };
        objects.fetch_add(1, Relaxed);
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    /// Messages were sent.
    pub fn sent(&self, messages: u64) {
        self.messages.fetch_add(messages, Relaxed);
    }

    /// A chunk was committed.
    pub fn landed(&self, counts: &ChunkCounts) {
        self.records.fetch_add(counts.records, Relaxed);
        self.bytes_in.fetch_add(counts.bytes, Relaxed);
        self.events.fetch_add(counts.events, Relaxed);
        self.rejected.fetch_add(counts.rejected, Relaxed);
        self.dropped.fetch_add(counts.dropped, Relaxed);
        self.muted.fetch_add(counts.muted, Relaxed);
        self.chunks.fetch_add(1, Relaxed);
    }

    /// A shard was opened of which `records` are done already.
    pub fn found_committed(&self, records: u64) {
        self.committed_before.fetch_add(records, Relaxed);
    }

    /// How many records have been read, landed or not.
    #[must_use]
    pub fn read_records(&self) -> u64 {
        self.read_records.load(Relaxed)
    }

    /// How many records have been committed.
    #[must_use]
    pub fn committed_records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// The summary of a run that began at `started`.
    #[must_use]
    pub fn summary(&self, started: Instant, release: ReleaseId) -> Summary {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        Summary {
            records: count(&self.records),
            events: count(&self.events),
            rejected: count(&self.rejected),
            dropped: count(&self.dropped),
            objects: count(&self.objects),
            messages: count(&self.messages),
            bytes_in: count(&self.bytes_in),
            bytes_out: count(&self.bytes_out),
            seconds: rounded_seconds(started.elapsed()),
            release: release.to_string(),
            quarantine_objects: count(&self.quarantine_objects),
            messages_muted: count(&self.muted),
            blank_lines: count(&self.blank_lines),
            outsiders: count(&self.outsiders),
            already_committed: count(&self.committed_before),
            chunks: count(&self.chunks),
        }
    }
}

fn rounded_seconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// What a run did. `records` are in exactly one of three: made into `events` (one or more each),
/// `rejected`, or `dropped`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Records that this run committed.
    pub records: u64,
    /// Events that they became.
    pub events: u64,
    /// Records that went to quarantine.
    pub rejected: u64,
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
    pub messages_muted: u64,
    /// Lines of files that were empty and so no records.
    pub blank_lines: u64,
    /// Records of aggregates that were dropped because they belong to other shards.
    pub outsiders: u64,
    /// Records of these sources that earlier runs had committed.
    pub already_committed: u64,
    /// Chunks that this run committed.
    pub chunks: u64,
}
