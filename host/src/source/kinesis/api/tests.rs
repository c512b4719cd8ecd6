use sluice_engine::digest::Digest;
use sluice_engine::record::{Bounds, ShardId};

use super::*;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range};

fn pending(first: u64, last: u64) -> Pending {
    Pending {
        range: Range {
            first: first.into(),
            last: last.into(),
            count: 2,
        },
        release: Digest::of(b"release"),
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    }
}

#[test]
fn a_pending_range_comes_before_what_follows_the_committed_records() {
    let ledger = Ledger::new(ShardId::new("events-shardId-000000000000").unwrap());
    let start = |ledger: &Ledger| Start::resume(&ResumePoint::of(ledger), Start::At(7));
    assert_eq!(start(&ledger), Start::At(7));
    let pinned = ledger.pin(pending(1, 4)).unwrap();
    assert_eq!(start(&pinned), Start::From(1.into()));
    let committed = pinned
        .commit(pending(1, 4).range, Digest::of(b"4"))
        .unwrap();
    assert_eq!(start(&committed), Start::After(4.into()));
    let interrupted = committed.pin(pending(6, 9)).unwrap();
    assert_eq!(start(&interrupted), Start::From(6.into()));
}

#[test]
fn the_start_of_a_pipeline_is_in_its_ledger() {
    let new = Ledger::new(ShardId::new("events-shardId-000000000000").unwrap());
    assert_eq!(Start::of_pipeline(&new), None);
    assert_eq!(
        Start::of_pipeline(&new.begin_at(7)),
        Some(Start::At(7)),
        "of a run that did not start at the oldest record"
    );
    for (from, start) in [
        (None, Start::TrimHorizon),
        (Some(Bound::Moment(9)), Start::At(9)),
        (Some(Bound::Sequence(5.into())), Start::From(5.into())),
    ] {
        let replayed = new.for_replay(Some(Bounds { from, to: None })).unwrap();
        assert_eq!(Start::of_pipeline(&replayed), Some(start));
    }
}
