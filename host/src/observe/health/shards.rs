//! The shards that a run works on or has worked on.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sluice_engine::record::{SequenceNumber, ShardId};

use crate::source::read_meter::{Read, ReadMeter};

/// The state of a shard in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// This process works on it.
    Working,
    /// It was given back after a chunk.
    GivenBack,
    /// All records so far are committed.
    CaughtUp,
    /// It is closed and completely committed.
    Finished,
    /// Another worker owns it, or the lease was lost.
    Lost,
    /// It stopped with this error, and is retried after a backoff.
    Failed(String),
}

impl State {
    /// Its name in `/status`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::GivenBack => "given_back",
            Self::CaughtUp => "caught_up",
            Self::Finished => "finished",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
        }
    }
}

/// One shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) state: State,
    pub(super) since: DateTime<Utc>,
    pub(super) committed: Option<SequenceNumber>,
    /// How many ranges its ledger has whose records may be lost.
    pub(super) lost_ranges: usize,
    reads: ReadMeter,
}

impl Shard {
    fn new() -> Self {
        Self {
            state: State::Working,
            since: Utc::now(),
            committed: None,
            lost_ranges: 0,
            reads: ReadMeter::default(),
        }
    }

    fn last_read(&self) -> Option<Read> {
        let is_read = self.state == State::Working;
        self.reads.last().filter(|_| is_read)
    }

    /// The lag of the last read behind the tip, seconds; `None` if this process does not read, or does
    /// not know.
    pub(super) fn lag_seconds(&self) -> Option<f64> {
        let read = self.last_read()?;
        Some(Duration::from_millis(read.lag_ms).as_secs_f64())
    }

    /// The age of that read, seconds.
    pub(super) fn read_age_seconds(&self) -> Option<f64> {
        let read = self.last_read()?;
        Some(read.at.elapsed().as_secs_f64())
    }

    /// Why it stopped, or why it cannot be read at the moment.
    pub(super) fn error(&self) -> Option<String> {
        match &self.state {
            State::Failed(error) => Some(error.clone()),
            State::Working => self.reads.fault(),
            _ => None,
        }
    }
}

/// All shards, by name.
#[derive(Debug, Default)]
pub(super) struct Shards(BTreeMap<ShardId, Shard>);

impl Shards {
    pub(super) fn take(&mut self, shard: &ShardId) {
        self.0.insert(shard.clone(), Shard::new());
    }

    pub(super) fn commit(&mut self, shard: &ShardId, last: SequenceNumber) {
        if let Some(shard) = self.0.get_mut(shard) {
            shard.committed = Some(last);
        }
    }

    pub(super) fn lost_ranges(&mut self, shard: &ShardId, count: usize) {
        if let Some(shard) = self.0.get_mut(shard) {
            shard.lost_ranges = count;
        }
    }

    pub(super) fn end(&mut self, shard: &ShardId, state: State) {
        if let Some(shard) = self.0.get_mut(shard) {
            (shard.state, shard.since) = (state, Utc::now());
        }
    }

    /// Another process works on a shard, or has finished it: if it has failed here, it has not failed any more.
    pub(super) fn take_over(&mut self, shard: &ShardId) {
        let failed = |shard: &&mut Shard| matches!(shard.state, State::Failed(_));
        if let Some(shard) = self.0.get_mut(shard).filter(failed) {
            (shard.state, shard.since) = (State::Lost, Utc::now());
        }
    }

    pub(super) fn read_meter(&mut self, shard: &ShardId) -> ReadMeter {
        let shard = self.0.entry(shard.clone()).or_insert_with(Shard::new);
        shard.reads.clone()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ShardId, &Shard)> {
        self.0.iter()
    }

    /// The number of shards that this process works on.
    pub(super) fn owned(&self) -> usize {
        let working = |shard: &&Shard| shard.state == State::Working;
        self.0.values().filter(working).count()
    }

    /// The number of shards that have stopped with an error.
    pub(super) fn failed(&self) -> usize {
        let failed = |shard: &&Shard| matches!(shard.state, State::Failed(_));
        self.0.values().filter(failed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard() -> ShardId {
        ShardId::new("events-shardId-000000000000").unwrap()
    }

    fn only(shards: &Shards) -> &Shard {
        shards.iter().next().unwrap().1
    }

    #[test]
    fn lag_is_known_from_the_first_read_until_the_shard_is_given_back() {
        let mut shards = Shards::default();
        shards.take(&shard());
        let meter = shards.read_meter(&shard());
        assert_eq!(only(&shards).lag_seconds(), None);
        meter.read(2_500);
        assert_eq!(only(&shards).lag_seconds(), Some(2.5));
        shards.end(&shard(), State::GivenBack);
        assert_eq!((only(&shards).lag_seconds(), shards.owned()), (None, 0));
        shards.take(&shard());
        assert_eq!((only(&shards).lag_seconds(), shards.owned()), (None, 1));
    }

    #[test]
    fn a_shard_has_failed_until_it_is_taken_here_or_elsewhere() {
        let mut shards = Shards::default();
        let fail = |shards: &mut Shards| {
            shards.take(&shard());
            shards.end(&shard(), State::Failed("disk full".into()));
            assert_eq!((shards.failed(), shards.owned()), (1, 0));
        };
        fail(&mut shards);
        shards.take(&shard());
        assert_eq!((shards.failed(), shards.owned()), (0, 1));
        // It is this process that works on it.
        shards.take_over(&shard());
        assert_eq!((shards.failed(), shards.owned()), (0, 1));
        fail(&mut shards);
        shards.take_over(&shard());
        assert_eq!(shards.failed(), 0);
        assert_eq!(only(&shards).state, State::Lost);
    }

    #[test]
    fn a_failed_read_is_shown_until_one_succeeds() {
        let mut shards = Shards::default();
        shards.take(&shard());
        let meter = shards.read_meter(&shard());
        meter.failed(&"throttled");
        assert_eq!(only(&shards).error(), Some("throttled".into()));
        meter.read(0);
        assert_eq!(only(&shards).error(), None);
    }
}
