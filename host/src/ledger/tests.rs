//! What the ledger allows.

use std::time::Duration;

use proptest::prelude::*;
use sluice_engine::outcome::Fault;

use super::*;
use crate::format::Format;
use crate::ledger::messages::Messages;
use crate::ledger::misplaced_records::MisplacedRecords;

fn shard() -> ShardId {
    ShardId::new("shard").unwrap()
}

fn pending(first: u64, last: u64, count: u64) -> Pending {
    Pending {
        range: Range {
            first: first.into(),
            last: last.into(),
            count,
        },
        release: Digest::of(b"release"),
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    }
}

#[test]
fn a_range_is_pinned_and_then_committed() {
    let ledger = Ledger::new(shard()).pin(pending(0, 90, 10)).unwrap();
    let ledger = ledger
        .commit(pending(0, 90, 10).range, Digest::of(b"x"))
        .unwrap();
    let ledger = ledger.pin(pending(100, 190, 5)).unwrap();
    let ledger = ledger
        .commit(pending(100, 190, 5).range, Digest::of(b"y"))
        .unwrap();
    assert_eq!(ledger.pending(), None);
    assert_eq!(ledger.committed().unwrap().records, 15);
    assert_eq!(ledger.committed().unwrap().last, 190.into());
}

#[test]
fn a_pending_range_admits_no_other() {
    let ledger = Ledger::new(shard()).pin(pending(0, 90, 10)).unwrap();
    assert!(ledger.pin(pending(0, 90, 10)).is_ok());
    for other in [pending(0, 80, 10), pending(0, 90, 9), pending(91, 99, 1)] {
        assert!(matches!(
            ledger.pin(other),
            Err(LedgerError::Pending { .. })
        ));
    }
    let mut other_release = pending(0, 90, 10);
    other_release.release = Digest::of(b"another");
    assert!(ledger.pin(other_release).is_err());
}

#[test]
fn a_pending_range_keeps_its_pins() {
    let ledger = Ledger::new(shard()).pin(pending(0, 90, 10)).unwrap();
    let mut faults = ResourceFaults::default();
    faults.push(3, Fault::OutOfTime);
    let changes: [fn(&mut Pending); 6] = [
        |pending| pending.pins.limits.fuel += 1,
        |pending| pending.pins.limits.time += Duration::from_nanos(1),
        |pending| pending.pins.format = Format::NDJSON,
        |pending| pending.pins.misplaced_records = MisplacedRecords::Drop,
        |pending| pending.pins.messages = Some(Messages::Objects),
        |pending| pending.pins.message_bytes = Some(1),
    ];
    for change in changes {
        let mut other = pending(0, 90, 10);
        change(&mut other);
        assert!(ledger.pin(other.clone()).is_err(), "{other:?}");
        let pinned = Ledger::new(shard()).pin(other.clone()).unwrap();
        let read = Ledger::parse(&serde_json::to_vec(&pinned).unwrap()).unwrap();
        assert_eq!(read.pending(), Some(&other));
    }
    let failed = Pending {
        resource_faults: faults,
        ..pending(0, 90, 10)
    };
    assert!(ledger.pin(failed).is_err());
}

#[test]
fn nothing_is_done_twice() {
    let ledger = Ledger::new(shard()).pin(pending(0, 90, 10)).unwrap();
    let (range, digest) = (pending(0, 90, 10).range, Digest::of(b"x"));
    let ledger = ledger.commit(range, digest).unwrap();
    assert_eq!(ledger.commit(range, digest).as_ref(), Ok(&ledger));
    let other = pending(91, 99, 5).range;
    assert_eq!(ledger.commit(other, digest), Err(LedgerError::Nothing));
    for early in [pending(0, 90, 10), pending(90, 95, 1), pending(99, 95, 1)] {
        assert!(matches!(ledger.pin(early), Err(LedgerError::Order { .. })));
    }
}

#[test]
fn a_document_of_another_shard_or_version_is_rejected() {
    let ledger = Ledger::new(shard());
    let other = ShardId::new("other").unwrap();
    assert!(matches!(
        ledger.clone().check(&other),
        Err(LedgerError::Shard(_))
    ));
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(Ledger::parse(text.as_bytes()), Ok(ledger));
    for version in [3, 5] {
        let other = text.replace("\"version\":4", &format!("\"version\":{version}"));
        let error = Ledger::parse(other.as_bytes());
        assert_eq!(error, Err(LedgerError::Version(version)));
    }
    let misspelt = text.replace("version", "versoin");
    assert!(matches!(
        Ledger::parse(misspelt.as_bytes()),
        Err(LedgerError::Document(_))
    ));
}

#[test]
fn a_function_begins_once_and_only_with_a_new_shard() {
    let new = Ledger::new(shard());
    let begun = new.clone().begin_with(5.into());
    assert_eq!(begun.began_with(), Some(5.into()));
    let given_later = begun.clone().begin_with(10.into());
    assert_eq!(given_later.began_with(), Some(5.into()));
    let pinned = begun.pin(pending(5, 9, 5)).unwrap();
    assert_eq!(pinned.begin_with(10.into()).began_with(), Some(5.into()));
    for known in [new.begin_at(1), new.pin(pending(0, 4, 5)).unwrap()] {
        assert_eq!(known.begin_with(5.into()).began_with(), None);
    }
}

proptest! {
    #[test]
    fn any_run_of_steps_keeps_committed_rising_and_counted(
        steps in proptest::collection::vec((0u64..50, 1u64..20, any::<bool>()), 1..60)
    ) {
        let mut ledger = Ledger::new(shard());
        let (mut last, mut records) = (None, 0);
        for (gap, count, crash) in steps {
            let first = last.map_or(0, |last| last + 1) + gap;
            let range = pending(first, first + count, count);
            ledger = ledger.pin(range.clone()).unwrap();
            if crash {
                let text = serde_json::to_string(&ledger).unwrap();
                ledger = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(ledger.pending(), Some(&range));
                ledger = ledger.pin(range.clone()).unwrap();
            }
            ledger = ledger.commit(range.range, Digest::of(b"x")).unwrap();
            records += count;
            last = Some(first + count);
            prop_assert_eq!(ledger.committed().unwrap().records, records);
            prop_assert_eq!(ledger.committed().unwrap().last, (first + count).into());
        }
    }
}
