//! Ten thousand small objects: the requests, the memory and the handles that they take.

use std::fs;
use std::time::Duration;

use testkit::proxy::{Fault, Rule};

use super::Bucket;
use crate::local::event;
use crate::support::lake;
use crate::support::ledgers::ledgers;
use crate::support::program::{Ran, Running};

const OBJECTS: usize = 10_000;

/// Copies of the events, in a lake in S3: the program, with little memory for reading and for chunks.
fn copying(bucket: &Bucket) -> std::process::Command {
    bucket.command(&[
        "run",
        "--source",
        "s3://source/in",
        "--lake",
        "s3://lake/events",
        "--bus",
        "none",
        "--transform",
        "builtin:copy",
        "--summary",
        "json",
        "--memory",
        "64MiB",
    ])
}

fn run(bucket: &Bucket) -> Ran {
    copying(bucket).output().unwrap().into()
}

/// The part of the requests since they were forgotten that this holds for.
fn requests(bucket: &Bucket, holds: impl Fn(&str, &str) -> bool) -> usize {
    let seen = bucket.proxy.seen().into_iter();
    seen.filter(|seen| holds(&seen.method, &seen.path)).count()
}

/// One run is killed, the next one lands the rest, and a third one finds nothing to read.
#[test]
fn ten_thousand_objects_land_once_and_are_not_read_again() {
    let bucket = Bucket::new();
    let lake = bucket.s3.bucket("lake").join("events");
    let folder = lake.ancestors().nth(2).unwrap().join("source/in");
    for n in 0..OBJECTS {
        let object = folder.join(format!("{:02}/{n}.json", n % 20));
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(object, event(n) + "\n").unwrap();
    }
    let is_ledger = |path: &str| path.contains("/_sluice/ledger/");
    let is_object = |path: &str| path.starts_with("/source/in/");
    let later = Rule::new(Fault::Hold).method("PUT").path("_sluice/chunks");
    let later = bucket.proxy.add(later.nth(OBJECTS / 3));
    let killed = Running(copying(&bucket).spawn().unwrap());
    let came = bucket.proxy.wait_for_hits(later, 1, Duration::from_mins(5));
    drop(killed);
    assert!(came, "a third never landed");
    bucket.proxy.remove_rules();
    let keys = ["records", "already_committed", "files"];
    let [records, committed, files] = run(&bucket).summary().counts(keys);
    assert_eq!(
        (records + committed, files),
        (OBJECTS as u64, OBJECTS as u64)
    );
    assert!(committed > 1_000, "{committed}");
    let ledger_requests = requests(&bucket, |_, path| is_ledger(path));
    assert!(ledger_requests < OBJECTS / 2, "{ledger_requests}");
    bucket.proxy.forget_seen();
    let again = run(&bucket).summary();
    assert_eq!(again.counts(keys), [0, OBJECTS as u64, OBJECTS as u64]);
    assert_eq!(
        requests(&bucket, |method, path| method == "GET" && is_object(path)),
        0
    );
    // The lists of the source and of the ledgers, and forty groups.
    let requests = requests(&bucket, |_, _| true);
    assert!(requests < 100, "{requests}");
    assert_eq!(ledgers(&lake).len(), OBJECTS);
    let mut landed = lake::all_events(&lake);
    let mut all: Vec<_> = (0..OBJECTS).map(event).collect();
    landed.sort_unstable();
    all.sort_unstable();
    assert!(landed == all, "{} events", landed.len());
}
