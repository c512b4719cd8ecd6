//! A function that follows a registry.

use std::fs;

use super::{Rule, Step, Then, function, mapping, metrics, settings};
use crate::support::cloud::{SHARD, Service};
use crate::support::guests::rogue;
use crate::support::lambda::Function;
use crate::swaps::shop::{Kept, Shop, stamp};
use testkit::proxy::Fault;

/// Batches within which a function notices a change in its registry; it takes one or two.
const TRIES: usize = 200;

/// A function that polls the registry with each batch.
fn follower(shop: &Shop, more: &[(&str, &str)]) -> Function {
    let component = shop.cloud.place.path("rogue.wasm");
    fs::write(&component, &rogue().by_record).unwrap();
    let mut variables = vec![
        ("SLUICE_TRANSFORM", component.to_str().unwrap()),
        ("SLUICE_TRANSFORM_CONFIG", r#"{"stamp":"own"}"#),
        ("SLUICE_REGISTRY", shop.registry()),
        ("SLUICE_REGISTRY_POLL", "100ms"),
    ];
    variables.extend(more);
    function(&shop.cloud, &variables)
}

/// Sends batches to the function until `done` accepts the metrics of one of them.
fn until(shop: &mut Shop, function: &Function, done: impl Fn(&Shop, &serde_json::Value) -> bool) {
    for _ in 0..TRIES {
        shop.put(5);
        let steps = mapping(&shop.cloud, function, settings()).run_until_idle();
        let Some(Step::Invoked(delivered, Then::Passed)) = steps.last() else {
            panic!("{steps:?}");
        };
        if done(shop, &metrics(&delivered.invoked)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing of it in {TRIES} batches");
}

fn last_stamp(shop: &Shop) -> String {
    let stamps = shop.stamps();
    stamps.into_values().next_back().unwrap_or_default()
}

#[test]
fn an_activated_release_is_used_from_the_next_batch_on() {
    let mut shop = Shop::new(1, Kept::InS3);
    let first = shop.stamped(&stamp("first"));
    shop.activate(&first, &[]);
    let function = follower(&shop, &[]);
    until(&mut shop, &function, |shop, _| last_stamp(shop) == "first");
    assert_eq!(shop.stamps().len(), 5, "the first batch has the release");
    let second = shop.stamped(&stamp("second"));
    shop.activate(&second, &["--no-rollback"]);
    until(&mut shop, &function, |_, told| told["ReleaseSwaps"] == 1);
    until(&mut shop, &function, |shop, _| last_stamp(shop) == "second");
    shop.is_whole(&["first", "second"]);
    assert_eq!(function.cold_starts(), 1);
}

#[test]
fn a_failed_admission_loses_no_record_and_is_counted() {
    let mut shop = Shop::new(1, Kept::InS3);
    let good = shop.stamped(&stamp("good"));
    shop.activate(&good, &[]);
    let function = follower(&shop, &[]);
    until(&mut shop, &function, |_, told| {
        told["ReleaseAdmissionErrors"] == 0
    });
    let bad = shop.publish(
        &rogue().by_batch,
        &["--transform-config", r#"{"stamp":"bad"}"#],
    );
    shop.activate(&bad, &[]);
    // The release is damaged before the function, which polls while it works, has read it.
    let components = shop.cloud.lake().with_file_name("registry/components");
    for component in fs::read_dir(components).unwrap() {
        let component = component.unwrap().path();
        let mut bytes = fs::read(&component).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&component, bytes).unwrap();
    }
    until(&mut shop, &function, |_, told| {
        told["ReleaseAdmissionErrors"] == 1
    });
    until(&mut shop, &function, |_, told| {
        told["ReleaseAdmissionErrors"] == 0
    });
    shop.is_whole(&["good"]);
    let log = function.logs().stderr.join("\n");
    assert!(log.contains("a release failed admission"), "{log}");
}

#[test]
fn a_range_that_was_pinned_is_finished_by_its_release() {
    let mut shop = Shop::new(1, Kept::InS3);
    let first = shop.stamped(&stamp("first"));
    shop.activate(&first, &[]);
    let function = follower(&shop, &[("SLUICE_RETRY_TIMEOUT", "1s")]);
    let commit = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    let commit = commit.path("_sluice/ledger").body("\"committed\": {");
    shop.cloud.proxy(Service::S3).add(commit.always());
    shop.put(20);
    let mut mapping = mapping(&shop.cloud, &function, settings());
    let step = mapping.step(SHARD);
    assert!(!matches!(step, Step::Invoked(_, Then::Passed)), "{step:?}");
    let second = shop.stamped(&stamp("second"));
    shop.activate(&second, &["--no-rollback"]);
    function.kill();
    shop.cloud.proxy(Service::S3).heal();
    mapping.run_until_idle();
    drop(mapping);
    assert_eq!(shop.landed(), 20);
    shop.is_whole(&["first"]);
    shop.put(20);
    super::mapping(&shop.cloud, &function, settings()).run_until_idle();
    let stamps = shop.stamps();
    assert!(stamps.range(..20).all(|(_, stamp)| stamp == "first"));
    assert!(stamps.range(20..).all(|(_, stamp)| stamp == "second"));
    assert_eq!(stamps.len(), 40);
    assert_eq!(function.cold_starts(), 2);
}
