//! One shard: its records, chunk by chunk, and what its ledger says of them.

mod account;

use std::sync::Arc;

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Audit;
use super::check::Check;
use super::course::Course;
use super::finding::{Finding, Kind, rid};
use super::gap::Gap;
use super::inventory::Held;
use super::records::Records;
use super::report::Report;
use super::source::Opened;
use crate::chunk::{Chunk, ChunkLimits};
use crate::encode::decode;
use crate::ledger::Ledger;
use crate::pipeline::{How, Plan, build};
use crate::record::{Position, SequenceNumber, ShardId};
use crate::sink::Destination;
use crate::sink::object_key::{ChunkName, ShortId};
use crate::source::ShardBatches;
use crate::transform::outcome::Fault;
use crate::transform::validate::Release;

/// The audit of one shard.
pub(super) struct ShardAudit {
    audit: Arc<Audit>,
    shard: ShardId,
    ledger: Ledger,
    course: Course,
    records: Records,
    /// Whether the oldest records go as time goes by.
    forgets: bool,
    /// The oldest record that there is.
    oldest: Option<SequenceNumber>,
    /// Committed records that were looked at.
    checked: u64,
    /// The chunk that is checked while the next one is made.
    checking: Option<JoinHandle<anyhow::Result<Report>>>,
    report: Report,
    _until: Option<watch::Sender<bool>>,
}

impl ShardAudit {
    /// The audit of a shard that was opened at its oldest record.
    #[must_use]
    pub(super) fn new(audit: Arc<Audit>, ledger: Ledger, course: Course, opened: Opened) -> Self {
        let shard = ledger.shard().clone();
        let last = ledger.committed().map(|committed| committed.last);
        Self {
            records: Records::new(shard.clone(), opened.batches, last),
            audit,
            shard,
            ledger,
            course,
            forgets: opened.forgets,
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
        self.before().await?;
        let mut before = None;
        for (name, held) in std::mem::take(&mut self.course.chunks) {
            let beside = before.into_iter().chain([name.release]).collect();
            self.gap(beside, |number| number < name.first).await?;
            self.chunk(name, held).await?;
            before = Some(name.release);
        }
        if let Some(last) = self.ledger.committed().map(|committed| committed.last) {
            let beside = before.into_iter().collect();
            self.gap(beside, |number| number <= last).await?;
        }
        self.finish_check().await?;
        self.compare_ledger();
        self.tail().await?;
        self.unaccounted().await?;
        Ok(self.report)
    }

    /// Passes over the records from before the pipeline of a function began.
    async fn before(&mut self) -> anyhow::Result<()> {
        if let Some(first) = self.ledger.began_with() {
            self.report.counts.before = self.skip(|number| number < first).await?;
        }
        Ok(())
    }

    /// Checks the records before the next chunk.
    async fn gap(
        &mut self,
        beside: Vec<ShortId>,
        within: impl Fn(SequenceNumber) -> bool + Copy,
    ) -> anyhow::Result<()> {
        let Some(first) = self.records.take(within).await? else {
            return Ok(());
        };
        let gap = Gap::new(&self.audit, beside).await?;
        let at_once = 2 * self.audit.host.compute.threads();
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

    /// Makes a chunk again and begins to check it.
    async fn chunk(&mut self, name: ChunkName, held: Held) -> anyhow::Result<()> {
        if self.forgets && self.oldest.is_none_or(|oldest| name.first < oldest) {
            self.skip(|number| number <= name.last).await?;
            self.report.counts.objects_gone += held.count() as u64;
            return Ok(());
        }
        let release = match self.audit.releases.get(name.release).await? {
            Ok(release) => release,
            Err(why) => return self.unknown_release(name, &held, &why).await,
        };
        let timed_out = self.timed_out(name, &held).await?;
        let Some(chunk) = self.build(name, release, &timed_out).await? else {
            let why = "the source has no record that its name covers";
            self.each_object(name, &held, Kind::UnknownRange, why);
            return Ok(());
        };
        self.checked += chunk.counts().records;
        self.compare_range(name, &held, &chunk);
        let undecided = self.undecided(&chunk, &timed_out);
        self.finish_check().await?;
        if undecided == 0 {
            let check = Check {
                audit: self.audit.clone(),
                shard: self.shard.clone(),
                name,
                held,
                chunk: Arc::new(chunk),
            };
            self.checking = Some(tokio::spawn(check.run()));
        } else {
            self.report.counts.wrong += chunk.counts().records;
        }
        Ok(())
    }

    /// Makes the chunk of this name as a replay would.
    async fn build(
        &mut self,
        name: ChunkName,
        release: Arc<Release>,
        timed_out: &[Position],
    ) -> anyhow::Result<Option<Chunk>> {
        let audit = self.audit.clone();
        let plan = Plan {
            release,
            shadow: None,
            format: audit.format,
            outsiders: audit.outsiders,
            range: None,
            timed_out: timed_out.into(),
        };
        let (sender, receiver) = mpsc::channel(1);
        let mut batches = ShardBatches::new(receiver);
        let records = &mut self.records;
        let feed = async move {
            while let Some(batch) = records.take(|number| number <= name.last).await? {
                if sender.send(Ok(batch)).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let limits = (audit.rules(self.shard.clone()), ChunkLimits::NONE);
        let built = build(&audit.host, limits, &mut batches, How::Again(plan));
        let (built, ()) = tokio::try_join!(built, feed)?;
        Ok(built.map(|built| built.chunk))
    }

    /// The records of a chunk that ran out of wall time when it was landed, which another run may
    /// not repeat by itself.
    async fn timed_out(&self, name: ChunkName, held: &Held) -> anyhow::Result<Vec<Position>> {
        #[derive(Deserialize)]
        struct Entry {
            rid: String,
        }
        let folder = Destination::Quarantine(Fault::OutOfTime.code()).folder();
        let mut timed_out = Vec::new();
        for place in &held.objects {
            if self.audit.inventory.folder(*place) != folder {
                continue;
            }
            let key = name.object_key(&self.shard, &folder, place.format);
            let object = self.audit.lake.get(&key).await?.unwrap_or_default();
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

    /// Tells of records that ran out of wall time here alone, and how many there are.
    fn undecided(&mut self, chunk: &Chunk, known: &[Position]) -> usize {
        let pinned = chunk.pending(self.audit.format, self.audit.outsiders);
        let timed_out = pinned.map(|pinned| pinned.timed_out).unwrap_or_default();
        let new: Vec<_> = timed_out
            .into_iter()
            .filter(|p| !known.contains(p))
            .collect();
        for position in &new {
            let id = rid(&self.shard, *position);
            let why = format!(
                "{id} ran out of limits.time here and not when it was landed; audit again when the \
                 machine is less busy"
            );
            let finding = Finding::new(Kind::OutOfTime, &self.shard, why).of(*position);
            self.report.findings.add(|| finding);
        }
        new.len()
    }

    fn compare_range(&mut self, name: ChunkName, held: &Held, chunk: &Chunk) {
        let range = chunk.origin().range;
        for (named, found) in [(name.first, range.first), (name.last, range.last)] {
            if named != found {
                let id = rid(&self.shard, named.into());
                let why = format!("the source has no record {id}, which its name says");
                self.each_object(name, held, Kind::UnknownRange, &why);
            }
        }
    }

    async fn unknown_release(
        &mut self,
        name: ChunkName,
        held: &Held,
        why: &str,
    ) -> anyhow::Result<()> {
        let why = format!("its release {} cannot be had: {why}", name.release);
        self.each_object(name, held, Kind::UnknownRelease, &why);
        let skipped = self.skip(|number| number <= name.last).await?;
        self.checked += skipped;
        self.report.counts.wrong += skipped;
        Ok(())
    }

    /// Passes over the next records, and says how many there are.
    async fn skip(
        &mut self,
        within: impl Fn(SequenceNumber) -> bool + Copy,
    ) -> anyhow::Result<u64> {
        let mut skipped = 0;
        while let Some(batch) = self.records.take(within).await? {
            self.audit.host.progress.read(&batch);
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
