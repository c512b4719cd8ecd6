//! Aggregates of the Kinesis Producer Library: many records in the data of one, unpacked and
//! packed.
//!
//! ```text
//! F3 89 9A C2 | AggregatedRecord, as protobuf | MD5 of the protobuf, 16 bytes
//! ```

use std::collections::HashMap;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest, Md5};
use prost::{Message, length_delimiter_len};

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

const CHECKSUM_BYTES: usize = 16;

/// Tables of keys, and records that refer to them by index, so that a key is written once.
#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

/// The format requires `partition_key_index` and `data`; prost would read 0 and nothing for a
/// required field that is not there, so they are optional here and looked for in [`sub_record`].
/// The format's tags (field 4) have no use and are ignored.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(uint64, optional, tag = "1")]
    partition_key_index: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    data: Option<Bytes>,
}

/// A record inside an aggregate.
///
/// Its key is shared with the other records of the same key and its data is a view of the
/// aggregate, so that unpacking an aggregate costs memory by the record and not by the byte;
/// the aggregate's data lives as long as any of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRecord {
    /// The partition key that the producer gave this record.
    pub partition_key: Arc<str>,
    /// Where this record belongs among the hash keys of the stream: its explicit hash key, or else
    /// the [`hash_key`] of its partition key. An explicit hash key that is no decimal number of 128
    /// bits is ignored: Kinesis rejects such a key, so it cannot have chosen the shard.
    pub hash_key: u128,
    /// What the producer sent; may be empty.
    pub data: Bytes,
}

/// The data of a Kinesis record, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpacked {
    /// Not an aggregate: the data is the record.
    Plain,
    /// The records of an aggregate in their order, at least one. The place in this list, from 0, is
    /// what AWS calls the subsequence number.
    Records(Vec<SubRecord>),
}

/// Unpacks the data of a Kinesis record, one level deep: an aggregate within an aggregate stays as it
/// is.
///
/// All or nothing. Data without the magic, with a wrong checksum, or whose protobuf is broken, lacks a
/// required field or refers to a key that is not in its table is [`Unpacked::Plain`], a record like any
/// other. So is an aggregate without records: AWS's libraries drop it silently, Sluice does not.
#[must_use]
pub fn unpack(data: &Bytes) -> Unpacked {
    match sub_records(data) {
        Some(records) if !records.is_empty() => Unpacked::Records(records),
        _ => Unpacked::Plain,
    }
}

fn sub_records(data: &Bytes) -> Option<Vec<SubRecord>> {
    let AggregatedRecord {
        partition_key_table,
        explicit_hash_key_table,
        records,
    } = AggregatedRecord::decode(checked_body(data)?).ok()?;
    let partition_keys = hashed(partition_key_table);
    let explicit_hash_keys: Vec<Option<u128>> = explicit_hash_key_table
        .iter()
        .map(|key| key.parse().ok())
        .collect();
    records
        .into_iter()
        .map(|record| sub_record(record, &partition_keys, &explicit_hash_keys))
        .collect()
}

/// The protobuf of an aggregate whose checksum is right.
fn checked_body(data: &Bytes) -> Option<Bytes> {
    let rest = data.strip_prefix(&MAGIC)?;
    let (body, checksum) = rest.split_last_chunk::<CHECKSUM_BYTES>()?;
    (md5(body) == *checksum).then(|| data.slice_ref(body))
}

/// Each key with its hash key. Done by the key and not by the record: a short aggregate may name a
/// long key very often.
fn hashed(keys: Vec<String>) -> Vec<(Arc<str>, u128)> {
    keys.into_iter()
        .map(|key| {
            let hash_key = hash_key(&key);
            (key.into(), hash_key)
        })
        .collect()
}

fn sub_record(
    record: Record,
    partition_keys: &[(Arc<str>, u128)],
    explicit_hash_keys: &[Option<u128>],
) -> Option<SubRecord> {
    let (partition_key, hash_key) = at(partition_keys, record.partition_key_index?)?;
    let explicit = match record.explicit_hash_key_index {
        Some(index) => *at(explicit_hash_keys, index)?,
        None => None,
    };
    Some(SubRecord {
        partition_key: Arc::clone(partition_key),
        hash_key: explicit.unwrap_or(*hash_key),
        data: record.data?,
    })
}

fn at<T>(table: &[T], index: u64) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}

fn md5(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    Md5::digest(bytes).into()
}

/// The hash key of a partition key as Kinesis computes it: the MD5 of its UTF-8 as an unsigned
/// integer, big endian.
#[must_use]
pub fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(md5(partition_key.as_bytes()))
}

/// Whether a sub-record belongs to the shard that it was read from, which has this range of hash
/// keys.
///
/// A record that does not belong was aggregated by the old shards. The producer library notices that
/// and sends it again to the shard where it belongs.
#[must_use]
pub fn belongs(record: &SubRecord, range: &RangeInclusive<u128>) -> bool {
    range.contains(&record.hash_key)
}

/// Packs records into aggregates of a bounded size.
///
/// The whole goes to the shard of its first record's partition key, and consumers drop what does
/// not [belong](belongs) there. So give one aggregator only records of one shard: keep one for each
/// shard, and choose by [`hash_key`].
///
/// A lone record gains nothing from an aggregate, and one for which an empty aggregator
/// [has no room](Self::fits) may still be small enough to be sent as it is: the caller decides.
#[derive(Debug)]
pub struct Aggregator {
    max_bytes: usize,
    bytes: usize,
    keys: HashMap<String, usize>,
    aggregate: AggregatedRecord,
}

impl Aggregator {
    /// An empty one. `max_bytes` bounds an aggregate's data and partition key together, as the limit
    /// of Kinesis does.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            keys: HashMap::new(),
            aggregate: AggregatedRecord::default(),
        }
    }

    /// Whether the aggregate stays within its bound with one more record of `data_len` bytes. An
    /// empty aggregator also returns false for a record that is too large for any aggregate.
    #[must_use]
    pub fn fits(&self, partition_key: &str, data_len: usize) -> bool {
        self.bytes_with(partition_key, data_len) <= self.max_bytes
    }

    /// Adds a record, also one that does not [fit](Self::fits): then the aggregate exceeds its bound.
    pub fn push(&mut self, partition_key: &str, data: &[u8]) {
        self.bytes = self.bytes_with(partition_key, data.len());
        let record = Record {
            partition_key_index: Some(self.index_of(partition_key) as u64),
            explicit_hash_key_index: None,
            data: Some(Bytes::copy_from_slice(data)),
        };
        self.aggregate.records.push(record);
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aggregate.records.is_empty()
    }

    /// The number of records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.aggregate.records.len()
    }

    /// The partition key and the data of the Kinesis record that holds what was pushed; the key is
    /// the first record's. `None` if nothing was pushed. The aggregator is empty afterwards.
    pub fn finish(&mut self) -> Option<(String, Vec<u8>)> {
        self.bytes = 0;
        self.keys.clear();
        let aggregate = mem::take(&mut self.aggregate);
        let body = aggregate.encode_to_vec();
        let data = [&MAGIC[..], &body, &md5(&body)].concat();
        let key = aggregate.partition_key_table.into_iter().next()?;
        Some((key, data))
    }

    /// The exact size of data and partition key with one more record.
    fn bytes_with(&self, partition_key: &str, data_len: usize) -> usize {
        let known = self.keys.get(partition_key);
        let index = known.copied().unwrap_or(self.keys.len());
        let record = (1 + length_delimiter_len(index)).saturating_add(field_bytes(data_len));
        let mut bytes = self.bytes.saturating_add(field_bytes(record));
        if known.is_none() {
            bytes = bytes.saturating_add(field_bytes(partition_key.len()));
        }
        if self.is_empty() {
            bytes = bytes.saturating_add(MAGIC.len() + CHECKSUM_BYTES + partition_key.len());
        }
        bytes
    }

    /// The place of a key in the table, where it is put if it is new.
    fn index_of(&mut self, partition_key: &str) -> usize {
        if let Some(index) = self.keys.get(partition_key) {
            return *index;
        }
        let index = self.keys.len();
        self.keys.insert(partition_key.to_owned(), index);
        let table = &mut self.aggregate.partition_key_table;
        table.push(partition_key.to_owned());
        index
    }
}

/// What a protobuf field of `len` bytes takes with its tag, one byte for all fields here, and its
/// length.
fn field_bytes(len: usize) -> usize {
    len.saturating_add(1 + length_delimiter_len(len))
}

#[cfg(test)]
mod tests;
