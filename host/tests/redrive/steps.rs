//! Redrives of a lake in S3 that are killed at each step, work at the same time, or may only create objects.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{echoes, ledger, of_reason, redrive_in};
use crate::support::cases::at_once;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{records, signal};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::{Ran, Running, Summary};
use testkit::proxy::{Fault, Rule};

pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// The records of the stream. One of ten is quarantined.
const RECORDS: u64 = 90;

/// The records in a response, which become one chunk, and so three records of one object of quarantine.
const RECORDS_PER_CHUNK: usize = 30;

/// Rules that land all of them, and a chunk for each object.
pub(super) const FIX: [&str; 4] = ["--transform", "rogue.wasm", "--chunk-records", "1"];

/// A lake with three objects of quarantine.
pub(super) fn cloud() -> Cloud {
    let cloud = Cloud::new(1);
    cloud.place.write("rogue.wasm", &rogue().by_record);
    cloud.kinesis.records_per_read(RECORDS_PER_CHUNK);
    cloud.put_by_keys(&records(RECORDS, 1));
    cloud.catch_up(&["--chunk-records", "1"]);
    assert_eq!(lake::quarantine(&cloud.lake()).len(), 9);
    cloud
}

/// The quarantined records of [`cloud`].
pub(super) fn quarantined() -> Vec<String> {
    let records = records(RECORDS, 1).into_iter();
    let texts = records.map(|record| String::from_utf8(record).unwrap());
    let mut texts: Vec<_> = texts.filter(|text| text.starts_with("no event")).collect();
    texts.sort_unstable();
    texts
}

/// Starts a redrive with its log in a file.
pub(super) fn start(cloud: &Cloud, log: &str, more: &[&str]) -> Running {
    let mut command = redrive_in(cloud, &[&FIX[..], more].concat());
    let log = File::create(cloud.place.path(log)).unwrap();
    command.stdout(Stdio::null()).stderr(log);
    Running(command.spawn().unwrap())
}

fn redrive(cloud: &Cloud, more: &[&str]) -> Summary {
    let mut command = redrive_in(cloud, &[&FIX[..], more].concat());
    Ran::from(command.output().unwrap()).summary()
}

/// Asserts that each quarantined record has landed once, and that nothing is left.
fn is_delivered(cloud: &Cloud) {
    assert_eq!(echoes(&cloud.lake()), quarantined());
    assert_eq!(
        lake::quarantine(&cloud.lake()).len(),
        9,
        "the old objects stay"
    );
    assert_eq!(redrive(cloud, &[]).count("records"), 0);
}

fn files(folder: &Path) -> usize {
    let tree = lake::tree(folder);
    tree.keys().filter(|path| !path.ends_with('/')).count()
}

type Step = (&'static str, fn(Rule) -> Rule);

pub(super) fn put_in_ledger(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/ledger/redrive-one")
}

/// The steps of the redrive `one`.
const STEPS: [Step; 10] = [
    ("write the list", |rule| {
        rule.method("PUT").path("_sluice/redrives/one.json")
    }),
    ("take the shard", put_in_ledger),
    ("claim the first object", |rule| {
        rule.method("PUT").path("_sluice/redrives/claims")
    }),
    ("claim the second object", |rule| {
        rule.method("PUT").path("_sluice/redrives/claims").nth(2)
    }),
    ("pin", |rule| put_in_ledger(rule).body("\"pending\": {")),
    ("put an object", |rule| {
        rule.method("PUT").path("/lake/redrive-one-")
    }),
    ("put the manifest", |rule| {
        rule.method("PUT").path("_sluice/chunks/redrive-one")
    }),
    ("commit", |rule| {
        put_in_ledger(rule)
            .body("\"pending\": null")
            .body("\"committed\": {")
    }),
    ("pin the next chunk", |rule| {
        put_in_ledger(rule)
            .body("\"pending\": {")
            .body("\"committed\": {")
    }),
    ("finish", |rule| {
        put_in_ledger(rule).body("\"finished\": true")
    }),
];

fn survives((name, request): Step, fault: Fault) {
    let cloud = cloud();
    let proxy = cloud.proxy(S3);
    let held = proxy.add(request(Rule::new(fault)));
    let killed = start(&cloud, "killed.log", &["--id", "one"]);
    let came = proxy.wait_for_hits(held, 1, TIMEOUT);
    drop(killed);
    assert!(came, "{name} never came: {}", cloud.log("killed.log"));
    proxy.remove_rules();
    // Without an id, the unfinished redrive of the same request is found, if it has begun.
    redrive(&cloud, &[]);
    is_delivered(&cloud);
    assert_eq!(files(&cloud.lake().join("_sluice/redrives/claims")), 3);
}

#[test]
fn a_redrive_that_is_killed_at_any_step_is_finished_by_the_next_one() {
    at_once(STEPS.into_iter().flat_map(|step| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {}", step.0);
            (name, move || survives(step, fault))
        })
    }));
}

#[test]
fn a_redrive_that_is_continued_elsewhere_ends_with_an_error() {
    let cloud = cloud();
    let proxy = cloud.proxy(S3);
    let object = Rule::new(Fault::Hold)
        .method("PUT")
        .path("/lake/redrive-one-");
    let held = proxy.add(object);
    let mut first = start(&cloud, "first.log", &["--id", "one"]);
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    proxy.remove_rules();
    redrive(&cloud, &["--id", "one"]);
    assert_eq!(ledger(&cloud.lake(), "one")["finished"], true);
    proxy.release_held();
    assert_eq!(first.ends(), Some(1));
    let log = cloud.log("first.log");
    assert!(
        log.contains("another process continues the redrive one"),
        "{log}"
    );
    is_delivered(&cloud);
}

/// One redrive is held while it claims, and another one takes what is free.
#[test]
fn two_redrives_at_once_land_each_record_once() {
    let cloud = cloud();
    let proxy = cloud.proxy(S3);
    let claim = Rule::new(Fault::Hold)
        .method("PUT")
        .path("_sluice/redrives/claims");
    let held = proxy.add(claim);
    let mut command = redrive_in(&cloud, &[&FIX[..], &["--id", "one"]].concat());
    let first = command.spawn().unwrap();
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    let second = redrive(&cloud, &["--id", "two"]);
    proxy.remove_rules();
    proxy.release_held();
    let first = Ran::from(first.wait_with_output().unwrap()).summary();
    let landed = |summary: &Summary| of_reason(summary, "invalid_json")[1];
    let skipped = |summary: &Summary, of: &str| {
        let all = summary.0["redrive"]["skipped"].as_array().unwrap();
        assert!(
            all.iter().all(|skipped| skipped["redrive"] == of),
            "{summary:?}"
        );
        let records = all
            .iter()
            .map(|skipped| skipped["records"].as_u64().unwrap());
        records.sum::<u64>()
    };
    assert!(landed(&second) >= 3, "{second:?}");
    assert_eq!(landed(&first) + landed(&second), 9, "{first:?} {second:?}");
    assert_eq!(landed(&first) + skipped(&first, "two"), 9);
    // What the first one has landed before is not in quarantine any more when the second one begins.
    assert!(landed(&second) + skipped(&second, "one") <= 9, "{second:?}");
    is_delivered(&cloud);
}

/// As the policy of a bucket allows it: objects are created, and only ledgers are replaced.
#[test]
fn a_redrive_only_creates_objects_and_deletes_nothing() {
    let cloud = cloud();
    let proxy = cloud.proxy(S3);
    for method in ["DELETE", "POST"] {
        let denied = Rule::new(Fault::s3(403, "AccessDenied"));
        proxy.add(denied.method(method).path("/bucket/lake").always());
    }
    let begin = proxy.seen().len();
    let summary = redrive(&cloud, &["--id", "one"]);
    assert_eq!(of_reason(&summary, "invalid_json"), [9, 9, 0, 0]);
    let seen = proxy.seen().split_off(begin);
    let puts: Vec<_> = seen.iter().filter(|seen| seen.method == "PUT").collect();
    assert!(puts.len() > 10, "{puts:?}");
    for put in puts {
        let condition = put.condition.as_deref().unwrap_or_default();
        let is_ledger = put.path.contains("_sluice/ledger/");
        let is_allowed =
            condition == "if-none-match: *" || (is_ledger && condition.starts_with("if-match"));
        assert!(is_allowed, "{put:?}");
    }
    is_delivered(&cloud);
}

#[test]
fn a_signal_stops_a_redrive_that_the_next_one_continues() {
    let cloud = cloud();
    let proxy = cloud.proxy(S3);
    let commit = put_in_ledger(Rule::new(Fault::Hold)).body("\"pending\": null");
    let held = proxy.add(commit.body("\"committed\": {"));
    let mut stopped = start(&cloud, "stopped.log", &["--id", "one"]);
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT));
    signal(&stopped.0, "TERM");
    assert_eq!(stopped.ends(), Some(1));
    let log = cloud.log("stopped.log");
    assert!(log.contains("stopped by a signal"), "{log}");
    proxy.remove_rules();
    // The command that it prints continues it with its rules.
    let (_, command) = log.rsplit_once("continue: `sluice ").unwrap();
    let (command, _) = command.split_once('`').unwrap();
    let others = ["--jq", ".", "--id", "one", "--dry-run"];
    let other = Ran::from(redrive_in(&cloud, &others).output().unwrap()).succeeded();
    let warning = "begun with another release; `sluice ";
    assert!(other.stderr.contains(warning), "{other:?}");
    assert!(other.stderr.contains(command), "{other:?}");
    let mut continued = redrive_in(&cloud, &["--chunk-records", "1"]);
    continued.args(command.split(' ').skip(3));
    let summary = Ran::from(continued.output().unwrap()).summary();
    assert_eq!(summary.0["redrive"]["id"], "one");
    is_delivered(&cloud);
}
