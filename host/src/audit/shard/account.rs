//! What a shard's ledger says beside its chunks, and what there is beside them.

use anyhow::Context as _;

use super::ShardAudit;
use crate::audit::course::Rival;
use crate::audit::finding::{Finding, Kind, rid};
use crate::audit::inventory::{Held, bus_suffix};
use crate::record::{Position, ShardId};
use crate::sink::object_key::ChunkName;

impl ShardAudit {
    /// A finding about each object of a chunk.
    pub(super) fn each_object(&mut self, name: ChunkName, held: &Held, kind: Kind, why: &str) {
        let stem = name.stem(&self.shard);
        let objects = held.objects.iter().map(|place| {
            let folder = self.audit.inventory.folder(*place);
            name.object_key(&self.shard, folder, place.format)
        });
        let suffix = bus_suffix(self.audit.messages);
        let on_bus = held.on_bus.then(|| format!("bus:{stem}{suffix}"));
        for key in objects.chain(on_bus) {
            let finding = Finding::new(kind, &self.shard, format!("{key}: {why}"));
            let finding = finding.between(name.first, name.last).at(key);
            self.report.findings.add(|| finding);
        }
    }

    /// Compares the counts and the last record of the ledger with what was read.
    pub(super) fn compare_ledger(&mut self) {
        let Some(committed) = self.ledger.committed() else {
            return;
        };
        let (shard, last) = (&self.shard, committed.last);
        let id = rid(shard, last.into());
        let forgotten = self.forgets && self.oldest.is_none_or(|oldest| last < oldest);
        let why = match self.records.watched_digest() {
            Some(digest) if digest != committed.last_digest => Some(format!(
                "{id} is another record than the one that was landed"
            )),
            None if !forgotten => Some(format!("the source has no record {id}, the last landed")),
            _ => None,
        };
        if let Some(why) = why {
            let finding = Finding::new(Kind::SourceChanged, shard, why).of(last);
            self.report.findings.add(|| finding);
        }
        let gone = committed.records.checked_sub(self.checked);
        match gone.filter(|gone| self.forgets || *gone == 0) {
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

    /// Counts what is behind the committed records, as far as it came before the audit.
    pub(super) async fn tail(&mut self) -> anyhow::Result<()> {
        let pending = self.ledger.pending().map(|pending| pending.range);
        while let Some(batch) = self.records.take(|_| true).await? {
            self.audit.host.progress.read(&batch);
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

    /// Objects that are of none of the chunks: of rivals, of what is pending, and beyond the ledger.
    pub(super) async fn unaccounted(&mut self) -> anyhow::Result<()> {
        for Rival { name, held, other } in std::mem::take(&mut self.course.rivals) {
            let (first, last) = (name.first.max(other.first), name.last.min(other.last));
            let (from, to) = (
                rid(&self.shard, first.into()),
                rid(&self.shard, last.into()),
            );
            let stem = other.stem(&self.shard);
            let why = format!("its name covers {from} to {to}, which are in objects {stem} too");
            self.each_object(name, &held, Kind::Twice, &why);
        }
        if let Some((_, held)) = &self.course.pending {
            self.report.counts.objects_pending += held.count() as u64;
        }
        if self.course.beyond.is_empty() {
            return Ok(());
        }
        let later = self.audit.targets.ledger(&self.shard).await;
        let later = later.context("the ledger, read again")?;
        self.report.counts.objects_new += self.course.settle(&later);
        for (name, held) in std::mem::take(&mut self.course.beyond) {
            let why = "the ledger does not say that its records are committed or pending";
            self.each_object(name, &held, Kind::BeyondLedger, why);
        }
        Ok(())
    }
}

fn never_read(shard: &ShardId, position: Position) -> Finding {
    let id = rid(shard, position);
    let why = format!("{id} follows the records of a shard whose ledger says that it is finished");
    Finding::new(Kind::NeverRead, shard, why).of(position)
}
