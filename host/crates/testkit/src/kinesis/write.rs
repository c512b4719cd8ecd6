//! The actions that put records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::super::rpc::{Outcome, list, text};
use super::Failure;
use super::state::{Data, Maker, Record, State, invalid, malformed, number_text, required};

/// The largest record with its key, bytes.
const RECORD_MAX_BYTES: usize = 10 << 20;

/// "PutRecords": at most 500 records, at most 10 MiB.
const PUT_MAX_RECORDS: usize = 500;
const PUT_MAX_BYTES: usize = 10 << 20;

impl State {
    pub(super) fn put_record(&mut self, input: &Value) -> Outcome {
        let stream = self.stream(input)?.name.clone();
        let entry = Entry::of(input)?;
        Ok(self.store(&stream, entry))
    }

    pub(super) fn put_records(&mut self, input: &Value) -> Outcome {
        let stream = self.stream(input)?.name.clone();
        let entries = list(input, "Records");
        if entries.is_empty() || entries.len() > PUT_MAX_RECORDS {
            return Err(malformed("'records': between 1 and 500"));
        }
        let entries: Vec<_> = entries.iter().map(Entry::of).collect::<Result<_, _>>()?;
        if entries.iter().map(Entry::bytes).sum::<usize>() > PUT_MAX_BYTES {
            return Err(invalid("Records size exceeds 10 MB limit"));
        }
        let failing = self.commands.failing_entries();
        let mut failed = 0;
        let mut results = Vec::new();
        for (position, entry) in entries.into_iter().enumerate() {
            results.push(match failing.get(&position) {
                Some(Failure { code, message, .. }) => {
                    failed += 1;
                    json!({ "ErrorCode": code, "ErrorMessage": message })
                }
                None => self.store(&stream, entry),
            });
        }
        Ok(json!({ "FailedRecordCount": failed, "Records": results }))
    }

    /// Puts a record by its number only, and returns its shard and its sequence number.
    pub(super) fn put_made(&mut self, stream: &str, key: &str, by: Maker, number: u64) -> Value {
        let data = Data::Made {
            bytes: by(number).len(),
            by,
            number,
        };
        let entry = Entry {
            key: key.to_owned(),
            hash_key: hash_key(key),
            data,
        };
        self.store(stream, entry)
    }

    fn store(&mut self, stream: &str, entry: Entry) -> Value {
        let now_ms = self.clock.now_ms();
        let number = self.next_number();
        let shards = &mut self.streams.get_mut(stream).unwrap().shards;
        let takes = |keys: &std::ops::RangeInclusive<u128>| keys.contains(&entry.hash_key);
        let shard = shards
            .iter_mut()
            .find(|shard| shard.is_open() && takes(&shard.hash_keys))
            .unwrap();
        // The clock of the machine can be set back.
        let last_ms = shard.records.last().map_or(0, |last| last.arrival_ms);
        shard.records.push(Record {
            number,
            arrival_ms: now_ms.max(last_ms),
            key: entry.key,
            data: entry.data,
        });
        json!({ "ShardId": shard.id, "SequenceNumber": number_text(number) })
    }
}

fn hash_key(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key).into())
}

/// A record to put.
struct Entry {
    key: String,
    hash_key: u128,
    data: Data,
}

impl Entry {
    fn of(input: &Value) -> Result<Self, Failure> {
        let key = required(input, "PartitionKey")?;
        if key.is_empty() || key.chars().count() > 256 {
            return Err(malformed("'partitionKey': between 1 and 256 characters"));
        }
        let data = STANDARD.decode(required(input, "Data")?);
        let hash_key = match text(input, "ExplicitHashKey") {
            Some(given) => given.parse().map_err(|_| malformed("'explicitHashKey'"))?,
            None => hash_key(key),
        };
        let entry = Self {
            key: key.to_owned(),
            hash_key,
            data: data
                .map(Data::Kept)
                .map_err(|error| malformed(format!("'data': {error}")))?,
        };
        if entry.bytes() > RECORD_MAX_BYTES {
            return Err(malformed("'data': more than 10 MiB"));
        }
        Ok(entry)
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.data.bytes()
    }
}
