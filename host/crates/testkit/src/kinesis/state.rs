//! Streams, shards and records.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::rpc::{Clock, Commands, Failure, text};
use super::super::{ACCOUNT, REGION};

/// The first digits of all sequence numbers; 20 more digits make 56.
const NUMBER_PREFIX: &str = "495903382714902566085596925383615710";

/// The state of a Kinesis.
#[derive(Debug)]
pub(super) struct State {
    pub(super) commands: Commands,
    pub(super) clock: Clock,
    pub(super) streams: BTreeMap<String, Stream>,
    /// The last number that was given to a record of any shard.
    last_number: u64,
    /// How many times all iterators have expired.
    pub(super) iterators: usize,
    pub(super) empty_reads: usize,
    pub(super) shards_per_page: usize,
    pub(super) records_per_read: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            commands: Commands::default(),
            clock: Clock::default(),
            streams: BTreeMap::new(),
            last_number: 0,
            iterators: 0,
            empty_reads: 0,
            shards_per_page: 10_000,
            records_per_read: usize::MAX,
        }
    }
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) created_ms: u64,
    pub(super) retention_hours: u64,
    pub(super) shards: Vec<Shard>,
}

/// A shard. It is open as long as it has no last number.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) id: String,
    pub(super) parents: Vec<String>,
    pub(super) hash_keys: RangeInclusive<u128>,
    pub(super) first_number: u64,
    pub(super) last_number: Option<u64>,
    /// Whether `ListShards` leaves it out, because all of it has expired.
    pub(super) is_gone: bool,
    pub(super) records: Vec<Record>,
}

/// A record of a shard.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) arrival_ms: u64,
    pub(super) key: String,
    pub(super) data: Data,
}

/// Generates a record's data from its number, always the same.
pub type Maker = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// The data of a record: stored, or generated whenever it is read.
#[derive(Clone)]
pub(super) enum Data {
    Kept(Vec<u8>),
    Made {
        by: Maker,
        number: u64,
        bytes: usize,
    },
}

impl Data {
    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Kept(data) => data.len(),
            Self::Made { bytes, .. } => *bytes,
        }
    }

    pub(super) fn get(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Kept(data) => data.into(),
            Self::Made { by, number, .. } => by(*number).into(),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes())
    }
}

/// A record, as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    pub shard: String,
    pub sequence_number: String,
    pub arrival_ms: u64,
    pub partition_key: String,
    pub data: Vec<u8>,
}

impl State {
    /// The next sequence number. As in Kinesis, there are gaps.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1 + self.last_number % 3;
        self.last_number
    }

    /// The first number that no record has yet.
    pub(super) fn tip(&self) -> u64 {
        self.last_number + 1
    }

    /// The stream that an input names, by name or ARN.
    pub(super) fn stream(&self, input: &Value) -> Result<&Stream, Failure> {
        let name = stream_name(input)?;
        self.streams.get(name).ok_or_else(|| no_stream(name))
    }

    /// The stream that an input names, by name or ARN.
    pub(super) fn stream_mut(&mut self, input: &Value) -> Result<&mut Stream, Failure> {
        let name = stream_name(input)?;
        self.streams.get_mut(name).ok_or_else(|| no_stream(name))
    }

    /// A new shard of a stream.
    pub(super) fn add_shard(
        &mut self,
        stream: &str,
        parents: Vec<String>,
        hash_keys: RangeInclusive<u128>,
    ) {
        let first_number = self.next_number();
        let shards = &mut self.streams.get_mut(stream).unwrap().shards;
        shards.push(Shard {
            id: format!("shardId-{:012}", shards.len()),
            parents,
            hash_keys,
            first_number,
            last_number: None,
            is_gone: false,
            records: Vec::new(),
        });
    }

    /// All records of a stream, by shard and in order.
    pub(super) fn records(&self, stream: &str) -> Vec<StoredRecord> {
        let shards = self.streams[stream].shards.iter();
        let records = shards.flat_map(|shard| shard.records.iter().map(|r| (&shard.id, r)));
        let stored = records.map(|(shard, record)| StoredRecord {
            shard: shard.clone(),
            sequence_number: number_text(record.number),
            arrival_ms: record.arrival_ms,
            partition_key: record.key.clone(),
            data: record.data.get().into_owned(),
        });
        stored.collect()
    }

    /// The closed shards of a stream.
    pub(super) fn closed_shards(&self, stream: &str) -> Vec<String> {
        let shards = self.streams[stream].shards.iter();
        let closed = shards.filter(|shard| !shard.is_open());
        closed.map(|shard| shard.id.clone()).collect()
    }

    /// Removes the records of a shard up to this sequence number.
    pub(super) fn trim(&mut self, stream: &str, shard: &str, up_to: &str) {
        let up_to = number_of(up_to).unwrap();
        let stream = self.streams.get_mut(stream).unwrap();
        let shard = stream.shard_mut(shard).unwrap();
        shard.records.retain(|record| record.number > up_to);
    }

    /// Removes a closed shard with its records.
    pub(super) fn remove_shard(&mut self, stream: &str, shard: &str) {
        let stream = self.streams.get_mut(stream).unwrap();
        let shard = stream.shard_mut(shard).unwrap();
        assert!(!shard.is_open(), "{} is open", shard.id);
        shard.records.clear();
        shard.is_gone = true;
    }

    /// Removes the records of a stream that are older than it keeps them.
    pub(super) fn expire(&mut self, stream: &str) {
        let now_ms = self.clock.now_ms();
        let Some(stream) = self.streams.get_mut(stream) else {
            return;
        };
        let kept_ms = stream.retention_hours * 60 * 60 * 1000;
        for shard in &mut stream.shards {
            let is_expired = |record: &Record| record.arrival_ms + kept_ms <= now_ms;
            let expired = shard.records.partition_point(is_expired);
            shard.records.drain(..expired);
        }
    }

    /// The hash key in the middle of a shard.
    pub(super) fn middle_of(&self, stream: &str, shard: &str) -> u128 {
        let keys = &self.streams[stream].shard(shard).unwrap().hash_keys;
        keys.start() + (keys.end() - keys.start()) / 2 + 1
    }
}

impl Stream {
    /// The stream's ARN.
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{}", self.name)
    }

    /// A shard.
    pub(super) fn shard(&self, id: &str) -> Result<&Shard, Failure> {
        let shard = self.shards.iter().find(|shard| shard.id == id);
        shard.ok_or_else(|| no_shard(&self.name, id))
    }

    /// A shard.
    pub(super) fn shard_mut(&mut self, id: &str) -> Result<&mut Shard, Failure> {
        let shard = self.shards.iter_mut().find(|shard| shard.id == id);
        shard.ok_or_else(|| no_shard(&self.name, id))
    }
}

impl Shard {
    /// Whether it accepts records.
    pub(super) fn is_open(&self) -> bool {
        self.last_number.is_none()
    }

    /// Its description in `ListShards`.
    pub(super) fn described(&self) -> Value {
        let mut shard = json!({
            "ShardId": self.id,
            "HashKeyRange": hash_keys_json(&self.hash_keys),
            "SequenceNumberRange": { "StartingSequenceNumber": number_text(self.first_number) },
        });
        let fields = ["ParentShardId", "AdjacentParentShardId"];
        for (field, parent) in fields.into_iter().zip(&self.parents) {
            shard[field] = json!(parent);
        }
        if let Some(last) = self.last_number {
            shard["SequenceNumberRange"]["EndingSequenceNumber"] = json!(number_text(last));
        }
        shard
    }
}

/// A hash key in the format of Kinesis.
pub(super) fn hash_keys_json(keys: &RangeInclusive<u128>) -> Value {
    json!({
        "StartingHashKey": keys.start().to_string(),
        "EndingHashKey": keys.end().to_string(),
    })
}

/// A sequence number in the format of Kinesis.
pub(super) fn number_text(number: u64) -> String {
    format!("{NUMBER_PREFIX}{number:020}")
}

/// Parses a sequence number.
pub(super) fn number_of(text: &str) -> Result<u64, Failure> {
    let number = text.strip_prefix(NUMBER_PREFIX).filter(|n| n.len() == 20);
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| invalid(format!("{text} is no sequence number of this stream")))
}

/// The error for an argument that Kinesis does not accept.
pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new("InvalidArgumentException", message)
}

/// The error for a call that does not match the API's model.
pub(super) fn malformed(message: impl Into<String>) -> Failure {
    let message = format!("1 validation error detected: {}", message.into());
    Failure::new("ValidationException", message)
}

/// The text in a required field.
pub(super) fn required<'a>(input: &'a Value, field: &str) -> Result<&'a str, Failure> {
    let missing = || malformed(format!("Value null at '{field}'"));
    text(input, field).ok_or_else(missing)
}

fn stream_name(input: &Value) -> Result<&str, Failure> {
    if let Some(arn) = text(input, "StreamARN") {
        let name = arn.rsplit_once(":stream/").map(|(_, name)| name);
        return name.ok_or_else(|| malformed("StreamARN"));
    }
    text(input, "StreamName").ok_or_else(|| invalid("Either StreamARN or StreamName must be given"))
}

fn no_stream(name: &str) -> Failure {
    let message = format!("Stream {name} under account {ACCOUNT} not found.");
    Failure::new("ResourceNotFoundException", message)
}

fn no_shard(stream: &str, id: &str) -> Failure {
    let message = format!("Shard {id} in stream {stream} under account {ACCOUNT} does not exist");
    Failure::new("ResourceNotFoundException", message)
}
