//! The status of a worker: what its `/status` says. Members that no page shows are ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The status of a worker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerStatus {
    /// The version of its program.
    pub(in crate::console) version: String,
    /// `files` or `stream`.
    pub(in crate::console) mode: String,
    /// When the run began, RFC 3339.
    pub(in crate::console) since: String,
    /// The release that it uses.
    pub(in crate::console) release: String,
    pub(in crate::console) transform: WorkerTransform,
    /// The registry that it follows.
    pub(in crate::console) rollouts: Option<WorkerRollouts>,
    /// How the shadow release compares with the active one: a `ShadowReport`.
    pub(in crate::console) shadow: Option<Value>,
    /// How the releases have done that transformed records there.
    #[serde(default)]
    pub(in crate::console) scores: Vec<WorkerScore>,
    pub(in crate::console) ready: bool,
    /// Why it is not ready.
    pub(in crate::console) reason: Option<String>,
    pub(in crate::console) shards: Vec<WorkerShard>,
    pub(in crate::console) totals: WorkerTotals,
    pub(in crate::console) resources: WorkerResources,
}

/// The counts of a worker since its run began: what pages use of a `Summary`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerTotals {
    /// Records committed.
    pub(in crate::console) records: u64,
    pub(in crate::console) events: u64,
    pub(in crate::console) quarantined: u64,
    /// Quarantined records by reason.
    pub(in crate::console) quarantined_reasons: BTreeMap<String, u64>,
    /// Objects of events.
    pub(in crate::console) objects: u64,
    pub(in crate::console) messages: u64,
    /// Bytes of the records.
    pub(in crate::console) bytes_in: u64,
    /// Compressed bytes of the objects of events.
    pub(in crate::console) bytes_out: u64,
    /// Releases that the worker has rolled back.
    pub(in crate::console) release_rollbacks: u64,
    /// Values that no column has.
    pub(in crate::console) unmapped_values: u64,
    /// These values by their paths.
    pub(in crate::console) unmapped_paths: BTreeMap<String, u64>,
    pub(in crate::console) schema_drift_paths: Vec<WorkerDriftEntry>,
    /// Sampled events and values whose drift is not told apart.
    pub(in crate::console) schema_drift_unwatched_events: u64,
    pub(in crate::console) schema_drift_unwatched_values: u64,
}

/// How events of a type drift at a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::console) struct WorkerDriftEntry {
    pub(in crate::console) event_type: String,
    pub(in crate::console) path: String,
    /// `new_path`, `new_type` or `vanished`.
    pub(in crate::console) drift: String,
    pub(in crate::console) column_type: Option<String>,
    pub(in crate::console) value_kind: Option<String>,
    /// RFC 3339.
    pub(in crate::console) first_seen: String,
    pub(in crate::console) count: u64,
    /// Whether a column that had vanished is there again.
    #[serde(default)]
    pub(in crate::console) came_back: bool,
}

/// What a worker uses.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerResources {
    /// Processor time since its start, seconds.
    pub(in crate::console) cpu_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub(in crate::console) resident_bytes: Option<u64>,
    /// Retries of operations of services.
    pub(in crate::console) retries: u64,
    /// Calls of the bus in SQS.
    pub(in crate::console) bus_calls: u64,
    /// Such calls at once, at most.
    pub(in crate::console) bus_calls_limit: u64,
}

/// How a release has done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerScore {
    pub(in crate::console) release: String,
    /// The records that it has transformed.
    pub(in crate::console) records: u64,
    /// Records that it rejected.
    pub(in crate::console) rejected: u64,
    /// Records that it failed on.
    pub(in crate::console) failed: u64,
    /// The mean time for a record, nanoseconds.
    pub(in crate::console) ns: u64,
}

/// The component of a release.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerTransform {
    pub(in crate::console) name: String,
    pub(in crate::console) version: String,
}

/// A registry as a worker sees it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerRollouts {
    /// Where it is.
    pub(in crate::console) registry: String,
    /// The number of the last change that the worker has seen.
    pub(in crate::console) number: u64,
    /// The release that is active in the registry.
    pub(in crate::console) active: Option<String>,
    pub(in crate::console) canary: Option<WorkerTrial>,
    pub(in crate::console) shadow: Option<WorkerTrial>,
    /// Releases that failed admission, the latest last.
    pub(in crate::console) admission_errors: Vec<WorkerAdmissionError>,
    /// Why the last poll of the registry failed.
    pub(in crate::console) error: Option<String>,
}

/// A release on trial.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerTrial {
    pub(in crate::console) release: String,
    /// Of how many chunks: 0.05 is one in twenty.
    pub(in crate::console) share: f64,
}

/// A release that failed admission.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerAdmissionError {
    pub(in crate::console) release: String,
    /// The step of admission that failed.
    pub(in crate::console) step: String,
    pub(in crate::console) why: String,
    /// When, RFC 3339.
    pub(in crate::console) at: String,
}

/// A shard that a worker works on or has worked on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::console) struct WorkerShard {
    /// Its name in ledgers and objects.
    pub(in crate::console) shard: String,
    /// `working`, `given_back`, `caught_up`, `finished`, `lost` or `failed`.
    pub(in crate::console) state: String,
    /// Since when it has this state, RFC 3339.
    pub(in crate::console) since: String,
    /// How far reading is behind the newest record.
    pub(in crate::console) lag_seconds: Option<f64>,
    /// How old the last read is, and so the lag.
    pub(in crate::console) read_age_seconds: Option<f64>,
    /// The last committed record: a sequence number, or an offset in a file.
    pub(in crate::console) committed: Option<String>,
    /// How many ranges its ledger has whose records may be lost.
    pub(in crate::console) lost_ranges: u64,
    /// Why it stopped, or why it cannot be read at the moment.
    pub(in crate::console) error: Option<String>,
}

impl WorkerStatus {
    /// The shards that it works on.
    pub(in crate::console) fn owned(&self) -> usize {
        let owned = self.shards.iter().filter(|shard| shard.state == "working");
        owned.count()
    }
}

#[cfg(test)]
pub(in crate::console) mod tests {
    use sluice_storage::calls::CallMetrics;
    use sluice_storage::retry::Retries;

    use super::*;
    use crate::observe::progress::{Progress, Resources, Summary};

    /// A status as a worker writes it, with a member that nobody knows.
    pub(in crate::console::workers) const STATUS: &str = r#"{"version":"0.1.0","mode":"stream","since":"2026-11-27T08:00:00.000Z",
        "release":"1a2b3c4d","transform":{"name":"enrich","version":"1.2.3"},
        "rollouts":{"registry":"file:registry","number":3,"active":"1a2b3c4d","canary":{"release":"5e6f7a8b","share":0.05},
            "shadow":null,"admission_errors":[],"error":null},
        "ready":true,"reason":null,
        "shards":[{"shard":"events-0","state":"working","since":"2026-11-27T08:00:01.000Z","lag_seconds":2.5,
            "read_age_seconds":0.4,"committed":"49","lost_ranges":0,"error":null}],
        "totals":{"records":10,"events":12,"quarantined":0,"quarantined_reasons":{},"objects":2,"messages":0,
            "bytes_in":0,"bytes_out":0,"release_rollbacks":0,"unmapped_values":0,"unmapped_paths":{},"schema_drift_paths":[],
            "schema_drift_unwatched_events":0,"schema_drift_unwatched_values":0,"chunks":1},
        "resources":{"cpu_seconds":0.5,"resident_bytes":1000,"retries":0,"bus_calls":0,"bus_calls_limit":0},
        "later":[1]}"#;

    /// The JSON of what a worker has counted and uses that has done nothing yet.
    pub(in crate::console) fn nothing_done() -> (Value, Value) {
        let totals = serde_json::to_value(Summary::default());
        let resources = serde_json::to_value(Resources::default());
        (totals.unwrap(), resources.unwrap())
    }

    /// A status of a worker with these shards.
    pub(in crate::console) fn status(shards: &str) -> WorkerStatus {
        let mut status: WorkerStatus = serde_json::from_str(STATUS).unwrap();
        let shard = status.shards[0].clone();
        let shards = shards.split_whitespace().map(|name| WorkerShard {
            shard: name.to_owned(),
            ..shard.clone()
        });
        status.shards = shards.collect();
        status
    }

    #[test]
    fn a_status_is_read_and_unknown_members_are_ignored() {
        let status: WorkerStatus = serde_json::from_str(STATUS).unwrap();
        assert_eq!((status.totals.records, status.totals.messages), (10, 0));
        assert_eq!(
            (status.owned(), status.shards[0].lag_seconds),
            (1, Some(2.5))
        );
        let canary = status.rollouts.unwrap().canary.unwrap();
        assert_eq!((canary.release.as_str(), canary.share), ("5e6f7a8b", 0.05));
    }

    #[test]
    fn a_run_over_files_has_neither_a_registry_nor_a_shadow() {
        let (totals, resources) = nothing_done();
        let status = serde_json::json!({
            "version": "1", "mode": "files", "since": "", "release": "", "transform": { "name": "", "version": "" },
            "ready": true, "reason": null, "shards": [], "totals": totals, "resources": resources,
        });
        let status: WorkerStatus = serde_json::from_value(status).unwrap();
        assert_eq!((status.rollouts, status.shadow), (None, None));
    }

    #[test]
    fn a_run_says_what_pages_show() {
        let progress = Progress::new(Retries::default(), CallMetrics::default());
        let resources = serde_json::to_value(progress.resources()).unwrap();
        let resources: WorkerResources = serde_json::from_value(resources).unwrap();
        assert_eq!(
            resources.resident_bytes.is_some(),
            cfg!(target_os = "linux")
        );
        let summary = Summary {
            bytes_in: 7,
            bytes_out: 3,
            ..Summary::default()
        };
        let totals = serde_json::to_value(summary).unwrap();
        let totals: WorkerTotals = serde_json::from_value(totals).unwrap();
        assert_eq!((totals.bytes_in, totals.bytes_out), (7, 3));
    }
}
