//! Documents next to the lake and in a registry: ledgers, chunk manifests, lines of quarantine, manifests of
//! releases, and `active.json`.

use std::fmt::Debug;

use chrono::DateTime;
use serde::Serialize;
use sluice::layout::Content;
use sluice::layout::chunk_manifest::ChunkManifest;
use sluice::layout::object_key::ChunkName;
use sluice::layout::quarantine::QuarantinedRecord;
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

/// A chunk manifest, and a line of quarantine.
pub(crate) fn manifest(input: &[u8]) {
    if let Some(manifest) = read(input, ChunkManifest::parse) {
        assert_eq!(ChunkManifest::parse(&manifest.json()), Ok(manifest.clone()));
        assert_eq!(manifest.difference(&manifest), None);
        assert!(manifest.records_in_lake() <= manifest.range.count);
        let key = manifest.key();
        let name = key.strip_prefix("_sluice/chunks/").unwrap();
        let range = manifest.range;
        let is_ordered = range.first <= range.last;
        let parsed = ChunkName::parse_manifest(name);
        let named = is_ordered.then(|| (manifest.shard.clone(), manifest.name()));
        assert_eq!(parsed, named);
    }
    for line in input.split(|byte| *byte == b'\n') {
        let record = QuarantinedRecord::parse(line);
        let _ = record.as_ref().and_then(QuarantinedRecord::data);
        let content = Content::of_quarantine(line);
        assert!(content.is_none_or(|content| line.is_empty() || content.lines == 1));
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
            transform: None,
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
