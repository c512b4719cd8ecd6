//! A redrive is killed at each of its requests, just before the service executes it and just after. The next one ends as if
//! nothing had happened.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::lake::{QUARANTINED_ONE_IN, SECOND, TestLake, fixed_first};
use crate::support::cases::at_once;
use crate::support::cloud::Service::S3;
use crate::support::program::Place;
use testkit::proxy::{Fault, Rule};

/// Two chunks of the run, each with an object of quarantine for each of three reasons.
const RECORDS: u64 = 2_000;

/// The redrive takes all of them. By its rules, those of one reason land and the others are quarantined again.
const REDRIVE: [&str; 2] = ["--id", "killed"];

/// How long a killed redrive is given before it is checked that it still runs.
const A_MOMENT: Duration = Duration::from_millis(10);

fn lake(program: PathBuf) -> TestLake {
    let mut lake = TestLake::in_s3().with_program(program).of_one_named_file();
    lake.land_first(0..RECORDS);
    lake.cloud.proxy(S3).forget_seen();
    lake
}

/// What a redrive leaves that nobody killed, and the methods of its requests.
fn reference(program: PathBuf) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let lake = lake(program);
    let before = lake.landed();
    let summary = lake.redrive_all(SECOND, &REDRIVE);
    let requests = lake.cloud.proxy(S3).seen().into_iter();
    let requests = requests.map(|seen| seen.method).collect();
    assert_eq!(summary.count("records"), RECORDS / QUARANTINED_ONE_IN);
    assert!(summary.count("events") > 0 && summary.count("quarantined") > 0);
    let after = lake.landed();
    assert!(
        before
            .iter()
            .all(|(key, object)| after.get(key) == Some(object))
    );
    let claims = after.keys().filter(|key| key.contains("/claims/"));
    assert_eq!(claims.count(), 6);
    (after, requests)
}

/// Kills a redrive at a request, finishes it, and compares.
fn survives(program: PathBuf, expected: &BTreeMap<String, Vec<u8>>, nth: usize, fault: Fault) {
    let lake = lake(program);
    let proxy = lake.cloud.proxy(S3);
    let rule = proxy.add(Rule::new(fault).nth(nth));
    let mut killed = lake.start(lake.redrive(SECOND, &REDRIVE), "killed.log");
    killed.until(|| proxy.wait_for_hits(rule, 1, A_MOMENT));
    drop(killed);
    proxy.remove_rules();
    proxy.release_held();
    lake.redrive_all(SECOND, &REDRIVE);
    let landed = lake.landed();
    let keys = |landed: &BTreeMap<String, Vec<u8>>| landed.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&landed), keys(expected));
    for (key, bytes) in expected {
        assert!(landed[key] == *bytes, "{key} differs");
    }
    let quarantined = RECORDS / QUARANTINED_ONE_IN - fixed_first(0..RECORDS);
    lake.is_proven(RECORDS - quarantined, quarantined);
}

#[test]
fn a_redrive_can_be_killed_between_any_two_requests() {
    let mut installed = Place::new();
    installed.install();
    let program = installed.program();
    let (expected, requests) = reference(program.clone());
    println!("{} requests", requests.len());
    let cases = (1..).zip(&requests).flat_map(|(nth, method)| {
        // What only reads changes nothing, so it is enough to be killed before it.
        let faults = match method.as_str() {
            "PUT" => vec![Fault::Hold, Fault::HoldAnswer],
            _ => vec![Fault::Hold],
        };
        faults.into_iter().map(move |fault| (nth, fault))
    });
    at_once(cases.map(|(nth, fault)| {
        let name = format!("{fault:?}: request {nth}");
        let (program, expected) = (program.clone(), &expected);
        (name, move || survives(program, expected, nth, fault))
    }));
}
