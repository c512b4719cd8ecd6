//! The chunks of a shard in order, by its ledger and by the chunk manifests.

#[cfg(test)]
mod tests;

use sluice_engine::digest::Digest;
use sluice_engine::record::SequenceNumber;
use sluice_release::bundle::ReleaseId;

use super::inventory::ChunkObjects;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, ShortId};
use crate::ledger::{Ledger, Pending};
use crate::source::unpacking::Unpacking;

/// What a chunk manifest says about the place of its chunk, and what exists of the chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChunkHead {
    pub(super) name: ChunkName,
    /// The last record of the chunk before.
    pub(super) after: Option<SequenceNumber>,
    /// How many records it has.
    pub(super) count: u64,
    /// The digest of its last record.
    pub(super) last_digest: Digest,
    /// How its records were unpacked.
    pub(super) unpacking: Unpacking,
    /// The release that transformed it.
    pub(super) release: ReleaseId,
    /// The schema of its objects, if they have columns.
    pub(super) schema: Option<Digest>,
    pub(super) present: ChunkObjects,
}

impl ChunkHead {
    /// The head of a manifest.
    #[must_use]
    pub(super) fn new(manifest: &ChunkManifest, present: ChunkObjects) -> Self {
        Self {
            name: manifest.name(),
            after: manifest.after,
            count: manifest.range.count,
            last_digest: manifest.last_digest,
            unpacking: Unpacking::of(&manifest.pins),
            release: manifest.release,
            schema: manifest.pins.schema,
            present,
        }
    }
}

/// The chunks of a shard, by the state that its ledger gives them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// The committed ones, in order. No two overlap.
    pub(super) chunks: Vec<ChunkHead>,
    /// Where committed records are in no chunk manifest.
    pub(super) gaps: Vec<Gap>,
    /// Manifests that contradict their neighbour: the chunk, and what it should follow.
    pub(super) contradictions: Vec<(ChunkName, Option<SequenceNumber>)>,
    /// Committed chunks by their names that have records of one of `chunks`.
    pub(super) overlapping: Vec<Overlap>,
    /// Committed chunks by the names of their objects that lie in a gap.
    pub(super) without_manifest: Vec<NamedChunk>,
    /// The one that is pinned and not committed.
    pub(super) pending: Option<ChunkObjects>,
    /// Those that are not covered by what is committed or pinned.
    pub(super) beyond: Vec<NamedChunk>,
}

/// A chunk by the names of its objects.
pub(super) type NamedChunk = (ChunkName, ChunkObjects);

/// Records that the ledger has committed and that no chunk manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The last record before it; `None` if it begins with the shard.
    pub(super) after: Option<SequenceNumber>,
    /// Its last record.
    pub(super) last: SequenceNumber,
}

impl Gap {
    /// Whether a chunk lies in it.
    #[must_use]
    pub(super) fn has(&self, name: ChunkName) -> bool {
        self.has_record(name.first) && self.has_record(name.last)
    }

    /// Whether a record lies in it.
    #[must_use]
    pub(super) fn has_record(&self, record: SequenceNumber) -> bool {
        record <= self.last && self.after.is_none_or(|after| record > after)
    }
}

/// A chunk that overlaps another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overlap {
    pub(super) name: ChunkName,
    pub(super) present: ChunkObjects,
    /// The chunk that it overlaps.
    pub(super) other: ChunkName,
}

impl Timeline {
    /// Sorts chunks by what the ledger says: those with a manifest, and `others` without.
    #[must_use]
    pub(super) fn new(ledger: &Ledger, heads: Vec<ChunkHead>, others: Vec<NamedChunk>) -> Self {
        let mut timeline = Self::default();
        // A pinned range that a run has given up is no chunk, whatever exists of it.
        let given_up = |name: ChunkName| {
            let mut ranges = ledger.given_up();
            ranges.any(|range| (name.first, name.last) == (range.first, range.last))
        };
        let heads: Vec<_> = heads
            .into_iter()
            .filter(|head| !given_up(head.name))
            .collect();
        let others: Vec<_> = others
            .into_iter()
            .filter(|(name, _)| !given_up(*name))
            .collect();
        let done = ledger.committed().map(|committed| committed.last);
        let is_done = |name: ChunkName| done.is_some_and(|last| name.last <= last);
        let (committed, heads): (Vec<_>, Vec<_>) =
            heads.into_iter().partition(|head| is_done(head.name));
        let (unnamed, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(name, _)| is_done(*name));
        if let Some(done) = done {
            timeline.chain(committed, done);
        }
        for (name, present) in unnamed {
            match find_overlap(&timeline.chunks, name) {
                Some(other) => timeline.overlapping.push(Overlap {
                    name,
                    present,
                    other,
                }),
                None => timeline.without_manifest.push((name, present)),
            }
        }
        let heads = heads.into_iter().map(|head| (head.name, head.present));
        for (name, present) in heads.chain(others) {
            if ledger.pending().is_some_and(|pending| is(name, pending)) {
                timeline.pending = Some(present);
            } else {
                timeline.beyond.push((name, present));
            }
        }
        timeline
    }

    /// Goes from the last committed record back, from each chunk to the one before. A chunk says what it
    /// follows, so of two that end with the same record the one that follows another is right, or else the
    /// longer one.
    fn chain(&mut self, mut heads: Vec<ChunkHead>, done: SequenceNumber) {
        heads.sort_by_key(|head| (head.name.last, head.name.first));
        let ends: Vec<_> = heads.iter().map(|head| head.name.last).collect();
        let is_linked = |head: &ChunkHead| match head.after {
            Some(after) => ends.binary_search(&after).is_ok(),
            None => true,
        };
        let mut rest = Vec::new();
        let mut next: Option<ChunkHead> = None;
        while let Some(mut head) = heads.pop() {
            while let Some(other) = heads.pop_if(|other| other.name.last == head.name.last) {
                // `other` begins before.
                let (right, wrong) = if is_linked(&other) || !is_linked(&head) {
                    (other, head)
                } else {
                    (head, other)
                };
                rest.push(wrong);
                head = right;
            }
            match &next {
                None => self.add_gap(Some(head.name.last), done),
                Some(next) if head.name.last >= next.name.first => {
                    rest.push(head);
                    continue;
                }
                Some(next) => self.compare(next, Some(head.name.last)),
            }
            self.chunks.extend(next.replace(head));
        }
        match &next {
            Some(first) => self.compare(first, None),
            None => self.add_gap(None, done),
        }
        self.chunks.extend(next);
        self.chunks.reverse();
        self.gaps.reverse();
        self.contradictions.reverse();
        for head in rest {
            let other = find_overlap(&self.chunks, head.name);
            self.overlapping.push(Overlap {
                name: head.name,
                present: head.present,
                other: other.unwrap_or(head.name),
            });
        }
    }

    /// Compares what a chunk says that it follows with the end of the one before.
    fn compare(&mut self, head: &ChunkHead, before: Option<SequenceNumber>) {
        match head.after {
            after if after == before => {}
            Some(after) if before.is_none_or(|before| before < after) => {
                self.add_gap(before, after);
            }
            _ => self.contradictions.push((head.name, before)),
        }
    }

    fn add_gap(&mut self, after: Option<SequenceNumber>, last: SequenceNumber) {
        if after != Some(last) {
            self.gaps.push(Gap { after, last });
        }
    }

    /// The number of committed records in chunk manifests.
    #[must_use]
    pub(super) fn records(&self) -> u64 {
        let counts = self.chunks.iter().map(|head| head.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Removes the chunks in `beyond` that the ledger, read again later, has committed or pinned, and
    /// returns how many objects they have.
    pub(super) fn account_for(&mut self, later: &Ledger) -> u64 {
        let done = later.committed().map(|committed| committed.last);
        let landed = |name: &ChunkName| {
            done.is_some_and(|last| name.last <= last)
                || later.pending().is_some_and(|pending| is(*name, pending))
        };
        let count = |beyond: &[NamedChunk]| -> u64 {
            beyond.iter().map(|(_, present)| present.count()).sum()
        };
        let before = count(&self.beyond);
        self.beyond.retain(|(name, _)| !landed(name));
        before - count(&self.beyond)
    }
}

fn is(name: ChunkName, pending: &Pending) -> bool {
    let range = pending.range;
    let (first, last, release) = (range.first, range.last, ShortId::of(pending.release));
    name == ChunkName {
        first,
        last,
        release,
    }
}

/// The one of these chunks that overlaps another.
fn find_overlap(chunks: &[ChunkHead], name: ChunkName) -> Option<ChunkName> {
    let index = chunks.partition_point(|other| other.name.last < name.first);
    let other = chunks.get(index)?;
    (other.name.first <= name.last).then_some(other.name)
}
