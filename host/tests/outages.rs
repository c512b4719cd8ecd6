//! Services that fail for a while: everything is delivered, once and in order. Services that fail
//! for longer than the retry timeout end the run.

mod cells;
mod redrives;
mod streams;

use std::time::Duration;

use self::cells::{Cell, FaultKind, OPERATIONS, Operation, When, cells};
use self::streams::A_CHUNK_AN_ANSWER;
use crate::support::cases::at_once;
use crate::support::cloud::Cloud;
use crate::support::program::Ran;
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

/// The minimum size of the table, so that it does not shrink unnoticed.
const CELLS_MIN: usize = 395;

impl Operation {
    /// Catches up with the stream. Each response is one chunk.
    fn catch_up(&self, cloud: &Cloud, more: &[&str]) {
        cloud.catch_up(&[&A_CHUNK_AN_ANSWER, self.arguments, more].concat());
    }
}

/// Delivers the stream under these rules. Each rule must act.
fn delivers(operation: &Operation, rules: Vec<Rule>, timeout: &str) {
    let cloud = (operation.given)();
    let proxy = cloud.proxy(operation.service);
    let rules: Vec<_> = rules.into_iter().map(|rule| proxy.add(rule)).collect();
    operation.catch_up(&cloud, &["--retry-timeout", timeout]);
    let hits: Vec<_> = rules.into_iter().map(|rule| proxy.hits(rule)).collect();
    assert!(hits.iter().all(|hits| *hits > 0), "not hit: {hits:?}");
    cloud.is_delivered();
}

#[test]
fn every_failing_operation_is_retried_until_it_succeeds() {
    let cells: Vec<_> = cells(OPERATIONS).collect();
    println!("{} cells", cells.len());
    assert!(cells.len() >= CELLS_MIN, "only {} cells", cells.len());
    at_once(cells.into_iter().map(|cell| {
        let deliver = move || delivers(&cell.operation, cell.rules(), "60s");
        (cell.name(), deliver)
    }));
}

/// The AWS client stops an attempt after a minute, and makes another one.
#[test]
fn an_operation_that_hangs_is_retried() {
    at_once(OPERATIONS.into_iter().map(|operation| {
        let name = format!("{}, for ever", operation.name);
        (name, move || {
            let hangs = Rule::new(Fault::Hang(Duration::from_secs(3_600)));
            delivers(&operation, vec![(operation.request)(hangs)], "300s");
        })
    }));
}

#[test]
fn an_operation_that_fails_past_the_retry_timeout_ends_the_run_and_is_named() {
    at_once(OPERATIONS.into_iter().map(|operation| {
        (operation.name.to_owned(), move || {
            let cloud = (operation.given)();
            let proxy = cloud.proxy(operation.service);
            let denied = Cell {
                operation,
                kind: FaultKind::Denied,
                when: When::First,
            };
            let denied = (operation.request)(Rule::new(denied.fault()));
            proxy.add(denied.always());
            let mut command = cloud.command(&["--exit-when-caught-up", "--retry-timeout", "1s"]);
            let ran = Ran::from(command.args(operation.arguments).output().unwrap());
            // The response to a HEAD request has no body with a reason.
            let bodiless = operation.name == "check an object";
            let why = if bodiless {
                "status 403"
            } else {
                "AccessDenied"
            };
            ran.failed(1, &[operation.message, why]);
            proxy.remove_rules();
            operation.catch_up(&cloud, &[]);
            cloud.is_delivered();
        })
    }));
}
