//! The archive has all records of each committed chunk as the rules saw them, in files, on a stream and in a function.

mod kills;
mod pending;
mod sources;

use std::collections::BTreeMap;
use std::path::Path;

use sluice::format::decode;
use sluice::layout::archive::{
    ARCHIVE_FORMAT, ArchiveHeader, ArchiveKey, ArchiveLines, NotDecoded,
};
use sluice::layout::chunk_manifest::ChunkManifest;

use crate::support::{lake, manifests};

/// A record of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    shard: String,
    position: String,
    key: String,
    arrived_at: u64,
    undecoded: Option<NotDecoded>,
    data: Vec<u8>,
}

/// An object of the archive.
struct Object {
    header: ArchiveHeader,
    lines: Vec<u8>,
    records: Vec<Kept>,
}

/// The objects of an archive, by their keys. There must be nothing else, except for temporary files of killed runs.
fn objects(archive: &Path) -> BTreeMap<String, Object> {
    let files = lake::tree(archive).into_iter();
    let files = files.filter(|(path, _)| !path.ends_with('/') && !path.starts_with(".tmp/"));
    files
        .map(|(path, bytes)| {
            let key = ArchiveKey::parse(&path).unwrap_or_else(|| panic!("{path} was left"));
            let lines = decode(ARCHIVE_FORMAT, &bytes).unwrap();
            let read = ArchiveLines::of(&key, &lines[..]).unwrap();
            let header = read.header().clone();
            let records = read.map(|record| {
                let record = record.unwrap();
                Kept {
                    shard: key.shard.to_string(),
                    position: record.position.to_string(),
                    key: record.partition_key.clone().into_owned(),
                    arrived_at: record.arrived_at,
                    undecoded: record.undecoded,
                    data: record.data.to_vec(),
                }
            });
            let records = records.collect();
            let object = Object {
                header,
                lines,
                records,
            };
            (path, object)
        })
        .collect()
}

/// The records of an archive, in the order of their shards.
fn kept(archive: &Path) -> Vec<Kept> {
    let objects = objects(archive).into_values();
    objects.flat_map(|object| object.records).collect()
}

/// The bytes of the records of an archive.
fn kept_data(archive: &Path) -> Vec<Vec<u8>> {
    kept(archive).into_iter().map(|kept| kept.data).collect()
}

/// Asserts that each chunk manifest of a lake names its object in the archive, that the objects of a shard follow one
/// another, and that there are no others. Returns the number of chunks.
fn is_complete(lake: &Path, archive: &Path) -> usize {
    let mut objects = objects(archive);
    let mut chunks = 0;
    for manifest in manifests::manifests(lake).into_values().flatten() {
        has_object(&manifest, &mut objects);
        chunks += 1;
    }
    let others: Vec<_> = objects.keys().collect();
    assert!(others.is_empty(), "in no chunk manifest: {others:?}");
    chunks
}

fn has_object(manifest: &ChunkManifest, objects: &mut BTreeMap<String, Object>) {
    let named = manifest.archive.as_ref().expect("an archive");
    let object = objects.remove(&named.key).expect("the object");
    assert!(named.is_of(&object.lines), "{}", named.key);
    assert_eq!(object.header.after, manifest.after);
    assert_eq!(object.records.len() as u64, manifest.range.count);
    assert_eq!(named.records, manifest.range.count);
}
