//! Chains of chunk manifests, with some that are missing, wrong or too many.

use proptest::prelude::*;
use sluice_engine::record::ShardId;

use super::*;
use crate::ledger::Range;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::source::unpacking::Unpacking;

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
        unpacking: Unpacking::default(),
        release: Digest::of(b"release"),
        schema: None,
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
