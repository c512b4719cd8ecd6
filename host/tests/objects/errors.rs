//! Buckets and objects that cannot be read.

use testkit::proxy::{Fault, Rule};

use super::{Bucket, summary_of_failed};
use crate::local::events;

const HASTY: [&str; 2] = ["--retry-timeout", "1s"];

#[test]
fn a_bucket_that_cannot_be_listed_is_a_source_that_fails() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.place.write("events.ndjson", events(3..6));
    let lands = |source: &str| bucket.try_land(&[source, "file:events.ndjson"], &HASTY);
    let ran = lands("s3://no-such-bucket/in");
    let ran = ran.failed(1, &["list s3://no-such-bucket/in", "NoSuchBucket"]);
    assert_eq!(summary_of_failed(&ran).count("records"), 3);
    let denied = Rule::new(Fault::s3(403, "AccessDenied")).path("list-type=2");
    bucket.proxy.add(denied.always());
    let ran = lands("s3://source/in");
    let parts = ["list s3://source/in", "AccessDenied", "allow s3:ListBucket"];
    let ran = ran.failed(1, &parts);
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [0, 1]);
}

#[test]
fn an_object_that_cannot_be_read_fails_alone() {
    let bucket = Bucket::new();
    for (n, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        bucket.put(&format!("in/{name}"), events(n..n + 1));
    }
    let denied = Rule::new(Fault::s3(403, "AccessDenied")).path("/in/a?");
    let denied = bucket.proxy.add(denied.always());
    let denied_too = Rule::new(Fault::s3(403, "AccessDenied")).path("/in/d?");
    bucket.proxy.add(denied_too.always());
    let archived = Rule::new(Fault::s3(403, "InvalidObjectState")).path("/in/b?");
    let archived = bucket.proxy.add(archived.always());
    let ran = bucket.try_land(&["s3://source/in"], &HASTY).failed(
        1,
        &[
            "read s3://source/in/a: access denied",
            "allow s3:GetObject",
            "cannot read s3://source/in/b: it is archived",
            "restore it",
        ],
    );
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [1, 3]);
    // A new permission takes a moment, which is waited for.
    assert!(bucket.proxy.hits(denied) > 1);
    // Waiting does not restore it.
    assert_eq!(bucket.proxy.hits(archived), 1);
    bucket.proxy.remove_rules();
    assert_eq!(
        bucket.land().counts(["records", "already_committed"]),
        [3, 1]
    );
}

/// If S3 does not answer for the time of retries, the other objects would not be read either.
#[test]
fn a_service_that_fails_ends_the_run() {
    let bucket = Bucket::new();
    bucket.put("in/a", events(0..1));
    bucket.put("in/b", events(1..2));
    let busy = Rule::new(Fault::s3(503, "SlowDown")).path("/source/in/");
    bucket.proxy.add(busy.always());
    let ran = bucket.try_land(&["s3://source/in"], &HASTY);
    ran.failed(1, &["read s3://source/in/a", "SlowDown"]);
    bucket.proxy.remove_rules();
    assert_eq!(bucket.land().count("records"), 2);
}

#[test]
fn throttled_requests_are_retried() {
    let bucket = Bucket::new();
    bucket.put("in/a", events(0..3));
    let busy = Rule::new(Fault::s3(503, "SlowDown")).path("list-type=2");
    bucket.proxy.add(busy.times(4));
    let failing = Rule::new(Fault::s3(500, "InternalError")).path("/in/a?");
    bucket.proxy.add(failing.times(4));
    assert_eq!(bucket.land().count("records"), 3);
}
