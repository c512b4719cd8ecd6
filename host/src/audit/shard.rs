//! The audit of one shard: its records, chunk by chunk.

mod tail;

use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::admission::Release;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Audit;
use super::account::ShardAccount;
use super::check::Check;
use super::finding::{Finding, Kind, rid};
use super::manifests::compare_names;
use super::records::Records;
use super::redrives::{Loss, LostObjects};
use super::report::Report;
use super::source::Opened;
use super::timeline::ChunkHead;
use crate::format::parquet::TableSchema;
use crate::layout::chunk::{Chunk, ChunkLimits};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::ChunkName;
use crate::pipeline::error::PipelineError;
use crate::pipeline::{ChunkPlan, ChunkSpec, build};
use crate::source::ShardBatches;
use crate::source::batch_channel::batch_channel;
use crate::source::budget::Budget;

/// The audit of one shard.
pub(super) struct ShardAudit {
    audit: Arc<Audit>,
    account: ShardAccount,
    records: Records,
    /// Whether the oldest records expire.
    expires: bool,
    /// The objects of a redrive that cannot be read again.
    lost: LostObjects,
    /// Whether it is the shard of a redrive. Its records are in quarantine until it lands them, and its account is compared
    /// with its claims.
    is_redrive: bool,
    /// The number of records of the pending range in the source.
    found_pending: u64,
    /// The oldest record in the source.
    oldest: Option<SequenceNumber>,
    /// The check of a chunk, while the next one is built.
    checking: Option<JoinHandle<anyhow::Result<Report>>>,
    report: Report,
    _until: Option<watch::Sender<bool>>,
}

impl ShardAudit {
    /// The audit of a shard that was opened at its oldest record.
    #[must_use]
    pub(super) fn new(audit: Arc<Audit>, account: ShardAccount, opened: Opened) -> Self {
        let last = account.ledger.committed().map(|committed| committed.last);
        Self {
            is_redrive: audit.lake.redrives.has(&account.shard),
            lost: opened.lost,
            records: Records::new(account.shard.clone(), opened.batches, last),
            audit,
            account,
            expires: opened.expires,
            found_pending: 0,
            oldest: None,
            checking: None,
            report: Report::default(),
            _until: opened.until,
        }
    }

    fn shard(&self) -> &ShardId {
        &self.account.shard
    }

    /// Reads the shard to its end.
    ///
    /// # Errors
    /// The source, the lake or the bus cannot be read.
    pub(super) async fn run(mut self) -> anyhow::Result<Report> {
        self.oldest = self.records.peek().await?;
        self.skip_before_start().await?;
        for head in std::mem::take(&mut self.account.timeline.chunks) {
            self.between(|number| number < head.name.first).await?;
            self.chunk(&head).await?;
            self.account.timeline.chunks.push(head);
        }
        let committed = self.account.ledger.committed();
        if let Some(last) = committed.map(|committed| committed.last) {
            self.between(|number| number <= last).await?;
        }
        self.finish_check().await?;
        self.compare_last_record();
        self.count_tail().await?;
        self.compare_pending();
        self.account.compare(&self.audit.lake).await?;
        self.report.absorb(self.account.report);
        Ok(self.report)
    }

    /// Skips the records before the start of a function's pipeline.
    async fn skip_before_start(&mut self) -> anyhow::Result<()> {
        if let Some(first) = self.account.ledger.began_with() {
            self.report.counts.before = self.skip(|number| number < first).await?;
        }
        Ok(())
    }

    /// Reports committed records that are in no chunk. Those that a missing manifest leaves are reported with
    /// it.
    async fn between(
        &mut self,
        within: impl Fn(SequenceNumber) -> bool + Copy,
    ) -> anyhow::Result<()> {
        while let Some(batch) = self.records.take(within).await? {
            self.audit.context.progress.read(&batch);
            for position in batch.positions() {
                let mut gaps = self.account.timeline.gaps.iter();
                let mut lost = self.account.ledger.lost().iter();
                if !self.is_redrive
                    && !gaps.any(|gap| gap.has_record(position.sequence))
                    && !lost.any(|lost| lost.has(position.sequence))
                {
                    let id = rid(self.shard(), *position);
                    let why = format!("{id} is in no chunk, and chunks before and after it are");
                    let finding = Finding::new(Kind::MissingRecord, self.shard(), why);
                    let finding = finding.of(*position);
                    self.report.counts.wrong += 1;
                    self.report.findings.add(|| finding);
                }
            }
        }
        Ok(())
    }

    /// Builds a chunk again and begins to check it.
    async fn chunk(&mut self, head: &ChunkHead) -> anyhow::Result<()> {
        let (name, audit) = (head.name, self.audit.clone());
        let manifest = audit.lake.read_manifest(self.shard(), name).await?;
        let Some(Ok(manifest)) = manifest else {
            let why = "it was removed or changed during the audit";
            self.unknown(head, Kind::ChangedManifest, why);
            return Ok(());
        };
        if self.expires && self.oldest.is_none_or(|oldest| name.first < oldest) {
            return self.gone(head, &manifest).await;
        }
        if self.account.unproven.chunks.contains(&name) {
            self.skip(|number| number <= name.last).await?;
            self.report.counts.wrong += head.count;
            return Ok(());
        }
        let release = match audit
            .releases
            .get(manifest.release, &manifest.pins.limits)
            .await?
        {
            Ok(release) => release,
            Err(why) => {
                self.skip(|number| number <= name.last).await?;
                let why = format!("its release {} cannot be used: {why}", manifest.release);
                self.unknown(head, Kind::UnknownRelease, &why);
                return Ok(());
            }
        };
        let table = match audit.schemas.of(&manifest.pins).await? {
            Ok(table) => table,
            Err(why) => {
                self.skip(|number| number <= name.last).await?;
                self.unknown(head, Kind::UnknownSchema, &why);
                return Ok(());
            }
        };
        let built = self.build(&manifest, release, table).await;
        match self.lost.of(name) {
            None => {}
            Some(Loss::Expired) => return self.gone(head, &manifest).await,
            Some(Loss::Unreadable(why)) => {
                self.unknown(head, Kind::UnknownRange, &why);
                return Ok(());
            }
        }
        let chunk = match built {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                let why = "the source has no record in its range";
                self.unknown(head, Kind::UnknownRange, why);
                return Ok(());
            }
            Err(PipelineError::Transform(why)) => {
                self.skip(|number| number <= name.last).await?;
                let why = format!("with its pins, its release fails: {why}");
                self.unknown(head, Kind::ChangedManifest, &why);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.compare_range(head, &chunk);
        let undecided = self.undecided(&chunk, &manifest);
        self.finish_check().await?;
        if undecided == 0 {
            let check = Check {
                audit,
                present: head.present.clone(),
                manifest: Arc::new(manifest),
                chunk: Arc::new(chunk),
            };
            self.checking = Some(tokio::spawn(check.run()));
        } else {
            self.report.counts.wrong += chunk.counts().records;
        }
        Ok(())
    }

    /// A chunk whose records have expired, all or in part: its objects are compared by their names.
    async fn gone(&mut self, head: &ChunkHead, manifest: &ChunkManifest) -> anyhow::Result<()> {
        self.skip(|number| number <= head.name.last).await?;
        let names = compare_names(&self.audit.lake, manifest, &head.present);
        self.report.absorb(names);
        let archived = self.audit.lake.check_archived(manifest).await?;
        self.report.absorb(archived);
        let redriven = self.audit.lake.redrives.redriven_of(manifest);
        self.report.counts.redriven += redriven;
        self.report.counts.gone += head.count.saturating_sub(redriven);
        self.report.counts.objects_gone += head.present.objects.len() as u64;
        Ok(())
    }

    /// Builds the chunk of a manifest as a repetition would.
    async fn build(
        &mut self,
        manifest: &ChunkManifest,
        release: Arc<Release>,
        table: Option<Arc<TableSchema>>,
    ) -> Result<Option<Chunk>, PipelineError> {
        let audit = self.audit.clone();
        let plan = ChunkPlan {
            release,
            role: None,
            shadow: None,
            pins: manifest.pins.clone(),
            begin: None,
            range: None,
            resource_faults: manifest.resource_faults.clone(),
            with_positions: true,
            table,
            archive: None,
        };
        let (sender, receiver) = batch_channel(1, &Budget::default());
        let mut batches = ShardBatches::new(receiver);
        let (records, last) = (&mut self.records, manifest.range.last);
        let send = async move {
            while let Some(batch) = records.take(|number| number <= last).await? {
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let spec = ChunkSpec::Replay(Box::new(plan));
        let built = build(&audit.context, ChunkLimits::NONE, &mut batches, spec, None);
        let (built, ()) = tokio::try_join!(built, send)?;
        Ok(built.map(|built| built.chunk))
    }

    /// Reports the records that exceeded a resource only in the audit, and returns their number.
    fn undecided(&mut self, chunk: &Chunk, manifest: &ChunkManifest) -> usize {
        let mut new = 0;
        for faulty in chunk.new_faults(&manifest.resource_faults) {
            new += 1;
            let (position, fault) = (faulty.position, faulty.fault);
            let id = rid(&faulty.shard, position);
            let why = format!(
                "{id} failed ({}) in the audit, but not when it was landed; audit again when the machine is \
                 less busy, or with the version of the program that landed it",
                fault.code()
            );
            let finding = Finding::new(Kind::NewFault, &self.account.shard, why).of_record(id);
            self.report.findings.add(|| finding);
        }
        new
    }

    fn compare_range(&mut self, head: &ChunkHead, chunk: &Chunk) {
        let (name, range) = (head.name, chunk.origin().range);
        for (named, found) in [(name.first, range.first), (name.last, range.last)] {
            if named != found {
                let id = rid(self.shard(), named.into());
                let why = format!("the source has no record {id}, which ends its range");
                self.find(name, Kind::UnknownRange, &why);
            }
        }
    }

    /// Reports a chunk of which no record can be proven.
    fn unknown(&mut self, head: &ChunkHead, kind: Kind, why: &str) {
        self.find(head.name, kind, why);
        self.report.counts.wrong += head.count;
    }

    /// A finding about the chunk of a manifest.
    fn find(&mut self, name: ChunkName, kind: Kind, why: &str) {
        let finding = Finding::of_chunk(kind, self.shard(), name, why);
        self.report.findings.add(|| finding);
    }

    /// Skips the next records and returns their number.
    async fn skip(
        &mut self,
        within: impl Fn(SequenceNumber) -> bool + Copy,
    ) -> anyhow::Result<u64> {
        let mut skipped = 0;
        while let Some(batch) = self.records.take(within).await? {
            self.audit.context.progress.read(&batch);
            skipped += batch.len() as u64;
        }
        Ok(skipped)
    }

    async fn finish_check(&mut self) -> anyhow::Result<()> {
        if let Some(checking) = self.checking.take() {
            self.report.absorb(checking.await??);
        }
        Ok(())
    }
}
