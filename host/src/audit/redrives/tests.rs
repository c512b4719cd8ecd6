//! Ranges of a redrive that fit its claims, and ranges that do not.

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;

use super::*;
use crate::layout::object_key::ShortId;
use crate::ledger::decoding::{RecordDecoding, RecordFormat};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range as LedgerRange};
use crate::source::unpacking::Unpacking;

/// An object with these ordinals.
fn object(ordinals: Range<u64>) -> RedriveObject {
    let key = format!(
        "_sluice/quarantine/reason=trap/s-{:020}-{:020}-0123abcd.ndjson",
        ordinals.start, ordinals.end
    );
    RedriveObject {
        key,
        shard: ShardId::new("s").unwrap(),
        reason: ReasonCode::new("trap").unwrap(),
        release: Digest::of(b"old"),
        records: ordinals.end - ordinals.start,
        bytes: 100,
        digest: ContentDigest::of(b"content"),
        is_undecoded: true,
    }
}

/// Objects of 10 records, of which those at these places are claimed.
fn redrive(claimed: &[u64]) -> Redrive {
    let (mut redrive, all) = (
        Redrive {
            chunks: LandedChunks::default(),
            claimed: Vec::new(),
            unclaimed: Vec::new(),
        },
        (0..5).map(|place| 10 * place..10 * place + 10),
    );
    for (place, ordinals) in (0..).zip(all) {
        let object = object(ordinals.clone());
        if claimed.contains(&place) {
            redrive.claimed.push(ClaimedObject {
                ordinals,
                object,
                may_be_expired: false,
            });
        } else {
            redrive.unclaimed.push((ordinals, object.key));
        }
    }
    redrive
}

fn range(first: u64, last: u64, count: u64) -> LedgerRange {
    LedgerRange {
        first: first.into(),
        last: last.into(),
        count,
    }
}

/// The kind of what is wrong with a range.
fn kind(claimed: &[u64], range: LedgerRange) -> Option<Kind> {
    let wrong = redrive(claimed).compare_range(range, Unpacking::default());
    wrong.map(|(kind, _)| kind)
}

#[test]
fn a_range_has_the_records_of_the_claimed_objects_and_no_others() {
    assert_eq!(kind(&[0, 1, 2], range(5, 24, 20)), None);
    assert_eq!(kind(&[0, 2, 4], range(0, 49, 30)), None);
    assert_eq!(kind(&[0, 2], range(0, 29, 30)), Some(Kind::MissingClaim));
    assert_eq!(kind(&[0, 1], range(0, 29, 20)), Some(Kind::MissingClaim));
    assert_eq!(kind(&[1, 2], range(0, 29, 20)), Some(Kind::MissingClaim));
    assert_eq!(kind(&[], range(0, 9, 10)), Some(Kind::MissingClaim));
    assert_eq!(kind(&[0, 4], range(40, 59, 20)), Some(Kind::MissingClaim));
    let added = kind(&[0, 1, 2], range(0, 29, 20));
    assert_eq!(added, Some(Kind::UnredrivenClaim));
}

#[test]
fn a_record_that_is_decoded_can_become_several() {
    let unpacking = Unpacking {
        decoding: RecordDecoding {
            format: RecordFormat::Lines,
            ..RecordDecoding::default()
        },
        ..Unpacking::default()
    };
    let redrive = redrive(&[0, 2]);
    let fits = |range| redrive.compare_range(range, unpacking).is_none();
    assert!(fits(range(0, 29, 20)) && fits(range(0, 29, 31)));
    assert!(!fits(range(0, 29, 19)) && !fits(range(0, 30, 31)));
}

#[test]
fn the_objects_without_a_claim_are_named() {
    let (_, why) = redrive(&[0, 3])
        .compare_range(range(0, 39, 40), Unpacking::default())
        .unwrap();
    let first = object(10..20).key;
    assert!(
        why.contains(&format!("no claim of {first} and 1 more")),
        "{why}"
    );
    assert!(why.contains("restore _sluice/redrives/claims/reason=trap/s-"));
}

/// An object that lies in no chunk was left out, and can have been claimed since.
#[test]
fn what_lies_within_a_committed_chunk_is_redriven() {
    let shard = ShardId::new("redrive-1").unwrap();
    let new = Ledger::new(shard);
    let pinned = new.pin(Pending {
        range: range(10, 24, 15),
        release: Digest::of(b"release"),
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    });
    let pinned = pinned.unwrap();
    let chunk = || {
        let name = ChunkName {
            first: 10.into(),
            last: 24.into(),
            release: ShortId::of(Digest::of(b"release")),
        };
        std::iter::once(name)
    };
    assert_eq!(landed(Some(&pinned), chunk()).landed(&(10..20)), 0);
    let done = pinned.commit(range(10, 24, 15), Digest::of(b"24")).unwrap();
    for (ordinals, expected) in [(0..10, 0), (10..20, 10), (20..30, 5), (30..40, 0)] {
        assert_eq!(landed(Some(&done), chunk()).landed(&ordinals), expected);
    }
    assert_eq!(landed(None, chunk()).landed(&(10..20)), 0);
}
