//! The description of a stream: which one it is, and how long it keeps records.

use std::time::Duration;

use sluice_storage::error::ErrorKind;

use super::api::{KinesisError, Stream, failed};

/// A stream as `DescribeStreamSummary` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamDescription {
    /// When it was created, milliseconds since the Unix epoch. A stream that is created again under the name of
    /// a deleted one has another time.
    pub created_at: i64,
    /// How long it keeps records.
    pub retention: Duration,
}

impl Stream {
    /// When the stream was created, and how long it keeps records.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn describe(&self) -> Result<StreamDescription, KinesisError> {
        let (name, arn) = self.parameters();
        let request = self.client.describe_stream_summary();
        let request = request.set_stream_name(name).set_stream_arn(arn);
        let answer = request.send().await;
        let answer = answer.map_err(failed("kinesis:DescribeStreamSummary"))?;
        let incomplete = || KinesisError::new(ErrorKind::Other, "an answer without a description");
        let summary = answer.stream_description_summary();
        let summary = summary.ok_or_else(incomplete)?;
        let created_at = summary.stream_creation_timestamp().to_millis();
        let hours = u64::try_from(summary.retention_period_hours()).unwrap_or(0);
        Ok(StreamDescription {
            created_at: created_at.map_err(|_| incomplete())?,
            retention: Duration::from_secs(hours * 3_600),
        })
    }
}
