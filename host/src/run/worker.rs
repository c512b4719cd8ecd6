//! A stream, for as long as it lasts: the shards of a stream shared between workers through their
//! ledgers.

mod shard;
mod stop;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

pub use self::shard::shard_id;
use self::shard::{Began, Ended, Running, Work};
use self::stop::Stop;
use super::leases::{View, moves};
use super::rules::Rules;
use super::targets::Targets;
use crate::config::{RunSettings, StreamSettings};
use crate::http;
use crate::ledger::Ledger;
use crate::ledger::s3::Versioned;
use crate::pipeline::Host;
use crate::record::Bounds;
use crate::retry::Patience;
use crate::source::kinesis::budget::Budget;
use crate::source::kinesis::{End, KinesisError, ShardInfo, Stream};

/// A lease is looked at and renewed this many times in its duration.
const LOOKS_PER_LEASE: u32 = 6;

/// `ListShards` allows 1,000 calls a second for a stream; once in this time is plenty.
const BETWEEN_LISTS: Duration = Duration::from_secs(10);

/// A shard that failed is taken up again after this.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Works on a stream until it is told to stop, or until it has caught up.
///
/// # Errors
/// With `--until-caught-up` whatever ends a shard before its tip.
pub async fn run(
    settings: &RunSettings,
    source: &StreamSettings,
    rules: Arc<Rules>,
    host: Arc<Host>,
) -> anyhow::Result<()> {
    let stop = Stop::listen(host.health.clone())?;
    let _server = http::start(settings, &host).await?;
    let targets = Targets::new(settings);
    let client = aws_sdk_kinesis::Client::new(targets.sdk().await);
    let (ended, ends) = mpsc::unbounded_channel();
    let mut worker = Worker {
        stream: Stream::new(client, source.stream.clone()),
        source: source.clone(),
        replay: settings.replay,
        patience: settings.patience.clone(),
        budget: Budget::new(host.memory_for_reading()),
        failing_since: None,
        rules,
        targets: Arc::new(targets),
        host,
        shards: Vec::new(),
        listed: None,
        running: HashMap::new(),
        seen: HashMap::new(),
        wishes: HashMap::new(),
        caught_up: HashMap::new(),
        failed: HashMap::new(),
        ended,
        ends,
    };
    worker.work(stop).await
}

struct Worker {
    stream: Stream,
    source: StreamSettings,
    replay: Option<Bounds>,
    patience: Patience,
    budget: Budget,
    /// Since when every look at the stream has failed.
    failing_since: Option<Instant>,
    rules: Arc<Rules>,
    targets: Arc<Targets>,
    host: Arc<Host>,
    shards: Vec<ShardInfo>,
    listed: Option<Instant>,
    running: HashMap<String, Running>,
    /// The nonce of each lease, and since when it has been the same.
    seen: HashMap<String, (String, Instant)>,
    /// Who has asked for which shard, and since when.
    wishes: HashMap<String, (String, Instant)>,
    /// How the shards ended that this worker is done with.
    caught_up: HashMap<String, End>,
    failed: HashMap<String, Instant>,
    ended: mpsc::UnboundedSender<Ended>,
    ends: mpsc::UnboundedReceiver<Ended>,
}

impl Worker {
    async fn work(&mut self, mut stop: Stop) -> anyhow::Result<()> {
        let mut looks = interval(self.source.lease / LOOKS_PER_LEASE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                Some(ended) = self.ends.recv() => self.reap(ended)?,
                () = stop.told() => return self.drain().await,
            }
            let looked = tokio::select! {
                looked = self.look() => looked,
                () = stop.overdue() => return self.drain().await,
            };
            self.host.health.looked(looked.as_ref().err());
            match looked {
                Err(error) => self.endure(error)?,
                Ok(()) => {
                    self.failing_since = None;
                    if self.source.until_caught_up && self.is_caught_up() {
                        return self.drain().await;
                    }
                }
            }
        }
    }

    /// Looks again later. A run that is to end does not wait for ever, nor for a stream that is not
    /// there.
    fn endure(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let missing = error
            .chain()
            .any(|cause| matches!(cause.downcast_ref(), Some(KinesisError::NotFound(_))));
        if self.source.until_caught_up && (missing || since.elapsed() >= self.patience.limit()) {
            return Err(error);
        }
        let error = format!("{error:#}");
        tracing::warn!(error, "looking at the stream again later");
        Ok(())
    }

    /// Takes note of a shard that ended.
    fn reap(&mut self, (id, ended): Ended) -> anyhow::Result<()> {
        self.running.remove(&id);
        match ended {
            Ok(End::Stopped) => {}
            Ok(end) => {
                self.listed = None;
                self.caught_up.insert(id, end);
            }
            Err(error) if self.source.until_caught_up => return Err(error.context(id)),
            Err(error) => {
                tracing::error!(
                    shard = id,
                    error = format!("{error:#}"),
                    "a shard has stopped"
                );
                self.failed.insert(id, Instant::now());
            }
        }
        Ok(())
    }

    /// Looks at all shards and does what is to be done.
    async fn look(&mut self) -> anyhow::Result<()> {
        if self.listed.is_none_or(|at| at.elapsed() >= BETWEEN_LISTS) {
            let listed = self.stream.list_shards().await;
            self.shards = listed.with_context(|| format!("the stream {}", self.stream.name()))?;
            if let Some(only) = &self.source.only_shard {
                self.shards.retain(|info| info.id == *only);
                let of = || format!("the stream {} has no shard {only}", self.stream.name());
                anyhow::ensure!(!self.shards.is_empty(), KinesisError::NotFound(of()));
            }
            self.listed = Some(Instant::now());
        }
        self.renew().await;
        let mut found = Vec::new();
        for info in &self.shards {
            let shard = shard_id(self.stream.name(), &info.id)?;
            found.push((info.clone(), self.targets.peek(&shard).await?));
        }
        for (info, found) in &found {
            if found.ledger.is_finished() {
                self.caught_up.insert(info.id.clone(), End::Closed);
            }
        }
        let open = self.workable(found);
        let views: Vec<_> = open
            .iter()
            .map(|(info, found)| self.view(info, &found.ledger))
            .collect();
        let moves = moves(self.targets.owner(), &views);
        for index in moves.take {
            let (info, found) = open[index].clone();
            self.take(info, found).await?;
        }
        if let Some(index) = moves.ask {
            self.targets.ask(open[index].1.clone()).await?;
        }
        for index in moves.give {
            if let Some(running) = self.running.get(&open[index].0.id) {
                running.stop();
            }
        }
        Ok(())
    }

    /// Shards that are not finished, and whose parents are.
    fn workable(&self, found: Vec<(ShardInfo, Versioned)>) -> Vec<(ShardInfo, Versioned)> {
        let unfinished: Vec<_> = found
            .iter()
            .filter(|(_, found)| !found.ledger.is_finished())
            .map(|(info, _)| info.id.clone())
            .collect();
        let ready = |info: &ShardInfo| !info.parents.iter().any(|p| unfinished.contains(p));
        found
            .into_iter()
            .filter(|(info, found)| !found.ledger.is_finished() && ready(info))
            .filter(|(info, _)| !self.caught_up.contains_key(&info.id))
            .filter(|(info, _)| {
                self.failed
                    .get(&info.id)
                    .is_none_or(|at| at.elapsed() > AFTER_FAILURE)
            })
            .collect()
    }

    /// A lease counts while its nonce changes, by this worker's own clock.
    fn view(&mut self, info: &ShardInfo, ledger: &Ledger) -> View {
        let nonce = ledger.lease().map_or("", |lease| &lease.nonce).to_owned();
        let seen = self
            .seen
            .entry(info.id.clone())
            .or_insert((nonce.clone(), Instant::now()));
        if seen.0 != nonce {
            *seen = (nonce, Instant::now());
        }
        let expired = seen.1.elapsed() >= self.source.lease;
        let mine = ledger.owner() == Some(self.targets.owner());
        let held = if mine {
            self.running.contains_key(&info.id)
        } else {
            !expired
        };
        View {
            owner: ledger.owner().filter(|_| held).map(str::to_owned),
            wanted_by: self.wish(&info.id, ledger).filter(|_| !expired),
        }
    }

    /// Who has asked for a shard. A wish counts for the duration of a lease, by this worker's own clock:
    /// who asked may be gone.
    fn wish(&mut self, id: &str, ledger: &Ledger) -> Option<String> {
        let Some(asker) = ledger.lease().and_then(|lease| lease.wanted_by.clone()) else {
            self.wishes.remove(id);
            return None;
        };
        let fresh = (asker.clone(), Instant::now());
        let seen = self
            .wishes
            .entry(id.to_owned())
            .or_insert_with(|| fresh.clone());
        if seen.0 != asker {
            *seen = fresh;
        }
        (seen.1.elapsed() < self.source.lease).then_some(asker)
    }

    async fn renew(&mut self) {
        for (id, running) in &self.running {
            let wish = self.wishes.get(id);
            let stale = wish.is_some_and(|(_, since)| since.elapsed() >= self.source.lease);
            if let Err(error) = running.renew(stale).await {
                tracing::warn!(shard = id, %error, "the lease was not renewed");
                running.abandon();
            }
        }
    }

    async fn take(&mut self, info: ShardInfo, found: Versioned) -> anyhow::Result<()> {
        if self.running.contains_key(&info.id) {
            return Ok(());
        }
        let shard = shard_id(self.stream.name(), &info.id)?;
        let parents_began = self.parents_began(&info).await?;
        match self.targets.hold(&shard, Some(found)).await {
            Ok(held) => {
                let id = info.id.clone();
                tracing::info!(shard = id, "taken");
                let work = Work {
                    stream: self.stream.clone(),
                    source: self.source.clone(),
                    rules: self.rules.clone(),
                    host: self.host.clone(),
                    info,
                    shard,
                    parents_began,
                    replay: self.replay,
                    patience: self.patience.clone(),
                    budget: self.budget.clone(),
                };
                self.running
                    .insert(id, Running::start(work, held, self.ended.clone()));
                self.host.share_memory(self.running.len());
            }
            Err(error) => {
                tracing::info!(shard = info.id, error = format!("{error:#}"), "not taken");
            }
        }
        Ok(())
    }

    /// Where the pipeline began in the parents of a shard, the earliest of them.
    async fn parents_began(&self, info: &ShardInfo) -> anyhow::Result<Option<Began>> {
        let mut earliest = None;
        for parent in &info.parents {
            let parent = shard_id(self.stream.name(), parent)?;
            let began = Began::of(&self.targets.peek(&parent).await?.ledger);
            earliest = [earliest, began].into_iter().flatten().min();
        }
        Ok(earliest)
    }

    fn is_caught_up(&self) -> bool {
        self.running.is_empty()
            && self.listed.is_some()
            && self
                .shards
                .iter()
                .all(|info| self.caught_up.contains_key(&info.id))
    }

    /// Ends the shards at a chunk, or where they are when that takes too long.
    async fn drain(&mut self) -> anyhow::Result<()> {
        self.host.health.stopping();
        for running in self.running.values() {
            running.stop();
        }
        let deadline = tokio::time::Instant::now() + self.source.drain;
        while !self.running.is_empty() {
            match timeout_at(deadline, self.ends.recv()).await {
                Ok(Some(ended)) => self.reap(ended)?,
                Ok(None) | Err(_) => break,
            }
        }
        for (id, running) in &self.running {
            tracing::warn!(
                shard = id,
                "left in the middle of a chunk, which will be repeated"
            );
            running.abandon();
        }
        Ok(())
    }
}
