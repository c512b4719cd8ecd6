//! The end of a shard: the last committed record, and the records behind it.

use sluice_engine::record::{Position, ShardId};

use super::super::finding::{Finding, Kind, rid};
use super::ShardAudit;

impl ShardAudit {
    /// Compares the last record of the ledger with the source. The objects of a redrive have digests of their own.
    pub(super) fn compare_last_record(&mut self) {
        let committed = self.account.ledger.committed();
        let Some(committed) = committed.filter(|_| !self.is_redrive) else {
            return;
        };
        let (shard, last) = (&self.account.shard, committed.last);
        let id = rid(shard, last.into());
        let expired = self.expires && self.oldest.is_none_or(|oldest| last < oldest);
        let why = match self.records.watched_digest() {
            Some(digest) if digest != committed.last_digest => {
                format!("{id} is not the record that was landed")
            }
            None if !expired => format!("the source has no record {id}, the last committed one"),
            _ => return,
        };
        let finding = Finding::new(Kind::SourceChanged, shard, why).of(last);
        self.report.findings.add(|| finding);
    }

    /// Counts the records after the committed ones: those of the pending range, and those behind it that arrived
    /// before the audit began.
    pub(super) async fn count_tail(&mut self) -> anyhow::Result<()> {
        let ledger = &self.account.ledger;
        let pending = ledger.pending().map(|pending| pending.range);
        let is_finished = ledger.is_finished();
        while let Some(batch) = self.records.take(|_| true).await? {
            self.audit.context.progress.read(&batch);
            for (index, record) in batch.records().enumerate() {
                let number = batch.ledger_sequence(index);
                // A range can be pinned between the beginning of the audit and the reading of the ledger.
                if let Some(range) = pending.filter(|range| number <= range.last) {
                    // What a redrive has left out before the range can have been claimed since.
                    let is_left_out = self.is_redrive && number < range.first;
                    self.found_pending += u64::from(!is_left_out);
                } else if self.is_redrive || record.arrived_at > self.audit.began_ms {
                    return Ok(());
                } else if is_finished {
                    self.report.counts.wrong += 1;
                    self.report
                        .findings
                        .add(|| never_read(&self.account.shard, record.position));
                } else {
                    self.report.counts.not_yet += 1;
                }
            }
        }
        Ok(())
    }

    /// A pinned range that the source no longer has can never be finished.
    pub(super) fn compare_pending(&mut self) {
        let Some(pending) = self.account.ledger.pending() else {
            return;
        };
        let (range, found) = (pending.range, self.found_pending);
        if !self.is_redrive {
            self.report.counts.pending += found;
        }
        if found != range.count && !self.account.unproven.pending {
            let count = range.count;
            let why = format!(
                "the source has {found} records of the pending range, which has {count}; restore the source, or \
                 the range cannot be finished"
            );
            let finding = Finding::new(Kind::SourceChanged, &self.account.shard, why);
            let finding = finding.between(range.first, range.last);
            self.report.findings.add(|| finding);
        }
    }
}

fn never_read(shard: &ShardId, position: Position) -> Finding {
    let id = rid(shard, position);
    let why = format!("{id} comes after the end of a shard that its ledger says is finished");
    Finding::new(Kind::NeverRead, shard, why).of(position)
}
