//! The work on one shard.

use std::collections::HashSet;

use chrono::Utc;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::retry::RetryPolicy;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError};

use super::CLOCK_TOLERANCE;
use super::lease_renewal::LeaseRenewal;
use crate::config::{StartAt, StreamSettings};
use crate::ledger::Ledger;
use crate::ledger::lease::Versioned;
use crate::ledger::store::{LedgerStore, StoreError};
use crate::modes::open_shard::ShardRunner;
use crate::modes::targets::{Claim, ClaimedShard};
use crate::observe::health::State;
use crate::output::with_causes;
use crate::pipeline::error::ledger_error;
use crate::source::End;
use crate::source::budget::Budget;
use crate::source::kinesis::api::Start;
use crate::source::kinesis::{
    KinesisShard, Packing, Reading, ShardInfo, Stream, StreamDescription, shard_id,
};
use crate::source::read_meter::ReadMeter;
use crate::source::unpacking::Unpackings;

/// What a worker needs for one shard.
pub(super) struct ShardWorker {
    pub(super) stream: Stream,
    pub(super) source: StreamSettings,
    pub(super) runner: ShardRunner,
    pub(super) info: ShardInfo,
    pub(super) shard: ShardId,
    /// The stream when the shards were listed.
    pub(super) described: StreamDescription,
    /// The parents of the shard that were not listed then: they have expired.
    pub(super) unlisted_parents: Vec<String>,
    /// The shards that the stream lists.
    pub(super) listed: HashSet<ShardId>,
    pub(super) retry_policy: RetryPolicy,
    pub(super) budget: Budget,
}

/// Where a pipeline started in a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PipelineStart {
    /// At its oldest record.
    TrimHorizon,
    /// At a moment, milliseconds since the Unix epoch.
    At(i64),
}

impl PipelineStart {
    /// By the ledger; `None` for a shard that no worker has worked on.
    fn of(ledger: &Ledger) -> Option<Self> {
        let begun = ledger.committed().is_some() || ledger.is_finished();
        match ledger.began_at() {
            Some(moment) => Some(Self::At(moment)),
            None => begun.then_some(Self::TrimHorizon),
        }
    }
}

/// The id of a shard and how the work on it ended.
pub(super) type ShardExit = (String, anyhow::Result<End>);

/// The task that works on a shard.
pub(super) struct ShardTask {
    last_committed: Option<SequenceNumber>,
    stop: watch::Sender<bool>,
    task: AbortHandle,
}

impl ShardTask {
    /// Starts the task for a shard whose ledger is `found`. Its end is sent to `ended`.
    pub(super) fn start(
        work: ShardWorker,
        found: Versioned,
        ended: mpsc::UnboundedSender<ShardExit>,
    ) -> Self {
        let last_committed = found.ledger.committed().map(|committed| committed.last);
        let (stop, stopped) = watch::channel(false);
        let id = work.info.id.clone();
        let (health, name) = (work.runner.context.health.clone(), work.shard.clone());
        let shard = tokio::spawn(work.take(found, stopped));
        let task = shard.abort_handle();
        tokio::spawn(async move {
            let end = match shard.await {
                Ok(end) => end,
                Err(error) => Err(error.into()),
            };
            health.ended(&name, state_after(&end));
            let _worker_is_gone = ended.send((id, end));
        });
        Self {
            last_committed,
            stop,
            task,
        }
    }

    /// The last committed record when this worker took the shard.
    pub(super) fn last_committed(&self) -> Option<SequenceNumber> {
        self.last_committed
    }

    /// Stops the task after its current chunk.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Aborts the task; a pending range stays pending.
    pub(super) fn abandon(&self) {
        self.task.abort();
    }
}

impl ShardWorker {
    /// Takes the shard, unless another worker took it first, and works on it until the lease is lost.
    async fn take(self, mut found: Versioned, stop: watch::Receiver<bool>) -> anyhow::Result<End> {
        let id = self.shard.clone();
        found.ledger = found.ledger.of_stream(self.described.created_at);
        let claimed = self
            .runner
            .claim(&id, Claim::TakeUnchanged(found.into()))
            .await;
        let claimed = claimed.inspect_err(|error| {
            tracing::info!(shard = %id, error = with_causes(error), "could not take the shard");
        })?;
        tracing::info!(shard = %id, "took the shard");
        let meter = self.runner.context.health.read_meter(&id);
        let renewal = LeaseRenewal::new(&claimed.ledger, self.source.lease, meter);
        let ended = tokio::select! {
            end = self.work(claimed, stop) => end,
            lost = renewal.run() => Err(lost.into()),
        };
        if let Err(error) = &ended
            && is_owned_by_another(error)
        {
            tracing::warn!(shard = %id, error = with_causes(error), "another worker owns the shard now");
        }
        ended
    }

    async fn work(self, claimed: ClaimedShard, stop: watch::Receiver<bool>) -> anyhow::Result<End> {
        let ClaimedShard { mut ledger, sinks } = claimed;
        ledger.bind_mode(self.runner.replay, None).await?;
        self.bind_stream(&mut ledger).await?;
        let resumed = self.check_checkpoint(&mut ledger).await?;
        let claimed = ClaimedShard { ledger, sinks };
        let mut open = self.runner.resume(claimed).await?;
        let start = match resumed {
            None if open.from.is_new() => self.start(&mut open.ledger).await?,
            _ => Start::TrimHorizon,
        };
        let meter = self.runner.context.health.read_meter(&self.shard);
        let reading = Reading {
            meter: meter.clone(),
            stream: self.stream,
            id: self.info.id,
            packing: Packing {
                shard: self.shard,
                hash_keys: self.info.hash_keys,
                unpackings: Unpackings {
                    new: self.runner.rules.unpacking(),
                    repeated: Vec::new(),
                },
            },
            start,
            until_tip: self.source.exit_when_caught_up.then(|| {
                let begun = self.runner.context.health.began_at() + CLOCK_TOLERANCE;
                begun.timestamp_millis()
            }),
            bounds: open.from.bounds,
            retry_policy: self.retry_policy,
            budget: self.budget,
        };
        let source = KinesisShard {
            reading,
            stop,
            start: resumed,
        };
        let mut landed = open.land(source).await?;
        let end = landed.end;
        give_back(&mut landed.ledger, end == End::Closed, &meter).await?;
        landed.close()?;
        Ok(end)
    }

    /// Notes when the stream was created. A lease is taken with that; a ledger in a folder has none.
    async fn bind_stream(&self, ledger: &mut LedgerStore) -> Result<(), StoreError> {
        let created_at = self.described.created_at;
        let known = ledger.ledger().await;
        if known.clone().of_stream(created_at) == known {
            return Ok(());
        }
        ledger
            .step(|ledger| Ok(ledger.clone().of_stream(created_at)))
            .await
    }

    /// Where to start in a shard of which nothing is committed or pending. The start of a new pipeline is
    /// noted in the ledger, so that a restart before the first commit skips nothing. A child of a shard
    /// that the pipeline has worked on starts where the pipeline did, whenever it is discovered.
    async fn start(&self, ledger: &mut LedgerStore) -> anyhow::Result<Start> {
        let known = ledger.ledger().await;
        if let Some(start) = Start::of_pipeline(&known) {
            return Ok(start);
        }
        // The pipeline has worked on an ancestor, so all that is left belongs to it.
        if !known.lost().is_empty() {
            return Ok(Start::TrimHorizon);
        }
        let moment = match (self.source.start, self.parents_start().await?) {
            (StartAt::TrimHorizon, _) | (_, Some(PipelineStart::TrimHorizon)) => {
                return Ok(Start::TrimHorizon);
            }
            (_, Some(PipelineStart::At(moment))) | (StartAt::Moment(moment), None) => moment,
            (StartAt::Latest, None) => Utc::now().timestamp_millis(),
        };
        ledger.step(|ledger| Ok(ledger.begin_at(moment))).await?;
        Ok(Start::At(moment))
    }

    /// The earliest start of the pipeline in the parents of the shard, by their ledgers.
    async fn parents_start(&self) -> anyhow::Result<Option<PipelineStart>> {
        let mut earliest = None;
        for parent in &self.info.parents {
            let parent = shard_id(self.stream.name(), parent)?;
            let found = self.runner.targets.peek(&parent, self.retry_policy.clone());
            let found = found.await?;
            let began = PipelineStart::of(&found.ledger);
            earliest = [earliest, began].into_iter().flatten().min();
        }
        Ok(earliest)
    }
}

/// Whether another worker owns the shard, which is no error.
pub(super) fn is_owned_by_another(error: &anyhow::Error) -> bool {
    let error = ledger_error(error);
    matches!(error, Some(StoreError::Lost { .. } | StoreError::Locked(_)))
}

/// Whether another process has locked the ledger of a shard in a folder.
pub(super) fn is_locked(error: &anyhow::Error) -> bool {
    matches!(ledger_error(error), Some(StoreError::Locked(_)))
}

/// Gives a shard back, and marks a closed one as finished in the same step. A ledger in a folder has a
/// lock instead of a lease, which ends with the process.
async fn give_back(
    ledger: &mut LedgerStore,
    closed: bool,
    meter: &ReadMeter,
) -> Result<(), StoreError> {
    let leased = matches!(ledger, LedgerStore::S3(_));
    let step = |ledger: &Ledger| {
        let left = if closed {
            ledger.finish()?
        } else {
            ledger.clone()
        };
        let left = left.with_caught_up_to(meter.caught_up_to(ledger));
        Ok(if leased { left.give_back() } else { left })
    };
    if closed || leased {
        ledger.step(step).await?;
    }
    Ok(())
}

/// The state of a shard after the work on it has ended.
fn state_after(end: &anyhow::Result<End>) -> State {
    let error = match end {
        Ok(End::Stopped) => return State::GivenBack,
        Ok(End::Tip) => return State::CaughtUp,
        Ok(End::Closed) => return State::Finished,
        Err(error) => error,
    };
    // A worker that cannot renew its lease ends the task that works on the shard.
    let abandoned = error.downcast_ref().is_some_and(JoinError::is_cancelled);
    if abandoned || is_owned_by_another(error) {
        State::Lost
    } else {
        State::Failed(with_causes(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store::StoreError;
    use crate::pipeline::error::PipelineError;

    #[test]
    fn what_became_of_a_shard_follows_from_its_end() {
        let lost = || StoreError::Lost {
            shard: ShardId::new("events-shardId-000000000000").unwrap(),
            by: "another".into(),
        };
        let while_landing = PipelineError::Ledger(lost());
        let locked = StoreError::Locked(ShardId::new("events-shardId-000000000000").unwrap());
        let failed = anyhow::anyhow!("disk full").context("put");
        for (end, state) in [
            (Ok(End::Stopped), State::GivenBack),
            (Ok(End::Tip), State::CaughtUp),
            (Ok(End::Closed), State::Finished),
            (Err(lost().into()), State::Lost),
            (Err(while_landing.into()), State::Lost),
            (Err(locked.into()), State::Lost),
            (Err(failed), State::Failed("put: disk full".into())),
        ] {
            assert_eq!(state_after(&end), state);
        }
    }
}
