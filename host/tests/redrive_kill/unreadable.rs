//! A redrive leaves out an object that cannot be read, and no chunk goes on behind it: another process of the same redrive may
//! have read the object, and its claim may arrive late.

use std::fs;
use std::path::PathBuf;

use super::lake::{FIXED_FIRST, QUARANTINED_ONE_IN, SECOND, TestLake, fixed_first};
use crate::support::lake::tree;
use crate::support::manifests::manifests;
use crate::support::program::Ran;

/// Three chunks of the run.
const RECORDS: u64 = 3_000;

/// The objects of the reason that the redrive is for, in the order of their chunks.
fn objects(lake: &TestLake) -> Vec<PathBuf> {
    let folder = lake
        .folder()
        .join(format!("_sluice/quarantine/reason={FIXED_FIRST}"));
    let keys = tree(&folder).into_keys();
    keys.map(|key| folder.join(key)).collect()
}

/// The chunks of a redrive: the first and the last ordinal of each.
fn chunks(lake: &TestLake, redrive: &str) -> Vec<(String, String)> {
    let shard = format!("redrive-{redrive}");
    let mut shards = manifests(&lake.folder()).into_iter();
    let of = shards.find(|(id, _)| id.as_str() == shard);
    let chunks = of.map(|(_, chunks)| chunks).unwrap_or_default();
    let range = |range: sluice::ledger::Range| (range.first.to_string(), range.last.to_string());
    chunks.iter().map(|chunk| range(chunk.range)).collect()
}

#[test]
fn a_chunk_ends_before_an_object_that_cannot_be_read() {
    let mut lake = TestLake::in_folder();
    lake.cloud.place.install();
    lake.land_first(0..RECORDS);
    let objects = objects(&lake);
    let [before, damaged, _after] = &objects[..] else {
        panic!("{objects:?}");
    };
    let content = fs::read(damaged).unwrap();
    fs::write(damaged, fs::read(before).unwrap()).unwrap();
    // Without the damaged object between them, the others would be one chunk.
    let one_chunk = ["--reason", FIXED_FIRST, "--chunk-records", "100000"];
    let redrive = |id: &str| {
        let args = [&["--id", id][..], &one_chunk].concat();
        Ran::from(lake.redrive(SECOND, &args).output().unwrap())
    };
    let name = damaged.file_name().unwrap().to_str().unwrap();
    redrive("first").failed(1, &[name]);
    let [first, second, third] = [1_000, 2_000, 3_000].map(|end| fixed_first(0..end));
    let range = |first: u64, end: u64| (first.to_string(), (end - 1).to_string());
    assert_eq!(
        chunks(&lake, "first"),
        [range(0, first), range(second, third)]
    );

    fs::write(damaged, content).unwrap();
    redrive("second").succeeded();
    assert_eq!(chunks(&lake, "second"), [range(0, second - first)]);
    let quarantined = RECORDS / QUARANTINED_ONE_IN - third;
    lake.is_proven(RECORDS - quarantined, quarantined);
}
