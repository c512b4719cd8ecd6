//! A function that follows a registry.

use std::fs;

use super::{Rule, Step, Then, function, mapping, metrics, settings};
use crate::support::cloud::{SHARD, Service};
use crate::support::guests::rogue;
use crate::support::lambda::Function;
use crate::swaps::fixture::{Kept, ReleaseFixture, stamp};
use testkit::proxy::Fault;

/// Batches within which a function notices a change in its registry; it takes one or two.
const TRIES: usize = 200;

/// A function that polls the registry with each batch.
fn follower(fixture: &ReleaseFixture, more: &[(&str, &str)]) -> Function {
    let component = fixture.cloud.place.path("rogue.wasm");
    fs::write(&component, &rogue().by_record).unwrap();
    let mut variables = vec![
        ("SLUICE_TRANSFORM", component.to_str().unwrap()),
        ("SLUICE_TRANSFORM_CONFIG", r#"{"stamp":"own"}"#),
        ("SLUICE_REGISTRY", fixture.registry()),
        ("SLUICE_REGISTRY_POLL", "100ms"),
    ];
    variables.extend(more);
    function(&fixture.cloud, &variables)
}

/// Sends batches to the function until `done` accepts the metrics of one of them.
fn until(
    fixture: &mut ReleaseFixture,
    function: &Function,
    done: impl Fn(&ReleaseFixture, &serde_json::Value) -> bool,
) {
    for _ in 0..TRIES {
        fixture.put(5);
        let steps = mapping(&fixture.cloud, function, settings()).run_until_idle();
        let Some(Step::Invoked(delivered, Then::Passed)) = steps.last() else {
            panic!("{steps:?}");
        };
        if done(fixture, &metrics(&delivered.invoked)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing of it in {TRIES} batches");
}

fn last_stamp(fixture: &ReleaseFixture) -> String {
    let stamps = fixture.stamps();
    stamps.into_values().next_back().unwrap_or_default()
}

#[test]
fn an_activated_release_is_used_from_the_next_batch_on() {
    let mut fixture = ReleaseFixture::new(1, Kept::InS3);
    let first = fixture.stamped(&stamp("first"));
    fixture.activate(&first, &[]);
    let function = follower(&fixture, &[]);
    until(&mut fixture, &function, |fixture, _| {
        last_stamp(fixture) == "first"
    });
    assert_eq!(fixture.stamps().len(), 5, "the first batch has the release");
    let second = fixture.stamped(&stamp("second"));
    fixture.activate(&second, &["--no-rollback"]);
    until(&mut fixture, &function, |_, reported| {
        reported["ReleaseSwaps"] == 1
    });
    until(&mut fixture, &function, |fixture, _| {
        last_stamp(fixture) == "second"
    });
    fixture.assert_complete(&["first", "second"]);
    assert_eq!(function.cold_starts(), 1);
}

#[test]
fn a_failed_admission_loses_no_record_and_is_counted() {
    let mut fixture = ReleaseFixture::new(1, Kept::InS3);
    let good = fixture.stamped(&stamp("good"));
    fixture.activate(&good, &[]);
    let function = follower(&fixture, &[]);
    until(&mut fixture, &function, |_, reported| {
        reported["ReleaseAdmissionErrors"] == 0
    });
    let bad = fixture.publish(
        &rogue().by_batch,
        &["--transform-config", r#"{"stamp":"bad"}"#],
    );
    fixture.activate(&bad, &[]);
    // The release is damaged before the function, which polls while it works, has read it.
    let components = fixture.cloud.lake().with_file_name("registry/components");
    for component in fs::read_dir(components).unwrap() {
        let component = component.unwrap().path();
        let mut bytes = fs::read(&component).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&component, bytes).unwrap();
    }
    until(&mut fixture, &function, |_, reported| {
        reported["ReleaseAdmissionErrors"] == 1
    });
    until(&mut fixture, &function, |_, reported| {
        reported["ReleaseAdmissionErrors"] == 0
    });
    fixture.assert_complete(&["good"]);
    let log = function.logs().stderr.join("\n");
    assert!(
        log.contains(r#""event":"release_admission_error""#),
        "{log}"
    );
}

#[test]
fn a_range_that_was_pinned_is_finished_by_its_release() {
    let mut fixture = ReleaseFixture::new(1, Kept::InS3);
    let first = fixture.stamped(&stamp("first"));
    fixture.activate(&first, &[]);
    let function = follower(&fixture, &[("SLUICE_RETRY_TIMEOUT", "1s")]);
    let commit = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    let commit = commit.path("_sluice/ledger").body("\"committed\": {");
    fixture.cloud.proxy(Service::S3).add(commit.always());
    fixture.put(20);
    let mut mapping = mapping(&fixture.cloud, &function, settings());
    let step = mapping.step(SHARD);
    assert!(!matches!(step, Step::Invoked(_, Then::Passed)), "{step:?}");
    let second = fixture.stamped(&stamp("second"));
    fixture.activate(&second, &["--no-rollback"]);
    function.kill();
    fixture.cloud.proxy(Service::S3).remove_rules();
    mapping.run_until_idle();
    drop(mapping);
    assert_eq!(fixture.landed(), 20);
    fixture.assert_complete(&["first"]);
    fixture.put(20);
    super::mapping(&fixture.cloud, &function, settings()).run_until_idle();
    let stamps = fixture.stamps();
    assert!(stamps.range(..20).all(|(_, stamp)| stamp == "first"));
    assert!(stamps.range(20..).all(|(_, stamp)| stamp == "second"));
    assert_eq!(stamps.len(), 40);
    assert_eq!(function.cold_starts(), 2);
}
