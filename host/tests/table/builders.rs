//! Two builders of one table do no harm: of two attempts on one watermark, the second is void.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::{Bucket, Table, lines};
use crate::local::events;
use crate::support::builder_leases::{leases, remove_in_bucket};
use crate::support::cases::at_once;
use crate::support::cloud::{records, signal};
use crate::support::program::Running;
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

/// How often the lease is removed, so that both builders work at once.
const LEASE_REMOVED_EACH: Duration = Duration::from_millis(40);

const FILES: u64 = 12;
const RECORDS: u64 = 50;
/// Of ten records, one is no event.
const EVENTS: u64 = FILES * RECORDS / 10 * 9;

/// A builder stops for longer than its lease lasts, another one commits, and the first one goes on.
fn wakes_up_late(bucket: &Bucket, warehouse: &str, put: &str, fault: Fault) {
    let (table, proxy) = bucket.table(warehouse);
    table.create(&[]);
    let held = proxy.add(Rule::new(fault).method("PUT").path(put));
    let mut command = table.command("sync", &[]);
    command.stdout(Stdio::null());
    let mut late = Running(command.spawn().unwrap());
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT), "no put of {put}");
    bucket.expire_leases(&table);
    assert_eq!(table.sync()["events"], 30);
    table.has_the_lake();

    proxy.release_held();
    // Whether it says that it has lost its lease is not the point here.
    assert!(matches!(late.ends(), Some(0 | 1)));
    table.has_the_lake();
    assert_eq!(table.sync()["events"], 0);
    // What it has written in vain is listed.
    let files = table.warehouse.files(&table.name).into_iter();
    let mut known = table.removable();
    assert_eq!(known.len(), 1);
    known.extend(files.map(|file| file.key));
    assert_eq!(known, table.warehouse.data_files());
}

#[test]
fn a_builder_that_wakes_up_late_commits_nothing() {
    let bucket = &Bucket::new();
    let (table, _proxy) = bucket.table("unused");
    table.land("events.ndjson", events(0..30), &[]);
    // A data file, the watermark, a manifest, its list, and the metadata of the table.
    let puts = [
        ".parquet",
        "watermarks",
        "-m0.avro",
        "snap-",
        ".metadata.json",
    ];
    at_once(puts.into_iter().enumerate().flat_map(|(number, put)| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            // No put of one name has that of another in its path.
            let warehouse = format!("{fault:?}-{number}").to_lowercase();
            let name = format!("{fault:?}: {put}");
            (name, move || wakes_up_late(bucket, &warehouse, put, fault))
        })
    }));
}

/// The lease of a builder is removed while it is held at the n-th put of this name. It goes on.
fn loses_its_lease(bucket: &Bucket, warehouse: &str, put: &str, nth: usize) {
    let (table, proxy) = bucket.table(warehouse);
    table.create(&[]);
    let hold = Rule::new(Fault::Hold).method("PUT").path(put);
    let held = proxy.add(hold.nth(nth));
    let mut command = table.command("sync", &[]);
    command.stdout(Stdio::null());
    let mut builder = Running(command.spawn().unwrap());
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT), "no put of {put}");
    remove_in_bucket(&bucket.s3, "bucket", &table.warehouse.folder);
    proxy.release_held();
    assert_eq!(builder.ends(), Some(0));
    table.has_the_lake();
    assert_eq!(table.sync()["events"], 0);
    assert!(table.removable().is_empty());
}

#[test]
fn a_builder_whose_lease_is_removed_goes_on() {
    let bucket = &Bucket::new();
    let (table, _proxy) = bucket.table("unused");
    table.land("events.ndjson", events(0..30), &[]);
    // The note of an attempt, a data file, the metadata of the table, and the note that the attempt is settled.
    let puts = [
        ("builder.json", 2),
        (".parquet", 1),
        (".metadata.json", 1),
        ("builder.json", 3),
    ];
    at_once(puts.into_iter().enumerate().map(|(number, (put, nth))| {
        let name = format!("{put} {nth}");
        (name, move || {
            loses_its_lease(bucket, &format!("removed-{number}"), put, nth);
        })
    }));
}

/// Removes the lease again and again.
fn remove_leases(table: &Table, is_over: &AtomicBool) {
    while !is_over.load(Relaxed) {
        for lease in leases(&table.warehouse.folder) {
            let _already_removed = fs::remove_file(lease);
        }
        thread::sleep(LEASE_REMOVED_EACH);
    }
}

#[test]
fn two_builders_without_a_lease_commit_each_event_once() {
    let mut table = Table::in_folder();
    table.place.install();
    table.create(&[]);
    let follow = ["--follow", "--interval", "20ms", "--max-age", "0s"];
    let start = || {
        let mut command = table.command("sync", &follow);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    };
    let (mut one, other) = (start(), start());
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let removal = scope.spawn(|| remove_leases(&table, is_over));
        for seed in 0..FILES {
            let file = format!("events-{seed}.ndjson");
            table.land(&file, lines(&records(RECORDS, seed)), &[]);
        }
        is_over.store(true, Relaxed);
        removal.join().unwrap();
    });
    one.until(|| table.warehouse.count(&table.name) >= EVENTS);
    for mut builder in [one, other] {
        signal(&builder.0, "TERM");
        assert_eq!(builder.ends(), Some(0));
    }
    assert_eq!(table.sync()["events"], 0);
    table.has_the_lake();
    table.removable();
}
