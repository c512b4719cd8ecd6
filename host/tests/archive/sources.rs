//! What the archive keeps, by the source.

use std::fs;

use sluice::layout::archive::NotDecoded;
use sluice::source::aggregate::Aggregator;

use super::{is_complete, kept, kept_data, objects};
use crate::audit::{audit, audit_quickly, stream};
use crate::decoding::gzip;
use crate::lambda::{function, mapping, settings};
use crate::local::events as lines;
use crate::support::cloud::{Cloud, STREAM, events, uuid};
use crate::support::lake;
use crate::support::manifests;
use crate::support::program::Place;

const ARCHIVE: [&str; 2] = ["--archive", "file:archive"];
const IN_CHUNKS: [&str; 2] = ["--chunk-records", "1"];

/// 2,500 lines, of which some are empty, no JSON or not UTF-8: three chunks.
fn mixed() -> Vec<u8> {
    let mut text = lines(0..2_400).into_bytes();
    text.extend_from_slice(b"\n\nno json\n\xff\xfe\x00\n{\"a\":\"\\u0000\"}\n");
    text.extend_from_slice(lines(2_400..2_497).as_bytes());
    text
}

#[test]
fn each_record_of_a_file_is_archived_as_it_came() {
    let place = Place::new();
    place.write("events.ndjson", mixed());
    let landed = place.land(&[&ARCHIVE[..], &IN_CHUNKS].concat());
    let chunks = landed.count("chunks");
    assert_eq!(landed.count("archive_objects"), chunks);
    assert!(chunks >= 3, "{chunks} chunks");
    let archive = place.path("archive");
    assert_eq!(is_complete(&place.lake(), &archive) as u64, chunks);
    let text = mixed();
    let expected = text.split(|byte| *byte == b'\n');
    let expected: Vec<_> = expected.filter(|line| !line.is_empty()).collect();
    assert_eq!(kept_data(&archive), expected);
    let strange = kept(&archive).into_iter();
    assert!(
        strange
            .into_iter()
            .all(|kept| kept.key.is_empty() && kept.arrived_at == 0 && kept.undecoded.is_none())
    );
    let proven = audit(&place, &[]).proven();
    assert_eq!(proven.count("in_lake"), 2_497);
}

#[test]
fn without_the_setting_nothing_is_archived() {
    let place = Place::new();
    place.write("events.ndjson", lines(0..10));
    assert_eq!(place.land(&[]).count("archive_objects"), 0);
    let manifests = manifests::manifests(&place.lake()).into_values();
    assert!(
        manifests
            .flatten()
            .all(|manifest| manifest.archive.is_none())
    );
}

#[test]
fn the_compression_of_a_run_makes_no_difference_to_what_is_archived() {
    let names = ["--source-name", "events"];
    let digests = [
        &["--compression", "gzip"][..],
        &["--compression", "none"],
        &["--compression-level", "1"],
        &["--compression-level", "19"],
    ]
    .map(|compression| {
        let place = Place::new();
        place.write("events.ndjson", mixed());
        place.land(&[&ARCHIVE[..], &names, compression].concat());
        is_complete(&place.lake(), &place.path("archive"));
        let manifests = manifests::manifests(&place.lake()).into_values();
        let archives = manifests
            .flatten()
            .map(|manifest| manifest.archive.unwrap());
        archives.collect::<Vec<_>>()
    });
    for other in &digests[1..] {
        assert_eq!(other, &digests[0]);
    }
}

/// Records of a stream: some in an aggregate, some that cannot be decoded, some that hold nothing.
fn put(cloud: &Cloud, events: &[Vec<u8>]) {
    for part in events.chunks(5) {
        let mut aggregator = Aggregator::new(50_000);
        for (n, event) in part.iter().enumerate() {
            aggregator.push(&format!("user-{n}"), &gzip(event));
        }
        aggregator.push("broken", &gzip(b"{}")[..12]);
        let (key, data) = aggregator.finish().unwrap();
        cloud.kinesis.put(STREAM, &key, &data);
        cloud.kinesis.put(STREAM, "empty", &gzip(b""));
        cloud.kinesis.put(STREAM, "binary", b"\xff\x00\xfe");
    }
}

const DECODED: [&str; 2] = ["--record-encoding", "auto"];

/// Asserts that the archive has what [`put`] made of the events.
fn has_all_of(cloud: &Cloud, events: &[Vec<u8>]) {
    let archive = cloud.bucket.join("archive");
    is_complete(&cloud.lake(), &archive);
    let kept = kept(&archive);
    let of = |key: &str| {
        kept.iter()
            .filter(|kept| kept.key == key)
            .collect::<Vec<_>>()
    };
    let parts = events.len().div_ceil(5);
    let broken = of("broken");
    assert_eq!(broken.len(), parts);
    for record in broken {
        assert_eq!(record.undecoded, Some(NotDecoded::Failed));
        assert_eq!(record.data, gzip(b"{}")[..12]);
    }
    assert_eq!(of("empty").len(), parts);
    assert!(of("binary").iter().all(|kept| kept.data == b"\xff\x00\xfe"));
    assert_eq!(of("binary").len(), parts);
    let mut expected: Vec<_> = events.to_vec();
    let users = kept.iter().filter(|kept| kept.key.starts_with("user-"));
    let mut found: Vec<_> = users.map(|kept| kept.data.clone()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(kept.iter().all(|kept| kept.arrived_at > 0));
}

#[test]
fn a_worker_archives_what_the_rules_saw() {
    let cloud = Cloud::new(2);
    let all = events(60, 91);
    put(&cloud, &all);
    let archive = ["--archive", "s3://bucket/archive", "--chunk-records", "15"];
    let landed = cloud.catch_up(&[&archive[..], &DECODED].concat());
    assert_eq!(landed.count("archive_objects"), landed.count("chunks"));
    cloud.holds_exactly(&all);
    has_all_of(&cloud, &all);
    stream::audit(&cloud, &[]).proven();
}

#[test]
fn a_function_archives_what_the_rules_saw() {
    let cloud = Cloud::new(1);
    let all = events(30, 92);
    put(&cloud, &all);
    let variables = [
        ("SLUICE_ARCHIVE", "s3://bucket/archive"),
        ("SLUICE_RECORD_ENCODING", "auto"),
    ];
    let function = function(&cloud, &variables);
    let mut mapping = mapping(&cloud, &function, settings());
    mapping.run_until_idle();
    drop(mapping);
    drop(function);
    cloud.holds_exactly(&all);
    has_all_of(&cloud, &all);
}

#[test]
fn an_archive_in_another_bucket_has_the_same_objects() {
    let cloud = Cloud::new(1);
    let other = cloud.s3.bucket("other");
    let all = events(20, 93);
    cloud.put_all(&all);
    cloud.catch_up(&["--archive", "s3://other"]);
    is_complete(&cloud.lake(), &other);
    let keys: Vec<_> = kept(&other).into_iter().map(|kept| kept.key).collect();
    assert_eq!(keys.len(), 20);
    assert!(all.iter().all(|event| keys.contains(&uuid(event))));
}

#[test]
fn an_audit_finds_what_is_missing_or_damaged_in_the_archive() {
    let place = Place::new();
    place.write("events.ndjson", mixed());
    place.land(&[&ARCHIVE[..], &IN_CHUNKS].concat());
    let archive = place.path("archive");
    let keys: Vec<_> = objects(&archive).into_keys().collect();
    let whole = fs::read(archive.join(&keys[0])).unwrap();
    let other = fs::read(archive.join(&keys[1])).unwrap();
    let expect = |quick: Option<&str>, full: Option<&str>| {
        let object = format!("archive:{}", keys[0]);
        let one = |found: Vec<serde_json::Value>, kind: &str| {
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (&found[0]["kind"], &found[0]["object"]),
                (&kind.into(), &object[..].into())
            );
        };
        if let Some(kind) = quick {
            one(audit_quickly(&place, &[]).inconsistent(), kind);
        }
        if let Some(kind) = full {
            one(audit(&place, &[]).disproven(), kind);
        }
    };
    fs::remove_file(archive.join(&keys[0])).unwrap();
    expect(Some("missing_object"), Some("missing_object"));
    fs::write(archive.join(&keys[0]), &other).unwrap();
    expect(None, Some("damaged_object"));
    fs::write(archive.join(&keys[0]), &whole[..whole.len() / 2]).unwrap();
    expect(None, Some("damaged_object"));
    fs::write(archive.join(&keys[0]), &whole).unwrap();
    audit(&place, &[]).proven();
    assert!(lake::tree(&archive).contains_key(&keys[0]));
}

#[test]
fn a_replay_has_no_archive() {
    let place = Place::new();
    place.write("events.ndjson", lines(0..10));
    let replay = [
        "replay",
        "--source",
        "file:events.ndjson",
        "--lake",
        "file:lake",
    ];
    place
        .run(&[&replay[..], &ARCHIVE].concat())
        .failed(2, &["archive: ", "a replay does not archive"]);
    place.write("sluice.toml", "archive = \"file:archive\"\n");
    place.run(&replay).succeeded();
    assert!(!place.path("archive").exists());
}

#[test]
fn an_archive_in_the_lake_is_rejected() {
    let place = Place::new();
    place.write("events.ndjson", lines(0..10));
    let ran = place.try_land(&["--archive", "file:lake/archive"]);
    ran.failed(2, &["archive: ", "lies in the lake"]);
    assert!(!place.lake().exists());
}
