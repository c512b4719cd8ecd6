//! A worker that builds the table in its process.

use std::net::SocketAddr;
use std::process::Command;

use super::Table;
use crate::local::event;
use crate::metrics::watched::{Watched, metrics, says, status};
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, STREAM, signal};

/// A lake and a table in a bucket. Neither exists yet.
fn cloud(shards: usize) -> (Cloud, Table) {
    let cloud = Cloud::new(shards);
    let bucket = cloud.lake().parent().unwrap().to_owned();
    let table = Table::in_bucket(&bucket, "warehouse", &cloud.proxy(S3).endpoint);
    (cloud, table)
}

/// A worker with a builder that looks for chunks often.
fn worker(cloud: &Cloud, table: &Table, more: &[&str]) -> Command {
    let catalog = format!("sqlite:{}", table.warehouse.catalog.name().display());
    let build = [
        "--chunk-records",
        "20",
        "--table-build",
        "--table-catalog",
        &catalog,
    ];
    let often = ["--table-interval", "50ms", "--table-max-age", "0s"];
    let warehouse = ["--table-warehouse", "s3://bucket/warehouse"];
    let mut command = cloud.command(&[&build[..], &often, &warehouse, more].concat());
    command.env("TMPDIR", table.place.path("."));
    command
}

fn put(cloud: &Cloud, events: std::ops::Range<usize>) {
    for n in events {
        cloud
            .kinesis
            .put(STREAM, &n.to_string(), event(n).as_bytes());
    }
}

fn count(address: SocketAddr, name: &str) -> u64 {
    metrics(address).count(name, &[])
}

#[test]
fn a_worker_lands_events_and_adds_them_to_the_table() {
    let (cloud, table) = cloud(2);
    table.create(&[]);
    let mut watched = Watched::start(&mut worker(&cloud, &table, &[]));
    put(&cloud, 0..100);
    watched.until(|address| count(address, "sluice_table_events_total") == 100);
    put(&cloud, 100..150);
    watched.until(|address| count(address, "sluice_table_events_total") == 150);
    assert_eq!(
        count(watched.address, "sluice_records_committed_total"),
        150
    );
    let page = status(watched.address);
    assert_eq!(page["table"]["table"], "sluice.events");
    assert_eq!(page["table"]["totals"]["events"], 150);
    assert!(
        page["shards"].is_array() || page["shards"].is_object(),
        "{page}"
    );
    assert!(says(watched.address, "/readyz", 200, "ok"));
    signal(&watched.run.0, "TERM");
    watched.end().succeeded();
    table.has_the_lake();
}

#[test]
fn a_worker_goes_on_while_its_builder_cannot() {
    let (cloud, table) = cloud(1);
    let mut watched = Watched::start(&mut worker(&cloud, &table, &["--log-format", "human"]));
    // There is no table.
    put(&cloud, 0..50);
    watched.until(|address| count(address, "sluice_records_committed_total") == 50);
    watched.until(|address| count(address, "sluice_table_failures_total") > 0);
    watched.until(|address| says(address, "/readyz", 200, "ok"));
    assert!(says(watched.address, "/livez", 200, "ok"));
    let error = status(watched.address)["table"]["last_error"]["error"].to_string();
    assert!(error.contains("sluice table create"), "{error}");
    // As soon as there is one, it is built.
    table.create(&[]);
    watched.until(|address| count(address, "sluice_table_events_total") == 50);
    signal(&watched.run.0, "TERM");
    watched.end().succeeded();
    table.has_the_lake();
}

#[test]
fn of_several_workers_one_builds_at_a_time() {
    let (cloud, table) = cloud(4);
    table.create(&[]);
    let mut workers = [0, 1, 2].map(|_| Watched::start(&mut worker(&cloud, &table, &[])));
    put(&cloud, 0..300);
    let [first, rest @ ..] = &mut workers;
    first.until(|_| table.warehouse.count(&table.name) == 300);
    // The others go on without the first one.
    signal(&first.run.0, "KILL");
    put(&cloud, 300..400);
    rest[0].until(|_| table.warehouse.count(&table.name) == 400);
    for watched in &workers[1..] {
        signal(&watched.run.0, "TERM");
    }
    let [_killed, rest @ ..] = workers;
    for watched in rest {
        watched.end().succeeded();
    }
    table.has_the_lake();
}
