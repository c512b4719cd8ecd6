//! Whether the stream still has everything behind the checkpoint of a shard. It is checked when a shard is
//! opened, before anything is read.
//!
//! Records expire in order. So as long as the record of the checkpoint can be read, nothing behind it has
//! expired. If it cannot be read, the ledger knows up to which moment everything that arrived is committed:
//! if the stream keeps records from that moment on, nothing is lost either, and all that is left is new.
//! Otherwise, the records between may be lost.
//!
//! A closed shard that has expired is not listed any more. So before anything of a new shard is landed, its
//! parents must be finished, listed or not.

use chrono::{DateTime, Utc};
use sluice_engine::record::{SequenceNumber, ShardId};
use thiserror::Error;

use super::CLOCK_TOLERANCE;
use super::shard::ShardWorker;
use crate::config::OnExpiredCheckpoint;
use crate::ledger::Ledger;
use crate::ledger::lost_range::{LossCause, LostRange};
use crate::ledger::store::LedgerStore;
use crate::observe::events;
use crate::source::kinesis::api::Start;
use crate::source::kinesis::{KinesisError, StreamDescription, is_shard_of, shard_id};

/// Records that may be lost stop a worker, unless it is to continue.
#[derive(Debug, Error)]
#[error(
    "shard {shard}: {why}; possibly lost: {range}. Nothing was landed behind that. To land what the stream \
     still has, run a worker with --on-expired-checkpoint continue; the ledger and `sluice audit` keep the lost \
     range"
)]
pub(super) struct ExpiredCheckpoint {
    shard: ShardId,
    why: String,
    range: String,
}

/// What became of the records behind a checkpoint.
enum Checkpoint {
    /// They are all there. Reading starts here, if not where the ledger says.
    Intact(Option<Start>),
    /// Some may be lost.
    Lost(LossCause),
}

/// A checkpoint as its ledger has it.
struct Anchor {
    /// Where to start, if not where the ledger says.
    start: Option<Start>,
    /// The record that must still be there.
    record: Option<SequenceNumber>,
}

impl Anchor {
    fn of(ledger: &Ledger) -> Self {
        let (start, record) = match (
            ledger.pending(),
            ledger.resumes_behind(),
            ledger.committed(),
        ) {
            (Some(pending), _, _) => (None, Some(pending.range.first)),
            (None, Some(lost), _) => match (lost.before, lost.pinned) {
                (Some(next), _) => (Some(Start::From(next)), Some(next)),
                (None, Some(pinned)) if lost.cause == LossCause::Expired => {
                    (Some(Start::After(pinned.last)), Some(pinned.last))
                }
                (None, _) => (Some(Start::TrimHorizon), None),
            },
            (None, None, committed) => (None, committed.map(|committed| committed.last)),
        };
        Self { start, record }
    }
}

/// The moment up to which everything that arrived is committed, or known to be lost, milliseconds since the
/// Unix epoch.
fn accounted_to(ledger: &Ledger) -> Option<i64> {
    let lost = ledger.resumes_behind();
    let empty = lost.filter(|lost| lost.before.is_none());
    ledger.caught_up_to().max(empty.map(|lost| lost.found_at))
}

impl ShardWorker {
    /// Checks the checkpoint of the shard. Returns where to start, if not where the ledger says.
    ///
    /// # Errors
    /// [`ExpiredCheckpoint`] if records may be lost and the worker is to stop then; the stream or the ledger
    /// fails.
    pub(super) async fn check_checkpoint(
        &self,
        ledger: &mut LedgerStore,
    ) -> anyhow::Result<Option<Start>> {
        self.check_parents(ledger).await?;
        let known = ledger.ledger().await;
        let health = &self.runner.context.health;
        health.lost_ranges(&self.shard, known.lost().len());
        let cause = match self.examine(&known).await? {
            Checkpoint::Intact(start) => {
                self.note_retention(ledger).await?;
                return Ok(start);
            }
            Checkpoint::Lost(cause) => cause,
        };
        let loss = LostRange {
            cause,
            parent: None,
            after: known.committed().map(|committed| committed.last),
            before: self.first_left(&known, cause).await?,
            pinned: known.pending().map(|pending| pending.range),
            found_at: Utc::now().timestamp_millis(),
            continued: self.continues(),
        };
        self.note(ledger, &loss).await?;
        match self.examine(&ledger.ledger().await).await? {
            Checkpoint::Intact(start) => {
                self.note_retention(ledger).await?;
                Ok(start)
            }
            // More has expired in the meantime. The next attempt finds it.
            Checkpoint::Lost(_) => Err(self.expired(&loss).into()),
        }
    }

    /// Notes how long the stream keeps records. If that is raised while nothing runs, records that have expired
    /// do not come back.
    async fn note_retention(&self, ledger: &mut LedgerStore) -> anyhow::Result<()> {
        let retention = self.retention_ms();
        if ledger.ledger().await.stream_retention_ms() != Some(retention) {
            let step = |ledger: &Ledger| Ok(ledger.clone().with_retention(retention));
            ledger.step(step).await?;
        }
        Ok(())
    }

    fn retention_ms(&self) -> i64 {
        i64::try_from(self.described.retention.as_millis()).unwrap_or(i64::MAX)
    }

    fn continues(&self) -> bool {
        self.source.on_expired_checkpoint == OnExpiredCheckpoint::Continue
    }

    /// Checks that the parents which the stream no longer lists are finished, before anything of the shard is
    /// landed.
    async fn check_parents(&self, ledger: &mut LedgerStore) -> anyhow::Result<()> {
        let known = ledger.ledger().await;
        let is_new = known.committed().is_none() && known.pending().is_none();
        if !is_new || self.runner.replay.is_some() {
            return Ok(());
        }
        for parent in &self.unlisted_parents {
            let parent = shard_id(self.stream.name(), parent)?;
            let is_of = |lost: &LostRange| lost.continued && lost.parent.as_ref() == Some(&parent);
            let peeked = self.runner.targets.peek(&parent, self.retry_policy.clone());
            let found = peeked.await?.ledger;
            if found.is_finished() || known.lost().iter().any(is_of) {
                continue;
            }
            if !self.is_of_stream(&found) && !self.has_expired_ancestors().await? {
                continue;
            }
            let loss = LostRange {
                cause: LossCause::Expired,
                after: found.committed().map(|committed| committed.last),
                before: None,
                pinned: found.pending().map(|pending| pending.range),
                found_at: Utc::now().timestamp_millis(),
                continued: self.continues(),
                parent: Some(parent),
            };
            self.note(ledger, &loss).await?;
        }
        Ok(())
    }

    fn is_of_stream(&self, ledger: &Ledger) -> bool {
        ledger.stream_created_at() == Some(self.described.created_at)
    }

    /// Whether the lake has the ledger of a shard of this stream that the stream no longer lists. Then a parent
    /// without a ledger was split off while no worker ran.
    async fn has_expired_ancestors(&self) -> anyhow::Result<bool> {
        let names = self.runner.targets.ledger_names().await?;
        for shard in names.ledgers {
            let is_listed = self.listed.contains(&shard);
            if is_listed || !is_shard_of(self.stream.name(), &shard) {
                continue;
            }
            let peeked = self.runner.targets.peek(&shard, self.retry_policy.clone());
            if self.is_of_stream(&peeked.await?.ledger) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes a lost range everywhere. Ends the shard unless the worker is to continue.
    async fn note(&self, ledger: &mut LedgerStore, loss: &LostRange) -> anyhow::Result<()> {
        let created_at = self.described.created_at;
        ledger
            .step(|ledger| Ok(ledger.clone().with_loss(loss.clone(), created_at)))
            .await?;
        let context = &self.runner.context;
        let count = ledger.ledger().await.lost().len();
        context.health.lost_ranges(&self.shard, count);
        context.progress.found_loss();
        Ok(self.report(loss)?)
    }

    /// Logs a lost range, and ends the shard unless the worker is to continue.
    fn report(&self, loss: &LostRange) -> Result<(), ExpiredCheckpoint> {
        let error = self.expired(loss);
        if !loss.continued {
            let error_text = error.to_string();
            tracing::error!(
                event = events::LOST_RANGE,
                shard = %self.shard,
                error = error_text,
                "records may be lost"
            );
            return Err(error);
        }
        let ExpiredCheckpoint { why, range, .. } = error;
        tracing::error!(
            event = events::LOST_RANGE,
            shard = %self.shard,
            why,
            range,
            "records may be lost, continuing behind them (--on-expired-checkpoint continue)"
        );
        Ok(())
    }

    fn expired(&self, loss: &LostRange) -> ExpiredCheckpoint {
        let StreamDescription {
            created_at,
            retention,
        } = self.described;
        let hours = retention.as_secs() / 3_600;
        let created = DateTime::from_timestamp_millis(created_at).unwrap_or_default();
        ExpiredCheckpoint {
            shard: self.shard.clone(),
            why: match loss.cause {
                LossCause::Expired if loss.parent.is_some() => {
                    "a parent shard was not finished, and the stream no longer has it".into()
                }
                LossCause::Expired => format!(
                    "its checkpoint has expired from the stream, which keeps records for {hours} h"
                ),
                LossCause::Recreated => format!(
                    "the stream was deleted and created again at {}",
                    created.to_rfc3339()
                ),
            },
            range: loss.describe(),
        }
    }

    async fn examine(&self, ledger: &Ledger) -> anyhow::Result<Checkpoint> {
        if ledger.is_of_another_stream(self.described.created_at) {
            return Ok(Checkpoint::Lost(LossCause::Recreated));
        }
        let Anchor { start, record } = Anchor::of(ledger);
        if let Some(record) = record
            && self.first(Start::From(record)).await? == Some(record)
        {
            return Ok(Checkpoint::Intact(start));
        }
        let retention = ledger.stream_retention_ms().unwrap_or(i64::MAX);
        let retention = retention.min(self.retention_ms());
        let tolerance = i64::try_from(CLOCK_TOLERANCE.as_millis()).unwrap_or(0);
        let kept_from = Utc::now().timestamp_millis() - (retention - tolerance).max(0);
        let is_lost = match accounted_to(ledger) {
            // A range can only be repeated as a whole.
            _ if ledger.pending().is_some() => true,
            Some(moment) => moment < kept_from,
            None => record.is_some(),
        };
        Ok(if is_lost {
            Checkpoint::Lost(LossCause::Expired)
        } else {
            Checkpoint::Intact(record.map(|_| Start::TrimHorizon).or(start))
        })
    }

    /// The first record behind a lost range. Records of a pinned range that are left are in it too, because
    /// they may have landed.
    async fn first_left(
        &self,
        ledger: &Ledger,
        cause: LossCause,
    ) -> anyhow::Result<Option<SequenceNumber>> {
        let oldest = self.first(Start::TrimHorizon).await?;
        let pinned = ledger.pending().map(|pending| pending.range.last);
        let pinned = pinned.filter(|last| cause == LossCause::Expired && oldest <= Some(*last));
        match (oldest, pinned) {
            (Some(_), Some(last)) => self.first(Start::After(last)).await,
            _ => Ok(oldest),
        }
    }

    /// The first record that is there from a start; `None` if there is none.
    async fn first(&self, start: Start) -> anyhow::Result<Option<SequenceNumber>> {
        let id = &self.info.id;
        let what = format!("read {id} of {}", self.stream.name());
        let first = || async {
            match self.stream.first(id, start).await {
                Err(KinesisError::UnknownPosition(_)) => Ok(None),
                first => first.map_err(KinesisError::into_request_error),
            }
        };
        let found = self.retry_policy.retry("get_records", &what, first).await;
        found.map_err(|error| anyhow::Error::new(error).context(what))
    }
}
