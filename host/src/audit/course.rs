//! Which chunks a shard has by its ledger, and which of the chunks that names tell of cannot all be.

use super::inventory::{ChunkObjects, Chunks};
use crate::ledger::{Ledger, Pending};
use crate::record::SequenceNumber;
use crate::sink::object_key::{ChunkName, ShortId};

/// The chunks of a shard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Those that are committed, in order. No two overlap.
    pub(super) chunks: Vec<(ChunkName, ChunkObjects)>,
    /// Those that have records of one of these.
    pub(super) rivals: Vec<Rival>,
    /// The one that was pinned and not committed.
    pub(super) pending: Option<(ChunkName, ChunkObjects)>,
    /// Those that reach behind what is committed.
    pub(super) beyond: Vec<(ChunkName, ChunkObjects)>,
}

/// A chunk that overlaps another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rival {
    /// Its name.
    pub(super) name: ChunkName,
    /// What there is of it.
    pub(super) present: ChunkObjects,
    /// The chunk that it overlaps.
    pub(super) other: ChunkName,
}

impl Course {
    /// Sorts chunks by what the ledger says.
    #[must_use]
    pub(super) fn new(ledger: &Ledger, chunks: Chunks) -> Self {
        let done = ledger.committed().map(|committed| committed.last);
        let is_done = |name: &ChunkName| done.is_some_and(|last| name.last <= last);
        let (committed, behind): (Vec<_>, Vec<_>) =
            chunks.into_iter().partition(|(name, _)| is_done(name));
        let is_pending = |name: &ChunkName| ledger.pending().is_some_and(|p| is(*name, p));
        let (pending, beyond): (Vec<_>, Vec<_>) =
            behind.into_iter().partition(|(name, _)| is_pending(name));
        let (chunks, rivals) = without_overlaps(committed);
        Self {
            chunks,
            rivals,
            pending: pending.into_iter().next(),
            beyond,
        }
    }

    /// Takes out those beyond what was committed that a later look at the ledger accounts for; gives
    /// how many objects they have.
    pub(super) fn settle(&mut self, later: &Ledger) -> u64 {
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

type Chosen = Vec<(ChunkName, ChunkObjects)>;

/// Chooses chunks of which no two overlap so that they have the most objects together: where a record
/// is in two chunks, the one that is whole is more likely to be right. (Weighted interval scheduling:
/// the best choice among the chunks up to one either has it or does not.)
fn without_overlaps(mut chunks: Chosen) -> (Chosen, Vec<Rival>) {
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
    let rivals = rest.into_iter().filter_map(|(name, present)| {
        let other = overlapping(&chosen, name.first, name.last)?;
        Some(Rival {
            name,
            present,
            other,
        })
    });
    let rivals = rivals.collect();
    (chosen, rivals)
}

/// A chunk with a record in this range. What was not chosen overlaps what was.
fn overlapping(chosen: &Chosen, first: SequenceNumber, last: SequenceNumber) -> Option<ChunkName> {
    let index = chosen.partition_point(|(other, _)| other.last < first);
    let (other, _) = chosen.get(index)?;
    (other.first <= last).then_some(*other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::Format;
    use crate::ledger::Range;
    use crate::record::ShardId;
    use crate::source::aggregate::MisplacedRecords;
    use crate::transform::release::Digest;

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
            format: Format::Plain,
            condemned: Vec::new(),
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
        let mut course = Course::new(
            &ledger,
            chunks(&[(0, 4), (6, 9), (10, 19), (10, 15), (20, 29)]),
        );
        assert_eq!(names(&course.chunks), [name(0, 4), name(6, 9)]);
        assert_eq!(course.pending.as_ref().unwrap().0, name(10, 19));
        assert_eq!(names(&course.beyond), [name(10, 15), name(20, 29)]);
        let later = ledger
            .commit(pinned(10, 19).range, Digest::of(b""))
            .unwrap();
        assert_eq!(course.settle(&later.pin(pinned(20, 29)).unwrap()), 2);
        assert_eq!(course.beyond, []);
    }

    #[test]
    fn without_a_ledger_everything_is_beyond() {
        let ledger = Ledger::new(ShardId::new("s").unwrap());
        let mut course = Course::new(&ledger, chunks(&[(0, 4)]));
        assert_eq!(course.settle(&ledger), 0);
        assert_eq!((course.chunks.len(), course.beyond.len()), (0, 1));
    }

    #[test]
    fn of_chunks_that_overlap_those_with_more_objects_are_right() {
        let all = chunks(&[(0, 9), (10, 19), (5, 12), (20, 29)]);
        let course = Course::new(&committed(29), all);
        assert_eq!(
            names(&course.chunks),
            [name(0, 9), name(10, 19), name(20, 29)]
        );
        let rivals: Vec<_> = course
            .rivals
            .iter()
            .map(|one| (one.other, one.name))
            .collect();
        assert_eq!(rivals, [(name(0, 9), name(5, 12))]);
    }

    proptest! {
        #[test]
        fn no_two_chunks_overlap_and_none_is_forgotten(
            ranges in prop::collection::btree_set((0_u64..40, 0_u64..10), 0..20)
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(a, length)| (a, a + length)).collect();
            let all = chunks(&ranges);
            let course = Course::new(&committed(100), all.clone());
            prop_assert_eq!(course.chunks.len() + course.rivals.len(), all.len());
            for pair in course.chunks.windows(2) {
                prop_assert!(pair[0].0.last < pair[1].0.first);
            }
            for Rival { name, other, .. } in &course.rivals {
                prop_assert!(other.first <= name.last && name.first <= other.last);
                prop_assert!(course.chunks.iter().any(|(name, _)| name == other));
            }
        }
    }
}
