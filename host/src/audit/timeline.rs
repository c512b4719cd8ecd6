//! The chunks of a shard in order, by its ledger and by the chunk manifests.

use sluice_engine::digest::Digest;
use sluice_engine::record::SequenceNumber;

use sluice_release::bundle::ReleaseId;

use super::inventory::ChunkObjects;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, ShortId};
use crate::ledger::misplaced_records::MisplacedRecords;
use crate::ledger::{Ledger, Pending};

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
    /// Whether its misplaced records were kept or dropped.
    pub(super) misplaced_records: MisplacedRecords,
    /// The release that transformed it.
    pub(super) release: ReleaseId,
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
            misplaced_records: manifest.pins.misplaced_records,
            release: manifest.release,
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
        name.last <= self.last && self.after.is_none_or(|after| name.first > after)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::ledger::Range;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;

    fn name(first: u64, last: u64) -> ChunkName {
        ChunkName {
            first: first.into(),
            last: last.into(),
            release: ShortId::of(Digest::of(b"release")),
        }
    }

    /// The manifest of a chunk, with the end of the one before.
    fn head(after: Option<u64>, first: u64, last: u64) -> ChunkHead {
        ChunkHead {
            name: name(first, last),
            after: after.map(SequenceNumber::from),
            count: last - first + 1,
            last_digest: Digest::of(b""),
            misplaced_records: MisplacedRecords::Keep,
            release: Digest::of(b"release"),
            present: present(),
        }
    }

    fn present() -> ChunkObjects {
        ChunkObjects {
            has_manifest: true,
            ..ChunkObjects::default()
        }
    }

    fn gap(after: Option<u64>, last: u64) -> Gap {
        Gap {
            after: after.map(SequenceNumber::from),
            last: last.into(),
        }
    }

    fn pinned(first: u64, last: u64) -> Pending {
        Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: 1,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        }
    }

    fn committed(last: u64) -> Ledger {
        let ledger = Ledger::new(ShardId::new("s").unwrap());
        let ledger = ledger.pin(pinned(0, last)).unwrap();
        let range = pinned(0, last).range;
        ledger.commit(range, Digest::of(b"")).unwrap()
    }

    fn names(chunks: &[ChunkHead]) -> Vec<ChunkName> {
        chunks.iter().map(|head| head.name).collect()
    }

    fn overlaps(timeline: &Timeline) -> Vec<(ChunkName, ChunkName)> {
        let overlaps = timeline.overlapping.iter();
        overlaps.map(|one| (one.name, one.other)).collect()
    }

    #[test]
    fn chunks_are_committed_pending_or_beyond() {
        let ledger = committed(9).pin(pinned(10, 19)).unwrap();
        let heads = vec![
            head(Some(4), 6, 9),
            head(None, 0, 4),
            head(Some(9), 10, 19),
            head(Some(19), 20, 29),
        ];
        let others = vec![(name(10, 15), present())];
        let mut timeline = Timeline::new(&ledger, heads, others);
        assert_eq!(names(&timeline.chunks), [name(0, 4), name(6, 9)]);
        assert_eq!((timeline.gaps.len(), timeline.records()), (0, 9));
        assert!(timeline.pending.is_some());
        let beyond: Vec<_> = timeline.beyond.iter().map(|(name, _)| *name).collect();
        assert_eq!(beyond, [name(20, 29), name(10, 15)]);
        let later = ledger
            .commit(pinned(10, 19).range, Digest::of(b""))
            .unwrap();
        assert_eq!(timeline.account_for(&later.pin(pinned(20, 29)).unwrap()), 2);
        assert_eq!(timeline.beyond, []);
    }

    #[test]
    fn without_a_ledger_everything_is_beyond() {
        let ledger = Ledger::new(ShardId::new("s").unwrap());
        let mut timeline = Timeline::new(&ledger, vec![head(None, 0, 4)], Vec::new());
        assert_eq!(timeline.account_for(&ledger), 0);
        assert_eq!((timeline.chunks.len(), timeline.beyond.len()), (0, 1));
    }

    #[test]
    fn a_manifest_that_is_missing_leaves_a_gap() {
        let all = [
            head(None, 0, 9),
            head(Some(9), 10, 19),
            head(Some(19), 20, 29),
        ];
        let gaps = [gap(None, 9), gap(Some(9), 19), gap(Some(19), 29)];
        for (missing, gap) in gaps.into_iter().enumerate() {
            let mut heads = all.to_vec();
            let missing = heads.remove(missing);
            let others = vec![(missing.name, present())];
            let timeline = Timeline::new(&committed(29), heads, others);
            assert_eq!(timeline.gaps, [gap]);
            assert!(gap.has(timeline.without_manifest[0].0));
            assert_eq!(timeline.overlapping, []);
            assert_eq!(timeline.contradictions, []);
        }
        let timeline = Timeline::new(&committed(29), Vec::new(), Vec::new());
        assert_eq!(timeline.gaps, [gap(None, 29)]);
    }

    #[test]
    fn a_manifest_that_contradicts_its_neighbour_is_named() {
        let first = |after| Timeline::new(&committed(9), vec![head(after, 5, 9)], Vec::new());
        assert_eq!(first(Some(3)).gaps, [gap(None, 3)]);
        assert_eq!(first(None).gaps, []);
        let second = |after| {
            let heads = vec![head(None, 0, 4), head(after, 5, 9)];
            Timeline::new(&committed(9), heads, Vec::new()).contradictions
        };
        assert_eq!(second(Some(4)), []);
        for wrong in [None, Some(2)] {
            assert_eq!(second(wrong), [(name(5, 9), Some(4.into()))]);
        }
    }

    #[test]
    fn of_chunks_that_overlap_those_that_follow_each_other_are_right() {
        let right = [
            head(None, 0, 9),
            head(Some(9), 10, 19),
            head(Some(19), 20, 29),
        ];
        for wrong in [
            head(Some(4), 5, 12),
            head(Some(7), 8, 19),
            head(Some(11), 12, 19),
            head(Some(11), 12, 15),
            head(Some(24), 25, 29),
        ] {
            let heads = right.iter().cloned().chain([wrong.clone()]).collect();
            let timeline = Timeline::new(&committed(29), heads, Vec::new());
            assert_eq!(timeline.chunks, right, "{:?}", wrong.name);
            assert_eq!(overlaps(&timeline).len(), 1);
            assert_eq!(overlaps(&timeline)[0].0, wrong.name);
            assert_eq!((timeline.gaps.len(), timeline.contradictions.len()), (0, 0));
        }
    }

    proptest! {
        #[test]
        fn no_two_chunks_overlap_and_none_is_forgotten(
            ranges in prop::collection::btree_set((0_u64..40, 0_u64..10), 0..20),
            with_manifest in 0_u64..40,
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(a, length)| (a, a + length)).collect();
            let (named, others): (Vec<_>, Vec<_>) =
                ranges.iter().partition(|(first, _)| *first < with_manifest);
            let heads = named.iter().map(|(a, b)| head(a.checked_sub(1), *a, *b)).collect();
            let others = others.iter().map(|(a, b)| (name(*a, *b), present())).collect();
            let timeline = Timeline::new(&committed(100), heads, others);
            let elsewhere = timeline.overlapping.len() + timeline.without_manifest.len();
            prop_assert_eq!(timeline.chunks.len() + elsewhere, ranges.len());
            for pair in timeline.chunks.windows(2) {
                prop_assert!(pair[0].name.last < pair[1].name.first);
            }
            for Overlap { name, other, .. } in &timeline.overlapping {
                prop_assert!(other.first <= name.last && name.first <= other.last);
            }
            for (name, _) in &timeline.without_manifest {
                prop_assert!(timeline.gaps.iter().any(|gap| gap.has(*name)), "{name:?}");
            }
        }
    }
}
