//! A small Kinesis in memory. One lock covers the choice of a sequence number and the storage of
//! its record, so that no reader sees a higher number of a shard before a lower one.

mod read;
mod reshard;
mod state;
mod write;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::state::State;
pub use self::state::{Maker, StoredRecord};
use super::http::Server;
use super::rpc::{self, Failure, Outcome};
use super::sdk_config;

/// The message of a throttled call.
pub const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// A running Kinesis. It stops when it is dropped.
pub struct Kinesis {
    /// Its URL.
    pub endpoint: String,
    _server: Server,
    state: Arc<Mutex<State>>,
}

impl Kinesis {
    /// Starts a Kinesis without streams.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let state = Arc::clone(&shared);
            async move {
                let call = rpc::call(request).await?;
                let outcome = called(&state, &call.action, &call.input);
                rpc::answer("1.1", "", &outcome)
            }
        });
        Self {
            endpoint: server.endpoint().to_owned(),
            _server: server,
            state,
        }
    }

    /// A client of this Kinesis.
    pub fn client(&self) -> aws_sdk_kinesis::Client {
        client(&self.endpoint)
    }

    /// Calls an action without HTTP and without planned failures.
    pub fn call(&self, action: &str, input: &Value) -> Outcome {
        act(&mut self.state.lock().unwrap(), action, input)
    }

    /// Creates a stream.
    pub fn create_stream(&self, stream: &str, shards: usize) {
        let input = json!({ "StreamName": stream, "ShardCount": shards });
        self.call("CreateStream", &input).unwrap();
    }

    /// Deletes a stream with its records.
    pub fn delete_stream(&self, stream: &str) {
        let input = json!({ "StreamName": stream });
        self.call("DeleteStream", &input).unwrap();
    }

    /// Puts a record and returns its shard and its sequence number.
    pub fn put(&self, stream: &str, key: &str, data: &[u8]) -> (String, String) {
        let data = STANDARD.encode(data);
        let input = json!({ "StreamName": stream, "PartitionKey": key, "Data": data });
        place_of(&self.call("PutRecord", &input).unwrap())
    }

    /// Puts a record by its number only: its data is generated whenever it is read. Returns its
    /// shard and its sequence number.
    pub fn put_made(&self, stream: &str, key: &str, by: &Maker, number: u64) -> (String, String) {
        let mut state = self.state.lock().unwrap();
        place_of(&state.put_made(stream, key, by.clone(), number))
    }

    /// Splits a shard in the middle.
    pub fn split(&self, stream: &str, shard: &str) {
        let middle = self.state.lock().unwrap().middle_of(stream, shard);
        let input = json!({
            "StreamName": stream,
            "ShardToSplit": shard,
            "NewStartingHashKey": middle.to_string(),
        });
        self.call("SplitShard", &input).unwrap();
    }

    /// Merges two adjacent shards.
    pub fn merge(&self, stream: &str, shard: &str, neighbour: &str) {
        let input = json!({
            "StreamName": stream,
            "ShardToMerge": shard,
            "AdjacentShardToMerge": neighbour,
        });
        self.call("MergeShards", &input).unwrap();
    }

    /// All records of a stream, by shard and in order.
    pub fn records(&self, stream: &str) -> Vec<StoredRecord> {
        self.state.lock().unwrap().records(stream)
    }

    /// The closed shards of a stream.
    pub fn closed_shards(&self, stream: &str) -> Vec<String> {
        self.state.lock().unwrap().closed_shards(stream)
    }

    /// Removes the records of a shard up to this sequence number, as if they had expired.
    pub fn trim(&self, stream: &str, shard: &str, up_to: &str) {
        self.state.lock().unwrap().trim(stream, shard, up_to);
    }

    /// Removes a closed shard with its records, as if all of them had expired. It is not listed any more.
    pub fn remove_shard(&self, stream: &str, shard: &str) {
        self.state.lock().unwrap().remove_shard(stream, shard);
    }

    /// Moves the clock of the service forward. Iterators are valid for five minutes, and records expire
    /// after 24 hours.
    pub fn advance(&self, by: Duration) {
        self.state.lock().unwrap().clock.advance(by);
    }

    /// The service's clock: milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.state.lock().unwrap().clock.now_ms()
    }

    /// Makes all iterators expire.
    pub fn expire_iterators(&self) {
        self.state.lock().unwrap().iterators += 1;
    }

    /// Throttles the next `times` calls of this action.
    pub fn throttle(&self, action: &str, times: usize) {
        self.fail(action, times, &Failure::new(THROTTLED, "Rate exceeded"));
    }

    /// Makes the next `times` calls of this action fail.
    pub fn fail(&self, action: &str, times: usize, failure: &Failure) {
        let mut state = self.state.lock().unwrap();
        state.commands.fail(action, times, failure);
    }

    /// Throttles the entries at these positions of the next `PutRecords` that has no plan yet.
    pub fn fail_entries(&self, positions: &[usize]) {
        let mut state = self.state.lock().unwrap();
        let throttled = Failure::new(THROTTLED, "Rate exceeded for shard");
        state.commands.fail_entries(positions, &throttled);
    }

    /// Makes the next `times` calls of `GetRecords` return no records although there are some, as
    /// Kinesis may.
    pub fn empty_reads(&self, times: usize) {
        self.state.lock().unwrap().empty_reads = times;
    }

    /// Limits the records of a response of `GetRecords`.
    pub fn records_per_read(&self, records: usize) {
        self.state.lock().unwrap().records_per_read = records;
    }

    /// Limits the shards of a page of `ListShards`.
    pub fn shards_per_page(&self, shards: usize) {
        self.state.lock().unwrap().shards_per_page = shards;
    }

    /// The number of calls of an action over HTTP, failures included.
    pub fn calls(&self, action: &str) -> usize {
        self.state.lock().unwrap().commands.calls(action)
    }
}

/// The shard and sequence number of a record.
fn place_of(put: &Value) -> (String, String) {
    let text = |field| rpc::text(put, field).unwrap().to_owned();
    (text("ShardId"), text("SequenceNumber"))
}

/// A client of a Kinesis at this URL, which can be that of a proxy.
pub fn client(endpoint: &str) -> aws_sdk_kinesis::Client {
    aws_sdk_kinesis::Client::new(&sdk_config(endpoint))
}

fn called(state: &Mutex<State>, action: &str, input: &Value) -> Outcome {
    let mut state = state.lock().unwrap();
    state.commands.begin(action)?;
    act(&mut state, action, input)
}

fn act(state: &mut State, action: &str, input: &Value) -> Outcome {
    match action {
        "CreateStream" => state.create_stream(input),
        "DeleteStream" => state.delete_stream(input),
        "DescribeStreamSummary" => state.describe_stream_summary(input),
        "ListShards" => state.list_shards(input),
        "PutRecord" => state.put_record(input),
        "PutRecords" => state.put_records(input),
        "GetShardIterator" => state.get_shard_iterator(input),
        "GetRecords" => state.get_records(input),
        "SplitShard" => state.split_shard(input),
        "MergeShards" => state.merge_shards(input),
        other => {
            let message = format!("the stand-in has no {other}");
            Err(Failure::new("UnknownOperationException", message))
        }
    }
}
