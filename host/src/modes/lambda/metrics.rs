//! The metrics of an invocation in `CloudWatch`'s embedded metric format: a line of JSON in the log,
//! from which `CloudWatch` extracts metrics ("Specification: Embedded metric format").

use serde_json::{Value, json};

use crate::observe::progress::Summary;

/// The namespace of the metrics.
pub(super) const NAMESPACE: &str = "Sluice";

/// The results of an invocation for one shard.
pub(super) struct Invocation<'a> {
    pub(super) function: &'a str,
    pub(super) stream: &'a str,
    pub(super) shard: &'a str,
    pub(super) request_id: &'a str,
    /// The counts of the process at the previous line and after the invocation. What happens between
    /// two invocations, such as a poll of the registry, is counted in the later one.
    pub(super) before: &'a Summary,
    pub(super) after: &'a Summary,
    /// Records of the batch that were not landed.
    pub(super) uncommitted: usize,
    /// Whether an object existed with other content.
    pub(super) mismatch: bool,
    /// The age of the first record of the batch, milliseconds.
    pub(super) age_ms: i64,
    pub(super) duration_ms: u64,
    /// When it ended, milliseconds since the Unix epoch.
    pub(super) ended_ms: i64,
}

impl Invocation<'_> {
    /// The line of the log.
    pub(super) fn line(&self) -> Value {
        let new = |count: fn(&Summary) -> u64| count(self.after) - count(self.before);
        let mut counts = vec![
            ("Records", new(|counts| counts.records)),
            ("Bytes", new(|counts| counts.bytes_in)),
            ("Events", new(|counts| counts.events)),
            ("Quarantined", new(|counts| counts.quarantined)),
            ("Dropped", new(|counts| counts.dropped)),
            ("Objects", new(|counts| counts.objects)),
            ("Messages", new(|counts| counts.messages)),
            ("Uncommitted", self.uncommitted as u64),
            ("ContentMismatch", u64::from(self.mismatch)),
            ("ReleaseSwaps", new(|counts| counts.release_swaps)),
            (
                "ReleaseAdmissionErrors",
                new(|counts| counts.release_admission_errors),
            ),
            ("ReleaseRollbacks", new(|counts| counts.release_rollbacks)),
            ("RegistryFailures", new(|counts| counts.registry_failures)),
        ];
        // A metric costs money, and only Parquet has these.
        let of_parquet = [
            ("UnmappedValues", new(|counts| counts.unmapped_values)),
            ("SchemaDrift", new(|counts| counts.schema_drifts)),
        ];
        let totals = [self.after.unmapped_values, self.after.schema_drifts];
        let found = of_parquet.into_iter().zip(totals);
        counts.extend(
            found
                .filter(|(_, total)| *total > 0)
                .map(|(count, _)| count),
        );
        let times = [
            ("Duration", json!(self.duration_ms)),
            ("BatchAge", json!(self.age_ms)),
        ];
        let unit = |name: &str| if name == "Bytes" { "Bytes" } else { "Count" };
        let metrics: Vec<Value> = counts
            .iter()
            .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }))
            .chain(
                times
                    .iter()
                    .map(|(name, _)| json!({ "Name": name, "Unit": "Milliseconds" })),
            )
            .collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": self.ended_ms,
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Function", "Stream"]],
                    "Metrics": metrics,
                }],
            },
            "Function": self.function,
            "Stream": self.stream,
            "Shard": self.shard,
            "RequestId": self.request_id,
            "Release": self.after.release,
        });
        for (name, count) in counts {
            line[name] = json!(count);
        }
        for (name, time) in times {
            line[name] = time;
        }
        line
    }
}
