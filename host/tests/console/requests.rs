//! The requests of a console to a lake in a bucket: those of its first reads do not grow with the age of the lake.

use std::fs;

use serde_json::json;
use sluice::layout::chunk_manifest::ChunkManifest;
use sluice::ledger::pins::Pins;
use sluice::ledger::resource_faults::ResourceFaults;
use sluice::ledger::{Ledger, Pending, Range};
use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;

use super::client::Console;
use super::command_in;
use crate::support::cloud::{Cloud, Service};

const SHARD: &str = "events-shardId-000000000000";

/// More chunks than any page reads.
const READ: u64 = 400;

/// The records of a chunk.
const RECORDS: u64 = 10;

/// The range of a chunk of the shard.
fn range(chunk: u64) -> Range {
    let first = chunk * RECORDS;
    Range {
        first: first.into(),
        last: (first + RECORDS - 1).into(),
        count: RECORDS,
    }
}

/// The manifest of a chunk whose records were all dropped.
fn manifest(chunk: u64, release: Digest) -> ChunkManifest {
    let manifest = json!({
        "version": 1,
        "shard": SHARD,
        "range": range(chunk),
        "after": null,
        "last_digest": release,
        "arrived_at": null,
        "release": release,
        "pins": Pins::default(),
        "resource_faults": ResourceFaults::default(),
        "counts": {
            "bytes": 100, "events": 0, "messages": 0, "quarantined": 0, "dropped": RECORDS, "bus_only": 0
        },
        "objects": [],
        "quarantine": [],
    });
    serde_json::from_value(manifest).unwrap()
}

/// A bucket with a lake that has one shard with this many chunks.
fn cloud(chunks: u64) -> Cloud {
    let cloud = Cloud::new(1);
    let release = Digest::of(b"release");
    let folder = cloud.lake().join("_sluice/chunks").join(SHARD);
    fs::create_dir_all(&folder).unwrap();
    // Of the older ones, only the names are read. What is read has the tag that a service gives it.
    let (older, newer): (Vec<_>, Vec<_>) = (0..chunks)
        .map(|chunk| manifest(chunk, release))
        .partition(|manifest| manifest.range.first < (RECORDS * (chunks - READ)).into());
    for manifest in older {
        fs::write(cloud.lake().join(manifest.key()), b"").unwrap();
    }
    let newer = newer.iter();
    cloud.put_objects(newer.map(|it| (format!("lake/{}", it.key()), it.json())));
    let pending = Pending {
        range: range(chunks - 1),
        release,
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    };
    let range = pending.range;
    let ledger = Ledger::new(ShardId::new(SHARD).unwrap()).pin(pending);
    let ledger = ledger.unwrap().commit(range, release).unwrap();
    cloud.put_ledger(
        "shardId-000000000000",
        &serde_json::to_value(&ledger).unwrap(),
    );
    cloud
}

/// The lists of chunk manifests that the pages cost which show chunks.
fn lists(cloud: &Cloud) -> usize {
    let mut command = command_in(cloud, &["--lake", "s3://bucket/lake"]);
    let console = Console::start(&mut command);
    let shards = console.says("/shards", &[SHARD]);
    assert!(shards.says("1 idle"), "{}", shards.text());
    let shard = format!("/shard?id={SHARD}");
    console.says(
        &shard,
        &["The newest 50 chunks", "The shard has older ones"],
    );
    console.says("/schema", &["of the newest 300 committed chunks"]);
    let seen = cloud.proxy(Service::S3).seen().into_iter();
    let lists = seen.filter(|seen| {
        let is_list = seen.path.contains("list-type=2");
        is_list && seen.path.contains("chunks") && seen.path.contains(SHARD)
    });
    lists.count()
}

#[test]
fn first_reads_of_an_old_lake_cost_no_more_lists_than_those_of_a_young_one() {
    let young = lists(&cloud(1_500));
    let old = lists(&cloud(6_000));
    assert!((3..=9).contains(&young), "{young}");
    assert!(old <= young, "{old} {young}");
}
