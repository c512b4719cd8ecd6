//! A worker is killed at each kind of its puts; the next one finishes the work with the same objects.

use std::time::Duration;

use super::{PARQUET, schema};
use crate::audit::stream;
use crate::support::cases::at_once;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, STREAM, events};
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);
const RECORDS: usize = 90;

/// A stream with records, and two schemas.
fn cloud() -> Cloud {
    let cloud = Cloud::new(1);
    cloud.kinesis.records_per_read(30);
    cloud.put_by_keys(&events(RECORDS as u64, 5));
    cloud.place.write("old.json", schema("long"));
    cloud.place.write("new.json", schema("string"));
    cloud
}

fn with_schema(file: &'static str) -> Vec<&'static str> {
    [&PARQUET[..], &["--chunk-records", "1", "--schema", file]].concat()
}

/// Kills a worker at its put of a key with this part, and finishes under another schema.
fn survives(part: &'static str, fault: Fault) {
    let cloud = cloud();
    let proxy = cloud.proxy(S3);
    let rule = proxy.add(Rule::new(fault).method("PUT").path(part));
    let worker = cloud.worker_with_log("killed.log", &with_schema("old.json"));
    let came = proxy.wait_for_hits(rule, 1, TIMEOUT);
    drop(worker);
    assert!(came, "the step never came: {}", cloud.log("killed.log"));
    proxy.remove_rules();
    cloud.catch_up(&with_schema("new.json"));
    cloud.holds_exactly(&events(RECORDS as u64, 5));
    stream::audit(&cloud, &[]).proven();
    assert!(cloud.kinesis.records(STREAM).len() == RECORDS);
}

#[test]
fn a_worker_can_be_killed_at_each_put() {
    let parts = [
        "_sluice/schemas",
        "_sluice/releases",
        "_sluice/ledger",
        "event_type",
        "_sluice/chunks",
    ];
    at_once(parts.into_iter().flat_map(|part| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {part}");
            (name, move || survives(part, fault))
        })
    }));
}
