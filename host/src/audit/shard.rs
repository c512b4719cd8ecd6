//! The audit of one shard: its records, chunk by chunk, and its ledger.

mod account;

use std::sync::Arc;

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use serde::Deserialize;
use sluice_engine::outcome::Fault;
use sluice_engine::record::{Position, SequenceNumber, ShardId};
use sluice_release::admission::Release;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Audit;
use super::check::{Check, get};
use super::finding::{Finding, Kind, rid};
use super::gap::Gap;
use super::inventory::ChunkObjects;
use super::records::Records;
use super::report::Report;
use super::source::Opened;
use super::timeline::Timeline;
use crate::format::decode;
use crate::layout::Destination;
use crate::layout::chunk::{Chunk, ChunkLimits};
use crate::layout::object_key::{ChunkName, ShortId};
use crate::ledger::Ledger;
use crate::pipeline::{ChunkPlan, ChunkSpec, build};
use crate::source::ShardBatches;

/// The audit of one shard.
pub(super) struct ShardAudit {
    audit: Arc<Audit>,
    shard: ShardId,
    ledger: Ledger,
    timeline: Timeline,
    records: Records,
    /// Whether the oldest records expire.
    expires: bool,
    /// The oldest record in the source.
    oldest: Option<SequenceNumber>,
    /// The number of committed records that were checked.
    checked: u64,
    /// The check of a chunk, while the next one is built.
    checking: Option<JoinHandle<anyhow::Result<Report>>>,
    report: Report,
    _until: Option<watch::Sender<bool>>,
}

impl ShardAudit {
    /// The audit of a shard that was opened at its oldest record.
    #[must_use]
    pub(super) fn new(
        audit: Arc<Audit>,
        ledger: Ledger,
        timeline: Timeline,
        opened: Opened,
    ) -> Self {
        let shard = ledger.shard().clone();
        let last = ledger.committed().map(|committed| committed.last);
        Self {
            records: Records::new(shard.clone(), opened.batches, last),
            audit,
            shard,
            ledger,
            timeline,
            expires: opened.expires,
            oldest: None,
            checked: 0,
            checking: None,
            report: Report::default(),
            _until: opened.until,
        }
    }

    /// Reads the shard to its end.
    ///
    /// # Errors
    /// The source, the lake or the bus cannot be read.
    pub(super) async fn run(mut self) -> anyhow::Result<Report> {
        self.oldest = self
            .records
            .peek()
            .await?
            .map(|record| record.position.sequence);
        self.skip_before_start().await?;
        let mut before = None;
        for (name, present) in std::mem::take(&mut self.timeline.chunks) {
            let neighbours = before.into_iter().chain([name.release]).collect();
            self.gap(neighbours, |number| number < name.first).await?;
            self.chunk(name, present).await?;
            before = Some(name.release);
        }
        if let Some(last) = self.ledger.committed().map(|committed| committed.last) {
            let neighbours = before.into_iter().collect();
            self.gap(neighbours, |number| number <= last).await?;
        }
        self.finish_check().await?;
        self.compare_ledger();
        self.count_tail().await?;
        self.report_unaccounted().await?;
        Ok(self.report)
    }

    /// Skips the records before the start of a function's pipeline.
    async fn skip_before_start(&mut self) -> anyhow::Result<()> {
        if let Some(first) = self.ledger.began_with() {
            self.report.counts.before = self.skip(|number| number < first).await?;
        }
        Ok(())
    }

    /// Checks the records before the next chunk.
    async fn gap(
        &mut self,
        neighbours: Vec<ShortId>,
        within: impl Fn(SequenceNumber) -> bool + Copy,
    ) -> anyhow::Result<()> {
        let Some(first) = self.records.take(within).await? else {
            return Ok(());
        };
        let gap = Gap::new(&self.audit, neighbours).await?;
        let at_once = 2 * self.audit.context.compute.threads();
        let mut in_flight = FuturesOrdered::new();
        let mut next = Some(first);
        while next.is_some() || !in_flight.is_empty() {
            if let Some(batch) = next {
                self.checked += batch.len() as u64;
                in_flight.push_back(gap.check(batch));
            }
            next = self.records.take(within).await?;
            if (next.is_none() || in_flight.len() >= at_once)
                && let Some(checked) = in_flight.next().await
            {
                self.report.absorb(checked?);
            }
        }
        Ok(())
    }

    /// Builds a chunk again and begins to check it.
    async fn chunk(&mut self, name: ChunkName, present: ChunkObjects) -> anyhow::Result<()> {
        if self.expires && self.oldest.is_none_or(|oldest| name.first < oldest) {
            self.skip(|number| number <= name.last).await?;
            self.report.counts.objects_gone += present.count() as u64;
            return Ok(());
        }
        let release = match self.audit.releases.get(name.release).await? {
            Ok(release) => release,
            Err(why) => return self.unknown_release(name, &present, &why).await,
        };
        let timed_out = self.timed_out(name, &present).await?;
        let Some(chunk) = self.build(name, release, &timed_out).await? else {
            let why = "the source has no record in its range";
            self.report_objects(name, &present, Kind::UnknownRange, why);
            return Ok(());
        };
        self.checked += chunk.counts().records;
        self.compare_range(name, &present, &chunk);
        let undecided = self.undecided(&chunk, &timed_out);
        self.finish_check().await?;
        if undecided == 0 {
            let check = Check {
                audit: self.audit.clone(),
                shard: self.shard.clone(),
                name,
                present,
                chunk: Arc::new(chunk),
            };
            self.checking = Some(tokio::spawn(check.run()));
        } else {
            self.report.counts.wrong += chunk.counts().records;
        }
        Ok(())
    }

    /// Builds the chunk of this name as a replay would.
    async fn build(
        &mut self,
        name: ChunkName,
        release: Arc<Release>,
        timed_out: &[Position],
    ) -> anyhow::Result<Option<Chunk>> {
        let audit = self.audit.clone();
        let plan = ChunkPlan {
            release,
            shadow: None,
            format: audit.format,
            misplaced_records: audit.misplaced_records,
            range: None,
            timed_out: timed_out.into(),
        };
        let (sender, receiver) = mpsc::channel(1);
        let mut batches = ShardBatches::new(receiver);
        let records = &mut self.records;
        let send = async move {
            while let Some(batch) = records.take(|number| number <= name.last).await? {
                if sender.send(Ok(batch)).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let limits = (audit.rules(self.shard.clone()), ChunkLimits::NONE);
        let built = build(
            &audit.context,
            limits,
            &mut batches,
            ChunkSpec::Replay(plan),
        );
        let (built, ()) = tokio::try_join!(built, send)?;
        Ok(built.map(|built| built.chunk))
    }

    /// The records of a chunk that ran out of wall time when it was landed, which a replay may not
    /// repeat.
    async fn timed_out(
        &self,
        name: ChunkName,
        present: &ChunkObjects,
    ) -> anyhow::Result<Vec<Position>> {
        #[derive(Deserialize)]
        struct Entry {
            rid: String,
        }
        let folder = Destination::Quarantine(Fault::OutOfTime.code()).folder();
        let mut timed_out = Vec::new();
        for place in &present.objects {
            if self.audit.inventory.folder(*place) != folder {
                continue;
            }
            let key = name.object_key(&self.shard, &folder, place.format);
            let object = get(&*self.audit.lake, &key).await?.unwrap_or_default();
            let content = decode(place.format, &object).unwrap_or_default();
            for line in content.split(|byte| *byte == b'\n') {
                let entry = serde_json::from_slice::<Entry>(line).ok();
                timed_out.extend(entry.and_then(|entry| self.position(&entry.rid)));
            }
        }
        Ok(timed_out)
    }

    fn position(&self, rid: &str) -> Option<Position> {
        let position = rid.strip_prefix(self.shard.as_str())?.strip_prefix(':')?;
        position.parse().ok()
    }

    /// Reports the records that ran out of wall time only in the audit, and returns their number.
    fn undecided(&mut self, chunk: &Chunk, known: &[Position]) -> usize {
        let pinned = chunk.pending(self.audit.format, self.audit.misplaced_records);
        let timed_out = pinned.map(|pinned| pinned.timed_out).unwrap_or_default();
        let new: Vec<_> = timed_out
            .into_iter()
            .filter(|p| !known.contains(p))
            .collect();
        for position in &new {
            let id = rid(&self.shard, *position);
            let why = format!(
                "{id} ran out of limits.time in the audit, but not when it was landed; audit again when the \
                 machine is less busy"
            );
            let finding = Finding::new(Kind::OutOfTime, &self.shard, why).of(*position);
            self.report.findings.add(|| finding);
        }
        new.len()
    }

    fn compare_range(&mut self, name: ChunkName, present: &ChunkObjects, chunk: &Chunk) {
        let range = chunk.origin().range;
        for (named, found) in [(name.first, range.first), (name.last, range.last)] {
            if named != found {
                let id = rid(&self.shard, named.into());
                let why = format!("the source has no record {id}, which ends its range");
                self.report_objects(name, present, Kind::UnknownRange, &why);
            }
        }
    }

    async fn unknown_release(
        &mut self,
        name: ChunkName,
        present: &ChunkObjects,
        why: &str,
    ) -> anyhow::Result<()> {
        let why = format!("its release {} cannot be used: {why}", name.release);
        self.report_objects(name, present, Kind::UnknownRelease, &why);
        let skipped = self.skip(|number| number <= name.last).await?;
        self.checked += skipped;
        self.report.counts.wrong += skipped;
        Ok(())
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
