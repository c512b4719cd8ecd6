//! Readiness and liveness, and their reasons.

use std::time::Duration;

use super::watched::{Watched, get, says};
use crate::support::cloud::{Cloud, events, signal};
use crate::support::lake;
use testkit::proxy::{Fault, Proxy, Rule};

/// A Kinesis and an S3 behind proxies, and a worker on them.
struct Behind {
    cloud: Cloud,
    kinesis: Proxy,
    s3: Proxy,
}

impl Behind {
    fn new() -> Self {
        let cloud = Cloud::new(1);
        cloud.put_all(&events(20, 31));
        Self {
            kinesis: Proxy::start(&cloud.kinesis.endpoint),
            s3: Proxy::start(&cloud.s3.endpoint),
            cloud,
        }
    }

    fn watch(&self, more: &[&str]) -> Watched {
        let mut command = self.cloud.command(more);
        command.env("AWS_ENDPOINT_URL_KINESIS", &self.kinesis.endpoint);
        command.env("AWS_ENDPOINT_URL_S3", &self.s3.endpoint);
        Watched::start(&mut command)
    }

    /// A worker that has become ready.
    fn ready(&self, more: &[&str]) -> Watched {
        let mut watched = self.watch(more);
        watched.until(|address| get(address, "/readyz").status == 200);
        watched
    }
}

/// Reads of ledgers, with which every poll of the stream begins.
fn of_ledgers(fault: Fault) -> Rule {
    Rule::new(fault).method("GET").path("ledger").always()
}

#[test]
fn a_worker_is_not_ready_before_the_stream_can_be_listed() {
    let behind = Behind::new();
    let denied = Fault::json(400, "AccessDeniedException");
    let denied = Rule::new(denied).action("ListShards").always();
    behind.kinesis.add(denied);
    let mut watched = behind.watch(&[]);
    watched.until(|address| says(address, "/readyz", 503, "AccessDenied"));
    assert!(says(watched.address, "/readyz", 503, "the stream events"));
    assert_eq!(get(watched.address, "/livez").status, 200);
    behind.kinesis.remove_rules();
    watched.until(|address| says(address, "/readyz", 200, "ok"));
}

#[test]
fn a_worker_is_not_ready_while_s3_fails_and_names_the_operation() {
    let behind = Behind::new();
    let mut watched = behind.ready(&[]);
    behind.s3.add(of_ledgers(Fault::s3(503, "SlowDown")));
    let renewals = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    behind.s3.add(renewals.path("ledger").always());
    watched.until(|address| {
        says(
            address,
            "/readyz",
            503,
            "read s3://bucket/lake/_sluice/ledger",
        )
    });
    let reason = get(watched.address, "/readyz").body;
    assert!(reason.contains("SlowDown"), "{reason}");
    assert_eq!(get(watched.address, "/livez").status, 200);
    behind.s3.remove_rules();
    watched.until(|address| get(address, "/readyz").status == 200);
}

#[test]
fn a_worker_that_shuts_down_is_not_ready() {
    let behind = Behind::new();
    let hang = Rule::new(Fault::Hang(Duration::from_secs(3_600)));
    let hanging = hang.method("PUT").path("event_type").always();
    let hanging = behind.s3.add(hanging);
    let mut watched = behind.ready(&["--shutdown-timeout", "1h"]);
    let timeout = Duration::from_secs(60);
    assert!(behind.s3.wait_for_hits(hanging, 1, timeout));
    signal(&watched.run.0, "TERM");
    watched.until(|address| says(address, "/readyz", 503, "stopping"));
    assert_eq!(get(watched.address, "/livez").status, 200);
}

#[test]
fn a_poll_that_hangs_ends_liveness_and_a_signal_still_works() {
    let behind = Behind::new();
    let mut watched = behind.ready(&["--retry-timeout", "1s"]);
    watched.until(|_| lake::all_events(&behind.cloud.lake()).len() == 20);
    behind
        .s3
        .add(of_ledgers(Fault::Hang(Duration::from_secs(3_600))));
    watched.until(|address| says(address, "/readyz", 503, "not been polled for"));
    watched.until(|address| says(address, "/livez", 503, "not been polled for"));
    signal(&watched.run.0, "TERM");
    assert_eq!(watched.end().summary().count("records"), 20);
}
