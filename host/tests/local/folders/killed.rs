//! A run over many small files is killed at each step of delivery. The next run finishes the work.

use std::time::Duration;

use crate::local::{all_enriched, event};
use crate::support::cases::at_once;
use crate::support::cloud::{Cloud, Service};
use crate::support::lake;
use crate::support::ledgers::ledgers;
use crate::support::program::{Ran, Running};
use testkit::proxy::{Fault, Rule};

const FILES: usize = 60;
const TIMEOUT: Duration = Duration::from_secs(60);

/// A folder of small files, and a lake in S3.
fn folder() -> Cloud {
    let cloud = Cloud::new(1);
    for n in 0..FILES {
        cloud
            .place
            .write(&format!("in/{n:02}.ndjson"), event(n) + "\n");
    }
    cloud
}

fn command(cloud: &Cloud, name: &str) -> std::process::Command {
    let targets = ["--lake", "s3://bucket/lake", "--summary", "json"];
    let mut command = cloud
        .place
        .command(&[&[name, "--source", "file:in"], &targets[..]].concat());
    command.envs(testkit::environment());
    command.env("AWS_ENDPOINT_URL_S3", &cloud.proxy(Service::S3).endpoint);
    command
}

fn run(cloud: &Cloud) -> Ran {
    command(cloud, "run").output().unwrap().into()
}

/// Each event landed once, by the ledgers too.
fn is_landed(cloud: &Cloud) {
    assert_eq!(lake::all_events(&cloud.lake()), all_enriched(0..FILES));
    let ledgers = ledgers(&cloud.lake());
    assert_eq!(ledgers.len(), FILES);
    for (shard, ledger) in ledgers {
        assert_eq!(ledger["committed"]["records"], 1, "{shard}");
        assert!(ledger["pending"].is_null(), "{shard}");
    }
    Ran::from(command(cloud, "audit").output().unwrap()).succeeded();
}

/// A step of delivery, by the request that it makes.
type Step = (&'static str, fn(Rule) -> Rule);

fn group(rule: Rule) -> Rule {
    rule.method("PUT").path("_sluice/ledger/groups/")
}

#[test]
fn kills_change_nothing() {
    let steps: [Step; 7] = [
        ("pin the first files", |rule| {
            group(rule).body("\"pending\":{")
        }),
        ("write the group again", |rule| group(rule).nth(2)),
        ("write the group for the fourth time", |rule| {
            group(rule).nth(4)
        }),
        ("put an object", |rule| {
            rule.method("PUT").path("event_type").nth(20)
        }),
        ("put a manifest", |rule| {
            rule.method("PUT").path("_sluice/chunks")
        }),
        ("put a later manifest", |rule| {
            rule.method("PUT").path("_sluice/chunks").nth(FILES / 2)
        }),
        ("commit", |rule| group(rule).body("\"records\":1")),
    ];
    let faults = [Fault::Hold, Fault::HoldAnswer];
    at_once(steps.iter().flat_map(|(name, step)| {
        faults.clone().map(|fault| {
            let name = format!("{fault:?}: {name}");
            (name, move || {
                let cloud = folder();
                let proxy = cloud.proxy(Service::S3);
                let rule = proxy.add(step(Rule::new(fault)));
                let killed = Running(command(&cloud, "run").spawn().unwrap());
                let came = proxy.wait_for_hits(rule, 1, TIMEOUT);
                drop(killed);
                assert!(came, "the step never came");
                proxy.remove_rules();
                let summary = run(&cloud).summary();
                let counts = summary.counts(["records", "already_committed"]);
                assert_eq!(counts.iter().sum::<u64>(), FILES as u64, "{counts:?}");
                is_landed(&cloud);
            })
        })
    }));
}

/// Both runs land files, and a file that the other one works on fails in one of them. A third run has nothing to add.
#[test]
fn two_runs_at_once_land_each_file_once() {
    let cloud = folder();
    let runs = [(); 2].map(|()| {
        let mut command = command(&cloud, "run");
        std::thread::spawn(move || Ran::from(command.output().unwrap()))
    });
    for ran in runs.map(|run| run.join().unwrap()) {
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        let says_why = ran.stderr.contains("was taken over by") || ran.stderr.contains("conflict");
        assert!(ran.code == Some(0) || says_why, "{ran:?}");
    }
    let third = run(&cloud).summary();
    let counts = third.counts(["records", "already_committed"]);
    assert_eq!(counts.iter().sum::<u64>(), FILES as u64, "{counts:?}");
    is_landed(&cloud);
}

/// Files that are landed together are pinned together and committed together.
#[test]
fn the_ledgers_of_many_files_take_few_requests() {
    let cloud = folder();
    run(&cloud).succeeded();
    let seen = cloud.proxy(Service::S3).seen();
    let of_ledgers = seen
        .iter()
        .filter(|seen| seen.path.contains("_sluice/ledger/"));
    let of_ledgers = of_ledgers.count();
    assert!(
        of_ledgers < FILES,
        "{of_ledgers} requests for {FILES} files"
    );
}

/// The runs fill groups together, over the bound of a group, while files grow. Afterwards each ledger is in one group, and
/// each event has landed once.
#[test]
fn three_runs_at_once_fill_groups_together() {
    const MANY: usize = 300;
    let cloud = Cloud::new(1);
    let name = |n: usize| format!("in/{n:03}.ndjson");
    for n in 0..MANY {
        cloud.place.write(&name(n), event(n) + "\n");
    }
    for round in 1..4 {
        let mut runs = [(); 3].map(|()| Running(command(&cloud, "run").spawn().unwrap()));
        if round < 3 {
            std::thread::sleep(Duration::from_millis(200 * round as u64));
            drop(runs[round - 1].0.kill());
        }
        for run in &mut runs {
            run.ends();
        }
        if round < 3 {
            for n in 0..MANY {
                let grown = (0..=round).map(|line| event(n + line * MANY) + "\n");
                cloud.place.write(&name(n), grown.collect::<String>());
            }
        }
    }
    run(&cloud).succeeded();
    assert_eq!(lake::all_events(&cloud.lake()), all_enriched(0..3 * MANY));
    assert_eq!(ledgers(&cloud.lake()).len(), MANY);
    Ran::from(command(&cloud, "audit").output().unwrap()).succeeded();
}
