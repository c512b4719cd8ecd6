//! One poll of a stream: a worker lists the shards, reads their ledgers, and takes, gives or requests
//! shards.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::Utc;
use futures_util::stream::{self, StreamExt as _};
use sluice_storage::error::ErrorKind;

use super::{CLOCK_TOLERANCE, Worker};
use crate::ledger::Ledger;
use crate::ledger::lease::Versioned;
use crate::ledger::store::StoreError;
use crate::modes::worker::shard_assignment::{ShardView, assign};
use crate::source::End;
use crate::source::kinesis::{KinesisError, ShardInfo, StreamDescription, shard_id};

/// `ListShards` allows 1,000 calls a second for a stream; once in this time is plenty.
const BETWEEN_LISTS: Duration = Duration::from_secs(10);

/// The number of ledgers that are read at once.
const PEEKS_AT_ONCE: usize = 32;

impl Worker {
    /// Reads the ledgers of all shards and takes, gives or requests shards.
    ///
    /// # Errors
    /// The stream cannot be listed or a ledger cannot be read, which holds up no other shard.
    pub(super) async fn poll(&mut self) -> anyhow::Result<()> {
        let listed = self.list().await;
        let (found, unread) = self.peek().await?;
        for (info, found) in &found {
            self.note_end(info, &found.ledger);
            self.note_owner(info, &found.ledger)?;
        }
        let open = self.workable(found);
        let views: Vec<_> = open
            .iter()
            .map(|(info, found)| self.view(info, &found.ledger))
            .collect();
        let assignment = assign(self.runner.targets.owner(), &views);
        self.runner
            .context
            .share_memory(self.running.len() + assignment.take.len());
        for index in assignment.take {
            let (info, found) = open[index].clone();
            self.take(info, found)?;
        }
        for index in assignment.give {
            if let Some(running) = self.running.get(&open[index].0.id) {
                running.stop();
            }
        }
        if let Some(index) = assignment.request {
            match self.runner.targets.request(open[index].1.clone()).await {
                // Its ledger has changed since; the next poll reads it again.
                Ok(()) | Err(StoreError::Lost { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        listed.and(unread.map_or(Ok(()), |error| Err(error.into())))
    }

    /// Lists the shards of the stream, unless that was done recently.
    async fn list(&mut self) -> anyhow::Result<()> {
        if self.listed.is_some_and(|at| at.elapsed() < BETWEEN_LISTS) {
            return Ok(());
        }
        let name = self.stream.address().clone();
        let listed = self.stream.list_shards().await;
        let shards = listed.with_context(|| format!("list the shards of the stream {name}"))?;
        self.shards = self.of_part(shards).await?;
        let described = self.stream.describe().await;
        let described = described.with_context(|| format!("describe the stream {name}"))?;
        if let Some(only) = &self.source.only_shard {
            self.shards.retain(|info| info.id == *only);
            let why = || format!("the stream {name} has no shard {only}");
            let missing = || KinesisError::new(ErrorKind::NotFound, why());
            anyhow::ensure!(!self.shards.is_empty(), missing());
        }
        self.listed = Some(Instant::now());
        self.reopen_closed();
        self.describe(described);
        Ok(())
    }

    /// Notes the description of the stream. If it was created again, nothing is known of its shards.
    fn describe(&mut self, described: StreamDescription) {
        let before = self.described.replace(described);
        if before.is_some_and(|before| before.created_at != described.created_at) {
            self.caught_up.clear();
            // They would read the new stream as if it was the old one.
            for running in self.running.values() {
                running.stop();
            }
        }
    }

    /// Whether a ledger says that the shard of this stream is finished.
    fn has_finished(&self, ledger: &Ledger) -> bool {
        let created_at = self.described.map(|described| described.created_at);
        let is_another = created_at.is_some_and(|at| ledger.is_of_another_stream(at));
        ledger.is_finished() && !is_another
    }

    /// Forgets the tip of shards that were split or merged since: they are read to their end, so that their
    /// children can be read.
    fn reopen_closed(&mut self) {
        let parents = self.shards.iter().flat_map(|info| &info.parents);
        let closed: HashSet<_> = parents.collect();
        let stays = |id: &String, end: &mut End| *end == End::Closed || !closed.contains(id);
        self.caught_up.retain(stays);
    }

    /// Notes that a shard is finished, or, if the worker exits when it has caught up, that this shard is
    /// caught up, whoever has read it.
    fn note_end(&mut self, info: &ShardInfo, ledger: &Ledger) {
        if self.has_finished(ledger) {
            // A closed shard has children. If they are not listed, they are newer than the list.
            if self.runner.replay.is_none() && !self.has_children(&info.id) {
                self.listed = None;
            }
            self.caught_up.insert(info.id.clone(), End::Closed);
            return;
        }
        let begun = self.runner.context.health.began_at() + CLOCK_TOLERANCE;
        // A moment in the future comes from a clock that is wrong.
        let latest = Utc::now() + CLOCK_TOLERANCE;
        let is_caught_up = ledger.caught_up_to().is_some_and(|moment| {
            begun.timestamp_millis() < moment && moment <= latest.timestamp_millis()
        });
        if self.source.exit_when_caught_up && is_caught_up && !self.has_children(&info.id) {
            self.caught_up.entry(info.id.clone()).or_insert(End::Tip);
        }
    }

    /// Notes whether another worker has taken a shard or finished it, which is no longer failed here then.
    fn note_owner(&self, info: &ShardInfo, ledger: &Ledger) -> anyhow::Result<()> {
        let me = self.runner.targets.owner();
        if self.is_finished(&info.id) || ledger.owner().is_some_and(|owner| owner != me) {
            let shard = shard_id(self.stream.name(), &info.id)?;
            self.runner.context.health.taken_over(&shard);
        }
        Ok(())
    }

    /// Whether a shard was split or merged.
    fn has_children(&self, id: &String) -> bool {
        self.shards.iter().any(|info| info.parents.contains(id))
    }

    /// Reads the ledgers of all shards except those known to be finished: a stream lists a closed shard
    /// for as long as it keeps records. Returns those that could be read, and the error of one that
    /// could not.
    async fn peek(&self) -> anyhow::Result<(Vec<(ShardInfo, Versioned)>, Option<StoreError>)> {
        let shards = self
            .shards
            .iter()
            .filter(|info| !self.is_finished(&info.id));
        let shards = shards.map(|info| {
            let shard = shard_id(self.stream.name(), &info.id)?;
            Ok((info.clone(), shard))
        });
        let shards = shards.collect::<anyhow::Result<Vec<_>>>()?;
        let once = self.retry_policy.for_one_attempt();
        let mut peeks = stream::iter(shards)
            .map(async |(info, shard)| (info, self.runner.targets.peek(&shard, once.clone()).await))
            .buffered(PEEKS_AT_ONCE);
        let (mut found, mut unread) = (Vec::new(), None);
        while let Some((info, peeked)) = peeks.next().await {
            match peeked {
                Ok(ledger) => found.push((info, ledger)),
                Err(error) => unread = Some(error),
            }
        }
        Ok((found, unread))
    }

    /// The shards to work on: not finished, but all parents are. One whose ledger could not be read
    /// counts as unfinished.
    fn workable(&self, found: Vec<(ShardInfo, Versioned)>) -> Vec<(ShardInfo, Versioned)> {
        let listed = self.shards.iter().map(|info| info.id.as_str());
        let unfinished: HashSet<_> = listed.filter(|id| !self.is_finished(id)).collect();
        let ready = |info: &ShardInfo| !info.parents.iter().any(|p| unfinished.contains(&**p));
        found
            .into_iter()
            .filter(|(info, found)| !self.has_finished(&found.ledger) && ready(info))
            .filter(|(info, _)| !self.caught_up.contains_key(&info.id))
            .filter(|(info, _)| !self.backoff.holds(&info.id))
            .collect()
    }

    /// Whether a shard is known to be closed and completely committed.
    fn is_finished(&self, id: &str) -> bool {
        matches!(self.caught_up.get(id), Some(End::Closed))
    }

    /// A lease is valid while its nonce changes, by this worker's own clock.
    fn view(&mut self, info: &ShardInfo, ledger: &Ledger) -> ShardView {
        let nonce = ledger.lease().map_or("", |lease| &lease.nonce).to_owned();
        let seen = self
            .seen
            .entry(info.id.clone())
            .or_insert((nonce.clone(), Instant::now()));
        if seen.0 != nonce {
            *seen = (nonce, Instant::now());
        }
        let expired = seen.1.elapsed() >= self.source.lease;
        let me = self.runner.targets.owner();
        let owner = if self.running.contains_key(&info.id) {
            Some(me)
        } else {
            ledger.owner().filter(|owner| *owner != me && !expired)
        };
        ShardView {
            owner: owner.map(str::to_owned),
            requested_by: self.requested_by(&info.id, ledger).filter(|_| !expired),
        }
    }

    /// The worker that has requested a shard. A request counts for the duration of a lease, by this
    /// worker's own clock: the worker that made it may have ended.
    fn requested_by(&mut self, id: &str, ledger: &Ledger) -> Option<String> {
        let Some(requester) = ledger.lease().and_then(|lease| lease.requested_by.clone()) else {
            self.requests.remove(id);
            return None;
        };
        let now = (requester.clone(), Instant::now());
        let seen = self
            .requests
            .entry(id.to_owned())
            .or_insert_with(|| now.clone());
        if seen.0 != requester {
            *seen = now;
        }
        (seen.1.elapsed() < self.source.lease).then_some(requester)
    }
}
