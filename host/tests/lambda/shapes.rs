//! A batch that was interrupted and is retried in another shape.

use std::ops::Range;
use std::time::Duration;

use super::{function, mapping, settings};
use crate::support::cloud::{Cloud, SHARD, Service, events};
use crate::support::lambda::Settings;
use testkit::proxy::{Fault, Rule};

/// Sends the records 100 to 200 of 400, fails amid their objects, and then sends batches of these
/// shapes. After them, the rest comes in order.
fn again(batches: &[Range<usize>], kill: bool) {
    let cloud = Cloud::new(1);
    let events = events(400, 50);
    cloud.put_all(&events);
    let function = function(&cloud, &[]);
    let short = Settings {
        timeout: Duration::from_secs(3),
        ..settings()
    };
    let mut hasty = mapping(&cloud, &function, short);
    hasty.deliver(SHARD, std::slice::from_ref(&(0..100)));
    let hang = Rule::new(Fault::Hang(Duration::from_secs(3_600))).method("PUT");
    cloud
        .proxy(Service::S3)
        .add(hang.path("event_type").nth(3).always());
    hasty.deliver(SHARD, std::slice::from_ref(&(100..200)));
    assert!(cloud.ledger(SHARD)["pending"].is_object());
    cloud.proxy(Service::S3).remove_rules();
    if kill {
        function.kill();
    }
    let mut mapping = mapping(&cloud, &function, settings());
    for delivered in mapping.deliver(SHARD, batches) {
        assert!(delivered.invoked.response.is_ok(), "{delivered:?}");
    }
    mapping.run_until_idle();
    cloud.holds_exactly(&events);
    assert!(cloud.ledger(SHARD)["pending"].is_null());
}

#[test]
fn the_same() {
    again(&[100..200], false);
    again(&[100..200, 100..200], true);
}

#[test]
fn shrunk() {
    again(&[100..150], false);
    again(&[100..101], true);
}

#[test]
fn grown() {
    again(&[100..300], false);
    again(&[50..250], true);
}

#[test]
fn bisected() {
    again(&[100..150, 150..200], false);
    again(&[100..150, 100..125, 125..150, 150..200], true);
}

#[test]
fn from_the_middle() {
    again(&[150..250], false);
    again(&[199..200], true);
}

#[test]
fn from_behind_what_is_pending() {
    again(&[200..300], false);
    again(&[200..300], true);
}

#[test]
fn from_far_behind_what_is_pending() {
    again(&[300..400], true);
}

#[test]
fn from_before_what_is_pending() {
    again(&[0..100], false);
    again(&[0..400], true);
}
