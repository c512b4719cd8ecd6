//! Records of aggregates that are in the wrong shard.

use sluice::source::aggregate::{Aggregator, hash_key};

use super::{function, function_in, mapping, settings};
use crate::support::cloud::{Cloud, SHARD, STREAM, Service, events, uuid};
use crate::support::lambda::{Step, Then};
use testkit::proxy::{Fault, Rule};

const DROP: (&str, &str) = ("SLUICE_MISPLACED_RECORDS", "drop");

/// Puts an aggregate of these events under the key of the first.
fn put(cloud: &Cloud, events: &[Vec<u8>]) {
    put_under(cloud, &uuid(&events[0]), events);
}

fn put_under(cloud: &Cloud, key: &str, events: &[Vec<u8>]) {
    let mut aggregator = Aggregator::new(50_000);
    for event in events {
        aggregator.push(&uuid(event), event);
    }
    let (_, data) = aggregator.finish().unwrap();
    cloud.kinesis.put(STREAM, key, &data);
}

/// The events of the first of two shards, and those of the second.
fn by_shard(events: &[Vec<u8>]) -> [Vec<Vec<u8>>; 2] {
    let is_low = |event: &&Vec<u8>| hash_key(&uuid(event)) < 1 << 127;
    let (first, second): (Vec<_>, Vec<_>) = events.iter().partition(is_low);
    [first, second].map(|some| some.into_iter().cloned().collect())
}

#[test]
fn aggregates_are_unpacked_and_misplaced_records_are_dropped_if_configured() {
    let cloud = Cloud::new(2);
    let [first, second] = by_shard(&events(60, 38));
    put(&cloud, &[&first[..], &second].concat());
    let function = function(&cloud, &[DROP]);
    mapping(&cloud, &function, settings()).run_until_idle();
    cloud.holds_exactly(&first);
}

#[test]
fn an_aggregate_without_kept_records_does_not_block_the_shard() {
    let cloud = Cloud::new(2);
    let [first, second] = by_shard(&events(60, 39));
    let wrong = uuid(&first[0]);
    let function = function(&cloud, &[DROP]);
    let mut mapping = mapping(&cloud, &function, settings());
    let mut steps = Vec::new();
    // Before anything is committed, after committed records, alone in a batch, and with others.
    for events in [&first[..0], &first[..10], &first[10..]] {
        put_under(&cloud, &wrong, &second[..5]);
        if !events.is_empty() {
            put(&cloud, events);
            put_under(&cloud, &wrong, &second[5..]);
        }
        steps.extend(mapping.run_until_idle());
    }
    let passed = |step: &Step| matches!(step, Step::Invoked(_, Then::Passed));
    assert!(steps.len() == 3 && steps.iter().all(passed), "{steps:?}");
    cloud.holds_exactly(&first);
}

#[test]
fn pinned_misplaced_records_are_landed_before_later_ones() {
    let cloud = Cloud::new(2);
    let [first, second] = by_shard(&events(60, 41));
    put_under(&cloud, &uuid(&first[0]), &second);
    let failing = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    cloud
        .proxy(Service::S3)
        .add(failing.path("event_type").always());
    let timeout = ("SLUICE_RETRY_TIMEOUT", "300ms");
    let keeps = function(&cloud, &[timeout]);
    let drops = function_in(&cloud, &cloud.place.path("drops"), &[DROP, timeout]);
    let mut keeps = mapping(&cloud, &keeps, settings());
    let mut drops = mapping(&cloud, &drops, settings());
    for mapping in [&mut keeps, &mut drops] {
        let step = mapping.step(SHARD);
        assert!(matches!(step, Step::Invoked(_, Then::Again(_))), "{step:?}");
    }
    cloud.proxy(Service::S3).remove_rules();
    drops.run_until_idle();
    cloud.holds_exactly(&second);
}

#[test]
fn a_range_that_was_pinned_without_misplaced_records_is_finished_without_them() {
    let cloud = Cloud::new(2);
    let [first, second] = by_shard(&events(60, 40));
    put(&cloud, &[&first[..], &second].concat());
    let failing = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    cloud
        .proxy(Service::S3)
        .add(failing.path("event_type").nth(3).always());
    let drops = function(&cloud, &[DROP, ("SLUICE_RETRY_TIMEOUT", "300ms")]);
    let mut drops = mapping(&cloud, &drops, settings());
    assert!(matches!(
        drops.step(SHARD),
        Step::Invoked(_, Then::Again(_))
    ));
    assert!(cloud.ledger(SHARD)["pending"].is_object());
    cloud.proxy(Service::S3).remove_rules();
    // The next function has another setting.
    let keeps = function_in(&cloud, &cloud.place.path("keeps"), &[]);
    mapping(&cloud, &keeps, settings()).run_until_idle();
    cloud.holds_exactly(&first);
}
