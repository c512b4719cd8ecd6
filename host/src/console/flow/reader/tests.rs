//! Figures of manifests in a folder.

use std::fs;
use std::path::Path;

use serde_json::json;
use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_storage::folder::FolderStore;
use sluice_storage::location::StoreLocation;

use super::*;
use crate::console::cached::Seen;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range};

fn release() -> Digest {
    Digest::of(b"release")
}

/// The manifest of a chunk of 10 records: 8 are events in one object, 2 are quarantined.
pub(in crate::console) fn manifest(
    shard: &str,
    first: u64,
    last: u64,
    arrived_at: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> ChunkManifest {
    let digest = ContentDigest::of(b"lines");
    let arrived_at = arrived_at
        .map(|(min, max)| json!({ "min": min.timestamp_millis(), "max": max.timestamp_millis() }));
    let manifest = json!({
        "version": 1,
        "shard": shard,
        "range": { "first": first.to_string(), "last": last.to_string(), "count": 10 },
        "after": null,
        "last_digest": release(),
        "arrived_at": arrived_at,
        "release": release(),
        "pins": Pins::default(),
        "resource_faults": ResourceFaults::default(),
        "counts": {
            "bytes": 1_000, "events": 8, "messages": 3, "quarantined": 2, "dropped": 0, "bus_only": 0
        },
        "objects": [{
            "key": "event_type=a/x", "partition": "event_type=a", "lines": 8, "bytes": 800, "digest": digest
        }],
        "quarantine": [{
            "key": "q", "reason": "bad_json", "records": 2, "bytes": 20, "digest": digest
        }],
    });
    serde_json::from_value(manifest).unwrap()
}

fn put(folder: &Path, manifest: &ChunkManifest) {
    let place = folder.join(manifest.key());
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, manifest.json()).unwrap();
}

/// A ledger that has committed these chunks.
fn ledger(shard: &str, chunks: &[(u64, u64)]) -> Ledger {
    let ledger = Ledger::new(ShardId::new(shard).unwrap()).of_stream(1);
    chunks.iter().fold(ledger, |ledger, (first, last)| {
        let range = Range {
            first: (*first).into(),
            last: (*last).into(),
            count: 10,
        };
        let pending = Pending {
            range,
            release: release(),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        };
        let pinned = ledger.pin(pending).unwrap();
        pinned.commit(range, release()).unwrap()
    })
}

fn seen(ledgers: &[Ledger]) -> View<LedgersView> {
    let value = LedgersView {
        ledgers: ledgers.to_vec(),
        problems: Vec::new(),
    };
    View::Ready(Seen {
        value: Arc::new(value),
        at: Utc::now(),
        problem: None,
    })
}

fn reader(folder: &Path, now: DateTime<Utc>) -> FlowReader {
    let lake = Lake {
        location: StoreLocation::Folder(folder.to_owned()),
        store: Arc::new(FolderStore::shared(folder.to_owned())),
        reads_at_once: 4,
    };
    FlowReader::new(lake, now)
}

/// The records of the last hour.
fn records(reader: &FlowReader, now: DateTime<Utc>) -> f64 {
    let points = reader.view.records.points(now + TimeDelta::seconds(60));
    let records: f64 = points.iter().map(|(_, rate)| rate * 20.0).sum();
    records.round()
}

#[tokio::test]
async fn manifests_count_once_when_they_are_committed() {
    let folder = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let times = Some((now - TimeDelta::seconds(90), now - TimeDelta::seconds(30)));
    let chunks = [(1, 9), (10, 19), (20, 29)];
    for (first, last) in chunks {
        put(folder.path(), &manifest("s", first, last, times));
    }
    let mut reader = reader(folder.path(), now);
    assert!(reader.view().is_none());
    reader.read(&View::Reading, now).await;
    assert!(reader.view().is_none());
    let now = now + TimeDelta::seconds(5);
    for (committed, expected) in [(2, 20.0), (2, 20.0), (3, 30.0)] {
        let ledger = ledger("s", &chunks[..committed]);
        reader.read(&seen(&[ledger]), now).await;
        assert_eq!(records(&reader, now), expected);
    }
    let view = reader.view().unwrap();
    assert_eq!((view.left_out, view.problem, view.since), (None, None, now));
    assert!(view.reshards.is_empty());
}

#[tokio::test]
async fn a_manifest_of_megabytes_counts_as_the_pipeline_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let mut large = manifest("s", 1, 9, None);
    large.objects[0].key = "x".repeat(9 << 20);
    put(folder.path(), &large);
    let mut reader = reader(folder.path(), now);
    reader.read(&seen(&[ledger("s", &[(1, 9)])]), now).await;
    assert_eq!(records(&reader, now), 10.0);
    assert_eq!(reader.view().unwrap().problem, None);
}

#[tokio::test]
async fn redriven_records_do_not_count_again() {
    let folder = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let shards = ["s", "redrive-20261127-125358-1b22"];
    for shard in shards {
        put(folder.path(), &manifest(shard, 1, 9, None));
    }
    let ledgers = shards.map(|shard| ledger(shard, &[(1, 9)]));
    let mut reader = reader(folder.path(), now);
    reader.read(&seen(&ledgers), now).await;
    assert_eq!(records(&reader, now), 10.0);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let good = manifest("s", 1, 9, None);
    put(folder.path(), &good);
    let bad = manifest("t", 1, 9, None);
    put(folder.path(), &bad);
    fs::write(folder.path().join(bad.key()), b"{}").unwrap();
    let mut reader = reader(folder.path(), now);
    let ledgers = [ledger("s", &[(1, 9)]), ledger("t", &[(1, 9)])];
    reader.read(&seen(&ledgers), now).await;
    let problem = reader.view().unwrap().problem.unwrap();
    assert!(
        problem.contains("chunk manifests cannot be read") && problem.contains("/t/"),
        "{problem}"
    );
    // What is missing in the figures is said as long as it is.
    reader.read(&seen(&ledgers), now).await;
    let view = reader.view().unwrap();
    let expected = "the figures are without 1 chunk, which could not be read";
    assert_eq!(
        (view.left_out, view.problem.as_deref()),
        (None, Some(expected))
    );
    assert_eq!(records(&reader, now), 10.0);
    // That the ledgers cannot be read does not hide it.
    reader.read(&View::Failed("throttled".into()), now).await;
    let view = reader.view().unwrap();
    let why = UNREAD;
    assert_eq!(
        (view.left_out.as_deref(), view.problem.as_deref()),
        (Some(why), Some(expected))
    );
}

#[tokio::test]
async fn what_is_left_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let shards: Vec<_> = (0..SHARDS_MAX + 3).map(|n| format!("s{n:04}")).collect();
    let ledgers: Vec<_> = shards.iter().map(|s| ledger(s, &[(1, 9)])).collect();
    let mut reader = reader(folder.path(), now);
    reader.read(&seen(&ledgers), now).await;
    let view = reader.view().unwrap();
    let left_out = view.left_out.unwrap();
    assert!(left_out.contains("left out of 3 shards"), "{left_out}");
    assert_eq!(view.problem, None);
    let listed = |n: u64| ListedManifest {
        name: manifest("s", n, n, None).name(),
        put_at: now.timestamp_millis(),
    };
    let head = LedgerHead::of(&ledgers[0]).unwrap();
    let all = OF_SHARD_MAX + 7;
    let list = ManifestList {
        newest: (7..all as u64).map(listed).collect(),
        all,
        has_older: true,
    };
    let newest = reader.newest(&head, list, now);
    assert_eq!(newest.len(), OF_SHARD_MAX);
    assert_eq!(newest[0].listed, listed(7));
    let left_out = reader.left_out().unwrap();
    assert!(
        left_out.contains("at least 7 chunks of the last hour"),
        "{left_out}"
    );
    reader.forget_old(now + TimeDelta::seconds(KEPT_SECONDS + 1));
    assert_eq!(reader.left_out(), None);
}

#[tokio::test]
async fn a_shard_of_a_stream_that_is_finished_is_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    let now = Utc::now();
    let mut reader = reader(folder.path(), now);
    let open = [ledger("s", &[]), ledger("t", &[]).finish().unwrap()];
    reader.read(&seen(&open), now).await;
    assert!(reader.view().unwrap().reshards.is_empty());
    let finished = [ledger("s", &[]).finish().unwrap(), open[1].clone()];
    for _ in 0..2 {
        reader.read(&seen(&finished), now).await;
        let marks = reader.view().unwrap().reshards;
        assert_eq!(marks.len(), 1);
        assert!(marks[0].text.starts_with("s was split or merged"));
    }
    // Nobody has looked for a while, and nobody knows when these were finished.
    let later = now + TimeDelta::hours(2);
    let meanwhile = ["u", "v"].map(|shard| ledger(shard, &[]).finish().unwrap());
    reader.read(&seen(&meanwhile), later).await;
    assert!(reader.view().unwrap().reshards.is_empty());
}
