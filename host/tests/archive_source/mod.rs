//! An archive as a source: what a run has archived is replayed, tried and audited when the source no longer has it.

mod damage;
mod files;
mod kills;
mod parts;
mod streams;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluice::source::aggregate::Aggregator;

use crate::support::cloud::{Cloud, STREAM, events, uuid};
use crate::support::lake;
use crate::support::program::{Place, Ran};

/// The archive of a run, as the setting and as a source.
const ARCHIVE: [&str; 2] = ["--archive", "file:archive"];
const SOURCE: [&str; 2] = ["--source", "archive:file:archive"];

/// The records of one answer of the stream while it is archived, and of a chunk at least. Later reads have all records in
/// one answer, so their batches end at other records than the objects of the archive.
const PER_READ: usize = 170;
const PER_CHUNK: [&str; 2] = ["--chunk-records", "100"];

/// A chunk for each batch.
const BATCHES: [&str; 2] = ["--chunk-records", "1"];

/// A stream with this many events a shard, some of them in an aggregate and a record that is none, which a worker has landed and
/// archived.
fn archived(shards: usize, count: u64) -> Cloud {
    let cloud = Cloud::new(shards);
    let events = events(count * shards as u64, 41);
    cloud.kinesis.records_per_read(PER_READ);
    let (some, others) = events.split_at(events.len() / 2);
    cloud.put_all(some);
    put_aggregate(&cloud, &others[..20]);
    cloud.put_all(&others[20..]);
    cloud.catch_up(&[&ARCHIVE[..], &PER_CHUNK].concat());
    cloud.kinesis.records_per_read(10_000);
    cloud
}

fn put_aggregate(cloud: &Cloud, events: &[Vec<u8>]) {
    let mut aggregator = Aggregator::new(50_000);
    for event in events {
        aggregator.push(&uuid(event), event);
    }
    aggregator.push("broken", b"no event");
    let (key, data) = aggregator.finish().unwrap();
    cloud.kinesis.put(STREAM, &key, &data);
}

/// The program with the services of a cloud in its environment.
fn command(cloud: &Cloud, args: &[&str]) -> Command {
    let mut command = cloud.place.command(args);
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command
}

fn run(cloud: &Cloud, args: &[&str]) -> Ran {
    command(cloud, args).output().unwrap().into()
}

/// A replay into another prefix of the bucket.
fn replay(cloud: &Cloud, source: &[&str], lake: &str, more: &[&str]) -> Ran {
    let lake = format!("s3://bucket/{lake}");
    let args = ["replay", "--lake", &lake, "--summary", "json"];
    run(cloud, &[&args[..], source, more].concat())
}

fn lake_of(cloud: &Cloud, name: &str) -> PathBuf {
    cloud.lake().with_file_name(name)
}

/// The objects and the chunk manifests of a lake, byte for byte.
fn landed(lake: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = lake::tree(lake);
    let is_document = |path: &str| path.starts_with("_sluice/chunks/") && path.ends_with(".json");
    tree.retain(|path, _| path.ends_with(".ndjson.zst") || is_document(path));
    assert!(!tree.is_empty());
    tree
}

/// The files of an archive, sorted.
fn objects(place: &Place) -> Vec<PathBuf> {
    let archive = place.path("archive");
    let tree = lake::tree(&archive);
    let paths = tree
        .keys()
        .filter(|path| path.ends_with(".ndjson.zst"))
        .map(|path| archive.join(path));
    paths.collect()
}

/// The objects of one shard of an archive.
fn objects_of(place: &Place, shard: &str) -> Vec<PathBuf> {
    let mut objects = objects(place);
    objects.retain(|path| path.parent().unwrap().ends_with(shard));
    objects
}

/// The name of a file.
fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Takes a file away while `work` is done.
fn without<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let elsewhere = path.with_extension("away");
    fs::rename(path, &elsewhere).unwrap();
    let done = work();
    fs::rename(&elsewhere, path).unwrap();
    done
}
