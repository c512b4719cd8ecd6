//! What later runs read: objects that are new or were replaced, and nothing of those that have landed.

use std::time::Duration;

use testkit::proxy::{Fault, Rule};

use super::{Bucket, gzip, summary_of_failed, zstd};
use crate::local::{all_enriched, events};
use crate::support::lake;
use crate::support::program::Running;

#[test]
fn objects_that_have_landed_are_not_read_again_and_new_ones_are() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson.gz", gzip(&events(3..6)));
    // The last batch is full.
    bucket.put("in/c.ndjson.zst", zstd(&events(6..2_006)));
    bucket.put("in/d.ndjson.gz", gzip(&(events(2_006..3_006) + "\n\n")));
    let keys = ["records", "already_committed", "files"];
    assert_eq!(bucket.land().counts(keys), [3_006, 0, 4]);
    assert_eq!(bucket.names_read().len(), 4);
    assert_eq!(bucket.land().counts(keys), [0, 3_006, 4]);
    assert!(bucket.names_read().is_empty());
    bucket.put("in/b-new.ndjson", events(3_006..3_010));
    assert_eq!(bucket.land().counts(keys), [4, 3_006, 5]);
    assert_eq!(bucket.names_read(), ["b-new.ndjson"]);
    let found = lake::all_events(&bucket.place.lake());
    assert!(found == all_enriched(0..3_010));
    // An object that is named alone is compared again.
    let own = bucket.try_land(&["s3://source/in/b.ndjson.gz"], &[]);
    assert_eq!(own.summary().counts(keys), [0, 3, 1]);
    assert_eq!(bucket.names_read(), ["b.ndjson.gz"]);
}

#[test]
fn of_a_replaced_object_the_rest_lands_or_it_fails_alone() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(10..13));
    bucket.put("in/c.ndjson.gz", gzip(&events(20..23)));
    assert_eq!(bucket.land().count("records"), 9);
    bucket.put("in/a.ndjson", events(0..5));
    bucket.put("in/c.ndjson.gz", gzip(&events(20..24)));
    assert_eq!(bucket.land().count("records"), 3);
    bucket.put("in/a.ndjson", events(0..6));
    bucket.put("in/b.ndjson", events(10..11) + &events(50..53));
    let ran = bucket.try_land(&["s3://source/in"], &[]);
    let parts = [
        "s3://source/in/b.ndjson no longer holds",
        "put the new one under another key",
    ];
    let ran = ran.failed(1, &parts);
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [1, 1]);
    // Another first line is another shard.
    bucket.put("in/b.ndjson", events(60..62));
    let ran = bucket.try_land(&["s3://source/in"], &[]).succeeded();
    assert!(
        ran.stderr
            .contains("the object was replaced by one with another first line"),
        "{ran:?}"
    );
    assert_eq!(ran.summary().count("records"), 2);
    let mut expected: Vec<_> = [0..6, 10..13, 20..24, 60..62]
        .into_iter()
        .flat_map(all_enriched)
        .collect();
    expected.sort_unstable();
    assert_eq!(lake::all_events(&bucket.place.lake()), expected);
}

/// An object is known by its key alone, so a copy of it is a source of its own.
#[test]
fn an_object_under_another_key_lands_as_another_one() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    assert_eq!(bucket.land().count("records"), 3);
    bucket.put("in/b.ndjson", events(0..3));
    let summary = bucket.land();
    assert_eq!(summary.counts(["records", "already_committed"]), [3, 3]);
    assert_eq!(
        bucket.land().counts(["records", "already_committed"]),
        [0, 6]
    );
}

#[test]
fn a_run_that_is_killed_within_an_object_is_finished_by_the_next() {
    const EVENTS: usize = 5_000;
    for compressed in [false, true] {
        let bucket = Bucket::new();
        let all = events(0..EVENTS);
        match compressed {
            true => bucket.put("in/a.ndjson.gz", gzip(&all)),
            false => bucket.put("in/a.ndjson", &all),
        }
        bucket.put("in/b.ndjson", events(EVENTS..EVENTS + 3));
        let chunk = ["--chunk-records", "1"];
        let slow = Fault::SlowBody {
            bytes: if compressed { 1_000 } else { 10_000 },
            pause: Duration::from_millis(20),
        };
        bucket.proxy.add(Rule::new(slow).path("/in/a.ndjson"));
        let mut killed = Running(bucket.landing(&["s3://source/in"], &chunk).spawn().unwrap());
        let manifests = bucket.place.path("lake/_sluice/chunks");
        // Once there is a second one, the first chunk is committed.
        killed.until(|| {
            let found = lake::tree(&manifests).into_keys();
            found.filter(|key| !key.ends_with('/')).count() > 1
        });
        drop(killed);
        let summary = bucket.try_land(&["s3://source/in"], &chunk).summary();
        assert!(summary.count("already_committed") > 0, "{summary:?}");
        let found = lake::all_events(&bucket.place.lake());
        assert!(found == all_enriched(0..EVENTS + 3), "{}", found.len());
        let proven = bucket.audit("s3://source/in").succeeded().stdout;
        assert!(proven.starts_with("proven: 5,003 records "), "{proven}");
    }
}

#[test]
fn an_object_that_lost_its_content_fails() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", "");
    assert_eq!(bucket.land().count("records"), 3);
    bucket.put("in/a.ndjson", "");
    let ran = bucket.try_land(&["s3://source/in"], &[]);
    let ran = ran.failed(1, &["s3://source/in/a.ndjson no longer holds", "replaced"]);
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["files", "failed_sources"]), [2, 1]);
}
