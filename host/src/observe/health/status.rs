//! The response of `/status`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sluice_engine::record::ShardId;
use sluice_release::scores::ReleaseScore;
use sluice_release::shadow::ShadowReport;

use super::{Health, Rollouts, shards};
use crate::observe::progress::{Resources, Summary};

/// The state of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// `files` or `stream`.
    pub mode: &'static str,
    /// When the run began, RFC 3339.
    pub since: String,
    /// The active release.
    pub release: String,
    /// Its component.
    pub transform: Transform,
    /// The registry that it follows, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollouts: Option<Rollouts>,
    /// How the shadow release compares with the active one, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowReport>,
    /// How the releases have done that transformed records here, which a rollback policy compares.
    pub scores: Vec<ReleaseScore>,
    /// Whether the run is ready.
    pub ready: bool,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// The shards that it works on or has worked on.
    pub shards: Vec<Shard>,
    /// The counts so far.
    pub totals: Summary,
    /// What the process uses.
    pub resources: Resources,
}

/// The component of a release.
#[derive(Clone, Debug, Serialize)]
pub struct Transform {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
}

/// A shard as this run sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Shard {
    /// Its name in ledgers and objects.
    pub shard: String,
    /// Its state: [`State::name`](super::State::name).
    pub state: &'static str,
    /// Since when, RFC 3339.
    pub since: String,
    /// The lag of reading behind the newest record, seconds, if known.
    pub lag_seconds: Option<f64>,
    /// The age of that read, seconds.
    pub read_age_seconds: Option<f64>,
    /// The last committed record: a sequence number, or an offset in a file.
    pub committed: Option<String>,
    /// How many ranges its ledger has whose records may be lost.
    pub lost_ranges: usize,
    /// Why it stopped, or why it cannot be read at the moment.
    pub error: Option<String>,
}

impl Health {
    /// The state of the run, with its counts so far and what it uses.
    #[must_use]
    pub fn status(
        &self,
        totals: Summary,
        resources: Resources,
        scores: Vec<ReleaseScore>,
        shadow: Option<ShadowReport>,
    ) -> Status {
        let reason = self.ready().err();
        let now = self.now();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            mode: now.heartbeat.as_ref().map_or("files", |_| "stream"),
            since: rfc3339(self.began_at),
            release: now.active_release.release.to_string(),
            transform: Transform {
                name: now.active_release.transform.clone(),
                version: now.active_release.version.clone(),
            },
            rollouts: now.rollouts.clone(),
            shadow,
            scores,
            ready: reason.is_none(),
            reason,
            shards: now.shards.iter().map(shard).collect(),
            totals,
            resources,
        }
    }
}

fn shard((id, shard): (&ShardId, &shards::Shard)) -> Shard {
    Shard {
        shard: id.to_string(),
        state: shard.state.name(),
        since: rfc3339(shard.since),
        lag_seconds: shard.lag_seconds(),
        read_age_seconds: shard.read_age_seconds(),
        committed: shard.committed.map(|last| last.to_string()),
        lost_ranges: shard.lost_ranges,
        error: shard.error(),
    }
}

pub(super) fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
