//! The chunks of a shard in order, by its ledger and by the names of its objects, and those that
//! overlap.

use sluice_engine::record::SequenceNumber;

use super::inventory::{ChunkObjects, Chunks};
use crate::layout::object_key::{ChunkName, ShortId};
use crate::ledger::{Ledger, Pending};

/// The chunks of a shard, by the state that its ledger gives them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// The committed ones, in order. No two overlap.
    pub(super) chunks: Vec<(ChunkName, ChunkObjects)>,
    /// Chunks with records of one of those.
    pub(super) overlapping: Vec<Overlap>,
    /// The one that is pinned and not committed.
    pub(super) pending: Option<(ChunkName, ChunkObjects)>,
    /// Those that are not covered by what is committed or pinned.
    pub(super) beyond: Vec<(ChunkName, ChunkObjects)>,
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
    /// Sorts chunks by what the ledger says.
    #[must_use]
    pub(super) fn new(ledger: &Ledger, chunks: Chunks) -> Self {
        let done = ledger.committed().map(|committed| committed.last);
        let is_done = |name: &ChunkName| done.is_some_and(|last| name.last <= last);
        let (committed, uncommitted): (Vec<_>, Vec<_>) =
            chunks.into_iter().partition(|(name, _)| is_done(name));
        let is_pending = |name: &ChunkName| ledger.pending().is_some_and(|p| is(*name, p));
        let (pending, beyond): (Vec<_>, Vec<_>) = uncommitted
            .into_iter()
            .partition(|(name, _)| is_pending(name));
        let (chunks, overlapping) = without_overlaps(committed);
        Self {
            chunks,
            overlapping,
            pending: pending.into_iter().next(),
            beyond,
        }
    }

    /// Removes the chunks in `beyond` that the ledger, read again later, has committed or pinned, and
    /// returns how many objects they have.
    pub(super) fn account_for(&mut self, later: &Ledger) -> u64 {
        let done = later.committed().map(|committed| committed.last);
        let landed = |name: &ChunkName| {
            done.is_some_and(|last| name.last <= last)
                || later.pending().is_some_and(|pending| is(*name, pending))
        };
        let before: usize = self.beyond.iter().map(|(_, present)| present.count()).sum();
        self.beyond.retain(|(name, _)| !landed(name));
        let after: usize = self.beyond.iter().map(|(_, present)| present.count()).sum();
        (before - after) as u64
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

type DisjointChunks = Vec<(ChunkName, ChunkObjects)>;

/// Chooses chunks that do not overlap and have the most objects together: if a record is in two chunks,
/// the complete one is more likely to be right. This is weighted interval scheduling: the best choice
/// among the chunks up to one either includes it or does not.
fn without_overlaps(mut chunks: DisjointChunks) -> (DisjointChunks, Vec<Overlap>) {
    chunks.sort_by_key(|(name, _)| (name.last, name.first, name.release));
    let mut best = vec![0];
    let mut before = Vec::with_capacity(chunks.len());
    for (index, (name, present)) in chunks.iter().enumerate() {
        before.push(chunks[..index].partition_point(|(other, _)| other.last < name.first));
        let with = best[before[index]] + present.count();
        best.push(with.max(best[index]));
    }
    let mut is_chosen = vec![false; chunks.len()];
    let mut left = chunks.len();
    while let Some(index) = left.checked_sub(1) {
        is_chosen[index] = best[left] > best[index];
        left = if is_chosen[index] {
            before[index]
        } else {
            index
        };
    }
    let mut rest = Vec::new();
    let mut chosen = Vec::new();
    for (chunk, is_chosen) in chunks.into_iter().zip(is_chosen) {
        if is_chosen {
            chosen.push(chunk);
        } else {
            rest.push(chunk);
        }
    }
    let overlapping = rest.into_iter().filter_map(|(name, present)| {
        let other = find_overlap(&chosen, name.first, name.last)?;
        Some(Overlap {
            name,
            present,
            other,
        })
    });
    let overlapping = overlapping.collect();
    (chosen, overlapping)
}

/// The chosen chunk that overlaps this range; there is one for every chunk that was not chosen.
fn find_overlap(
    chosen: &DisjointChunks,
    first: SequenceNumber,
    last: SequenceNumber,
) -> Option<ChunkName> {
    let index = chosen.partition_point(|(other, _)| other.last < first);
    let (other, _) = chosen.get(index)?;
    (other.first <= last).then_some(*other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_engine::digest::Digest;
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::format::Format;
    use crate::ledger::Range;
    use crate::ledger::misplaced_records::MisplacedRecords;

    fn name(first: u64, last: u64) -> ChunkName {
        ChunkName {
            first: first.into(),
            last: last.into(),
            release: ShortId::of(Digest::of(b"release")),
        }
    }

    /// Chunks with the messages of each on a bus, so that each counts once.
    fn chunks(ranges: &[(u64, u64)]) -> Chunks {
        let present = ChunkObjects {
            objects: Vec::new(),
            on_bus: true,
        };
        let named = ranges.iter().map(|(a, b)| (name(*a, *b), present.clone()));
        named.collect()
    }

    fn pinned(first: u64, last: u64) -> Pending {
        Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: 1,
            },
            release: Digest::of(b"release"),
            format: Format::NDJSON,
            timed_out: Vec::new(),
            misplaced_records: MisplacedRecords::Keep,
        }
    }

    fn committed(last: u64) -> Ledger {
        let ledger = Ledger::new(ShardId::new("s").unwrap());
        let ledger = ledger.pin(pinned(0, last)).unwrap();
        let range = pinned(0, last).range;
        ledger.commit(range, Digest::of(b"")).unwrap()
    }

    fn names(chunks: &[(ChunkName, ChunkObjects)]) -> Vec<ChunkName> {
        chunks.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn chunks_are_committed_pending_or_beyond() {
        let ledger = committed(9).pin(pinned(10, 19)).unwrap();
        let mut timeline = Timeline::new(
            &ledger,
            chunks(&[(0, 4), (6, 9), (10, 19), (10, 15), (20, 29)]),
        );
        assert_eq!(names(&timeline.chunks), [name(0, 4), name(6, 9)]);
        assert_eq!(timeline.pending.as_ref().unwrap().0, name(10, 19));
        assert_eq!(names(&timeline.beyond), [name(10, 15), name(20, 29)]);
        let later = ledger
            .commit(pinned(10, 19).range, Digest::of(b""))
            .unwrap();
        assert_eq!(timeline.account_for(&later.pin(pinned(20, 29)).unwrap()), 2);
        assert_eq!(timeline.beyond, []);
    }

    #[test]
    fn without_a_ledger_everything_is_beyond() {
        let ledger = Ledger::new(ShardId::new("s").unwrap());
        let mut timeline = Timeline::new(&ledger, chunks(&[(0, 4)]));
        assert_eq!(timeline.account_for(&ledger), 0);
        assert_eq!((timeline.chunks.len(), timeline.beyond.len()), (0, 1));
    }

    #[test]
    fn of_chunks_that_overlap_those_with_more_objects_are_right() {
        let all = chunks(&[(0, 9), (10, 19), (5, 12), (20, 29)]);
        let timeline = Timeline::new(&committed(29), all);
        assert_eq!(
            names(&timeline.chunks),
            [name(0, 9), name(10, 19), name(20, 29)]
        );
        let overlapping: Vec<_> = timeline
            .overlapping
            .iter()
            .map(|one| (one.other, one.name))
            .collect();
        assert_eq!(overlapping, [(name(0, 9), name(5, 12))]);
    }

    proptest! {
        #[test]
        fn no_two_chunks_overlap_and_none_is_forgotten(
            ranges in prop::collection::btree_set((0_u64..40, 0_u64..10), 0..20)
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(a, length)| (a, a + length)).collect();
            let all = chunks(&ranges);
            let timeline = Timeline::new(&committed(100), all.clone());
            prop_assert_eq!(timeline.chunks.len() + timeline.overlapping.len(), all.len());
            for pair in timeline.chunks.windows(2) {
                prop_assert!(pair[0].0.last < pair[1].0.first);
            }
            for Overlap { name, other, .. } in &timeline.overlapping {
                prop_assert!(other.first <= name.last && name.first <= other.last);
                prop_assert!(timeline.chunks.iter().any(|(name, _)| name == other));
            }
        }
    }
}
