//! Checks the chunk manifests of a lake against its ledgers and its objects.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sluice::format::decode;
use sluice::layout::Content;
use sluice::layout::chunk_manifest::ChunkManifest;
use sluice::layout::object_key::ParsedKey;
use sluice::ledger::{Committed, Ledger};
use sluice_engine::record::ShardId;

use super::lake::tree;

const QUARANTINE: &str = "_sluice/quarantine/";

/// What each object of events and of quarantine holds, by its key.
pub(crate) type Contents = BTreeMap<String, Content>;

/// The chunk manifests of a lake, by shard and in the order of their records. Each must have its own key.
pub(crate) fn manifests(lake: &Path) -> BTreeMap<ShardId, Vec<ChunkManifest>> {
    let mut shards: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, text) in tree(&lake.join("_sluice/chunks")) {
        if path.ends_with('/') {
            continue;
        }
        let manifest = ChunkManifest::parse(&text).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert_eq!(manifest.key(), format!("_sluice/chunks/{path}"));
        let of_shard = shards.entry(manifest.shard.clone()).or_default();
        of_shard.push(manifest);
    }
    for manifests in shards.values_mut() {
        manifests.sort_by_key(|manifest| manifest.range.first);
    }
    shards
}

/// Asserts that the chunk manifests of a lake without pending chunks are complete and name exactly its objects.
pub(crate) fn are_complete(lake: &Path) {
    let contents = tree(lake).into_iter().filter_map(|(path, bytes)| {
        let key = ParsedKey::parse(&path)?;
        let lines = decode(key.format, &bytes).unwrap();
        let content = content(&path, &lines);
        Some((path, content))
    });
    name_exactly(lake, contents.collect());
}

/// The content of an object that was decoded into lines.
pub(crate) fn content(key: &str, lines: &[u8]) -> Content {
    if key.starts_with(QUARANTINE) {
        Content::of_quarantine(lines).unwrap_or_else(|| panic!("{key} has a line of another kind"))
    } else {
        Content::of_lines(lines)
    }
}

/// As [`are_complete`], with the contents of all objects. Returns the manifests.
pub(crate) fn name_exactly(lake: &Path, mut contents: Contents) -> Vec<ChunkManifest> {
    let mut shards = manifests(lake);
    let mut all = Vec::new();
    for ledger in ledgers(lake) {
        let manifests = shards.remove(ledger.shard()).unwrap_or_default();
        follow_each_other(&ledger, &manifests);
        all.extend(manifests);
    }
    assert!(shards.is_empty(), "without a ledger: {:?}", shards.keys());
    for manifest in &all {
        names_objects(manifest, &mut contents);
    }
    let others: Vec<_> = contents.keys().take(10).collect();
    assert!(others.is_empty(), "no manifest names {others:?}");
    all
}

fn ledgers(lake: &Path) -> Vec<Ledger> {
    let parse = |(shard, ledger): (String, Value)| {
        let ledger = Ledger::parse(ledger.to_string().as_bytes());
        ledger.unwrap_or_else(|why| panic!("{shard}: {why}"))
    };
    super::ledgers::ledgers(lake)
        .into_iter()
        .map(parse)
        .collect()
}

/// Each manifest of a shard follows the one before, and together they are what the ledger has committed.
fn follow_each_other(ledger: &Ledger, manifests: &[ChunkManifest]) {
    let mut committed: Option<Committed> = None;
    for manifest in manifests {
        let range = manifest.range;
        let before = committed.as_ref().map(|done| done.last);
        assert_eq!(manifest.after, before, "{}", manifest.key());
        assert!(before < Some(range.first), "{}", manifest.key());
        let records = committed.map_or(0, |done| done.records);
        committed = Some(Committed {
            last: range.last,
            last_digest: manifest.last_digest,
            records: records + range.count,
            file: ledger.committed().and_then(|done| done.file),
        });
    }
    let shard = ledger.shard();
    assert_eq!(ledger.committed(), committed.as_ref(), "{shard}");
}

/// The objects of a manifest exist with the contents that it says, and its counts are those of its objects. They
/// are removed from `contents`.
fn names_objects(manifest: &ChunkManifest, contents: &mut Contents) {
    let key = manifest.key();
    let objects = manifest.objects.iter();
    let objects = objects.map(|o| (&o.key, o.lines, o.bytes, o.digest));
    let quarantine = manifest.quarantine.iter();
    let quarantine = quarantine.map(|o| (&o.key, o.records, o.bytes, o.digest));
    for (object, lines, bytes, digest) in objects.chain(quarantine) {
        let content = Content {
            lines,
            bytes,
            digest,
        };
        let found = contents.remove(object);
        assert_eq!(found, Some(content), "{object}, which {key} names");
    }
    let quarantined = manifest.quarantine.iter().map(|object| object.records);
    let counts = manifest.counts;
    assert_eq!(counts.quarantined, quarantined.sum::<u64>(), "{key}");
    let elsewhere = counts.quarantined + counts.dropped + counts.bus_only;
    assert!(elsewhere <= manifest.range.count, "{key}");
    let lines: u64 = manifest.objects.iter().map(|object| object.lines).sum();
    assert!(lines <= counts.events, "{key}");
}
