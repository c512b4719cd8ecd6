//! Records of a stream.

use std::time::Duration;

use chrono::Utc;
use sluice_storage::aws;
use sluice_storage::retry::RetryPolicy;

use crate::config::{ConfigError, OnExpiredCheckpoint, StartAt, StreamSettings};
use crate::source::kinesis::Stream;
use crate::source::kinesis::api::Start;
use crate::source::kinesis::sample::{SampleRange, StreamSample};
use crate::source::unpacking::Unpacking;

/// The retry timeout of a request to a stream or a lake.
pub(super) const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream to take records from.
pub(super) struct StreamInput {
    settings: StreamSettings,
    unpacking: Unpacking,
}

impl StreamInput {
    pub(super) fn new(settings: StreamSettings, unpacking: Unpacking) -> Self {
        Self {
            settings,
            unpacking,
        }
    }

    /// The stream as the settings name it.
    pub(super) fn name(&self) -> String {
        format!("kinesis:{}", self.settings.stream)
    }

    /// Connects to the stream.
    ///
    /// # Errors
    /// AWS is not configured, or the stream cannot be read.
    pub(super) async fn open(&self) -> anyhow::Result<StreamSample> {
        let sdk = aws::sdk_config().await?;
        let stream = Stream::connect(&sdk, &self.settings.stream);
        let (start, waits) = match self.settings.start {
            StartAt::TrimHorizon => (Start::TrimHorizon, false),
            StartAt::Moment(moment) => (Start::At(moment), false),
            StartAt::Latest => (Start::At(Utc::now().timestamp_millis()), true),
        };
        let range = SampleRange { start, waits };
        let policy = RetryPolicy::new(RETRY_TIMEOUT);
        Ok(StreamSample::open(stream, range, self.unpacking, policy).await?)
    }

    /// Says that there are no records, and what to do.
    pub(super) fn nothing(&self) -> String {
        let name = self.name();
        format!(
            "{name} has no records there; begin earlier, or give `--start latest` to wait for records"
        )
    }
}

/// The settings of a stream; those of leases are not used.
pub(super) fn stream_settings(
    name: &str,
    start: Option<StartAt>,
) -> Result<StreamSettings, ConfigError> {
    let stream = name.parse();
    Ok(StreamSettings {
        stream: stream.map_err(|why| ConfigError::new("source", why))?,
        start: start.unwrap_or(StartAt::TrimHorizon),
        exit_when_caught_up: true,
        lease: Duration::ZERO,
        shutdown_timeout: Duration::ZERO,
        only_shard: None,
        on_expired_checkpoint: OnExpiredCheckpoint::Stop,
    })
}
