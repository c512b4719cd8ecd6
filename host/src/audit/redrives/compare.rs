//! Compares the chunks of a redrive with what it has claimed, by ordinals: each record of a claimed object is in one
//! chunk, and a chunk has no others.

use sluice_engine::record::SequenceNumber;

use super::super::account::ShardAccount;
use super::super::finding::{Finding, Kind};
use super::super::report::Report;
use super::super::timeline::{ChunkHead, Timeline};
use super::{ClaimedObject, Redrive, Redrives, within};
use crate::layout::object_key::ChunkName;
use crate::ledger::{Ledger, Range};
use crate::output::counted;
use crate::redrive::claim_key;
use crate::source::unpacking::Unpacking;

impl Redrives {
    /// Compares the account of a shard with the claims, if it is that of a redrive.
    pub(in super::super) fn compare(&self, account: &mut ShardAccount) {
        let Some(redrive) = self.by_shard.get(&account.shard) else {
            return;
        };
        for head in &account.timeline.chunks {
            if let Some(finding) = redrive.compare_chunk(account, head) {
                account.unproven.chunks.push(head.name);
                account.report.findings.add(|| finding);
            }
        }
        if let Some(pending) = account.ledger.pending() {
            let unpacking = Unpacking::of(&pending.pins);
            if let Some((kind, why)) = redrive.compare_range(pending.range, unpacking) {
                let shard = &account.shard;
                let why = format!(
                    "the pending range of {shard}: {why}; until then, it cannot be finished"
                );
                let (first, last) = (pending.range.first, pending.range.last);
                let finding = Finding::new(kind, shard, why).between(first, last);
                account.unproven.pending = true;
                account.report.findings.add(|| finding);
            }
        }
        let mut report = Report::default();
        for claimed in &redrive.claimed {
            let left = claimed.left(&account.ledger, &account.timeline);
            if left > 0 {
                report.findings.add(|| claimed.not_redriven(account, left));
            }
        }
        account.report.absorb(report);
    }
}

impl Redrive {
    fn compare_chunk(&self, account: &ShardAccount, head: &ChunkHead) -> Option<Finding> {
        let ChunkName { first, last, .. } = head.name;
        let count = head.count;
        let range = Range { first, last, count };
        let (kind, why) = self.compare_range(range, head.unpacking)?;
        Some(Finding::of_chunk(kind, &account.shard, head.name, &why))
    }

    /// What is wrong with a range. If records are decoded, one in quarantine can hold several.
    pub(super) fn compare_range(
        &self,
        range: Range,
        unpacking: Unpacking,
    ) -> Option<(Kind, String)> {
        let Range { first, last, count } = range;
        let objects = self.claimed_in(first, last);
        let claimed = objects.iter();
        let claimed = claimed.map(|claimed| within(&claimed.ordinals, first, last));
        let claimed: u64 = claimed.sum();
        let has = |ordinal| {
            let ends = [objects.first(), objects.last()];
            let mut ends = ends.into_iter().flatten();
            ends.any(|claimed| within(&claimed.ordinals, ordinal, ordinal) > 0)
        };
        let is_plain = unpacking.decoding.is_plain();
        if claimed > count {
            let why = format!(
                "it has {}, and the objects in its range that the redrive has claimed have {claimed}: a claim was added or \
                 replaced; find out who has written it",
                counted(count, "record")
            );
            return Some((Kind::UnredrivenClaim, why));
        }
        if has(first) && has(last) && (claimed == count || !is_plain) {
            return None;
        }
        Some((
            Kind::MissingClaim,
            format!(
                "it has {}, and the objects in its range that the redrive has claimed have {claimed}{}",
                counted(count, "record"),
                self.without_claim(range)
            ),
        ))
    }

    /// The objects that the redrive has claimed and that have a record between two ordinals, both included.
    fn claimed_in(&self, first: SequenceNumber, last: SequenceNumber) -> &[ClaimedObject] {
        let objects = &self.claimed;
        let from = objects.partition_point(|object| first >= object.ordinals.end.into());
        let until = objects.partition_point(|object| last >= object.ordinals.start.into());
        objects.get(from..until).unwrap_or_default()
    }

    /// The objects in a range that the redrive has not claimed, as the end of a sentence.
    fn without_claim(&self, range: Range) -> String {
        let objects = self.unclaimed.iter();
        let mut objects = objects.filter(|(all, _)| within(all, range.first, range.last) > 0);
        let Some((_, first)) = objects.next() else {
            return "; restore its list and its claims as they were written".into();
        };
        let more = match objects.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let claim = claim_key(first).unwrap_or_default();
        format!(
            "; it has no claim of {first}{more}; restore {claim} as it was written: without it, another redrive can land \
             the same records"
        )
    }
}

impl ClaimedObject {
    /// How many of its records should be in chunks of the redrive, and are in none. What is in a gap is reported with the
    /// missing chunk manifest.
    fn left(&self, ledger: &Ledger, timeline: &Timeline) -> u64 {
        let last = ledger.committed().map(|committed| committed.last);
        let expected = match (ledger.is_finished(), last) {
            (true, _) => self.ordinals.end - self.ordinals.start,
            (false, None) => 0,
            (false, Some(last)) => within(&self.ordinals, 0.into(), last),
        };
        let chunks = &timeline.chunks;
        let from = chunks.partition_point(|head| head.name.last < self.ordinals.start.into());
        let chunks = chunks[from..].iter();
        let chunks = chunks.take_while(|head| head.name.first < self.ordinals.end.into());
        let landed = chunks.map(|head| within(&self.ordinals, head.name.first, head.name.last));
        let left = expected.saturating_sub(landed.sum());
        let ordinals = || self.ordinals.clone();
        let in_gap = |ordinal: u64| {
            let mut gaps = timeline.gaps.iter();
            gaps.any(|gap| gap.has_record(ordinal.into()))
        };
        match left > 0 && !timeline.gaps.is_empty() && ordinals().any(in_gap) {
            true => 0,
            false => left,
        }
    }

    fn not_redriven(&self, account: &ShardAccount, left: u64) -> Finding {
        let (shard, key) = (&account.shard, &self.object.key);
        let claim = claim_key(key).unwrap_or_default();
        let all = self.ordinals.end - self.ordinals.start;
        let why = format!(
            "{claim}: {shard} has claimed {key} and gone on, and {left} of its {} are in no chunk of it; they are still \
             quarantined, and no other redrive takes them; if the ledger of {shard} was not changed, the claim arrived after \
             the object was left out as unreadable: move the claim away, and redrive once more",
            counted(all, "record")
        );
        Finding::new(Kind::UnredrivenClaim, shard, why).at(claim)
    }
}
