//! The event that Lambda sends to a function behind an event source mapping of Kinesis ("Using Lambda
//! to process records from Amazon Kinesis Data Streams").
//!
//! The types are our own and not those of the crate `aws_lambda_events`: that one reads the digits
//! behind the point of `approximateArrivalTimestamp` as milliseconds regardless of their number, and
//! rejects the event if the number overflows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::kinesis::KinesisRecord;

/// The address of the runtime API, which only Lambda sets.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Whether this process was started by Lambda.
#[must_use]
pub fn is_lambda() -> bool {
    std::env::var_os(RUNTIME_API).is_some()
}

/// The handler of the function, which Lambda gives to the process.
const HANDLER: &str = "_HANDLER";

/// The handler of a function that builds a table.
const TABLE_HANDLER: &str = "table";

/// Whether this process is a function that builds a table.
#[must_use]
pub fn is_table_function() -> bool {
    is_lambda() && std::env::var_os(HANDLER).is_some_and(|handler| handler == TABLE_HANDLER)
}

/// The event as Lambda sends it.
#[derive(Debug, Deserialize)]
pub struct KinesisEvent {
    #[serde(rename = "Records")]
    records: Vec<EventRecord>,
}

#[derive(Debug, Deserialize)]
struct EventRecord {
    /// `shardId-000000000006:49590338271490256608559692538361571095921575989136588898`
    #[serde(rename = "eventID")]
    event_id: String,
    /// `arn:aws:kinesis:us-east-1:123456789012:stream/events`, of a consumer with more behind it.
    #[serde(rename = "eventSourceARN")]
    event_source_arn: String,
    kinesis: EventData,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventData {
    partition_key: String,
    sequence_number: String,
    #[serde(deserialize_with = "from_base64")]
    data: Bytes,
    /// Seconds since the Unix epoch, with a fraction.
    approximate_arrival_timestamp: f64,
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    let data = STANDARD.decode(text.as_bytes());
    data.map(Bytes::from).map_err(serde::de::Error::custom)
}

/// The records of one shard in an event, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LambdaBatch {
    /// The stream's name.
    pub stream: String,
    /// The shard's id in Kinesis.
    pub shard: String,
    /// Its records, at least one.
    pub records: Vec<KinesisRecord>,
}

/// Why an event is not one of an event source mapping of Kinesis.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{record}: {field}: {why}")]
pub struct EventError {
    /// The record, by its `eventID`.
    pub record: String,
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl KinesisEvent {
    /// The records by shard. Lambda sends those of one shard at a time; more than one keep the order in
    /// which they came.
    ///
    /// # Errors
    /// The first record without a stream or a shard.
    pub fn batches(self) -> Result<Vec<LambdaBatch>, EventError> {
        let mut batches: Vec<LambdaBatch> = Vec::new();
        for record in self.records {
            let (stream, shard) = record.origin()?;
            let known = batches
                .iter()
                .position(|batch| batch.stream == stream && batch.shard == shard);
            let index = known.unwrap_or_else(|| {
                let (stream, shard) = (stream.to_owned(), shard.to_owned());
                let records = Vec::new();
                batches.push(LambdaBatch {
                    stream,
                    shard,
                    records,
                });
                batches.len() - 1
            });
            batches[index].records.push(record.into_record()?);
        }
        Ok(batches)
    }
}

impl EventRecord {
    /// The stream and the shard.
    fn origin(&self) -> Result<(&str, &str), EventError> {
        let stream = self.event_source_arn.split_once(":stream/");
        let stream = stream.map(|(_, name)| name.split_once('/').map_or(name, |(name, _)| name));
        let stream = stream.filter(|name| !name.is_empty());
        let wrong = |field, why: String| self.wrong(field, why);
        let stream = stream.ok_or_else(|| {
            let why = format!("{:?} is not the ARN of a stream", self.event_source_arn);
            wrong("eventSourceARN", why)
        })?;
        let shard = self.event_id.split_once(':').map(|(shard, _)| shard);
        let shard = shard.filter(|shard| !shard.is_empty());
        let shard = shard.ok_or_else(|| wrong("eventID", "does not name a shard".into()))?;
        Ok((stream, shard))
    }

    fn into_record(self) -> Result<KinesisRecord, EventError> {
        const MILLIS_PER_SECOND: f64 = 1_000.0;
        let sequence = self.kinesis.sequence_number.parse();
        let sequence = sequence.map_err(|why| self.wrong("kinesis.sequenceNumber", why))?;
        let arrived_at = (self.kinesis.approximate_arrival_timestamp * MILLIS_PER_SECOND).round();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the conversion saturates"
        )]
        let arrived_at = arrived_at as u64;
        Ok(KinesisRecord {
            sequence,
            arrived_at,
            partition_key: self.kinesis.partition_key,
            data: self.kinesis.data,
        })
    }

    fn wrong(&self, field: &'static str, why: String) -> EventError {
        EventError {
            record: self.event_id.clone(),
            field,
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(arn: &str, id: &str, arrived: f64) -> serde_json::Result<KinesisEvent> {
        serde_json::from_value(json!({ "Records": [{
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "1",
                "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                "data": "SGVsbG8=",
                "approximateArrivalTimestamp": arrived
            },
            "eventSource": "aws:kinesis",
            "eventID": id,
            "eventSourceARN": arn,
        }]}))
    }

    #[test]
    fn a_record_says_its_stream_its_shard_and_its_time() {
        for (arrived, millis) in [
            (1_545_084_650.987, 1_545_084_650_987),
            (1_545_084_650.98, 1_545_084_650_980),
            (1_545_084_650.0, 1_545_084_650_000),
            (1_545_084_650.123_456_7, 1_545_084_650_123),
        ] {
            let arn = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream";
            let batches = event(arn, "shardId-000000000006:4959", arrived).unwrap();
            let [batch] = batches.batches().unwrap().try_into().unwrap();
            assert_eq!(
                (&*batch.stream, &*batch.shard),
                ("lambda-stream", "shardId-000000000006")
            );
            assert_eq!(batch.records[0].arrived_at, millis);
            assert_eq!(batch.records[0].data, "Hello");
        }
    }

    #[test]
    fn a_consumer_of_a_stream_is_known_by_the_stream() {
        let arn = "arn:aws:kinesis:us-east-2:1:stream/events/consumer/fast:1540591608";
        let batches = event(arn, "shardId-1:1", 0.0).unwrap().batches().unwrap();
        assert_eq!(batches[0].stream, "events");
    }

    #[test]
    fn an_event_of_another_kind_is_rejected() {
        let error = event("arn:aws:sqs:us-east-2:1:queue", "shardId-1:1", 0.0);
        let error = error.unwrap().batches().unwrap_err().to_string();
        assert!(error.contains("shardId-1:1: eventSourceARN"), "{error}");
        let arn = "arn:aws:kinesis:us-east-2:1:stream/events";
        let error = event(arn, "4959", 0.0).unwrap().batches().unwrap_err();
        assert_eq!(error.field, "eventID");
        assert!(serde_json::from_str::<KinesisEvent>("{\"Records\":[{}]}").is_err());
    }
}
