//! Connections that break, and objects that are replaced or removed, while they are read.

use std::process::Child;
use std::time::Duration;

use testkit::proxy::{Fault, Rule, RuleId};

use super::{Bucket, gzip, summary_of_failed};
use crate::local::{all_enriched, events};
use crate::support::lake;
use crate::support::program::Ran;

const EVENTS: usize = 5_000;

#[test]
fn a_connection_that_breaks_is_resumed_where_it_broke() {
    for compressed in [false, true] {
        let bucket = Bucket::new();
        let content = match compressed {
            true => gzip(&events(0..EVENTS)),
            false => events(0..EVENTS).into_bytes(),
        };
        bucket.put("in/a", &content);
        let cut = content.len() / 4;
        let broken = Rule::new(Fault::TruncateBody(cut)).path("/in/a?");
        let broken = bucket.proxy.add(broken.times(3));
        let refused = Rule::new(Fault::ResetBefore).path("/in/a?");
        let refused = bucket.proxy.add(refused.times(2));
        assert_eq!(bucket.land().count("records"), EVENTS as u64);
        assert_eq!(bucket.proxy.hits(broken), 3);
        assert_eq!(bucket.proxy.hits(refused), 2);
        let reads = bucket.reads();
        assert!(
            reads.iter().any(|read| read.range.is_some()),
            "nothing was resumed: {reads:?}"
        );
        // All requests are for the version that was listed.
        let is_conditional = |condition: &Option<String>| {
            let condition = condition.as_deref();
            condition.is_some_and(|condition| condition.starts_with("if-match: "))
        };
        assert!(reads.iter().all(|read| is_conditional(&read.condition)));
        let found = lake::all_events(&bucket.place.lake());
        assert!(found == all_enriched(0..EVENTS), "{}", found.len());
    }
}

/// Starts a run, and returns when a rule holds a request.
fn held(bucket: &Bucket, rule: RuleId) -> Child {
    let run = bucket.landing(&["s3://source/in"], &[]).spawn().unwrap();
    let is_held = bucket.proxy.wait_for_hits(rule, 1, Duration::from_secs(60));
    assert!(is_held);
    run
}

fn ended(bucket: &Bucket, run: Child) -> Ran {
    bucket.proxy.release_held();
    run.wait_with_output().unwrap().into()
}

#[test]
fn an_object_that_is_replaced_before_it_is_read_fails_alone() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(3..6));
    let rule = bucket
        .proxy
        .add(Rule::new(Fault::Hold).path("/in/a.ndjson"));
    let run = held(&bucket, rule);
    bucket.put("in/a.ndjson", events(0..2));
    let ran = ended(&bucket, run).failed(
        1,
        &[
            "cannot read s3://source/in/a.ndjson",
            "it was replaced after it was listed",
        ],
    );
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [3, 1]);
    assert_eq!(bucket.land().count("records"), 2);
}

#[test]
fn an_object_that_is_replaced_within_a_read_is_not_mixed_with_the_new_one() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..EVENTS));
    let broken = Rule::new(Fault::TruncateBody(100_000)).path("/in/a.ndjson");
    bucket.proxy.add(broken);
    let rule = bucket
        .proxy
        .add(Rule::new(Fault::Hold).path("/in/a.ndjson"));
    let run = held(&bucket, rule);
    bucket.put("in/a.ndjson", events(0..EVENTS + 10));
    let ran = ended(&bucket, run);
    ran.failed(1, &["it was replaced after it was listed"]);
    bucket.try_land(&["s3://source/in"], &[]).succeeded();
    let found = lake::all_events(&bucket.place.lake());
    assert!(found == all_enriched(0..EVENTS + 10), "{}", found.len());
}

#[test]
fn an_object_that_is_removed_after_it_was_listed_fails_alone() {
    let bucket = Bucket::new();
    bucket.put("in/a.ndjson", events(0..3));
    bucket.put("in/b.ndjson", events(3..6));
    let rule = bucket
        .proxy
        .add(Rule::new(Fault::Hold).path("/in/a.ndjson"));
    let run = held(&bucket, rule);
    let client = bucket.s3.client();
    let remove = client.delete_object().bucket("source").key("in/a.ndjson");
    bucket.runtime.block_on(remove.send()).unwrap();
    let ran = ended(&bucket, run).failed(
        1,
        &["s3://source/in/a.ndjson was listed when the run began and is gone now"],
    );
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [3, 1]);
}
