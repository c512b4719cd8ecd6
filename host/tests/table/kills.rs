//! A builder is killed between any two of its requests and at any moment, and answers are lost. The table has each event
//! once all the same, and what was written in vain is listed.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::{Bucket, CatalogKind, Table, lines, rest};
use crate::local::events;
use crate::support::builder_leases::expire_in_folder;
use crate::support::cases::at_once;
use crate::support::cloud::records;
use crate::support::program::Running;
use testkit::proxy::{Fault, Proxy, Rule};

/// How long a builder is given before it is checked that it still runs.
const A_MOMENT: Duration = Duration::from_millis(10);

/// A bucket with a lake of two files.
fn bucket(catalogs: CatalogKind) -> Bucket {
    let bucket = Bucket::with(catalogs);
    let (table, _proxy) = bucket.table("unused");
    table.land("events.ndjson", events(0..20), &["--chunk-records", "10"]);
    table.land("more.ndjson", events(20..30), &[]);
    bucket
}

/// A table without events, and a proxy that has seen nothing yet.
fn new_table(bucket: &Bucket, warehouse: &str) -> (Table, Proxy) {
    let (table, proxy) = bucket.table(warehouse);
    table.create(&[]);
    proxy.forget_seen();
    (table, proxy)
}

/// Starts a builder and kills it at its n-th request, if it makes so many.
fn kill(table: &Table, proxy: &Proxy, nth: usize, fault: Fault) {
    kill_at(table, proxy, Rule::new(fault).nth(nth));
}

/// The same at its n-th put.
pub(super) fn kill_at_put(table: &Table, proxy: &Proxy, nth: usize, fault: Fault) {
    kill_at(table, proxy, Rule::new(fault).method("PUT").nth(nth));
}

fn kill_at(table: &Table, proxy: &Proxy, rule: Rule) {
    let rule = proxy.add(rule);
    let mut command = table.command("sync", &[]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut killed = Running(command.spawn().unwrap());
    while !proxy.wait_for_hits(rule, 1, A_MOMENT) && killed.0.try_wait().unwrap().is_none() {}
    drop(killed);
    proxy.remove_rules();
}

/// Asserts that the table has the lake, and that each other file of the warehouse is listed for removal.
fn is_whole(table: &Table) {
    table.has_the_lake();
    let files = table.warehouse.files(&table.name).into_iter();
    let mut known = table.removable();
    known.extend(files.map(|file| file.key));
    assert_eq!(known, table.warehouse.data_files());
}

/// The requests of a sync that nobody disturbs.
fn requests(bucket: &Bucket) -> Vec<String> {
    let (table, proxy) = new_table(bucket, "undisturbed");
    table.sync();
    let methods: Vec<_> = proxy.seen().into_iter().map(|seen| seen.method).collect();
    is_whole(&table);
    assert!(table.removable().is_empty());
    methods
}

fn kill_between_any_two_requests(catalogs: CatalogKind) {
    let bucket = &bucket(catalogs);
    let requests = requests(bucket).len();
    println!("{requests} requests");
    at_once((1..=requests).flat_map(|nth| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}-{nth}").to_lowercase();
            (name.clone(), move || {
                let (table, proxy) = new_table(bucket, &name);
                kill(&table, &proxy, nth, fault);
                bucket.expire_leases(&table);
                table.sync();
                is_whole(&table);
            })
        })
    }));
}

#[test]
fn a_builder_can_be_killed_between_any_two_requests() {
    kill_between_any_two_requests(CatalogKind::Sqlite);
}

#[test]
fn a_builder_over_a_rest_catalog_can_be_killed_between_any_two_requests() {
    kill_between_any_two_requests(CatalogKind::Rest);
}

/// The services do what they are asked to, and the answer is lost: the program finds out.
fn lose_any_answer_to_a_write(catalogs: CatalogKind) {
    let bucket = &bucket(catalogs);
    let requests = requests(bucket);
    // S3 gets puts, and a REST catalog posts.
    let writes = ["PUT", "POST"].into_iter().flat_map(|method| {
        let writes = requests.iter().filter(|of| *of == method).count();
        (1..=writes).map(move |nth| (method, nth))
    });
    let writes: Vec<_> = writes.collect();
    assert!(writes.len() >= 6, "{requests:?}");
    at_once(writes.into_iter().map(|(method, nth)| {
        let name = format!("lost-{method}-{nth}").to_lowercase();
        (name.clone(), move || {
            let (table, proxy) = new_table(bucket, &name);
            let lost = proxy.add(Rule::new(Fault::ResetAfter).method(method).nth(nth));
            assert_eq!(table.sync()["events"], 30);
            assert_eq!(proxy.hits(lost), 1);
            is_whole(&table);
            assert!(table.removable().is_empty());
        })
    }));
}

#[test]
fn a_builder_survives_the_loss_of_any_answer_to_a_put() {
    lose_any_answer_to_a_write(CatalogKind::Sqlite);
}

#[test]
fn a_builder_over_a_rest_catalog_survives_the_loss_of_any_answer_to_a_write() {
    lose_any_answer_to_a_write(CatalogKind::Rest);
}

const LANES: u64 = 3;
const KILLS_A_LANE: usize = 15;
const FILES: u64 = 12;

/// Starts builders and kills each at a random moment.
fn kill_at_random(table: &Table, lane: u64, longest: Duration) {
    let mut rng = Pcg64Mcg::seed_from_u64(lane);
    for _ in 0..KILLS_A_LANE {
        let mut command = table.command("sync", &[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let killed = Running(command.spawn().unwrap());
        thread::sleep(longest.mul_f64(rng.random_range(0.0..1.2)));
        drop(killed);
        expire_in_folder(&table.warehouse.folder, &format!("lane-{lane}"));
    }
}

fn kill_at_random_moments(mut table: Table) {
    table.place.install();
    table.create(&[]);
    table.land("events.ndjson", lines(&records(100, 100)), &[]);
    let begun = Instant::now();
    table.sync();
    let longest = begun.elapsed();
    let table = &table;
    thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || kill_at_random(table, lane, longest));
        }
        for seed in 0..FILES {
            let file = format!("events-{seed}.ndjson");
            table.land(&file, lines(&records(50, seed)), &[]);
        }
    });
    table.sync();
    table.has_the_lake();
    table.removable();
    assert_eq!(table.sync()["events"], 0);
}

#[test]
fn builders_that_are_killed_at_random_moments_commit_each_event_once() {
    kill_at_random_moments(Table::in_folder());
}

#[test]
fn builders_over_a_rest_catalog_that_are_killed_at_random_moments_commit_each_event_once() {
    kill_at_random_moments(rest::in_folder());
}
