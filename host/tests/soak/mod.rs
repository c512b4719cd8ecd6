//! A soak: workers, or functions with mappings, process a continuous load, builders make a table of the lake, and redrives
//! take records out of quarantine, while accidents happen to them, to the services and to the stream. At the end, each record must be in one place, and the table
//! must have each event of the lake once. A console looks on, and shows in the end what the audit counts.
//!
//! All random choices follow from one seed: the records, the accidents and their times. The
//! scheduling of processes and threads does not, so a seed repeats a run in kind and not step by
//! step.
//!
//! `make soak` sets these variables. Without them, a short soak is part of all tests:
//!
//! - `SLUICE_SOAK_MINUTES`: the duration of the accidents. After them, the rest is landed and
//!   checked.
//! - `SLUICE_SOAK_SEED`: the seed. Without it, a random one is chosen and printed.
//! - `SLUICE_TEST_PROGRAM`: another `sluice` instead of the one that was built with the tests.

mod account;
mod builders;
mod chaos;
mod check;
mod functions;
mod hosts;
mod load;
mod manifests;
#[cfg(feature = "console")]
mod onlooker;
mod parameters;
mod processes;
mod records;
mod redrives;
mod rows;
mod sabotage;
mod steps;
mod table;
#[cfg(feature = "table")]
mod table_rows;
mod workers;

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::HumanCount;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use sluice_transform::testing::Tester;

use self::account::Releases;
use self::chaos::{Chaos, shards};
use self::check::{Lake, unsettled};
use self::load::Load;
#[cfg(feature = "console")]
use self::onlooker::Onlooker;
use self::parameters::{Parameters, QUEUE_BYTES, SCHEMAS};
use self::workers::LEASE;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::{Kinesis, S3, Sqs};
use crate::support::program::Ran;
use crate::support::soak_options::SoakOptions;

const LAKE: &str = "s3://bucket/lake";
const REGISTRY: &str = "s3://bucket/registry";

/// The number of shards at the start.
const SHARDS: usize = 3;

/// The configurations of the releases in the registry that are the enrichment. Their events are equal, their
/// partitions differ.
const CONFIGS: [&str; 3] = [
    "{}",
    r#"{"partition_by":["date"]}"#,
    r#"{"partition_by":["date","hour"]}"#,
];

/// The program of the release in jq, and its other settings. It makes the same of the records here as the first
/// configuration.
const JQ: &str = r#"(.event_name / ":") as $name
| . + {
    created_datetime: ((.created_at | floor | todate | rtrimstr("Z")) + ".5Z"),
    event_type: $name[0],
    event_subtype: $name[1]
  }"#;
const JQ_CONFIG: &str = r#"{"partition_by":["event_type"]}"#;

/// The duration of a short soak, minutes.
const SHORT: f64 = 0.4;

/// The interval of progress lines.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// After the last accident, there must be progress within this time.
const STANDSTILL: Duration = Duration::from_secs(180);

/// The program with these arguments, on the stand-ins.
fn program<S: AsRef<OsStr>>(cloud: &Cloud, args: &[S]) -> Command {
    let mut command = cloud.place.command(args);
    let usual = cloud.command(&[]);
    let set = usual.get_envs();
    command.envs(set.filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Prints how to repeat the soak if it fails.
struct FailureNote {
    asked: SoakOptions,
    cloud: Arc<Cloud>,
}

impl Drop for FailureNote {
    fn drop(&mut self) {
        let folder = self.cloud.place.path("");
        let SoakOptions { minutes, seed } = self.asked;
        if thread::panicking() {
            println!("soak: FAILED with the seed {seed}; what was broken is printed above");
            println!("soak: again: make soak MINUTES={minutes} SEED={seed}");
            println!(
                "soak: the lake and the logs of the last workers, if it was they, are in {}",
                folder.display()
            );
        } else {
            let _left_to_the_system = fs::remove_dir_all(folder);
        }
    }
}

struct Soak {
    asked: SoakOptions,
    parameters: Parameters,
    cloud: Arc<Cloud>,
    begun: Instant,
    load: Load,
    chaos: Chaos,
    #[cfg(feature = "console")]
    onlooker: Onlooker,
    _failure_note: FailureNote,
}

impl Soak {
    fn start(asked: SoakOptions) -> Self {
        let parameters = Parameters::of(asked.seed);
        println!("soak: {parameters}");
        let mut cloud = Cloud::in_one_place(SHARDS).with_queue(parameters.bus(), QUEUE_BYTES);
        cloud.place.keep();
        // Hosts start often, and each would compile the release in jq for seconds.
        cloud.place.install();
        for (file, schema) in SCHEMAS {
            cloud.place.write(file, schema);
        }
        cloud.kinesis.records_per_read(500);
        let cloud = Arc::new(cloud);
        let failure_note = FailureNote {
            asked,
            cloud: Arc::clone(&cloud),
        };
        let (ids, releases) = published(&cloud);
        let rng = Pcg64Mcg::seed_from_u64(asked.seed);
        let pages = parameters.pages();
        Self {
            asked,
            parameters,
            begun: Instant::now(),
            load: Load::start(&cloud, asked.seed, parameters, releases),
            #[cfg(feature = "console")]
            onlooker: Onlooker::start(&cloud, &pages),
            chaos: Chaos::new(&cloud, parameters, rng, ids, pages),
            cloud,
            _failure_note: failure_note,
        }
    }

    /// Causes accidents until the time is over.
    fn cause_accidents(&mut self) {
        let end = Duration::from_secs_f64(self.asked.minutes * 60.0);
        let (mut next, mut reported) = (Duration::ZERO, Duration::ZERO);
        while self.begun.elapsed() < end {
            self.chaos.maintain();
            #[cfg(feature = "console")]
            self.onlooker.forget_requests();
            if self.begun.elapsed() >= next {
                let pause = self.chaos.act();
                next = self.begun.elapsed() + pause;
            }
            if self.begun.elapsed() - reported >= REPORT_EVERY {
                reported = self.begun.elapsed();
                self.print_progress();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets the hosts finish the remaining work.
    fn finish_work(&mut self) {
        self.load.stop_puts();
        self.chaos.is_over();
        for service in [S3, Kinesis, Sqs] {
            self.cloud.proxy(service).remove_rules();
            self.cloud.proxy(service).release_held();
        }
        self.settle();
        self.chaos.hosts.stop_all();
        self.chaos.finish_redrives();
        if let Some(builders) = &mut self.chaos.builders {
            builders.stop_all();
        }
        self.load.finish();
    }

    /// Waits until all shards are complete, as long as there is progress, and then until the leases
    /// of dead workers have passed to live ones, which release them when they shut down.
    fn settle(&mut self) {
        let (mut moved, mut before) = (Instant::now(), None);
        let mut settled = None;
        loop {
            self.chaos.maintain();
            let account = self.load.account();
            let left = unsettled(&self.cloud, &account, false);
            let now = Some((left.len(), account.on_bus, account.again));
            drop(account);
            if left.is_empty() && settled.get_or_insert_with(Instant::now).elapsed() > 3 * LEASE {
                return;
            }
            let stands = moved.elapsed() > STANDSTILL;
            assert!(
                !stands || left.is_empty(),
                "nothing moves, and these are not done: {left:?}"
            );
            if before != now {
                (moved, before) = (Instant::now(), now);
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Checks the final state.
    fn check(&self) {
        let account = self.load.account();
        let held = unsettled(&self.cloud, &account, true);
        assert!(held.is_empty(), "not given back: {held:?}");
        let lake = Lake::read(&self.cloud, &account, self.load.releases());
        println!(
            "soak: the lake has {} events in {} objects of {} chunks; {} records are in quarantine, {} of \
             them out of time at first; {} were redriven; {} misplaced records were dropped",
            HumanCount(lake.events),
            HumanCount(lake.objects as u64),
            HumanCount(lake.chunks() as u64),
            HumanCount(lake.quarantined),
            lake.out_of_time,
            HumanCount(lake.redriven),
            HumanCount(account.dropped),
        );
        let landed = lake.events + lake.quarantined;
        assert_eq!(landed + account.dropped, account.records());
        self.audit(lake.events, lake.quarantined);
        self.audit_quickly(&lake);
        if let Some(builders) = &self.chaos.builders {
            println!("soak: {}; {builders}", builders.check(&lake));
        }
    }

    fn audit(&self, events: u64, quarantined: u64) {
        self.cloud.s3.keys_per_page(1_000_000);
        let lake = ["audit", "--lake", LAKE, "--summary", "json"];
        let args = [&lake[..], &["--source", "kinesis:events"]].concat();
        let mut command = program(&self.cloud, &args);
        command.args(self.parameters.unpacking_arguments());
        let begun = Instant::now();
        let summary = Ran::from(command.output().unwrap()).summary();
        assert_eq!(summary.0["proven"], true, "{:#}", summary.0);
        let counts = summary.counts(["in_lake", "quarantined", "not_yet", "gone"]);
        assert_eq!(counts, [events, quarantined, 0, 0]);
        let seconds = begun.elapsed().as_secs();
        println!("soak: the audit says the same, in {seconds} s");
    }

    /// The quick audit reads chunk manifests instead of objects.
    fn audit_quickly(&self, lake: &Lake<'_>) {
        let args = ["audit", "--quick", "--lake", LAKE, "--summary", "json"];
        let mut command = program(&self.cloud, &args);
        let begun = Instant::now();
        let summary = Ran::from(command.output().unwrap()).summary();
        assert_eq!(summary.0["consistent"], true, "{:#}", summary.0);
        let counts = summary.counts(["in_lake", "quarantined", "chunks", "objects", "pending"]);
        let [chunks, objects] = [lake.chunks(), lake.objects].map(|number| number as u64);
        let expected = [lake.events, lake.quarantined, chunks, objects, 0];
        assert_eq!(counts, expected, "{:#}", summary.0);
        let seconds = begun.elapsed().as_secs();
        println!("soak: the quick audit says the same, in {seconds} s");
        #[cfg(feature = "console")]
        self.onlooker.check(&summary);
    }

    fn print_progress(&self) {
        println!("soak {}", self.so_far());
    }

    /// The progress so far, on one line.
    fn so_far(&self) -> String {
        let seconds = self.begun.elapsed().as_secs();
        let account = self.load.account();
        let Chaos {
            tally,
            hosts,
            builders,
            redrives,
            ..
        } = &self.chaos;
        format!(
            "{:02}:{:02}:{:02} records {}, on the bus {} in {} messages ({} repeated) | kills {}: {} anywhere, {} at a step, \
             {} frozen | frozen {} | stops {} | starts {} | faults {} ({} requests) | swaps {} | splits {}, \
             merges {}, shards {}{} | {redrives}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60,
            HumanCount(account.records()),
            HumanCount(account.on_bus),
            HumanCount(account.messages),
            HumanCount(account.again),
            HumanCount(tally.kills() as u64),
            tally.killed_somewhere,
            tally.killed_at_a_step,
            tally.killed_frozen,
            tally.frozen,
            hosts.stopped(),
            hosts.started(),
            tally.faults,
            HumanCount(tally.faulty as u64),
            tally.swaps,
            tally.splits,
            tally.merges,
            shards(&self.cloud).len(),
            builders
                .as_ref()
                .map_or(String::new(), |builders| format!(" | {builders}")),
        )
    }
}

/// Publishes the releases, and returns their ids and configurations.
fn published(cloud: &Cloud) -> (Vec<String>, Releases) {
    let did = |args: &[&str]| Ran::from(program(cloud, args).output().unwrap()).succeeded();
    did(&["transform", "export", "rules.wasm"]);
    let (mut ids, mut releases) = (Vec::new(), Releases::default());
    let mut publish = |transform: &[&str], config, like| {
        let publish = ["transform", "publish", "--transform-config", config];
        let id = did(&[&publish[..], &["--registry", REGISTRY], transform].concat());
        let id = id.stdout.trim().to_owned();
        let known = Tester::new(like).unwrap();
        releases.0.push((id[..8].to_owned(), known));
        ids.push(id);
    };
    for config in CONFIGS {
        publish(&["rules.wasm"], config, config);
    }
    publish(&["--jq", JQ], JQ_CONFIG, CONFIGS[0]);
    (ids, releases)
}

#[test]
fn each_record_lands_once_whatever_happens() {
    let asked = SoakOptions::from_environment(SHORT);
    let SoakOptions { minutes, seed } = asked;
    println!("soak: {minutes} minutes with the seed {seed}");
    let mut soak = Soak::start(asked);
    soak.cause_accidents();
    soak.print_progress();
    println!("soak: the faults have stopped; finishing what is pending");
    soak.finish_work();
    soak.check();
    println!("soak: done with the seed {seed}: {}", soak.so_far());
    assert!(soak.chaos.tally.kills() > 0 && soak.load.account().records() > 0);
}
