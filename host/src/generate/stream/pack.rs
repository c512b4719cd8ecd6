//! Packs lines into Kinesis records, plain or aggregated, and these into batches.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use bytes::Bytes;
use memchr::memmem;
use sluice_storage::error::ErrorKind;

use crate::source::aggregate::{Aggregator, Unpacked, belongs, hash_key, unpack};
use crate::source::kinesis::{KinesisError, ShardInfo};

/// "PutRecords": at most 500 records in one call.
const BATCH_MAX_RECORDS: usize = 500;

/// Data and partition keys of a batch. `PutRecords` takes 10 MiB; 5 MiB was its limit for many
/// years, and is what stand-ins accept too.
const BATCH_MAX_BYTES: usize = 5 << 20;

/// Small compared with the 1 MiB that a shard accepts per second, and large compared with an event.
const AGGREGATE_MAX_BYTES: usize = 50 << 10;

const UUID_CHARS: usize = 36;

/// One Kinesis record.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) data: Bytes,
    /// The lines in it.
    pub(super) lines: u64,
    /// Their bytes without newlines.
    pub(super) line_bytes: u64,
    /// The shard that an aggregate is intended for.
    pub(super) shard: Option<Arc<ShardInfo>>,
}

impl Entry {
    fn plain(key: String, data: Bytes) -> Self {
        Self {
            key,
            lines: 1,
            line_bytes: data.len() as u64,
            data,
            shard: None,
        }
    }

    /// The size that counts in a batch.
    fn bytes(&self) -> usize {
        self.key.len() + self.data.len()
    }

    /// Whether consumers of `shard` do not look for this record there.
    pub(super) fn is_misrouted(&self, shard: &str) -> bool {
        self.shard.as_ref().is_some_and(|meant| meant.id != shard)
    }

    pub(super) fn request(&self) -> Result<PutRecordsRequestEntry, KinesisError> {
        let shard = self.shard.as_ref();
        PutRecordsRequestEntry::builder()
            .partition_key(&self.key)
            .set_explicit_hash_key(shard.map(|shard| shard.hash_keys.start().to_string()))
            .data(Blob::new(&self.data[..]))
            .build()
            .map_err(|error| KinesisError::new(ErrorKind::Other, error.to_string()))
    }

    /// The records of an aggregate that do not belong to the shard that it went to, each to be sent
    /// alone; all of them if that shard is unknown.
    pub(super) fn misrouted_records(&self, took: Option<&ShardInfo>) -> Vec<Self> {
        let Unpacked::Records(records) = unpack(&self.data) else {
            return Vec::new();
        };
        records
            .into_iter()
            .filter(|record| !took.is_some_and(|shard| belongs(record, &shard.hash_keys)))
            .map(|record| Self::plain(record.partition_key.to_string(), record.data))
            .collect()
    }
}

/// Packs entries into batches as full as a call of `PutRecords` allows.
#[derive(Debug, Default)]
pub(super) struct Batches {
    entries: Vec<Entry>,
    bytes: usize,
    ready: VecDeque<Vec<Entry>>,
}

impl Batches {
    pub(super) fn push(&mut self, entry: Entry) {
        let bytes = entry.bytes();
        if self.entries.len() == BATCH_MAX_RECORDS || self.bytes + bytes > BATCH_MAX_BYTES {
            self.close();
        }
        self.bytes += bytes;
        self.entries.push(entry);
    }

    /// Closes the current batch.
    pub(super) fn close(&mut self) {
        self.bytes = 0;
        if !self.entries.is_empty() {
            self.ready.push_back(mem::take(&mut self.entries));
        }
    }

    /// The next batch that is full.
    pub(super) fn pop(&mut self) -> Option<Vec<Entry>> {
        self.ready.pop_front()
    }
}

/// Packs lines into batches.
#[derive(Debug)]
pub(super) struct Packer {
    pub(super) batches: Batches,
    /// Empty if records are sent plain.
    aggregates: Aggregates,
    uuid: memmem::Finder<'static>,
    lines: u64,
}

impl Packer {
    /// Makes aggregates for the open shards among these; plain records if there are none.
    pub(super) fn new(shards: &[ShardInfo]) -> Self {
        Self {
            batches: Batches::default(),
            aggregates: Aggregates::new(shards),
            uuid: memmem::Finder::new(b"\"event_uuid\""),
            lines: 0,
        }
    }

    /// Adds a line, without its newline.
    pub(super) fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        let key =
            event_uuid(&self.uuid, line).map_or_else(|| self.lines.to_string(), str::to_owned);
        if let Some(entry) = self.aggregates.push(key, line) {
            self.batches.push(entry);
        }
    }

    /// Packs everything that waits.
    pub(super) fn close(&mut self) {
        for entry in self.aggregates.finish() {
            self.batches.push(entry);
        }
        self.batches.close();
    }

    /// Makes aggregates for other shards from now on, if these are others.
    pub(super) fn change_shards(&mut self, shards: &[ShardInfo]) {
        let new = Aggregates::new(shards);
        let ids = |all: &Aggregates| -> Vec<_> {
            let ids = all.0.iter().map(|one| one.shard.id.clone());
            ids.collect()
        };
        if ids(&new) != ids(&self.aggregates) {
            for entry in mem::replace(&mut self.aggregates, new).finish() {
                self.batches.push(entry);
            }
        }
    }
}

/// An open aggregate for each open shard, in the order of their hash keys.
#[derive(Debug)]
struct Aggregates(Vec<Aggregate>);

impl Aggregates {
    fn new(shards: &[ShardInfo]) -> Self {
        let aggregate = |shard: &ShardInfo| Aggregate {
            shard: Arc::new(shard.clone()),
            records: Aggregator::new(AGGREGATE_MAX_BYTES),
            line_bytes: 0,
        };
        let mut all: Vec<_> = open(shards).map(aggregate).collect();
        all.sort_by_key(|one| *one.shard.hash_keys.start());
        Self(all)
    }

    /// Adds a line to the aggregate of its shard. Returns what must be sent: a full aggregate, or
    /// the line itself if it has no shard.
    fn push(&mut self, key: String, line: &[u8]) -> Option<Entry> {
        let Some(one) = self.aggregate_of(hash_key(&key)) else {
            return Some(Entry::plain(key, Bytes::copy_from_slice(line)));
        };
        let fits = one.records.fits(&key, line.len());
        let full = if fits { None } else { one.finish() };
        one.records.push(&key, line);
        one.line_bytes += line.len() as u64;
        full
    }

    /// The shard whose range holds a hash key.
    fn aggregate_of(&mut self, hash_key: u128) -> Option<&mut Aggregate> {
        let begun = |one: &Aggregate| *one.shard.hash_keys.start() <= hash_key;
        let behind = self.0.partition_point(begun);
        let one = self.0.get_mut(behind.checked_sub(1)?)?;
        one.shard.hash_keys.contains(&hash_key).then_some(one)
    }

    fn finish(&mut self) -> impl Iterator<Item = Entry> {
        self.0.iter_mut().filter_map(Aggregate::finish)
    }
}

#[derive(Debug)]
struct Aggregate {
    shard: Arc<ShardInfo>,
    records: Aggregator,
    line_bytes: u64,
}

impl Aggregate {
    fn finish(&mut self) -> Option<Entry> {
        let lines = self.records.len() as u64;
        let (key, data) = self.records.finish()?;
        Some(Entry {
            key,
            data: data.into(),
            lines,
            line_bytes: mem::take(&mut self.line_bytes),
            shard: Some(self.shard.clone()),
        })
    }
}

/// Shards that are not the parent of another one: those that accept records.
fn open(shards: &[ShardInfo]) -> impl Iterator<Item = &ShardInfo> {
    let is_parent = |id| shards.iter().any(|shard| shard.parents.contains(id));
    shards.iter().filter(move |shard| !is_parent(&shard.id))
}

/// The text of a line's `event_uuid`, if it has one as this generator writes it.
fn event_uuid<'a>(name: &memmem::Finder<'_>, line: &'a [u8]) -> Option<&'a str> {
    let behind = name.find(line)? + name.needle().len();
    let gap = |byte: &u8| matches!(byte, b' ' | b':');
    let value = &line[behind..];
    let value = &value[value.iter().take_while(|byte| gap(byte)).count()..];
    let (uuid, rest) = value.strip_prefix(b"\"")?.split_at_checked(UUID_CHARS)?;
    let whole = rest.first() == Some(&b'"');
    std::str::from_utf8(uuid).ok().filter(|_| whole)
}
