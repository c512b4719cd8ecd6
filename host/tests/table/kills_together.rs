//! Runs over files and builders of a table are killed at random moments, all at once, while another program writes to the
//! table too, if there is pyiceberg. The lake has each record once, and the table each event of the lake.
//!
//! `make soak-table` sets the duration and the seed of [`SoakOptions`].

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;

use super::contents::are_events_of;
use super::readers::try_python;
use super::{Table, lines};
use crate::support::builder_leases::expire_in_folder;
use crate::support::cloud::{records, signal};
use crate::support::program::{Place, Ran, Running};
use crate::support::soak_options::SoakOptions;

/// The duration in the tests, minutes.
const SHORT: f64 = 0.1;

/// The files that grow, and how many lines are appended at once.
const FILES: usize = 20;
const LINES: u64 = 60;

/// The numbers of the lanes that work at once: of runs, of two builders, and of the other writer.
const RUNS: u64 = 0;
const BUILDERS: Range<u64> = 1..3;
const FOREIGN: u64 = 3;

/// What a killed or frozen process must not have printed.
const FORBIDDEN: [&str; 4] = [
    "panicked",
    "a bug of Sluice",
    "this is another lake",
    "was rolled back",
];

/// What happened in a lane.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    started: u64,
    killed: u64,
    frozen: u64,
    /// Appends of rows by another program that have succeeded, and those that were tried.
    appended: u64,
    tried: u64,
}

/// One process after the other.
struct Lane<'a> {
    table: &'a Table,
    name: String,
    until: Instant,
    /// How long a process takes that nobody disturbs.
    usual: Duration,
    /// Whether a process may end with an error: a builder that has lost its lease may say so, and end.
    may_fail: bool,
    rng: Pcg64Mcg,
    tally: Tally,
}

impl Lane<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Whether the time is over, and it has killed something in it, which can take longer on a slow machine.
    fn has_killed(&self) -> bool {
        self.is_over() && self.tally.killed > 0
    }

    /// Starts a process, and kills it at a random moment unless it ends before, sometimes after it was frozen.
    fn disturb(&mut self, mut command: Command, longest: Duration) {
        let log = self.table.place.path(format!("{}.log", self.name));
        command.stdout(Stdio::null());
        command.stderr(File::create(&log).unwrap());
        let mut process = Running(command.spawn().unwrap());
        self.tally.started += 1;
        thread::sleep(longest.mul_f64(self.rng.random_range(0.0..1.2)));
        if self.rng.random_range(0..4) == 0 {
            signal(&process.0, "STOP");
            self.end_leases();
            thread::sleep(self.usual.mul_f64(self.rng.random_range(0.0..2.0)));
            self.tally.frozen += 1;
            if self.rng.random() {
                signal(&process.0, "CONT");
                thread::sleep(longest.mul_f64(self.rng.random_range(0.0..1.0)));
            }
        }
        let ended = process.0.try_wait().unwrap();
        self.tally.killed += u64::from(ended.is_none());
        drop(process);
        let printed = fs::read_to_string(&log).unwrap();
        let may_fail = |status: ExitStatus| self.may_fail && status.code() == Some(1);
        let well = ended.is_none_or(|status| status.success() || may_fail(status));
        assert!(well, "{}: {ended:?}: {printed}", self.name);
        for forbidden in FORBIDDEN {
            assert!(!printed.contains(forbidden), "{}: {printed}", self.name);
        }
    }

    fn end_leases(&self) {
        expire_in_folder(&self.table.warehouse.folder, &self.name);
    }

    /// Appends to files, and kills runs over them. Each may write another format, and smaller chunks.
    fn kill_runs(mut self) -> Tally {
        while !self.has_killed() {
            grow(self.table, &mut self.rng);
            let format = ["ndjson", "parquet"].choose(&mut self.rng).unwrap();
            let chunk = self.rng.random_range(5..60).to_string();
            let run = run(self.table, &["--format", format, "--chunk-records", &chunk]);
            self.disturb(run, self.usual * 2);
        }
        self.tally
    }

    /// Kills builders, of which some follow the lake.
    fn kill_builders(mut self) -> Tally {
        let follow = ["--follow", "--interval", "20ms", "--max-age", "0s"];
        let follow = [&follow[..], &["--http", "none"]].concat();
        while !self.has_killed() {
            let (more, longest) = match self.rng.random() {
                true => (&follow[..], self.usual * 4),
                false => (&[][..], self.usual),
            };
            let sync = self.table.command("sync", more);
            self.disturb(sync, longest);
            if self.rng.random() {
                self.end_leases();
            }
        }
        self.tally
    }

    /// Appends rows, sets properties and expires snapshots with pyiceberg, which gives up if somebody commits at the same
    /// time.
    fn write_foreign(mut self) -> Tally {
        while !self.is_over() {
            let action = self.rng.random_range(0..4);
            let done = match action {
                0 => try_python(self.table, &["property"]),
                1 => self.expire(),
                _ => try_python(self.table, &["append_unknown"]),
            };
            if action > 1 {
                self.tally.tried += 1;
                self.tally.appended += u64::from(done.status.success());
            }
        }
        self.tally
    }

    fn expire(&self) -> Output {
        let metadata = self.table.warehouse.metadata(&self.table.name);
        let current = metadata.current_snapshot_id().unwrap();
        try_python(self.table, &["expire", &current.to_string()])
    }
}

/// Appends lines to one of the files.
fn grow(table: &Table, rng: &mut Pcg64Mcg) {
    let file = format!("in/{}.ndjson", rng.random_range(0..FILES));
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(table.place.path(file));
    let more = lines(&records(LINES, rng.random()));
    file.unwrap().write_all(&more).unwrap();
}

/// `run` over all files.
fn run(table: &Table, more: &[&str]) -> Command {
    let source = ["--source", "file:in", "--bus", "none"];
    table
        .place
        .command(&Place::landing(&[&source[..], more].concat()))
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// A lake and its table, and how long a run and a sync take.
fn begin(rng: &mut Pcg64Mcg, foreign: bool) -> (Table, Duration, Duration) {
    let mut table = Table::in_folder();
    table.place.install();
    fs::create_dir(table.place.path("in")).unwrap();
    // pyiceberg appends to tables that are not divided.
    let layout: &[&str] = if foreign {
        &["--partition", "none"]
    } else {
        &[]
    };
    table.create(layout);
    grow(&table, rng);
    let landing = || drop(Ran::from(run(&table, &[]).output().unwrap()).succeeded());
    let of_run = timed(landing);
    let of_sync = timed(|| drop(table.sync()));
    (table, of_run, of_sync)
}

/// Kills runs and builders until the time is over, with a writer that is not Sluice if asked, and checks what they have made.
pub(super) fn kill_all(foreign: bool) {
    let SoakOptions { minutes, seed } = SoakOptions::from_environment(SHORT);
    println!("{minutes} minutes with the seed {seed}");
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (table, of_run, of_sync) = begin(&mut rng, foreign);
    let until = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let lane = |name: String, usual, number| Lane {
        table: &table,
        name,
        until,
        usual,
        may_fail: number > RUNS,
        rng: Pcg64Mcg::seed_from_u64(seed.wrapping_add(number + 1)),
        tally: Tally::default(),
    };
    let (runs, builders, written) = thread::scope(|scope| {
        let runs = lane("run".into(), of_run, RUNS);
        let runs = scope.spawn(|| runs.kill_runs());
        let builders: Vec<_> = BUILDERS
            .map(|number| {
                let lane = lane(format!("builder-{number}"), of_sync, number);
                scope.spawn(move || lane.kill_builders())
            })
            .collect();
        let written = foreign.then(|| {
            let lane = lane("foreign".into(), of_sync, FOREIGN);
            scope.spawn(move || lane.write_foreign())
        });
        let builders = builders.into_iter().map(|lane| lane.join().unwrap());
        (
            runs.join().unwrap(),
            builders.collect::<Vec<_>>(),
            written.map_or_else(Tally::default, |lane| lane.join().unwrap()),
        )
    });
    println!("runs: {runs:?}; builders: {builders:?}; another writer: {written:?}");
    check(&table, written);
}

/// Lands and syncs what is left, and checks the lake and the table.
fn check(table: &Table, written: Tally) {
    Ran::from(run(table, &[]).output().unwrap()).succeeded();
    let lake = ["--lake", "file:lake", "--summary", "json"];
    let audit = |more: &[&str]| -> Value {
        let args = [&["audit"][..], more, &lake].concat();
        table.place.run(&args).summary().0
    };
    let landed = audit(&["--source", "file:in"]);
    assert_eq!(landed["proven"], true, "{landed:#}");
    table.sync();
    let again = table.sync();
    assert_eq!(again["commits"], 0, "{again:#}");
    assert_eq!(again["waiting_events"], 0, "{again:#}");

    let (rows, foreign): (Vec<_>, Vec<_>) = table
        .rows()
        .into_iter()
        .partition(|row| !row.origin.0.is_empty());
    are_events_of(&rows, &table.lake);
    // An append can have succeeded although its program has failed behind it.
    let foreign = foreign.len() as u64;
    assert!((written.appended..=written.tried).contains(&foreign));
    let audited = audit(&["--table"]);
    assert_eq!(audited["proven"], true, "{audited:#}");
    assert_eq!(audited["foreign_rows"], foreign, "{audited:#}");
    let events = rows.len() as u64;
    assert_eq!(audited["rows"], events + foreign, "{audited:#}");
    assert_eq!(landed["in_lake"], events, "{landed:#}");
    table.removable();
    let status = table.status();
    println!("{events} events in {} snapshots", status["snapshots"]);
}

#[test]
fn runs_and_builders_that_are_killed_keep_each_event_once() {
    kill_all(false);
}
