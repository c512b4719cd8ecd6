//! The account of a shard: its ledger, its chunk manifests and the names of its objects must agree.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use sluice_engine::record::ShardId;

use super::LakeAudit;
use super::archive::ArchivedChunks;
use super::finding::{FINDINGS_KEPT, Finding, Kind, rid};
use super::inventory::{ChunkObjects, Chunks, bus_key};
use super::manifests::{ShardManifests, compare_names, counts};
use super::report::Report;
use super::timeline::{ChunkHead, Gap, Overlap, Timeline};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, METADATA_FOLDER};
use crate::ledger::Ledger;
use crate::ledger::lost_range::LossCause;
use crate::output;

/// What of a redrive cannot be proven, because it does not fit its claims.
#[derive(Debug, Default)]
pub(super) struct Unproven {
    /// Its chunks.
    pub(super) chunks: Vec<ChunkName>,
    /// Whether it is so for the pending range.
    pub(super) pending: bool,
}

/// The account of a shard.
pub(super) struct ShardAccount {
    pub(super) shard: ShardId,
    pub(super) ledger: Ledger,
    pub(super) timeline: Timeline,
    /// What of a redrive does not fit its claims.
    pub(super) unproven: Unproven,
    pub(super) report: Report,
}

impl ShardAccount {
    /// Reads the manifests of a shard of which these chunks exist. `seen` is called with each manifest and what
    /// exists of its chunk.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn open(
        lake: &LakeAudit,
        ledger: Ledger,
        chunks: Chunks,
        seen: impl FnMut(&ChunkManifest, &ChunkObjects),
    ) -> anyhow::Result<Self> {
        let shard = ledger.shard().clone();
        let read = lake.read_manifests(&shard, chunks, seen).await?;
        let ShardManifests {
            heads,
            others,
            report,
        } = read;
        Ok(Self {
            timeline: Timeline::new(&ledger, heads, others),
            unproven: Unproven::default(),
            shard,
            ledger,
            report,
        })
    }

    /// Opens the account of a shard whose objects are not read, and compares the names of the committed chunks
    /// with their manifests, which are counted.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn open_by_names(
        lake: &LakeAudit,
        ledger: Ledger,
        chunks: Chunks,
    ) -> anyhow::Result<Self> {
        let (mut by_chunk, mut kept) = (HashMap::new(), 0);
        let mut archived = ArchivedChunks::default();
        let seen = |manifest: &ChunkManifest, present: &ChunkObjects| {
            let mut report = compare_names(lake, manifest, present);
            report.counts += counts(lake, manifest);
            kept += report.findings.kept().len();
            if kept > FINDINGS_KEPT {
                report.findings.forget();
            }
            archived.add(lake, manifest);
            by_chunk.insert(manifest.name(), report);
        };
        let mut account = Self::open(lake, ledger, chunks, seen).await?;
        for head in &account.timeline.chunks {
            let report = by_chunk.remove(&head.name);
            account.report.absorb(report.unwrap_or_default());
        }
        let archived = lake.find_archived(&account.shard, archived).await?;
        account.report.absorb(archived);
        account.find_releases(lake);
        account.find_schemas(lake);
        Ok(account)
    }

    /// Reports releases that the lake no longer has, each with its first chunk.
    fn find_releases(&mut self, lake: &LakeAudit) {
        let mut known = HashSet::new();
        for head in &self.timeline.chunks {
            let (release, name) = (head.release, head.name);
            if lake.inventory.has_release(release) || !known.insert(release) {
                continue;
            }
            let why = format!(
                "the lake does not have its release {release}; without it, no audit can prove the chunk"
            );
            let finding = Finding::of_chunk(Kind::UnknownRelease, &self.shard, name, &why);
            self.report.findings.add(|| finding);
        }
    }

    /// Reports schemas that the lake no longer has, each with its first chunk.
    fn find_schemas(&mut self, lake: &LakeAudit) {
        let mut known = HashSet::new();
        for head in &self.timeline.chunks {
            let Some(schema) = head.schema else {
                continue;
            };
            if lake.inventory.has_schema(schema) || !known.insert(schema) {
                continue;
            }
            let why = format!(
                "the lake does not have its schema {schema}; without it, no audit can prove the chunk"
            );
            let finding = Finding::of_chunk(Kind::UnknownSchema, &self.shard, head.name, &why);
            self.report.findings.add(|| finding);
        }
    }

    /// Compares the ledger, the manifests and the names.
    ///
    /// # Errors
    /// The ledger cannot be read again.
    pub(super) async fn compare(&mut self, lake: &LakeAudit) -> anyhow::Result<()> {
        for gap in self.timeline.gaps.clone() {
            self.report_gap(gap);
        }
        self.report_contradictions();
        self.report_overlaps(lake);
        self.compare_ledger();
        self.note_lost();
        self.report_beyond(lake).await
    }

    /// Reports each object of a chunk.
    fn report_objects(
        &mut self,
        lake: &LakeAudit,
        name: ChunkName,
        present: &ChunkObjects,
        kind: Kind,
        why: &str,
    ) {
        let shard = &self.shard;
        let manifest = present.has_manifest.then(|| name.manifest_key(shard));
        let objects = present.objects.iter();
        let objects = objects.map(|place| lake.inventory.key(shard, name, *place));
        let files = present.on_bus.iter();
        let files = files.map(|messages| bus_key(shard, name, *messages));
        for key in manifest.into_iter().chain(objects).chain(files) {
            let finding = Finding::new(kind, shard, format!("{key}: {why}"));
            let finding = finding.between(name.first, name.last).at(key);
            self.report.findings.add(|| finding);
        }
    }

    /// Reports the manifests that are missing in a gap, by the objects that are there.
    fn report_gap(&mut self, gap: Gap) {
        let chunks = self.timeline.without_manifest.iter();
        let chunks: Vec<_> = chunks.filter(|(name, _)| gap.has(*name)).collect();
        let shard = &self.shard;
        let mut findings = Vec::new();
        for (name, present) in &chunks {
            if !present.has_manifest {
                let (from, to) = (rid(shard, name.first.into()), rid(shard, name.last.into()));
                let objects = output::counted(present.objects.len() as u64, "object");
                let why = format!(
                    "it does not exist, and its chunk has {objects}; {from} to {to} are not proven"
                );
                let finding = Finding::of_chunk(Kind::MissingManifest, shard, *name, &why);
                findings.push(finding);
            }
        }
        let covered = chunks.iter().map(|(name, _)| name.last).max();
        if covered < Some(gap.last) {
            let last = rid(shard, gap.last.into());
            let after = covered.or(gap.after).map(|after| rid(shard, after.into()));
            let after = after.map_or(String::new(), |after| format!(" after {after}"));
            let why = format!(
                "no chunk manifest has the records{after} up to {last}, which the ledger says are committed"
            );
            findings.push(Finding::new(Kind::MissingManifest, shard, why).of(gap.last));
        }
        for finding in findings {
            self.report.findings.add(|| finding);
        }
    }

    fn report_contradictions(&mut self) {
        let shard = &self.shard;
        for (name, before) in &self.timeline.contradictions {
            let before = before.map(|before| rid(shard, before.into()));
            let why = match before {
                Some(before) => format!("the chunk before it ends with {before}"),
                None => "there is no chunk before it".into(),
            };
            let why = format!("it follows another record: {why}");
            let finding = Finding::of_chunk(Kind::ChangedManifest, shard, *name, &why);
            self.report.findings.add(|| finding);
        }
    }

    fn report_overlaps(&mut self, lake: &LakeAudit) {
        for Overlap {
            name,
            present,
            other,
        } in std::mem::take(&mut self.timeline.overlapping)
        {
            let (first, last) = (name.first.max(other.first), name.last.min(other.last));
            let (from, to) = (
                rid(&self.shard, first.into()),
                rid(&self.shard, last.into()),
            );
            let stem = other.stem(&self.shard);
            let why = format!("its range has {from} to {to}, which are in the chunk {stem} too");
            self.report_objects(lake, name, &present, Kind::OverlappingChunks, &why);
        }
    }

    /// Compares the count and the last record of the ledger with the manifests.
    fn compare_ledger(&mut self) {
        let Some(committed) = self.ledger.committed() else {
            return;
        };
        let (shard, last) = (&self.shard, committed.last);
        let id = rid(shard, last.into());
        let (counted, named) = (committed.records, self.timeline.records());
        if !self.timeline.gaps.is_empty() {
            self.report.counts.wrong += counted.saturating_sub(named);
        } else if counted != named {
            let why = format!(
                "the ledger of {shard} counts {} up to {id}, and the chunk manifests {named}",
                output::counted(counted, "record")
            );
            let finding = Finding::new(Kind::LedgerCount, shard, why).of(last);
            self.report.findings.add(|| finding);
        }
        let end = self.timeline.chunks.last();
        let end = end.filter(|end: &&ChunkHead| end.name.last == last);
        if end.is_some_and(|end| end.last_digest != committed.last_digest) {
            let why =
                format!("the ledger of {shard} and the chunk manifest name other bytes for {id}");
            let finding = Finding::new(Kind::LedgerDigest, shard, why).of(last);
            self.report.findings.add(|| finding);
        }
    }

    /// Counts the lost ranges of the ledger, with a note about each.
    fn note_lost(&mut self) {
        let shard = &self.shard;
        for lost in self.ledger.lost() {
            let cause = match lost.cause {
                LossCause::Expired => "they had expired from the stream",
                LossCause::Recreated => "the stream was created again",
            };
            let range = lost.describe();
            self.report.counts.lost_ranges += 1;
            self.report.notes.push(format!(
                "possibly lost from {shard}, because {cause} before they were landed: {range}"
            ));
        }
    }

    /// Reports that there are chunks and the ledger knows of none.
    fn report_missing_ledger(&mut self) {
        let shard = &self.shard;
        let chunks = std::mem::take(&mut self.timeline.beyond);
        let objects: usize = chunks
            .iter()
            .map(|(_, present)| present.objects.len())
            .sum();
        let manifests = chunks.iter().filter(|(_, present)| present.has_manifest);
        let manifests = output::counted(manifests.count() as u64, "chunk manifest");
        let objects = output::counted(objects as u64, "object");
        let folder = format!("{METADATA_FOLDER}/ledger/");
        let why = format!(
            "{folder} has no ledger of the shard, or one with nothing committed, and the shard has {manifests} and \
             {objects}; restore it"
        );
        let finding = Finding::new(Kind::MissingLedger, shard, why).at(folder);
        self.report.findings.add(|| finding);
    }

    /// Reports the objects beyond the ledger, and counts those of the pending chunk.
    async fn report_beyond(&mut self, lake: &LakeAudit) -> anyhow::Result<()> {
        if let Some(present) = &self.timeline.pending {
            self.report.counts.objects_pending += present.count();
        }
        if self.timeline.beyond.is_empty() {
            return Ok(());
        }
        let later = lake.targets.ledger_now(&self.shard).await;
        let later = later.context("the ledger, read again")?;
        self.report.counts.objects_new += self.timeline.account_for(&later);
        let is_new = |ledger: &Ledger| ledger.committed().is_none() && ledger.pending().is_none();
        if is_new(&self.ledger) && is_new(&later) && !self.timeline.beyond.is_empty() {
            self.report_missing_ledger();
            return Ok(());
        }
        for (name, present) in std::mem::take(&mut self.timeline.beyond) {
            let why = "the ledger does not say that its records are committed or pending";
            self.report_objects(lake, name, &present, Kind::BeyondLedger, why);
        }
        Ok(())
    }
}
