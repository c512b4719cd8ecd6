//! The archive of a stream.

use super::*;
use crate::support::cloud::SHARD;

const KINESIS: [&str; 2] = ["--source", "kinesis:events"];

#[test]
fn a_replay_of_the_archive_makes_the_objects_of_a_replay_of_the_stream() {
    let cloud = archived(2, 1_500);
    replay(&cloud, &KINESIS, "stream", &BATCHES).succeeded();
    let counts = ["records", "events", "quarantined"];
    let ran = replay(&cloud, &SOURCE, "again", &BATCHES).summary();
    assert_eq!(ran.counts(counts), [3_001, 3_000, 1]);
    let objects = objects(&cloud.place);
    let chunks = landed(&lake_of(&cloud, "again"));
    let manifests = chunks.keys().filter(|key| key.ends_with(".json")).count();
    assert_ne!(
        objects.len(),
        manifests,
        "the chunks are those of the archive"
    );
    assert!(chunks == landed(&lake_of(&cloud, "stream")));
    // With everything in one chunk, several shards are read at once.
    replay(&cloud, &KINESIS, "stream-2", &[]).succeeded();
    replay(&cloud, &SOURCE, "again-2", &[]).succeeded();
    assert!(landed(&lake_of(&cloud, "again-2")) == landed(&lake_of(&cloud, "stream-2")));
    let again = replay(&cloud, &SOURCE, "again", &BATCHES).summary();
    assert_eq!(again.counts(["records", "already_committed"]), [0, 3_001]);
}

#[test]
fn other_rules_transform_what_the_stream_no_longer_has() {
    let cloud = archived(1, 600);
    let date = ["--transform-config", r#"{"partition_by":["date"]}"#];
    replay(&cloud, &KINESIS, "stream", &date).succeeded();
    let records = cloud.kinesis.records(STREAM);
    let last = &records.last().unwrap().sequence_number;
    cloud.kinesis.trim(STREAM, SHARD, last);
    replay(&cloud, &SOURCE, "again", &date).succeeded();
    assert!(landed(&lake_of(&cloud, "again")) == landed(&lake_of(&cloud, "stream")));
    let audit = ["audit", "--lake", "s3://bucket/lake", "--summary", "json"];
    let gone = run(&cloud, &[&audit[..], &KINESIS].concat()).summary();
    assert_eq!(gone.counts(["in_lake", "gone"]), [0, 601]);
    let proven = run(&cloud, &[&audit[..], &SOURCE].concat()).summary();
    let counts = ["in_lake", "quarantined", "gone", "findings"];
    assert_eq!(proven.counts(counts), [600, 1, 0, 0]);
    assert_eq!(proven.0["proven"], true);
}

/// The lake that an archive has filled goes on with the stream.
#[test]
fn a_run_goes_on_with_the_stream_where_the_archive_ends() {
    let cloud = archived(1, 400);
    let lake = ["--lake", "s3://bucket/next", "--summary", "json"];
    let first = run(&cloud, &[&["run"][..], &SOURCE, &lake].concat());
    assert_eq!(first.summary().count("records"), 401);
    let more = events(50, 77);
    cloud.put_all(&more);
    let caught_up = ["--exit-when-caught-up", "--http", "none", "--lease", "1s"];
    let second = run(
        &cloud,
        &[&["run"][..], &KINESIS, &lake, &caught_up].concat(),
    );
    let counts = ["records", "already_committed"];
    assert_eq!(second.summary().counts(counts), [50, 401]);
    let nothing = run(&cloud, &[&["run"][..], &SOURCE, &lake].concat());
    assert_eq!(nothing.summary().counts(counts), [0, 451]);
}

/// A run that decodes archives what it has decoded, and what it could not decode.
#[test]
fn data_is_not_decoded_again_unless_it_could_not_be_decoded() {
    let cloud = Cloud::new(1);
    let lines = |events: &[Vec<u8>]| events.join(&b'\n');
    let sent = events(60, 42);
    let gzip = crate::decoding::gzip(&lines(&sent[..50]));
    cloud.kinesis.put(STREAM, "one", &gzip);
    cloud.kinesis.put(STREAM, "two", &lines(&sent[50..]));
    let as_gzip = ["--record-encoding", "gzip", "--record-format", "lines"];
    let first = cloud.catch_up(&[&ARCHIVE[..], &as_gzip].concat());
    assert_eq!(first.counts(["events", "quarantined"]), [50, 1]);
    let counts = ["records", "events", "quarantined"];
    let again = replay(&cloud, &SOURCE, "plain", &[]).summary();
    assert_eq!(again.counts(counts), [51, 50, 1]);
    assert_eq!(again.0["quarantined_reasons"]["undecodable"], 1);
    let either = ["--record-encoding", "auto", "--record-format", "lines"];
    let fixed = replay(&cloud, &SOURCE, "fixed", &either).summary();
    assert_eq!(fixed.counts(counts), [60, 60, 0]);
    replay(&cloud, &KINESIS, "stream", &either).succeeded();
    let events = |lake| lake::events(&lake_of(&cloud, lake));
    assert_eq!(events("fixed"), events("stream"));
}

/// A run without the encoding of its records archives them as the source has them.
#[test]
fn what_nothing_has_decoded_is_decoded_by_the_settings_of_now() {
    let cloud = Cloud::new(1);
    let sent = events(60, 45);
    for (key, part) in ["one", "two"].into_iter().zip(sent.chunks(30)) {
        let gzip = crate::decoding::gzip(&part.join(&b'\n'));
        cloud.kinesis.put(STREAM, key, &gzip);
    }
    let first = cloud.catch_up(&ARCHIVE);
    assert_eq!(first.counts(["events", "quarantined"]), [0, 2]);
    let decoded = ["--record-encoding", "gzip", "--record-format", "lines"];
    let fixed = replay(&cloud, &SOURCE, "fixed", &decoded).summary();
    let counts = ["records", "events", "quarantined"];
    assert_eq!(fixed.counts(counts), [60, 60, 0]);
    replay(&cloud, &KINESIS, "stream", &decoded).succeeded();
    let events = |lake| lake::events(&lake_of(&cloud, lake));
    assert_eq!(events("fixed"), events("stream"));
}

#[test]
fn records_of_an_archive_are_tried() {
    let cloud = archived(2, 300);
    let before = lake::tree(&cloud.place.path("archive"));
    let args = ["transform", "try", "--json"];
    let ran = run(&cloud, &[&args[..], &SOURCE].concat()).succeeded();
    assert_eq!(ran.stdout.matches("\"archive:").count(), 20, "{ran:?}");
    let more = ["--limit", "1000"];
    let ran = run(&cloud, &[&args[..], &SOURCE, &more].concat()).succeeded();
    assert_eq!(ran.stdout.matches("\"archive:").count(), 601);
    assert!(lake::tree(&cloud.place.path("archive")) == before);
}

#[test]
fn an_archive_in_a_bucket_is_checked_and_landed() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(200, 43));
    cloud.catch_up(&["--archive", "s3://bucket/archive"]);
    let source = ["--source", "archive:s3://bucket/archive"];
    let lake = ["--lake", "s3://bucket/other"];
    let check = [&["config", "check"][..], &source, &lake].concat();
    let ran = run(&cloud, &check).succeeded();
    assert!(ran.stdout.contains("was not listed"), "{ran:?}");
    let ran = run(&cloud, &[&check[..], &["--connect"]].concat()).succeeded();
    let found = "s3://bucket/archive/ can be listed and read: 1 object of 1 shard";
    assert!(ran.stdout.contains(found), "{ran:?}");
    let landed = replay(&cloud, &source, "other", &[]).summary();
    assert_eq!(landed.count("records"), 200);
    let empty = ["--source", "archive:s3://bucket/nothing"];
    let expected = "the archive s3://bucket/nothing/ has no objects";
    replay(&cloud, &empty, "third", &[]).failed(1, &[expected]);
    let check = [&["config", "check", "--connect"][..], &empty, &lake].concat();
    let ran = run(&cloud, &check);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains(expected), "{ran:?}");
}
