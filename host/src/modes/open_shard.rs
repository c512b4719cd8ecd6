//! How every mode opens a shard, finds where to start, and lands it.
//!
//! ```text
//! claim ──▶ resume ──▶ land ──▶ close
//! ```
//!
//! 1. [`claim`](ShardRunner::claim): the shard becomes this process's own, and its targets are opened.
//! 2. [`resume`](ShardRunner::resume): its ledger says where to start, and a pending range gets the
//!    release that it was pinned with. This is the one place that decides it, for all modes.
//! 3. [`land`](OpenShard::land): the records of a source are landed, the pending range first.
//! 4. [`close`](LandedShard::close): temporary files are removed.
//!
//! A mode brings the claim, the source, and what it does before and after: it renews a lease, gives a
//! shard back, or answers an invocation.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::record::{Bounds, ShardId};

use super::rules::Rules;
use super::targets::{Claim, ClaimedShard, Targets};
use crate::config::parse_store;
use crate::ledger::Pending;
use crate::ledger::source_file::FileName;
use crate::ledger::store::LedgerStore;
use crate::pipeline::{ChunkPlan, RunContext, Shard, Sinks, run_shard};
use crate::sink::Archive;
use crate::source::file::IncompleteLine;
use crate::source::{End, ResumePoint, Source};

/// Opens and lands the shards of a run.
#[derive(Clone)]
pub struct ShardRunner {
    /// The active releases.
    pub rules: Arc<Rules>,
    /// The ledgers, the lake and the bus.
    pub targets: Arc<Targets>,
    /// What the shards share.
    pub context: Arc<RunContext>,
    /// The part of the source that a replay reads; `None` for a run.
    pub replay: Option<Bounds>,
}

/// A shard that can be landed from where its ledger says.
pub struct OpenShard {
    /// The ledger.
    pub ledger: LedgerStore,
    /// Where to start.
    pub from: ResumePoint,
    sinks: Sinks,
    replay: Option<ChunkPlan>,
    runner: ShardRunner,
}

/// A shard whose source has ended, with everything committed that was read.
pub struct LandedShard {
    /// The ledger.
    pub ledger: LedgerStore,
    /// Why the source ended.
    pub end: End,
    /// The last line of a file that was left because it is not complete.
    pub incomplete: Option<IncompleteLine>,
    sinks: Sinks,
}

impl ShardRunner {
    /// Claims a shard and opens its targets.
    ///
    /// # Errors
    /// Another process owns the shard, or a target cannot be opened.
    pub async fn claim(&self, shard: &ShardId, claim: Claim) -> anyhow::Result<ClaimedShard> {
        let claimed = self.targets.claim(shard, claim).await?;
        self.context.health.claimed(shard);
        Ok(claimed)
    }

    /// Finds where to start, by the ledger: with the pending range, or else after the committed records,
    /// or else where the mode starts in a new shard. The ledger is bound to a run or to a replay first.
    ///
    /// # Errors
    /// The ledger belongs to another replay, or the release of the pending range cannot be loaded.
    pub async fn resume(&self, claimed: ClaimedShard) -> anyhow::Result<OpenShard> {
        self.resume_file(claimed, None).await
    }

    async fn resume_file(
        &self,
        claimed: ClaimedShard,
        file: Option<&FileName>,
    ) -> anyhow::Result<OpenShard> {
        let ClaimedShard { mut ledger, sinks } = claimed;
        ledger.bind_mode(self.replay, file).await?;
        let from = ResumePoint::of(&ledger.ledger().await);
        if let Some(committed) = &from.committed {
            let (progress, health) = (&self.context.progress, &self.context.health);
            progress.found_committed(&sinks.shard, committed.records);
            health.committed(&sinks.shard, committed.last);
        }
        let replay = match &from.pending {
            Some(pending) => {
                let archive = self.pinned_archive(pending).await?;
                Some(self.rules.replay_plan(&sinks, pending, archive).await?)
            }
            None => None,
        };
        Ok(OpenShard {
            ledger,
            from,
            sinks,
            replay,
            runner: self.clone(),
        })
    }

    /// The archive that a pending range was pinned with, whatever this run is started with.
    async fn pinned_archive(&self, pending: &Pending) -> anyhow::Result<Option<Archive>> {
        let Some(name) = &pending.pins.archive else {
            return Ok(None);
        };
        let what = || format!("the archive {name}, which a pending range needs");
        let location = parse_store("archive", name).with_context(what)?;
        let archive = self.targets.archive(&location).await.with_context(what)?;
        Ok(Some(archive))
    }

    /// Claims a shard and finds where to start.
    ///
    /// # Errors
    /// Those of [`claim`](Self::claim) and [`resume`](Self::resume).
    pub async fn open_shard(&self, shard: &ShardId, claim: Claim) -> anyhow::Result<OpenShard> {
        let claimed = self.claim(shard, claim).await?;
        self.resume(claimed).await
    }

    /// Takes the shard of a file, and finds where to start.
    ///
    /// # Errors
    /// Those of [`open_shard`](Self::open_shard).
    pub async fn open_file(&self, shard: &ShardId, file: &FileName) -> anyhow::Result<OpenShard> {
        let claimed = self.claim(shard, Claim::Take).await?;
        self.resume_file(claimed, Some(file)).await
    }
}

impl OpenShard {
    /// Lands the records of `source` to its end.
    ///
    /// # Errors
    /// The first error that does not concern a single record. What is committed stays so; a range that
    /// was pinned stays pending.
    pub async fn land(self, source: impl Source) -> anyhow::Result<LandedShard> {
        let ShardRunner { rules, context, .. } = &self.runner;
        let mut shard = Shard {
            batches: source.read(&self.from)?,
            ledger: self.ledger,
            sinks: self.sinks,
        };
        let new_chunks = rules.new_chunks(&shard.sinks);
        run_shard(context, &mut shard, self.replay, &new_chunks).await?;
        Ok(LandedShard {
            ledger: shard.ledger,
            incomplete: shard.batches.incomplete(),
            end: shard.batches.end().await?,
            sinks: shard.sinks,
        })
    }
}

impl LandedShard {
    /// Removes the temporary files of the shard. It must not be written to any more.
    ///
    /// # Errors
    /// The file system fails.
    pub fn close(self) -> std::io::Result<()> {
        self.ledger.close()?;
        self.sinks.bus.map_or(Ok(()), |bus| bus.close())
    }
}
