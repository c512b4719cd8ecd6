//! The shards that ledgers, workers and the stream know, and the state of each.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sluice_engine::record::ShardId;

use crate::console::components::Tone;
use crate::console::ledgers::landed_of_file;
use crate::console::stream::StreamShard;
use crate::console::workers::{LAGGING_SECONDS, WorkerShard, WorkerSight, WorkerView, sights};
use crate::ledger::Ledger;

/// A range that is pending for longer is worth a look: a chunk of a stream closes after a minute.
const PENDING_LONG: TimeDelta = TimeDelta::minutes(2);

/// A shard whose owner has not reached its end for this long is lagging, by its ledger. An owner at the end of a shard
/// commits within the age of a chunk, and notes it when it renews its lease.
const NOT_CAUGHT_UP_LONG: TimeDelta = TimeDelta::minutes(5);

/// A shard whose owner has reached its end within this time has caught up, by its ledger.
const CAUGHT_UP: TimeDelta = TimeDelta::minutes(1);

/// The state of a shard. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ShardState {
    Failed,
    Unread,
    PendingLong,
    Lagging,
    Working,
    NotBegun,
    Idle,
    CaughtUp,
    Finished,
}

impl ShardState {
    pub(super) const ALL: [Self; 9] = [
        Self::Failed,
        Self::Unread,
        Self::PendingLong,
        Self::Lagging,
        Self::Working,
        Self::NotBegun,
        Self::Idle,
        Self::CaughtUp,
        Self::Finished,
    ];

    /// Its name in a query.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unread => "unread",
            Self::PendingLong => "pending-long",
            Self::Lagging => "lagging",
            Self::Working => "working",
            Self::NotBegun => "not-begun",
            Self::Idle => "idle",
            Self::CaughtUp => "caught-up",
            Self::Finished => "finished",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unread => "cannot be read",
            Self::PendingLong => "pending for long",
            Self::Lagging => "lagging",
            Self::Working => "working",
            Self::NotBegun => "not begun",
            Self::Idle => "idle",
            Self::CaughtUp => "caught up",
            Self::Finished => "finished",
        }
    }

    /// What the state means, and what to do.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Failed => {
                "A worker has stopped on it, or records were lost. See the last error and the lost ranges."
            }
            Self::Unread => {
                "The worker cannot read it at the moment, and tries again. See the last error."
            }
            Self::PendingLong => {
                "A range has been pinned for minutes and is not committed. If no worker works on it, start one: it \
                 repeats exactly this range."
            }
            Self::Lagging => {
                "Reading is more than a minute behind the newest record, or nothing was read for a minute. Add workers if \
                 this does not get less."
            }
            Self::Working => "A worker owns it, or a range is pending.",
            Self::NotBegun => {
                "It is in the stream, and no run has begun it. A run begins it when its parents are finished."
            }
            Self::Idle => "Nothing is pending, and no worker owns it.",
            Self::CaughtUp => "All records so far are committed.",
            Self::Finished => {
                "It is closed, or a file that was read to its end, and all of its records are committed."
            }
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Failed => Tone::Bad,
            Self::Unread | Self::PendingLong | Self::Lagging => Tone::Warning,
            Self::Working | Self::CaughtUp => Tone::Good,
            Self::NotBegun | Self::Idle | Self::Finished => Tone::Neutral,
        }
    }
}

/// What rows are made from.
pub(super) struct RowSources<'a> {
    pub(super) ledgers: &'a [Ledger],
    pub(super) pending_since: &'a BTreeMap<ShardId, DateTime<Utc>>,
    pub(super) workers: &'a [WorkerView],
    pub(super) stream: &'a [StreamShard],
    pub(super) now: DateTime<Utc>,
}

/// What is known of a shard.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) state: ShardState,
    /// `None` if no run has begun it.
    pub(super) ledger: Option<&'a Ledger>,
    /// When the console saw its pending range first.
    pub(super) pending_since: Option<DateTime<Utc>>,
    /// What the workers say, the latest change of state first.
    pub(super) sights: Vec<WorkerSight<'a>>,
}

impl<'a> Row<'a> {
    fn new(
        id: &'a str,
        ledger: Option<&'a Ledger>,
        sights: Vec<WorkerSight<'a>>,
        sources: &RowSources<'a>,
    ) -> Self {
        let pending_since = ledger.and_then(|ledger| sources.pending_since.get(ledger.shard()));
        let mut row = Self {
            id,
            state: ShardState::NotBegun,
            ledger,
            pending_since: pending_since.copied(),
            sights,
        };
        row.state = row.state_at(sources.now);
        row
    }

    /// The shard as the worker sees it whose state changed last. What others say is old.
    pub(super) fn latest(&self) -> Option<&'a WorkerShard> {
        self.sights.first().map(|sight| sight.shard)
    }

    fn state_at(&self, now: DateTime<Utc>) -> ShardState {
        let latest = self.latest();
        let is_unresolved = self.ledger.is_some_and(has_unresolved_loss);
        if latest.is_some_and(WorkerShard::has_failed) || is_unresolved {
            return ShardState::Failed;
        }
        if latest.is_some_and(WorkerShard::is_unread) {
            return ShardState::Unread;
        }
        let is_pending = self.ledger.is_some_and(|ledger| ledger.pending().is_some());
        let is_old = |since: DateTime<Utc>| now - since >= PENDING_LONG;
        if is_pending && self.pending_since.is_some_and(is_old) {
            return ShardState::PendingLong;
        }
        let is_behind = latest.and_then(WorkerShard::behind_seconds) > Some(LAGGING_SECONDS);
        let lag = latest.and_then(|shard| shard.lag_seconds);
        match latest.map(|shard| shard.state.as_str()) {
            Some("working") if is_behind => ShardState::Lagging,
            Some("working") if lag == Some(0.0) && !is_pending => ShardState::CaughtUp,
            Some("working") => ShardState::Working,
            Some("finished") => ShardState::Finished,
            Some("caught_up") if !is_pending => ShardState::CaughtUp,
            _ => self
                .ledger
                .map_or(ShardState::NotBegun, |ledger| state_of(ledger, now)),
        }
    }
}

/// Whether records of the shard may be lost, and no run has gone on behind them.
fn has_unresolved_loss(ledger: &Ledger) -> bool {
    ledger.lost().last().is_some_and(|lost| !lost.continued)
}

/// The state of a shard by its ledger alone.
fn state_of(ledger: &Ledger, now: DateTime<Utc>) -> ShardState {
    let is_pending = ledger.pending().is_some();
    let caught_up_to = ledger
        .caught_up_to()
        .and_then(DateTime::from_timestamp_millis);
    let since = caught_up_to.map(|moment| now - moment);
    match ledger.owner() {
        _ if ledger.is_finished() || landed_of_file(ledger).is_some() => ShardState::Finished,
        Some(_) if since.is_some_and(|since| since > NOT_CAUGHT_UP_LONG) => ShardState::Lagging,
        Some(_) if !is_pending && since.is_some_and(|since| since < CAUGHT_UP) => {
            ShardState::CaughtUp
        }
        None if !is_pending => ShardState::Idle,
        _ => ShardState::Working,
    }
}

/// All shards, the worst first: by state, then by lag, then by id.
pub(super) fn rows<'a>(sources: &RowSources<'a>) -> Vec<Row<'a>> {
    let mut shards = BTreeMap::<&'a str, Option<&'a Ledger>>::new();
    let mut sights = sights(sources.workers);
    for shard in sights.keys().copied() {
        shards.insert(shard, None);
    }
    for shard in sources.stream {
        shards.insert(shard.id.as_str(), None);
    }
    for ledger in sources.ledgers {
        shards.insert(ledger.shard().as_str(), Some(ledger));
    }
    let rows = shards.into_iter();
    let rows = rows.map(|(id, ledger)| {
        let sights = sights.remove(id).unwrap_or_default();
        Row::new(id, ledger, sights, sources)
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|one, other| {
        let lag = |row: &Row<'_>| {
            row.latest()
                .and_then(|shard| shard.lag_seconds)
                .unwrap_or(0.0)
        };
        let by_lag = lag(other).total_cmp(&lag(one));
        one.state.cmp(&other.state).then(by_lag)
    });
    rows
}

#[cfg(test)]
pub(super) mod tests;
