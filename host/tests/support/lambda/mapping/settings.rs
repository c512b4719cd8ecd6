//! The settings of a mapping.

use std::time::Duration;

/// "Lambda parameters for Amazon Kinesis Data Streams event source mappings", by their names there
/// and with the defaults there.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `StartingPosition`.
    pub(crate) starting_position: StartingPosition,
    /// `BatchSize`: the most records of a batch, which also has at most 6 MB.
    pub(crate) batch_size: usize,
    /// `BisectBatchOnFunctionError`.
    pub(crate) bisect_batch_on_function_error: bool,
    /// Whether `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub(crate) report_batch_item_failures: bool,
    /// `MaximumRetryAttempts`: how often a batch is tried again; -1 is without end.
    pub(crate) maximum_retry_attempts: i64,
    /// `MaximumRecordAgeInSeconds`: how old a record may be when it is given to the function; -1 is
    /// as old as it likes.
    pub(crate) maximum_record_age_in_seconds: i64,
    /// `Timeout`, a setting of the function. AWS's default of 3 s would be a matter of luck where
    /// many tests share a machine.
    pub(crate) timeout: Duration,
}

/// Where a mapping begins in the shards that are there when it is made. In later ones it begins with
/// their first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartingPosition {
    /// `TRIM_HORIZON`: with the oldest record.
    TrimHorizon,
    /// `LATEST`: with the next record.
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
