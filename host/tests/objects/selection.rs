//! Which objects a source names, and what is left out.

use std::cell::Cell;

use super::{Bucket, gzip, zstd};
use crate::local::{all_enriched, events};
use crate::support::lake;
use crate::support::program::Ran;

#[test]
fn objects_below_a_prefix_land() {
    let bucket = Bucket::new();
    bucket.put("in/b.ndjson", events(3..6));
    bucket.put("in/a.ndjson.gz", gzip(&events(0..3)));
    bucket.put("in/sub/deep/c.zst", zstd(&events(6..9)));
    bucket.put("in/z-without-an-end", events(9..11).trim_end());
    bucket.put("in/.hidden", "no json\n");
    bucket.put("in/_started/x", "no json\n");
    bucket.put("in/_started/y", "no json\n");
    bucket.put("in/n.tmp", "no json\n");
    bucket.put("in/empty", "");
    bucket.put("in-2/x.ndjson", "no json\n");
    bucket.put("in.ndjson", "no json\n");
    let summary = bucket.land();
    let keys = ["records", "files", "files_left_out", "quarantined"];
    assert_eq!(summary.counts(keys), [11, 5, 3, 0]);
    assert_eq!(lake::all_events(&bucket.place.lake()), all_enriched(0..11));
    let names = ["a.ndjson.gz", "b.ndjson", "c.zst", "z-without-an-end"];
    assert_eq!(bucket.names_read(), names);
    let proven = bucket.audit("s3://source/in/").succeeded().stdout;
    assert!(proven.starts_with("proven: 11 records "), "{proven}");
    assert!(proven.contains("left out of the folders: "), "{proven}");
}

#[test]
fn a_listing_has_several_pages_and_keys_of_all_kinds() {
    let bucket = Bucket::new();
    bucket.s3.keys_per_page(2);
    for (n, key) in ["in/a", "in/b c", "in/d+e", "in/f%20g", "in/\u{e9}"]
        .into_iter()
        .enumerate()
    {
        bucket.put(key, events(n..n + 1));
    }
    let summary = bucket.land();
    assert_eq!(summary.counts(["records", "files"]), [5, 5]);
    let seen = bucket.proxy.seen().into_iter();
    let pages = seen.filter(|seen| seen.path.contains("list-type=2"));
    // One request asks for the object `in`.
    assert_eq!(pages.count(), 4);
    assert_eq!(bucket.land().count("already_committed"), 5);
}

#[test]
fn a_pattern_is_matched_name_by_name() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..1));
    bucket.put("in/b.gz", gzip(&events(1..2)));
    bucket.put("in/sub/c.ndjson", events(2..3));
    bucket.put("in/x*.ndjson", events(3..4));
    bucket.put("in/x-2.ndjson", events(4..5));
    let lakes = Cell::new(0);
    let names = |source: &str| {
        bucket.proxy.forget_seen();
        lakes.set(lakes.get() + 1);
        let lake = format!("file:lake-{}", lakes.get());
        let more = ["--lake", lake.as_str(), "--bus", "none"];
        bucket.try_land(&[source], &more).succeeded();
        bucket.names_read().join(" ")
    };
    assert_eq!(names("s3://source/in/?.ndjson"), "a.ndjson");
    assert_eq!(names("s3://source/in/**/[ac]*.ndjson"), "a.ndjson c.ndjson");
    assert_eq!(names("s3://source/*/*/*"), "c.ndjson");
    // An object with this key is no pattern. The client encodes the key.
    let exact = names("s3://source/in/x*.ndjson");
    assert_eq!(exact.replace("%2A", "*"), "x*.ndjson");
    assert_eq!(names("s3://source/in/a.ndjson"), "a.ndjson");
}

#[test]
fn what_names_no_object_is_said() {
    let bucket = Bucket::new();
    bucket.put("in/.hidden", events(0..1));
    let fails = |source: &str, parts: &[&str]| {
        bucket.try_land(&[source], &[]).failed(1, parts);
    };
    fails(
        "s3://source/in/*.gz",
        &["cannot read s3://source/in/*.gz", "matches no object"],
    );
    fails("s3://source/in/[", &["no pattern: "]);
    fails(
        "s3://source/nothing",
        &["cannot read s3://source/nothing", "no object has this key"],
    );
    for source in ["s3://source/nothing/", "s3://source/in"] {
        let ran = bucket.try_land(&[source], &[]).succeeded();
        let said = format!("{source}: no object to read has this prefix");
        assert!(ran.stderr.contains(&said), "{ran:?}");
    }
}

/// The lake takes up no part of what is read. Nothing is requested before.
#[test]
fn a_lake_or_a_registry_among_the_objects_is_refused() {
    let bucket = Bucket::new();
    let lands = |source: &str, more: &[&str]| bucket.try_land(&[source], more);
    let lake = ["--lake", "s3://source/in/lake"];
    for (source, how) in [
        ("s3://source/in", "also reads the prefix of the lake"),
        ("s3://source", "also reads the prefix of the lake"),
        ("s3://source/in/lake/x/*", "lies in the prefix of the lake"),
    ] {
        lands(source, &lake).failed(2, &["source: ", source, how]);
    }
    let registry = ["--registry", "s3://source/in/registry"];
    lands("s3://source/in", &registry).failed(2, &["also reads the prefix of the registry"]);
    assert!(bucket.proxy.seen().is_empty());
    bucket.put("in/a.ndjson", events(0..3));
    let apart = ["--lake", "s3://source/lake", "--bus", "none"];
    let summary = lands("s3://source/in", &apart).summary();
    assert_eq!(summary.count("records"), 3);
}

#[test]
fn objects_and_files_are_sources_of_one_run() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(3..6));
    // The same content as an object is another source, and none is a copy of the other.
    bucket.place.write("a.ndjson", events(0..3));
    let sources = "s3://source/in/b.ndjson,file:a.ndjson,s3://source/in";
    let args = ["run", "--lake", "file:lake", "--summary", "json"];
    for (landed, before) in [(9, 0), (0, 9)] {
        let mut command = bucket.command(&args);
        command.env("SLUICE_SOURCE", sources);
        let ran = Ran::from(command.output().unwrap());
        assert!(ran.stderr.contains("it is the same file as"), "{ran:?}");
        let summary = ran.summary();
        let keys = ["records", "already_committed", "files"];
        assert_eq!(summary.counts(keys), [landed, before, 3]);
    }
    let named = ["--source-name", "one"];
    let ran = bucket.try_land(&["s3://source/in"], &named);
    ran.failed(2, &["source_name: ", "needs the key of one object"]);
    let ran = bucket.try_land(&["s3://source/in/a.ndjson"], &named);
    assert_eq!(ran.summary().count("records"), 3);
}
