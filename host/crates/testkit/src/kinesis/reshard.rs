//! The actions that create and describe streams and shards.

use serde_json::{Value, json};

use super::super::rpc::{Outcome, number, text};
use super::Failure;
use super::state::{Shard, State, Stream, invalid, malformed, required};

/// "CreateStream": the retention of a new stream.
const RETENTION_HOURS: u64 = 24;

/// "ListShards": the page size, unless the call sets another.
const PAGE_SHARDS: usize = 1000;

impl State {
    pub(super) fn create_stream(&mut self, input: &Value) -> Outcome {
        let name = required(input, "StreamName")?;
        if self.streams.contains_key(name) {
            let message = format!("Stream {name} already exists.");
            return Err(Failure::new("ResourceInUseException", message));
        }
        let shards = number(input, "ShardCount").unwrap_or(4) as u128;
        if shards == 0 {
            return Err(malformed("'shardCount'"));
        }
        let stream = Stream {
            name: name.to_owned(),
            created_ms: self.clock.now_ms(),
            retention_hours: RETENTION_HOURS,
            shards: Vec::new(),
        };
        self.streams.insert(name.to_owned(), stream);
        let width = u128::MAX / shards;
        for shard in 0..shards {
            let last = shard + 1 == shards;
            let end = if last {
                u128::MAX
            } else {
                (shard + 1) * width - 1
            };
            self.add_shard(name, Vec::new(), shard * width..=end);
        }
        Ok(json!({}))
    }

    /// The stream is gone at once.
    pub(super) fn delete_stream(&mut self, input: &Value) -> Outcome {
        let name = self.stream(input)?.name.clone();
        self.streams.remove(&name);
        Ok(json!({}))
    }

    pub(super) fn describe_stream_summary(&mut self, input: &Value) -> Outcome {
        let stream = self.stream(input)?;
        let open = stream.shards.iter().filter(|shard| shard.is_open()).count();
        let summary = json!({
            "StreamName": stream.name,
            "StreamARN": stream.arn(),
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": { "StreamMode": "PROVISIONED" },
            "RetentionPeriodHours": stream.retention_hours,
            "StreamCreationTimestamp": seconds(stream.created_ms),
            "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
            "EncryptionType": "NONE",
            "OpenShardCount": open,
            "ConsumerCount": 0,
        });
        Ok(json!({ "StreamDescriptionSummary": summary }))
    }

    pub(super) fn list_shards(&mut self, input: &Value) -> Outcome {
        let token = text(input, "NextToken").map(|token| {
            let broken = || invalid("NextToken is invalid");
            token.split_once('/').ok_or_else(broken)
        });
        let (stream, after) = match token.transpose()? {
            Some(_) if input.get("StreamName").is_some() => {
                return Err(invalid("NextToken and StreamName cannot be given together"));
            }
            Some((stream, after)) => (self.stream(&json!({ "StreamName": stream }))?, Some(after)),
            None => (self.stream(input)?, text(input, "ExclusiveStartShardId")),
        };
        let filter = input.get("ShardFilter").unwrap_or(&Value::Null);
        let wanted =
            |shard: &&Shard| !shard.is_gone && after.is_none_or(|id| shard.id.as_str() > id);
        let mut found = stream.shards.iter().filter(wanted);
        let asked = number(input, "MaxResults").unwrap_or(PAGE_SHARDS);
        let page = asked.min(self.shards_per_page);
        let shards: Vec<_> = found
            .by_ref()
            .filter(|s| passes(s, filter))
            .take(page)
            .collect();
        let more = found.any(|shard| passes(shard, filter));
        let last = shards
            .last()
            .map(|shard| format!("{}/{}", stream.name, shard.id));
        let shards: Vec<_> = shards.into_iter().map(Shard::described).collect();
        Ok(json!({ "Shards": shards, "NextToken": last.filter(|_| more) }))
    }

    pub(super) fn split_shard(&mut self, input: &Value) -> Outcome {
        let stream = self.stream(input)?.name.clone();
        let parent = required(input, "ShardToSplit")?;
        let middle = required(input, "NewStartingHashKey")?;
        let middle: u128 = middle
            .parse()
            .map_err(|_| malformed("'newStartingHashKey'"))?;
        let keys = open(self.stream(input)?, parent)?.hash_keys.clone();
        if middle <= *keys.start() || middle > *keys.end() {
            return Err(invalid("NewStartingHashKey is not inside the shard"));
        }
        self.close(input, parent)?;
        self.add_shard(&stream, vec![parent.to_owned()], *keys.start()..=middle - 1);
        self.add_shard(&stream, vec![parent.to_owned()], middle..=*keys.end());
        Ok(json!({}))
    }

    pub(super) fn merge_shards(&mut self, input: &Value) -> Outcome {
        let stream = self.stream(input)?.name.clone();
        let parents = ["ShardToMerge", "AdjacentShardToMerge"].map(|field| required(input, field));
        let [first, second] = parents;
        let (first, second) = (first?, second?);
        let a = open(self.stream(input)?, first)?.hash_keys.clone();
        let b = open(self.stream(input)?, second)?.hash_keys.clone();
        let touch = |a: u128, b: u128| a.checked_add(1) == Some(b);
        if !touch(*a.end(), *b.start()) && !touch(*b.end(), *a.start()) {
            return Err(invalid(format!(
                "Shards {first} and {second} are not adjacent"
            )));
        }
        self.close(input, first)?;
        self.close(input, second)?;
        let keys = *a.start().min(b.start())..=*a.end().max(b.end());
        self.add_shard(&stream, vec![first.to_owned(), second.to_owned()], keys);
        Ok(json!({}))
    }

    fn close(&mut self, input: &Value, shard: &str) -> Result<(), Failure> {
        let number = self.next_number();
        self.stream_mut(input)?.shard_mut(shard)?.last_number = Some(number);
        Ok(())
    }
}

/// A moment in the format of Kinesis.
pub(super) fn seconds(ms: u64) -> Value {
    let seconds = format!("{}.{:03}", ms / 1000, ms % 1000);
    json!(seconds.parse::<f64>().unwrap())
}

fn open<'a>(stream: &'a Stream, shard: &str) -> Result<&'a Shard, Failure> {
    let shard = stream.shard(shard)?;
    let closed = || invalid(format!("Shard {} is not open", shard.id));
    shard.is_open().then_some(shard).ok_or_else(closed)
}

/// The only filter that leaves shards out here is the one for open shards.
fn passes(shard: &Shard, filter: &Value) -> bool {
    match text(filter, "Type") {
        Some("AT_LATEST") => shard.is_open(),
        Some("AFTER_SHARD_ID") => text(filter, "ShardId").is_none_or(|id| shard.id.as_str() > id),
        _ => true,
    }
}
