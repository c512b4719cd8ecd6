//! The event of a batch.

use serde_json::{Value, json};

use super::super::PAYLOAD_MAX_BYTES;
use testkit::{ACCOUNT, REGION};

/// An event without records.
const EMPTY_BYTES: usize = r#"{"Records":[]}"#.len();

/// A record in the form that the function gets.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) sequence_number: String,
    /// Milliseconds since the Unix epoch.
    pub(super) arrival_ms: u64,
    pub(super) shard: String,
    pub(super) stream_arn: String,
    json: Value,
    /// The size of `json`.
    bytes: usize,
}

impl Record {
    /// "Using Lambda to process records from Amazon Kinesis Data Streams", the example event.
    /// `record` is one of `GetRecords`.
    pub(super) fn new(record: &Value, shard: &str, stream_arn: &str) -> Self {
        let sequence_number = record["SequenceNumber"].as_str().unwrap();
        let json = json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": sequence_number,
                "data": record["Data"],
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("{shard}:{sequence_number}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": format!("arn:aws:iam::{ACCOUNT}:role/lambda-role"),
            "awsRegion": REGION,
            "eventSourceARN": stream_arn,
        });
        Self {
            sequence_number: sequence_number.to_owned(),
            arrival_ms: milliseconds(&record["ApproximateArrivalTimestamp"]),
            shard: shard.to_owned(),
            stream_arn: stream_arn.to_owned(),
            bytes: json.to_string().len(),
            json,
        }
    }
}

/// The event of a batch.
pub(super) fn event(batch: &[Record]) -> Value {
    let records: Vec<_> = batch.iter().map(|record| &record.json).collect();
    json!({ "Records": records })
}

/// The number of these records that fit one event ("How Lambda processes records from stream and
/// queue-based event sources", batching behavior). The limit is that of the event as JSON, in which
/// data takes a third more bytes.
pub(super) fn fitting(records: &[Record]) -> usize {
    let mut bytes = EMPTY_BYTES;
    let fits = |record: &&Record| {
        bytes += record.bytes + 1;
        // There are n - 1 commas between n records.
        bytes - 1 <= PAYLOAD_MAX_BYTES
    };
    records.iter().take_while(fits).count()
}

fn milliseconds(seconds: &Value) -> u64 {
    // Milliseconds of this size fit a float.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let ms = (seconds.as_f64().unwrap() * 1000.0).round() as u64;
    ms
}
