//! The streams that are delivered during outages.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, SHARD, STREAM, records};
use crate::support::lake;
use crate::support::program::Place;
use testkit::proxy::{Fault, Rule};

use super::TIMEOUT;

/// The number of records in a response, which become one chunk.
const RECORDS_PER_CHUNK: usize = 20;
pub(super) const A_CHUNK_AN_ANSWER: [&str; 2] = ["--chunk-records", "1"];

/// A closed shard with two chunks and its two children, of which nothing has been read.
pub(super) fn new_stream() -> Cloud {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    cloud.kinesis.records_per_read(RECORDS_PER_CHUNK);
    cloud.put_by_keys(&records(40, 1));
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_by_keys(&records(20, 2));
    cloud
}

/// The same, after a worker was killed that had put the objects and the manifest of a chunk.
pub(super) fn interrupted_chunk() -> Cloud {
    let cloud = new_stream();
    let commit = Rule::new(Fault::Hold).method("PUT").path("_sluice/ledger");
    let commit = cloud.proxy(S3).add(commit.body("\"committed\": {"));
    let killed = cloud.worker_with_log("killed.log", &A_CHUNK_AN_ANSWER);
    assert!(cloud.proxy(S3).wait_for_hits(commit, 1, TIMEOUT));
    drop(killed);
    cloud.proxy(S3).remove_rules();
    cloud
}

/// The same, with a registry that has an active release.
pub(super) fn with_registry() -> Cloud {
    static REGISTRY: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    let cloud = new_stream();
    for (name, content) in REGISTRY.get_or_init(registry) {
        cloud.put_object(&format!("registry/{name}"), content.clone());
    }
    cloud
}

/// The files of a registry.
fn registry() -> BTreeMap<String, Vec<u8>> {
    let place = Place::new();
    let registry = ["--registry", "file:registry"];
    place
        .run(&["transform", "export", "rules.wasm"])
        .succeeded();
    let publish = [&["transform", "publish", "rules.wasm"], &registry[..]].concat();
    let published = place.run(&publish).succeeded().stdout;
    let activate = [&["transform", "activate", published.trim()], &registry[..]].concat();
    place.run(&activate).succeeded();
    let mut files = lake::tree(&place.path("registry"));
    files.retain(|name, _| !name.ends_with('/'));
    files
}
