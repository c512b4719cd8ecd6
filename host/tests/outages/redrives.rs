//! S3 fails for a while during a redrive: everything is redriven, once.

use std::path::PathBuf;
use std::time::Duration;

use super::cells::{Cell, FaultKind, OPERATION, Operation, When, cells};
use crate::redrive_kill::lake::{QUARANTINED_ONE_IN, SECOND, TestLake, fixed_first};
use crate::support::cases::at_once;
use crate::support::cloud::Service::S3;
use crate::support::program::{Place, Ran};
use testkit::proxy::{Fault, Rule};

/// The minimum size of the table, so that it does not shrink unnoticed.
const CELLS_MIN: usize = 70;

/// Two chunks, each with an object of quarantine for each of three reasons.
const RECORDS: u64 = 2_000;

const REDRIVE: [&str; 2] = ["--id", "outage"];

const OPERATIONS: [Operation; 5] = [
    Operation {
        name: "list redrives",
        request: |rule| rule.method("GET").path("list-type=2"),
        message: "list s3://bucket/lake/",
        ..OPERATION
    },
    Operation {
        name: "read what is quarantined",
        request: |rule| rule.method("GET").path("_sluice/chunks/"),
        message: "read s3://bucket/lake/_sluice/chunks/",
        ..OPERATION
    },
    Operation {
        name: "put the list of a redrive",
        request: |rule| rule.method("PUT").path("_sluice/redrives/outage.json"),
        message: "put s3://bucket/lake/_sluice/redrives/outage.json",
        answers: false,
        ..OPERATION
    },
    Operation {
        name: "read an object of quarantine",
        request: |rule| rule.method("GET").path("_sluice/quarantine/"),
        message: "read s3://bucket/lake/_sluice/quarantine/",
        ..OPERATION
    },
    Operation {
        name: "claim an object",
        request: |rule| rule.method("PUT").path("_sluice/redrives/claims/"),
        message: "put s3://bucket/lake/_sluice/redrives/claims/",
        calls: 6,
        answers: false,
        ..OPERATION
    },
];

/// A folder with the program, which does not compile the rules at each start.
fn installed() -> Place {
    let mut place = Place::new();
    place.install();
    place
}

/// A lake with records in quarantine.
fn quarantined(program: PathBuf) -> TestLake {
    let mut lake = TestLake::in_s3().with_program(program);
    lake.land_first(0..RECORDS);
    lake
}

fn is_redriven(lake: &TestLake) {
    let quarantined = RECORDS / QUARANTINED_ONE_IN - fixed_first(0..RECORDS);
    lake.is_proven(RECORDS - quarantined, quarantined);
}

/// Redrives under these rules. Each rule must act.
fn redrives(program: PathBuf, rules: Vec<Rule>, timeout: &str) {
    let lake = quarantined(program);
    let proxy = lake.cloud.proxy(S3);
    let rules: Vec<_> = rules.into_iter().map(|rule| proxy.add(rule)).collect();
    lake.redrive_all(
        SECOND,
        &[&REDRIVE[..], &["--retry-timeout", timeout]].concat(),
    );
    let hits: Vec<_> = rules.into_iter().map(|rule| proxy.hits(rule)).collect();
    assert!(hits.iter().all(|hits| *hits > 0), "not hit: {hits:?}");
    is_redriven(&lake);
}

#[test]
fn every_failing_operation_of_a_redrive_is_retried_until_it_succeeds() {
    let cells: Vec<_> = cells(OPERATIONS).collect();
    println!("{} cells", cells.len());
    assert!(cells.len() >= CELLS_MIN, "only {} cells", cells.len());
    let installed = installed();
    at_once(cells.into_iter().map(|cell| {
        let program = installed.program();
        let redrive = move || redrives(program, cell.rules(), "60s");
        (cell.name(), redrive)
    }));
}

#[test]
fn an_operation_of_a_redrive_that_hangs_is_retried() {
    let installed = installed();
    at_once(OPERATIONS.into_iter().map(|operation| {
        let program = installed.program();
        let name = format!("{}, for ever", operation.name);
        (name, move || {
            let hangs = Rule::new(Fault::Hang(Duration::from_secs(3_600)));
            redrives(program, vec![(operation.request)(hangs)], "300s");
        })
    }));
}

#[test]
fn an_operation_of_a_redrive_that_fails_past_the_retry_timeout_ends_it_and_is_named() {
    let installed = installed();
    at_once(OPERATIONS.into_iter().map(|operation| {
        let program = installed.program();
        (operation.name.to_owned(), move || {
            let lake = quarantined(program);
            let denied = Cell {
                operation,
                kind: FaultKind::Denied,
                when: When::First,
            };
            let denied = (operation.request)(Rule::new(denied.fault()));
            lake.cloud.proxy(S3).add(denied.always());
            let redrive = [&REDRIVE[..], &["--retry-timeout", "1s"]].concat();
            let ran = Ran::from(lake.redrive(SECOND, &redrive).output().unwrap());
            ran.failed(1, &[operation.message, "AccessDenied"]);
            lake.cloud.proxy(S3).remove_rules();
            lake.redrive_all(SECOND, &REDRIVE);
            is_redriven(&lake);
        })
    }));
}
