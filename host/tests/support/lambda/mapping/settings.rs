//! The settings of a mapping.

use std::time::Duration;

/// "Lambda parameters for Amazon Kinesis Data Streams event source mappings", with their names and
/// defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `StartingPosition`.
    pub(crate) starting_position: StartingPosition,
    /// `BatchSize`: the maximum number of records of a batch, which also has at most 6 MB.
    pub(crate) batch_size: usize,
    /// `BisectBatchOnFunctionError`.
    pub(crate) bisect_batch_on_function_error: bool,
    /// Whether `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub(crate) report_batch_item_failures: bool,
    /// `MaximumRetryAttempts`: the maximum number of retries of a batch; -1 means no limit.
    pub(crate) maximum_retry_attempts: i64,
    /// `MaximumRecordAgeInSeconds`: the maximum age of a record that the function gets; -1 means no
    /// limit.
    pub(crate) maximum_record_age_in_seconds: i64,
    /// `Timeout`, a setting of the function. AWS's default of 3 s is too short if many tests share
    /// a machine.
    pub(crate) timeout: Duration,
}

/// The start of a mapping in the shards that exist when it is created. In later shards, it starts
/// at their first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartingPosition {
    /// `TRIM_HORIZON`: at the oldest record.
    TrimHorizon,
    /// `LATEST`: at the next record.
    Latest,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            starting_position: StartingPosition::TrimHorizon,
            batch_size: 100,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            maximum_retry_attempts: -1,
            maximum_record_age_in_seconds: -1,
            timeout: Duration::from_secs(60),
        }
    }
}
