//! The metrics of an invocation that builds a table, in `CloudWatch`'s embedded metric format.

use std::time::Duration;

use serde_json::{Value, json};

use super::metrics::NAMESPACE;
use crate::table::build::Done;

/// What an invocation has built.
pub(super) struct TableInvocation<'a> {
    pub(super) function: &'a str,
    pub(super) table: &'a str,
    pub(super) request_id: &'a str,
    pub(super) done: &'a Done,
    /// For how long the oldest chunk that the table does not have has waited, if the lake was read.
    pub(super) oldest_waiting: Option<Duration>,
    /// Whether the invocation has failed.
    pub(super) is_stopped: bool,
    pub(super) duration: Duration,
    /// When it ended, milliseconds since the Unix epoch.
    pub(super) ended_ms: i64,
}

impl TableInvocation<'_> {
    /// The line of the log.
    pub(super) fn line(&self) -> Value {
        let done = self.done;
        let mut metrics = vec![
            ("TableCommits", "Count", json!(done.commits)),
            ("TableEvents", "Count", json!(done.events)),
            ("TableDuplicates", "Count", json!(done.duplicates)),
            ("TableFiles", "Count", json!(done.files)),
            ("TableBytes", "Bytes", json!(done.bytes)),
            ("TableStopped", "Count", json!(u64::from(self.is_stopped))),
            (
                "TableDuration",
                "Milliseconds",
                json!(millis(self.duration)),
            ),
        ];
        if let Some(age) = self.oldest_waiting {
            let age = age.as_secs();
            metrics.push(("TableOldestWaitingSeconds", "Seconds", json!(age)));
        }
        let declared = metrics.iter();
        let declared = declared.map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }));
        let mut line = json!({
            "_aws": {
                "Timestamp": self.ended_ms,
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Function", "Table"]],
                    "Metrics": declared.collect::<Vec<_>>(),
                }],
            },
            "Function": self.function,
            "Table": self.table,
            "RequestId": self.request_id,
        });
        for (name, _, value) in metrics {
            line[name] = value;
        }
        line
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
