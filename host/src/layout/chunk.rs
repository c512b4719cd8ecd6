//! A chunk: the results of its batches, joined in order and sorted by destination.

mod archived;
mod encoding;
mod lines;
mod message;
mod outline;
mod over_limit;
mod packs;
mod rules;

use std::collections::{BTreeMap, HashMap};

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::{Event, Fault, Quarantined, ResourceFault, Transformed};
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{Batch, Position, SequenceNumber, ShardId, span as record_span};
use sluice_release::bundle::ReleaseId;

use crate::format::{ByteSpan, Rows};
pub use crate::layout::arrival_times::ArrivalTimes;
use crate::layout::object_key::Origin;
use crate::layout::quarantine;
use crate::layout::{Content, Destination};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range};

use self::lines::Lines;
pub use self::lines::RecordRef;
pub use self::message::Message;
use self::message::MessageRef;
pub use self::outline::ChunkOutline;
pub use self::packs::{PACK_OVERHEAD_BYTES, Pack};
pub use self::rules::{ChunkCounts, ChunkLimits, ChunkRules, RedrivenCounts};

/// A chunk closes if its events have more than this many times its byte limit.
const OUTPUT_TIMES_INPUT: u64 = 2;

/// A chunk closes if its pin has this many entries of resource faults, of about 100 bytes each, so that a ledger
/// stays small.
const RESOURCE_FAULTS_MAX: usize = 10_000;

/// A record that exceeded a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyRecord {
    /// Its place in the chunk, from 0.
    index: u64,
    /// Its shard.
    pub shard: ShardId,
    /// Its position in the shard.
    pub position: Position,
    /// How it exceeded the resource.
    pub fault: Fault,
}

/// A contiguous range of records of one shard, transformed by one release, to be landed as a unit.
#[derive(Debug)]
pub struct Chunk {
    rules: ChunkRules,
    release: ReleaseId,
    bounds: Option<(SequenceNumber, SequenceNumber)>,
    last_digest: Option<Digest>,
    resource_faults: ResourceFaults,
    faulty_records: Vec<FaultyRecord>,
    buffers: Vec<Vec<u8>>,
    output_bytes: u64,
    destinations: BTreeMap<Destination, Lines>,
    lake_partitions: usize,
    messages: Vec<MessageRef>,
    /// The shards that its records came from, in the order of its batches: one, except in a redrive.
    shards: Vec<ShardId>,
    message_partitions: Vec<PartitionPath>,
    message_partition_indexes: HashMap<PartitionPath, u32>,
    counts: ChunkCounts,
    /// Its batches, if its records are archived.
    batches: Vec<Batch>,
}

impl Chunk {
    /// An empty chunk.
    #[must_use]
    pub fn new(rules: ChunkRules, release: ReleaseId) -> Self {
        Self {
            rules,
            release,
            bounds: None,
            last_digest: None,
            resource_faults: ResourceFaults::default(),
            faulty_records: Vec::new(),
            buffers: Vec::new(),
            output_bytes: 0,
            destinations: BTreeMap::new(),
            lake_partitions: 0,
            messages: Vec::new(),
            shards: Vec::new(),
            message_partitions: Vec::new(),
            message_partition_indexes: HashMap::new(),
            counts: ChunkCounts::default(),
            batches: Vec::new(),
        }
    }

    /// Whether its events exceed the limits, or its resource faults do. If there is more than one event per
    /// record, the additional ones also count their overhead.
    #[must_use]
    pub fn has_outgrown(&self, limits: &ChunkLimits) -> bool {
        self.output_bytes >= limits.bytes.saturating_mul(OUTPUT_TIMES_INPUT)
            || self.resource_faults.entries() >= RESOURCE_FAULTS_MAX
    }

    /// Whether its events take this share of the limit of bytes: one part in `parts`.
    #[must_use]
    pub fn takes_a_part(&self, limits: &ChunkLimits, parts: u64) -> bool {
        self.output_bytes >= limits.bytes / parts
    }

    /// Adds the next batch and its result. A batch without records changes nothing.
    pub fn absorb(&mut self, batch: &Batch, mut outcome: Transformed) {
        self.apply_limits(&mut outcome);
        self.count(batch, &outcome);
        let shard = self.shard_index(batch.shard());
        self.quarantine(batch, shard, &outcome.quarantined);
        self.take_events(batch, shard, outcome);
    }

    /// Quarantines the records of the next batch whose events exceed a limit of the chunk. A second time changes
    /// nothing.
    pub fn apply_limits(&self, outcome: &mut Transformed) {
        self.quarantine_oversized_messages(outcome);
        self.quarantine_excess_partitions(outcome);
    }

    fn count(&mut self, batch: &Batch, outcome: &Transformed) {
        let positions = batch.positions();
        let Some((first, last)) = batch.ledger_span() else {
            return;
        };
        let first = self.bounds.map_or(first, |(first, _)| first);
        self.bounds = Some((first, last));
        self.last_digest = Some(Digest::of(batch.record(batch.len() - 1).data));
        let begin = self.counts.records;
        for ResourceFault { record, fault } in &outcome.resource_faults {
            let index = begin + u64::from(*record);
            self.resource_faults.push(index, *fault);
            self.faulty_records.push(FaultyRecord {
                index,
                shard: batch.shard().clone(),
                position: positions[*record as usize],
                fault: *fault,
            });
        }
        self.counts.add(batch, outcome, bus_only(&outcome.events));
    }

    fn quarantine(&mut self, batch: &Batch, shard: u32, quarantined: &[Quarantined]) {
        if quarantined.is_empty() {
            return;
        }
        let mut lines = Vec::new();
        let buffer = index(self.buffers.len());
        for Quarantined { record, reason } in quarantined {
            let start = index(lines.len());
            let record = batch.record(*record as usize);
            quarantine::push_line(&mut lines, batch.shard(), &record, reason, self.release);
            let end = index(lines.len());
            let destination = Destination::Quarantine(reason.code.clone());
            let span = ByteSpan { buffer, start, end };
            let position = record.position;
            let kept = self.rules.with_positions;
            let kept = kept.then_some(RecordRef { shard, position });
            let lines = self.destinations.entry(destination).or_default();
            lines.push(span, kept);
            let hasher = lines.quarantined.get_or_insert_default();
            let rid = quarantine::rid(batch.shard(), &record);
            hasher.add(&rid, reason.code.as_str(), record.data);
        }
        self.keep(lines);
    }

    fn take_events(&mut self, batch: &Batch, shard: u32, outcome: Transformed) {
        let buffer = index(self.buffers.len());
        let mut by_partition: Vec<Lines> = Vec::new();
        by_partition.resize_with(outcome.partitions.len(), Lines::default);
        let partitions: Vec<_> = outcome
            .partitions
            .iter()
            .map(|path| self.message_partition(path))
            .collect();
        let mut of_record = (u32::MAX, 0);
        for event in &outcome.events {
            of_record = match of_record {
                (record, event_index) if record == event.record => (record, event_index + 1),
                _ => (event.record, 0),
            };
            let (start, end) = (event.start, event.end);
            let span = ByteSpan { buffer, start, end };
            let position = batch.positions()[event.record as usize];
            let record = RecordRef { shard, position };
            if event.routes.lake {
                self.counts.lake_events += 1;
                let kept = self.rules.with_positions.then_some(record);
                by_partition[event.partition as usize].push(span, kept);
            }
            if event.routes.bus && self.rules.pins.with_messages() {
                self.messages.push(MessageRef {
                    record,
                    event: of_record.1,
                    partition: partitions[event.partition as usize],
                    key: key_span(batch, buffer + 1, event.record as usize),
                    span,
                });
            } else if event.routes.bus
                && !(self.rules.pins.with_notifications() && event.routes.lake)
            {
                self.counts.unsent += 1;
            }
        }
        for (path, lines) in outcome.partitions.into_iter().zip(by_partition) {
            if !lines.spans.is_empty() {
                let before = self.destinations.len();
                self.destinations
                    .entry(Destination::Lake(path))
                    .or_default()
                    .append(lines);
                self.lake_partitions += self.destinations.len() - before;
            }
        }
        let more_than_records = outcome.events.len().saturating_sub(batch.len());
        self.output_bytes += (more_than_records * Event::OVERHEAD_BYTES) as u64;
        self.keep(outcome.data);
        if self.rules.pins.with_messages() {
            self.keep(batch.partition_keys().as_bytes().to_vec());
        }
    }

    /// The index of a partition's name among those that messages refer to.
    fn message_partition(&mut self, path: &PartitionPath) -> u32 {
        if !self.rules.pins.with_messages() {
            return 0;
        }
        if let Some(known) = self.message_partition_indexes.get(path) {
            return *known;
        }
        let new = index(self.message_partitions.len());
        self.message_partitions.push(path.clone());
        self.message_partition_indexes.insert(path.clone(), new);
        new
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        self.output_bytes += buffer.len() as u64;
        self.buffers.push(buffer);
    }

    /// The pin of the chunk; `None` for a chunk without records.
    #[must_use]
    pub fn pending(&self) -> Option<Pending> {
        let (first, last) = self.bounds?;
        Some(Pending {
            range: Range {
                first,
                last,
                count: self.counts.records,
            },
            release: self.release,
            pins: self.rules.pins.clone(),
            resource_faults: self.resource_faults.clone(),
        })
    }

    /// The release that transforms it.
    #[must_use]
    pub fn release(&self) -> ReleaseId {
        self.release
    }

    /// Its settings.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.rules.pins
    }

    /// Its records that exceeded a resource.
    #[must_use]
    pub fn resource_faults(&self) -> &ResourceFaults {
        &self.resource_faults
    }

    /// The records that exceeded a resource which did not in an earlier attempt.
    pub fn new_faults(&self, known: &ResourceFaults) -> impl Iterator<Item = &FaultyRecord> {
        let new = self.faulty_records.iter();
        new.filter(|faulty| !known.has(faulty.index, faulty.fault))
    }

    /// The digest of the last record's bytes; `None` for a chunk without records.
    #[must_use]
    pub fn last_digest(&self) -> Option<Digest> {
        self.last_digest
    }

    /// The origin of its objects, which their names consist of.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let (first, last) = self.bounds.unwrap_or((0.into(), 0.into()));
        Origin {
            shard: self.rules.shard.clone(),
            range: Range {
                first,
                last,
                count: self.counts.records,
            },
            release: self.release,
        }
    }

    /// Its counts.
    #[must_use]
    pub fn counts(&self) -> &ChunkCounts {
        &self.counts
    }

    /// The destinations of its objects, in order.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.destinations.keys()
    }

    /// The destinations of its objects and their numbers of lines, in order.
    pub fn objects(&self) -> impl Iterator<Item = (&Destination, u64)> {
        let lines = |(to, lines): (_, &Lines)| (to, lines.spans.len() as u64);
        self.destinations.iter().map(lines)
    }

    /// The lines of the object for `destination`, and for a chunk [with
    /// positions](ChunkRules::with_positions) the record of each.
    pub fn lines(
        &self,
        destination: &Destination,
    ) -> (impl ExactSizeIterator<Item = &[u8]>, &[RecordRef]) {
        let records = self.destinations.get(destination);
        let records = records.map_or(&[][..], |lines| &lines.records);
        (self.rows(destination).iter(), records)
    }

    /// What the object for `destination` holds.
    #[must_use]
    pub fn content(&self, destination: &Destination) -> Content {
        self.content_with(destination, || self.rows(destination).digest())
    }

    fn content_with(
        &self,
        destination: &Destination,
        digest: impl FnOnce() -> ContentDigest,
    ) -> Content {
        let rows = self.rows(destination);
        let lines = rows.count() as u64;
        let quarantined = self.destinations.get(destination);
        match quarantined.and_then(|lines| lines.quarantined.as_ref()) {
            Some(hasher) => Content {
                lines,
                bytes: hasher.bytes(),
                digest: hasher.digest(),
            },
            None => Content {
                lines,
                bytes: rows.bytes() + lines,
                digest: digest(),
            },
        }
    }

    fn rows(&self, destination: &Destination) -> Rows<'_> {
        let lines = self.destinations.get(destination);
        let spans = lines.map_or(&[][..], |lines| &lines.spans);
        Rows::new(&self.buffers, spans)
    }
}

/// The number of records with events of which none goes to the lake.
fn bus_only(events: &[Event]) -> u64 {
    let of_records = events.chunk_by(|a, b| a.record == b.record);
    of_records
        .filter(|events| !events.iter().any(|event| event.routes.lake))
        .count() as u64
}

/// The position that the partition key of a record will have in the buffer of keys.
fn key_span(batch: &Batch, buffer: u32, record: usize) -> ByteSpan {
    let key = record_span(batch.partition_key_ends(), record);
    let (start, end) = (index(key.start), index(key.end));
    ByteSpan { buffer, start, end }
}

/// Offsets and indexes fit 32 bits, because the data of a batch is far below 4 GiB.
fn index(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
