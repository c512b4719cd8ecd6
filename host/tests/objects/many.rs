//! Ten thousand small objects: the requests, the memory and the handles that they take.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
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

/// Puts all objects, several at once.
fn put_all(bucket: &Bucket) {
    let client = bucket.s3.client();
    let put = |n: usize| {
        let put = client.put_object().bucket("source");
        let put = put.key(format!("in/{:02}/{n}.json", n % 20));
        put.body((event(n) + "\n").into_bytes().into()).send()
    };
    let puts = stream::iter(0..OBJECTS).map(put).buffer_unordered(32);
    let done = bucket.runtime.block_on(puts.try_collect::<Vec<_>>());
    assert_eq!(done.unwrap().len(), OBJECTS);
}

/// One run is killed, the next one lands the rest, and a third one finds nothing to read.
#[test]
fn ten_thousand_objects_land_once_and_are_not_read_again() {
    let bucket = Bucket::new();
    let lake = bucket.s3.bucket("lake").join("events");
    put_all(&bucket);
    let is_ledger = |path: &str| path.contains("/_sluice/ledger/");
    let is_object = |path: &str| path.starts_with("/source/in/");
    let later = Rule::new(Fault::Hold).method("PUT").path("_sluice/chunks");
    let later = bucket.proxy.add(later.nth(OBJECTS / 3));
    let mut killed = Running(copying(&bucket).spawn().unwrap());
    killed.until(|| bucket.proxy.hits(later) > 0);
    drop(killed);
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
