//! Documents next to the lake and in a registry: ledgers, manifests of releases, and `active.json`.

use std::fmt::Debug;

use chrono::DateTime;
use serde::Serialize;
use sluice::ledger::{Ledger, Range};
use sluice_engine::digest::Digest;
use sluice_release::bundle::Manifest;
use sluice_release::rollout::{Author, Rollout};

/// Reads a document. What it writes of it must read as the same.
fn read<T: Serialize + PartialEq + Debug, E: Debug>(
    input: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, E>,
) -> Option<T> {
    let document = parse(input).ok()?;
    let text = serde_json::to_vec_pretty(&document).unwrap();
    assert_eq!(parse(&text).unwrap(), document);
    Some(document)
}

/// A ledger, and the steps that it allows.
pub(crate) fn ledger(input: &[u8]) {
    let Some(ledger) = read(input, Ledger::parse) else {
        return;
    };
    let shard = ledger.shard().clone();
    let Ok(ledger) = ledger.check(&shard) else {
        return;
    };
    assert_eq!(ledger.finish().is_err(), ledger.pending().is_some());
    if let Some(pending) = ledger.pending().cloned() {
        let range = pending.range;
        if let Ok(pinned) = ledger.pin(pending.clone()) {
            assert_eq!(pinned, ledger, "a repetition changes nothing");
            assert!(range.first <= range.last && range.count > 0);
            assert!(
                ledger
                    .committed()
                    .is_none_or(|done| done.last < range.first)
            );
        }
        let count = range.count.wrapping_add(1);
        let other = Range { count, ..range };
        assert!(ledger.commit(other, Digest::of(input)).is_err());
        commit(&ledger, range, Digest::of(input));
    }
}

fn commit(ledger: &Ledger, range: Range, last: Digest) {
    let Ok(done) = ledger.commit(range, last) else {
        return;
    };
    assert!(done.pending().is_none());
    assert_eq!(done.committed().map(|done| done.last), Some(range.last));
    assert_eq!(
        done.commit(range, last),
        Ok(done.clone()),
        "committed again"
    );
}

/// A manifest, and the document that names the active release.
pub(crate) fn release(input: &[u8]) {
    if let Some(manifest) = read(input, |text| serde_json::from_slice::<Manifest>(text)) {
        let undescribed = Manifest {
            note: None,
            published_at: None,
            contract: None,
            ..manifest.clone()
        };
        assert_eq!(
            undescribed.id(),
            manifest.id(),
            "the description makes another release"
        );
    }
    if let Some(rollout) = read(input, Rollout::parse) {
        check_rollout(&rollout);
    }
}

fn check_rollout(rollout: &Rollout) {
    let author = Author {
        by: "fuzz".to_owned(),
        at: DateTime::UNIX_EPOCH,
        why: None,
    };
    let _ = rollout.policy_at(DateTime::UNIX_EPOCH);
    if let Ok(back) = rollout.roll_back(&author) {
        assert_eq!(back.number, rollout.number.saturating_add(1));
    }
    for release in rollout.in_use() {
        if let Some(next) = rollout.roll_back_release(release, &author) {
            assert_eq!(next.number, rollout.number.saturating_add(1));
        }
    }
}
