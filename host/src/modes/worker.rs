//! The mode for a stream: workers share the shards of a stream through leases in the ledgers.

mod checkpoint;
mod lease_renewal;
mod part;
mod poll;
mod shard;
pub mod shard_assignment;
mod shard_backoff;
mod shutdown;
#[cfg(feature = "table")]
mod table;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_storage::error::ErrorKind;
use sluice_storage::retry::{Phase, RetryPolicy};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

use self::checkpoint::ExpiredCheckpoint;
use self::shard::{ShardExit, ShardTask, ShardWorker};
use self::shard_backoff::ShardBackoff;
use self::shutdown::ShutdownSignal;
#[cfg(feature = "table")]
use self::table::TableTask;
use super::content_mismatch::report_mismatch;
use super::open_shard::ShardRunner;
use super::parts::shards::StreamPart;
use super::rules::Rules;
use super::targets::Targets;
use crate::config::{RunSettings, StreamSettings};
use crate::ledger::lease::Versioned;
use crate::observe::http::Observed;
use crate::observe::{events, http};
use crate::output::with_causes;
use crate::pipeline::RunContext;
use crate::pipeline::error::error_kind;
use crate::source::End;
use crate::source::budget::Budget;
use crate::source::kinesis::{ShardInfo, Stream, StreamDescription, shard_id};

/// A worker polls the ledgers, and renews a lease, this many times in the duration of a lease.
const POLLS_PER_LEASE: u32 = 6;

/// How far the clocks of two workers, or of one and of Kinesis, may differ.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// Works on a stream until a signal to stop, or until it has caught up.
///
/// # Errors
/// With `--exit-when-caught-up`, the first error that ends a shard, and a signal before the stream was
/// caught up. If no poll has succeeded or the stream does not exist, the error of the last poll.
pub async fn run(
    settings: &RunSettings,
    source: &StreamSettings,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
) -> anyhow::Result<()> {
    let mut shutdown = ShutdownSignal::listen(context.health.clone())?;
    let pages: Arc<dyn Observed> = context.clone();
    #[cfg(feature = "table")]
    let table = TableTask::start(settings)?;
    #[cfg(feature = "table")]
    let pages = table
        .as_ref()
        .map_or(pages, |table| table.pages(context.clone()));
    let _server = http::start(settings, pages).await?;
    let targets = Targets::new(settings);
    let stream = Stream::connect(targets.sdk().await?, &source.stream);
    let part = match settings.part {
        None => None,
        Some(_) => tokio::select! {
            part = StreamPart::of(settings, &targets, &stream) => part?,
            () = shutdown.requested() => anyhow::bail!(
                "stopped by a signal before the parts of the replay were planned, nothing was read; start again to continue"
            ),
        },
    };
    if let Some(part) = &part {
        part.report_empty();
    }
    let (ended, ends) = mpsc::unbounded_channel();
    let mut worker = Worker {
        stream,
        source: source.clone(),
        part,
        retry_policy: settings.retry_policy.clone(),
        budget: context.budget.clone(),
        failing_since: None,
        denied_since: None,
        poll_error: None,
        has_polled: false,
        runner: ShardRunner {
            rules,
            targets: Arc::new(targets),
            context,
            replay: settings.replay,
        },
        shards: Vec::new(),
        described: None,
        listed: None,
        running: HashMap::new(),
        seen: HashMap::new(),
        requests: HashMap::new(),
        caught_up: HashMap::new(),
        backoff: ShardBackoff::default(),
        expired: None,
        ended,
        ends,
    };
    worker.work(shutdown).await
}

struct Worker {
    stream: Stream,
    source: StreamSettings,
    /// The part of a replay, if it has several.
    part: Option<StreamPart>,
    retry_policy: RetryPolicy,
    budget: Budget,
    /// Since when every poll of the stream has failed.
    failing_since: Option<Instant>,
    /// Since when every poll has been denied.
    denied_since: Option<Instant>,
    /// The error of the last poll, if it failed.
    poll_error: Option<anyhow::Error>,
    /// Whether a poll has succeeded.
    has_polled: bool,
    runner: ShardRunner,
    shards: Vec<ShardInfo>,
    /// The stream when the shards were listed.
    described: Option<StreamDescription>,
    listed: Option<Instant>,
    running: HashMap<String, ShardTask>,
    /// The nonce of each lease, and since when it has been the same.
    seen: HashMap<String, (String, Instant)>,
    /// Which worker has requested which shard, and since when.
    requests: HashMap<String, (String, Instant)>,
    /// How the shards ended that are finished, or are caught up if the worker exits then.
    caught_up: HashMap<String, End>,
    backoff: ShardBackoff,
    /// The error of a shard whose checkpoint has expired. The worker ends after the chunks of the others.
    expired: Option<anyhow::Error>,
    ended: mpsc::UnboundedSender<ShardExit>,
    ends: mpsc::UnboundedReceiver<ShardExit>,
}

impl Worker {
    async fn work(&mut self, mut shutdown: ShutdownSignal) -> anyhow::Result<()> {
        let mut polls = interval(self.source.lease / POLLS_PER_LEASE);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first poll tells whether there is such a stream, even if the signal came before it.
        let mut has_begun = false;
        loop {
            tokio::select! {
                _ = polls.tick() => has_begun = true,
                Some(ended) = self.ends.recv() => self.on_exit(ended)?,
                () = shutdown.requested(), if has_begun => return self.shut_down().await,
            }
            if let Some(error) = self.expired.take() {
                self.finish_chunks().await?;
                return Err(error);
            }
            let polled = tokio::select! {
                polled = self.poll() => polled,
                () = shutdown.grace_is_over() => return self.shut_down().await,
            };
            self.runner.context.health.polled(polled.as_ref().err());
            match polled {
                Err(error) => self.on_poll_error(error)?,
                Ok(()) => {
                    (self.failing_since, self.denied_since) = (None, None);
                    self.poll_error = None;
                    self.has_polled = true;
                    if self.source.exit_when_caught_up && self.is_caught_up() {
                        self.finish_chunks().await?;
                        return self.check_part();
                    }
                }
            }
        }
    }

    /// Decides after a failed poll whether to poll again. A wrong configuration ends a start, and a run
    /// that exits when caught up ends with any error, both after as long as such an error is retried.
    fn on_poll_error(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        let kind = error_kind(&error).unwrap_or(ErrorKind::Unavailable);
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        let denied_since = self.denied_since.unwrap_or(now);
        self.denied_since = (kind == ErrorKind::Denied).then_some(denied_since);
        let since = self.denied_since.unwrap_or(since);
        // One ledger that cannot be read makes every poll fail while the other shards are worked on.
        let phase = if self.has_polled || self.has_committed() {
            Phase::Running
        } else {
            Phase::Starting
        };
        let may_end = self.source.exit_when_caught_up
            || (phase == Phase::Starting && kind.is_configuration());
        if may_end && since.elapsed() >= self.retry_policy.time_for(kind, phase) {
            return Err(error);
        }
        let why = with_causes(&error);
        tracing::warn!(error = why, "cannot poll the stream, polling again later");
        self.poll_error = Some(error);
        Ok(())
    }

    /// Whether the error of a shard shows that the configuration is wrong, before any chunk was committed.
    fn is_misconfigured(&self, error: &anyhow::Error) -> bool {
        let is_configuration = error_kind(error).is_some_and(ErrorKind::is_configuration);
        is_configuration && !self.has_committed()
    }

    fn has_committed(&self) -> bool {
        self.runner.context.summary().chunks > 0
    }

    /// Notes how the work on a shard ended.
    fn on_exit(&mut self, (id, ended): ShardExit) -> anyhow::Result<()> {
        let last_committed = self
            .running
            .remove(&id)
            .and_then(|running| running.last_committed());
        self.runner.context.share_memory(self.running.len());
        match ended {
            Ok(End::Stopped) => {}
            Ok(end) => {
                self.listed = None;
                self.caught_up.insert(id, end);
            }
            Err(error) if error.is::<ExpiredCheckpoint>() => {
                self.expired.get_or_insert(error);
            }
            // The holder of a lock says nothing about its progress, so the run would never end.
            Err(error) if self.source.exit_when_caught_up && shard::is_locked(&error) => {
                return Err(error);
            }
            Err(error) if shard::is_owned_by_another(&error) => {}
            Err(error) if self.source.exit_when_caught_up || self.is_misconfigured(&error) => {
                return Err(error.context(id));
            }
            Err(error) => {
                let pause = self.backoff.begin(id.clone(), last_committed, &error);
                report_mismatch(&self.runner.context.progress, &id, &error);
                tracing::error!(
                    event = events::SHARD_STOPPED,
                    shard = id,
                    error = with_causes(&error),
                    retry_in_s = pause.as_secs(),
                    "a shard has stopped"
                );
            }
        }
        Ok(())
    }

    /// Starts to take a shard and to work on it.
    fn take(&mut self, info: ShardInfo, found: Versioned) -> anyhow::Result<()> {
        let id = info.id.clone();
        let Some(described) = self.described else {
            return Ok(());
        };
        let is_listed = |parent: &&String| self.shards.iter().any(|other| other.id == **parent);
        let parents = info.parents.iter();
        let unlisted_parents = parents
            .filter(|parent| !is_listed(parent))
            .cloned()
            .collect();
        let listed = self.shards.iter();
        let listed: Result<_, _> = listed
            .map(|info| shard_id(self.stream.name(), &info.id))
            .collect();
        let worker = ShardWorker {
            described,
            unlisted_parents,
            listed: listed?,
            stream: self.stream.clone(),
            source: self.source.clone(),
            runner: self.runner.clone(),
            shard: shard_id(self.stream.name(), &id)?,
            info,
            retry_policy: self.retry_policy.clone(),
            budget: self.budget.clone(),
        };
        let running = ShardTask::start(worker, found, self.ended.clone());
        self.running.insert(id, running);
        Ok(())
    }

    fn is_caught_up(&self) -> bool {
        self.listed.is_some() && self.behind() == 0
    }

    /// The number of shards that are not known to be caught up.
    fn behind(&self) -> usize {
        let shards = self.shards.iter();
        let behind = shards.filter(|info| !self.caught_up.contains_key(&info.id));
        behind.count()
    }

    /// Ends after a signal.
    async fn shut_down(&mut self) -> anyhow::Result<()> {
        self.finish_chunks().await?;
        let stream = self.stream.name();
        let has_read = self.has_polled || self.has_committed();
        if let Some(error) = self.poll_error.take()
            && (!has_read || error_kind(&error) == Some(ErrorKind::NotFound))
        {
            return Err(error.context("stopped by a signal while the stream could not be polled"));
        }
        if !has_read {
            tracing::warn!(
                stream,
                "stopped by a signal before a poll of the stream had succeeded, nothing was read"
            );
        }
        anyhow::ensure!(
            !self.source.exit_when_caught_up || self.is_caught_up(),
            "stopped by a signal before the stream {stream} was caught up: {} may have records from before the \
             start that are not committed; start again to continue",
            match self.shards.len() {
                0 => "its shards, which are not known yet,".into(),
                all => format!("{} of {all} shards", self.behind()),
            }
        );
        Ok(())
    }

    /// Lets the shards finish their current chunks, and abandons them after the shutdown timeout.
    async fn finish_chunks(&mut self) -> anyhow::Result<()> {
        self.runner.context.health.stopping();
        for running in self.running.values() {
            running.stop();
        }
        let deadline = tokio::time::Instant::now() + self.source.shutdown_timeout;
        while !self.running.is_empty() {
            match timeout_at(deadline, self.ends.recv()).await {
                Ok(Some(ended)) => self.on_exit(ended)?,
                Ok(None) | Err(_) => break,
            }
        }
        for (id, running) in &self.running {
            tracing::warn!(
                shard = id,
                "abandoned in the middle of a chunk, which will be replayed"
            );
            running.abandon();
        }
        Ok(())
    }
}
