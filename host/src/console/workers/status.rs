//! The status of a worker: what its `/status` says. Members that no page shows are ignored.

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
    /// Its counts since the run began: a `Summary`.
    pub(in crate::console) totals: Value,
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
    /// A count of the run, by its name in the summary.
    pub(in crate::console) fn total(&self, name: &str) -> u64 {
        let total = self.totals.get(name).and_then(Value::as_u64);
        total.unwrap_or_default()
    }

    /// The shards that it works on.
    pub(in crate::console) fn owned(&self) -> usize {
        let owned = self.shards.iter().filter(|shard| shard.state == "working");
        owned.count()
    }
}

#[cfg(test)]
pub(in crate::console) mod tests {
    use super::*;

    /// A status as a worker writes it, with a member that nobody knows.
    pub(in crate::console::workers) const STATUS: &str = r#"{"version":"0.1.0","mode":"stream","since":"2026-11-27T08:00:00.000Z",
        "release":"1a2b3c4d","transform":{"name":"enrich","version":"1.2.3"},
        "rollouts":{"registry":"file:registry","number":3,"active":"1a2b3c4d","canary":{"release":"5e6f7a8b","share":0.05},
            "shadow":null,"admission_errors":[],"error":null},
        "ready":true,"reason":null,
        "shards":[{"shard":"events-0","state":"working","since":"2026-11-27T08:00:01.000Z","lag_seconds":2.5,
            "read_age_seconds":0.4,"committed":"49","lost_ranges":0,"error":null}],
        "totals":{"records":10,"events":12,"objects":2},"later":[1]}"#;

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
        assert_eq!((status.total("records"), status.total("messages")), (10, 0));
        assert_eq!(
            (status.owned(), status.shards[0].lag_seconds),
            (1, Some(2.5))
        );
        let canary = status.rollouts.unwrap().canary.unwrap();
        assert_eq!((canary.release.as_str(), canary.share), ("5e6f7a8b", 0.05));
    }

    #[test]
    fn a_run_over_files_has_neither_a_registry_nor_a_shadow() {
        let text = r#"{"version":"1","mode":"files","since":"","release":"","transform":{"name":"","version":""},
            "ready":true,"reason":null,"shards":[],"totals":{}}"#;
        let status: WorkerStatus = serde_json::from_str(text).unwrap();
        assert_eq!((status.rollouts, status.shadow), (None, None));
    }
}
