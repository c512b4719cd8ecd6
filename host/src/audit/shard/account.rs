//! Compares a shard's ledger with the records that were read, and accounts for objects outside of
//! committed chunks.

use anyhow::Context as _;
use sluice_engine::record::{Position, ShardId};

use super::ShardAudit;
use crate::audit::finding::{Finding, Kind, rid};
use crate::audit::inventory::{ChunkObjects, bus_suffix};
use crate::audit::timeline::Overlap;
use crate::layout::object_key::ChunkName;

impl ShardAudit {
    /// Reports each object of a chunk.
    pub(super) fn report_objects(
        &mut self,
        name: ChunkName,
        present: &ChunkObjects,
        kind: Kind,
        why: &str,
    ) {
        let stem = name.stem(&self.shard);
        let objects = present.objects.iter().map(|place| {
            let folder = self.audit.inventory.folder(*place);
            name.object_key(&self.shard, folder, place.format)
        });
        let suffix = bus_suffix(self.audit.messages);
        let on_bus = present.on_bus.then(|| format!("bus:{stem}{suffix}"));
        for key in objects.chain(on_bus) {
            let finding = Finding::new(kind, &self.shard, format!("{key}: {why}"));
            let finding = finding.between(name.first, name.last).at(key);
            self.report.findings.add(|| finding);
        }
    }

    /// Compares the count and the last record of the ledger with the records that were read.
    pub(super) fn compare_ledger(&mut self) {
        let Some(committed) = self.ledger.committed() else {
            return;
        };
        let (shard, last) = (&self.shard, committed.last);
        let id = rid(shard, last.into());
        let expired = self.expires && self.oldest.is_none_or(|oldest| last < oldest);
        let why = match self.records.watched_digest() {
            Some(digest) if digest != committed.last_digest => {
                Some(format!("{id} is not the record that was landed"))
            }
            None if !expired => Some(format!(
                "the source has no record {id}, the last committed one"
            )),
            _ => None,
        };
        if let Some(why) = why {
            let finding = Finding::new(Kind::SourceChanged, shard, why).of(last);
            self.report.findings.add(|| finding);
        }
        let gone = committed.records.checked_sub(self.checked);
        match gone.filter(|gone| self.expires || *gone == 0) {
            Some(gone) => self.report.counts.gone += gone,
            None => {
                let (counted, checked) = (committed.records, self.checked);
                let why = format!(
                    "the ledger of {shard} counts {counted} records, and the source has {checked} up \
                     to {id}"
                );
                let finding = Finding::new(Kind::LedgerCount, shard, why).of(last);
                self.report.findings.add(|| finding);
            }
        }
    }

    /// Counts the records after the committed ones that arrived before the audit began.
    pub(super) async fn count_tail(&mut self) -> anyhow::Result<()> {
        let pending = self.ledger.pending().map(|pending| pending.range);
        while let Some(batch) = self.records.take(|_| true).await? {
            self.audit.context.progress.read(&batch);
            for record in batch.records() {
                let position = record.position;
                if record.arrived_at > self.audit.began_ms {
                    return Ok(());
                }
                if pending.is_some_and(|range| position.sequence <= range.last) {
                    self.report.counts.pending += 1;
                } else if self.ledger.is_finished() {
                    self.report.counts.wrong += 1;
                    self.report
                        .findings
                        .add(|| never_read(&self.shard, position));
                } else {
                    self.report.counts.not_yet += 1;
                }
            }
        }
        Ok(())
    }

    /// Reports the objects of overlapping chunks and those beyond the ledger, and counts those of the
    /// pending chunk.
    pub(super) async fn report_unaccounted(&mut self) -> anyhow::Result<()> {
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
            let why = format!("its range has {from} to {to}, which are in the objects {stem} too");
            self.report_objects(name, &present, Kind::OverlappingChunks, &why);
        }
        if let Some((_, present)) = &self.timeline.pending {
            self.report.counts.objects_pending += present.count() as u64;
        }
        if self.timeline.beyond.is_empty() {
            return Ok(());
        }
        let later = self.audit.targets.ledger(&self.shard).await;
        let later = later.context("the ledger, read again")?;
        self.report.counts.objects_new += self.timeline.account_for(&later);
        for (name, present) in std::mem::take(&mut self.timeline.beyond) {
            let why = "the ledger does not say that its records are committed or pending";
            self.report_objects(name, &present, Kind::BeyondLedger, why);
        }
        Ok(())
    }
}

fn never_read(shard: &ShardId, position: Position) -> Finding {
    let id = rid(shard, position);
    let why = format!("{id} comes after the end of a shard that its ledger says is finished");
    Finding::new(Kind::NeverRead, shard, why).of(position)
}
