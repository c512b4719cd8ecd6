//! A stream, for as long as it lasts: the shards of a stream shared between workers through their
//! ledgers.

mod lease;
mod look;
mod rests;
mod shard;
mod stop;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

use self::rests::Rests;
pub use self::shard::shard_id;
use self::shard::{Ended, Running, Work};
use self::stop::Stop;
use super::rules::Rules;
use super::targets::Targets;
use crate::config::{RunSettings, StreamSettings};
use crate::http;
use crate::ledger::holding::Versioned;
use crate::pipeline::Host;
use crate::record::Bounds;
use crate::retry::RetryPolicy;
use crate::source::kinesis::budget::Budget;
use crate::source::kinesis::{End, KinesisError, ShardInfo, Stream};

/// A lease is looked at and renewed this many times in its duration.
const LOOKS_PER_LEASE: u32 = 6;

/// Works on a stream until it is told to stop, or until it has caught up.
///
/// # Errors
/// With `--exit-when-caught-up` whatever ends a shard before its tip.
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
        retry_policy: settings.retry_policy.clone(),
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
        rests: Rests::default(),
        ended,
        ends,
    };
    worker.work(stop).await
}

struct Worker {
    stream: Stream,
    source: StreamSettings,
    replay: Option<Bounds>,
    retry_policy: RetryPolicy,
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
    rests: Rests,
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
                () = stop.told() => return self.finish_chunks().await,
            }
            let looked = tokio::select! {
                looked = self.look() => looked,
                () = stop.overdue() => return self.finish_chunks().await,
            };
            self.host.health.looked(looked.as_ref().err());
            match looked {
                Err(error) => self.endure(error)?,
                Ok(()) => {
                    self.failing_since = None;
                    if self.source.exit_when_caught_up && self.is_caught_up() {
                        return self.finish_chunks().await;
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
        if self.source.exit_when_caught_up
            && (missing || since.elapsed() >= self.retry_policy.timeout())
        {
            return Err(error);
        }
        let error = format!("{error:#}");
        tracing::warn!(error, "looking at the stream again later");
        Ok(())
    }

    /// Takes note of a shard that ended.
    fn reap(&mut self, (id, ended): Ended) -> anyhow::Result<()> {
        let behind = self
            .running
            .remove(&id)
            .and_then(|running| running.behind());
        self.host.share_memory(self.running.len());
        match ended {
            Ok(End::Stopped) => {}
            Ok(end) => {
                self.listed = None;
                self.caught_up.insert(id, end);
            }
            Err(error) if shard::is_with_another(&error) => {}
            Err(error) if self.source.exit_when_caught_up => return Err(error.context(id)),
            Err(error) => {
                let rest = self.rests.begin(id.clone(), behind, &error);
                tracing::error!(
                    shard = id,
                    error = format!("{error:#}"),
                    again_in_s = rest.as_secs(),
                    "a shard has stopped"
                );
            }
        }
        Ok(())
    }

    /// Starts to take a shard and to work on it.
    fn take(&mut self, info: ShardInfo, found: Versioned) -> anyhow::Result<()> {
        let id = info.id.clone();
        let work = Work {
            stream: self.stream.clone(),
            source: self.source.clone(),
            rules: self.rules.clone(),
            host: self.host.clone(),
            targets: self.targets.clone(),
            shard: shard_id(self.stream.name(), &id)?,
            info,
            replay: self.replay,
            retry_policy: self.retry_policy.clone(),
            budget: self.budget.clone(),
        };
        let running = Running::start(work, found, self.ended.clone());
        self.running.insert(id, running);
        Ok(())
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
    async fn finish_chunks(&mut self) -> anyhow::Result<()> {
        self.host.health.stopping();
        for running in self.running.values() {
            running.stop();
        }
        let deadline = tokio::time::Instant::now() + self.source.shutdown_timeout;
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
