//! Other commands over objects of S3.

use testkit::proxy::{Fault, Rule};

use super::Bucket;
use crate::local::{all_enriched, events};
use crate::support::lake;

#[test]
fn a_check_lists_objects_only_if_it_connects() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(3..6));
    let check = |source: &str, more: &[&str]| {
        let args = ["config", "check", "--source", source, "--lake", "file:lake"];
        bucket.run(&[&args[..], more].concat())
    };
    let checked = check("s3://source/in", &[]).succeeded().stdout;
    assert!(
        checked.contains("note: s3://source/in was not listed; --connect tries it"),
        "{checked}"
    );
    assert!(bucket.proxy.seen().is_empty());
    let checked = check("s3://source/in", &["--connect"]).succeeded().stdout;
    assert!(
        checked.contains("s3://source/in can be listed and read: 2 objects"),
        "{checked}"
    );
    let ran = check("s3://no-such-bucket/in", &["--connect"]);
    let ran = ran.failed(1, &["failed"]);
    assert!(ran.stdout.contains("NoSuchBucket"), "{ran:?}");
    let denied = Rule::new(Fault::s3(403, "AccessDenied")).path("/in/a.ndjson");
    bucket.proxy.add(denied.always());
    let ran = check("s3://source/in", &["--connect"]);
    let ran = ran.failed(1, &["failed"]);
    assert!(ran.stdout.contains("allow s3:GetObject"), "{ran:?}");
}

#[test]
fn rules_are_tried_on_objects() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(3..6));
    let args = ["transform", "try", "--json", "--source", "s3://source/in"];
    let tried = bucket.run(&args).succeeded();
    let sources = tried.stdout.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Some(line["source"].as_str()?.to_owned())
    });
    let (a, b) = ("s3://source/in/a.ndjson", "s3://source/in/b.ndjson");
    assert_eq!(sources.collect::<Vec<_>>(), [a, a, a, b, b, b]);
    let ran = bucket.run(&["transform", "try", a]);
    ran.failed(2, &["--source s3://source/in/a.ndjson"]);
}

#[test]
fn objects_are_replayed() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(3..6));
    bucket.land();
    let targets = ["--lake", "file:other", "--summary", "json"];
    let args = [&["replay", "--source", "s3://source/in"], &targets[..]].concat();
    let summary = bucket.run(&args).summary();
    assert_eq!(summary.counts(["records", "files"]), [6, 2]);
    let found = lake::all_events(&bucket.place.path("other"));
    assert_eq!(found, all_enriched(0..6));
}
