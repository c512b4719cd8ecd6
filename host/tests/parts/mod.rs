//! Replays in parts: several processes land one source into one lake.

mod files;
mod plans;
mod streams;

use std::process::{Child, Command};

use testkit::proxy::{Fault, Proxy, Rule};

use crate::support::program::{Ran, Running, Summary};

const PARTS: usize = 8;

/// Holds the second chunk manifest in S3: one chunk is committed, and the objects of another one are put.
fn second_manifest() -> Rule {
    let rule = Rule::new(Fault::Hold).method("PUT");
    rule.path("_sluice/chunks").nth(2)
}

/// Runs all parts at once. Those in `killed` are killed while S3 holds this request of theirs, and are started again
/// while the others run. `command` makes the command of a part that reaches S3 at an endpoint.
fn run_all(
    s3: &str,
    killed: &[usize],
    held: &Rule,
    command: impl Fn(usize, &str) -> Command,
) -> Vec<Summary> {
    let held = killed.iter().map(|part| {
        let proxy = Proxy::start(s3);
        let rule = proxy.add(held.clone());
        let running = Running(command(*part, &proxy.endpoint).spawn().unwrap());
        (*part, proxy, rule, running)
    });
    let held: Vec<_> = held.collect();
    let others = (1..=PARTS).filter(|part| !killed.contains(part));
    let start = |part: usize| command(part, s3).spawn().unwrap();
    let mut running: Vec<Child> = others.map(start).collect();
    for (part, proxy, rule, mut process) in held {
        process.until(|| proxy.hits(rule) > 0);
        drop(process);
        running.push(start(part));
    }
    let ended = running.into_iter().map(Child::wait_with_output);
    let ended = ended.map(|output| Ran::from(output.unwrap()).summary());
    ended.collect()
}

/// The number of records that these processes have committed, and have found committed.
fn records(summaries: &[Summary]) -> u64 {
    let of = |summary: &Summary| summary.count("records") + summary.count("already_committed");
    summaries.iter().map(of).sum()
}
