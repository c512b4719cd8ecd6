//! The message about records that a mapping discards.

use chrono::DateTime;
use serde_json::{Value, json};

use super::super::{function_arn, request_id};
use super::place::Batch;

/// Why records are discarded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    /// The function has failed too many times.
    RetryAttemptsExhausted,
    /// They are too old.
    RecordAgeExceeded,
}

/// The message to an on-failure destination of SQS or SNS ("Retain discarded batch records for a
/// Kinesis Data Streams event source in Lambda", the example invocation record).
///
/// The example is about a function that failed. A function that reported failures in its response
/// has no `functionError`, and one that was not invoked has no `responseContext`.
pub(super) fn invocation_record(batch: &Batch, condition: Condition, now_ms: u64) -> Value {
    let (first, last) = (&batch.records[0], &batch.records[batch.records.len() - 1]);
    let request = batch.last.as_ref().map(|(id, _)| id.clone());
    let mut record = json!({
        "requestContext": {
            "requestId": request.unwrap_or_else(|| request_id(0)),
            "functionArn": function_arn(),
            "condition": format!("{condition:?}"),
            "approximateInvokeCount": batch.attempts,
        },
        "version": "1.0",
        "timestamp": time(now_ms),
        "KinesisBatchInfo": {
            "shardId": first.shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": time(first.arrival_ms),
            "approximateArrivalOfLastRecord": time(last.arrival_ms),
            "batchSize": batch.records.len(),
            "streamArn": first.stream_arn,
        },
    });
    if let Some((_, failed)) = batch.last {
        record["responseContext"] = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
        if failed {
            record["responseContext"]["functionError"] = json!("Unhandled");
        }
    }
    record
}

fn time(ms: u64) -> String {
    let time = DateTime::from_timestamp_millis(ms.cast_signed()).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
