//! The actions that read records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::rpc::{Outcome, number, text};
use super::Failure;
use super::reshard::seconds;
use super::state::{
    Record, Shard, State, Stream, hash_keys_json, invalid, malformed, number_of, number_text,
    required,
};

/// "GetRecords": at most 10,000 records, at most 10 MiB.
const READ_MAX_RECORDS: usize = 10_000;
const READ_MAX_BYTES: usize = 10 << 20;

/// "A shard iterator expires 5 minutes after it is returned to the requester."
const ITERATOR_MS: u64 = 5 * 60 * 1000;

/// The position of an iterator: the first record whose number is not below `from`.
struct Iterator {
    generation: usize,
    made_ms: u64,
    /// When the stream was created.
    created_ms: u64,
    from: u64,
    shard: String,
    stream: String,
}

impl Iterator {
    fn token(&self) -> String {
        let (generation, made_ms, from) = (self.generation, self.made_ms, self.from);
        let created_ms = self.created_ms;
        let text = format!(
            "{generation} {made_ms} {created_ms} {from} {} {}",
            self.shard, self.stream
        );
        STANDARD.encode(text)
    }

    fn of(token: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let mut parts = text.split(' ');
        Some(Self {
            generation: parts.next()?.parse().ok()?,
            made_ms: parts.next()?.parse().ok()?,
            created_ms: parts.next()?.parse().ok()?,
            from: parts.next()?.parse().ok()?,
            shard: parts.next()?.to_owned(),
            stream: parts.next()?.to_owned(),
        })
    }
}

impl State {
    pub(super) fn get_shard_iterator(&mut self, input: &Value) -> Outcome {
        let stream = self.stream(input)?;
        let shard = stream.shard(required(input, "ShardId")?)?;
        let from = match required(input, "ShardIteratorType")? {
            "TRIM_HORIZON" => 0,
            "LATEST" => self.tip(),
            "AT_SEQUENCE_NUMBER" => starting_number(shard, input)?,
            "AFTER_SEQUENCE_NUMBER" => starting_number(shard, input)? + 1,
            "AT_TIMESTAMP" => self.first_at(shard, input)?,
            _ => return Err(malformed("'shardIteratorType'")),
        };
        let iterator = self.iterator(stream, shard, from);
        Ok(json!({ "ShardIterator": iterator }))
    }

    pub(super) fn get_records(&mut self, input: &Value) -> Outcome {
        let limit = number(input, "Limit").unwrap_or(READ_MAX_RECORDS);
        if limit == 0 || limit > READ_MAX_RECORDS {
            return Err(malformed("'limit': between 1 and 10000"));
        }
        let iterator = Iterator::of(required(input, "ShardIterator")?);
        let iterator = iterator.ok_or_else(|| invalid("Invalid ShardIterator."))?;
        self.check_age(&iterator)?;
        let limit = limit.min(self.records_per_read);
        let limit = if self.empty_reads > 0 { 0 } else { limit };
        self.empty_reads = self.empty_reads.saturating_sub(1);
        self.expire(&iterator.stream);
        let stream = self.stream(&json!({ "StreamName": iterator.stream }))?;
        if stream.created_ms != iterator.created_ms {
            return Err(invalid("Invalid ShardIterator."));
        }
        let shard = stream.shard(&iterator.shard)?;
        let begin = shard.records.partition_point(|r| r.number < iterator.from);
        let (read, rest) = split_read(&shard.records[begin..], limit);
        let from = read.last().map_or(iterator.from, |last| last.number + 1);
        let records: Vec<_> = read.iter().map(record_json).collect();
        let mut output = json!({ "Records": records });
        let behind = |next: &Record| self.clock.now_ms().saturating_sub(next.arrival_ms).max(1);
        output["MillisBehindLatest"] = json!(rest.first().map_or(0, behind));
        if rest.is_empty() && !shard.is_open() {
            output["NextShardIterator"] = Value::Null;
            output["ChildShards"] = children(stream, shard);
        } else {
            output["NextShardIterator"] = json!(self.iterator(stream, shard, from));
        }
        Ok(output)
    }

    fn iterator(&self, stream: &Stream, shard: &Shard, from: u64) -> String {
        let iterator = Iterator {
            generation: self.iterators,
            made_ms: self.clock.now_ms(),
            created_ms: stream.created_ms,
            from,
            shard: shard.id.clone(),
            stream: stream.name.clone(),
        };
        iterator.token()
    }

    fn check_age(&self, iterator: &Iterator) -> Result<(), Failure> {
        let age_ms = self.clock.now_ms().saturating_sub(iterator.made_ms);
        if iterator.generation == self.iterators && age_ms <= ITERATOR_MS {
            return Ok(());
        }
        let message = "Iterator expired. The iterator was created more than 5 minutes ago.";
        Err(Failure::new("ExpiredIteratorException", message))
    }

    fn first_at(&self, shard: &Shard, input: &Value) -> Result<u64, Failure> {
        let seconds = input.get("Timestamp").and_then(Value::as_f64);
        let ms = seconds.ok_or_else(|| invalid("AT_TIMESTAMP needs a Timestamp"))? * 1000.0;
        // Milliseconds of this size fit a float.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ms = ms.round() as u64;
        if ms > self.clock.now_ms() {
            let message = "timestampInMillis cannot be greater than the currentTimestampInMillis";
            return Err(invalid(message));
        }
        let first = shard.records.iter().find(|record| record.arrival_ms >= ms);
        Ok(first.map_or(self.tip(), |record| record.number))
    }
}

fn starting_number(shard: &Shard, input: &Value) -> Result<u64, Failure> {
    let text = text(input, "StartingSequenceNumber");
    let text = text.ok_or_else(|| invalid("a StartingSequenceNumber is needed"))?;
    let number = number_of(text)?;
    let behind = shard.last_number.is_some_and(|last| number > last);
    if number < shard.first_number || behind {
        return Err(invalid(format!(
            "{text} is no sequence number of {}",
            shard.id
        )));
    }
    Ok(number)
}

/// The records that fit one response, and the rest. The largest record with its key fits.
fn split_read(records: &[Record], limit: usize) -> (&[Record], &[Record]) {
    let mut bytes = 0;
    let fits = |record: &&Record| {
        bytes += record.data.bytes();
        bytes <= READ_MAX_BYTES
    };
    records.split_at(records.iter().take(limit).take_while(fits).count())
}

fn record_json(record: &Record) -> Value {
    json!({
        "SequenceNumber": number_text(record.number),
        "ApproximateArrivalTimestamp": seconds(record.arrival_ms),
        "PartitionKey": record.key,
        "Data": STANDARD.encode(record.data.get()),
        "EncryptionType": "NONE",
    })
}

fn children(stream: &Stream, parent: &Shard) -> Value {
    let children = stream
        .shards
        .iter()
        .filter(|s| s.parents.contains(&parent.id));
    let children = children.map(|child| {
        json!({
            "ShardId": child.id,
            "ParentShards": child.parents,
            "HashKeyRange": hash_keys_json(&child.hash_keys),
        })
    });
    children.collect()
}
