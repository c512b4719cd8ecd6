//! The builders of the table of a soak, and the accidents that happen to them.

use std::fmt::{self, Display};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;

use super::check::Lake;
use super::hosts::Hosts as _;
use super::parameters::WarehousePlace;
use super::processes::{Kind, Processes};
use super::steps;
use super::table::{FIRST_COLUMNS, SoakTable};
use crate::support::cloud::Cloud;
use testkit::proxy::RuleId;

/// The maximum number of builders. One has work to do, and two are in each other's way.
const BUILDERS: usize = 2;

/// The number of columns after which no more are added.
const COLUMNS_MAX: usize = 40;

/// The timeout for a step. Some steps are rare.
const STEP_TIMEOUT: Duration = Duration::from_millis(1_000);

/// The kinds of accidents.
type Act = fn(&mut Builders, &mut Pcg64Mcg);

/// The accidents with their relative frequencies.
const ACTS: [(u32, Act); 9] = [
    (4, Builders::kill),
    (6, Builders::kill_at_a_step),
    (2, Builders::freeze),
    (2, Builders::freeze_at_a_step),
    (1, Builders::kill_frozen),
    (2, Builders::stop),
    (4, Builders::fault),
    (2, Builders::end_leases),
    (1, Builders::evolve),
];

/// The number of accidents by kind.
#[derive(Clone, Copy, Debug, Default)]
struct BuilderAccidents {
    killed_somewhere: usize,
    killed_at_a_step: usize,
    killed_frozen: usize,
    frozen: usize,
    faults: usize,
    leases_ended: usize,
    evolved: usize,
}

/// Builders are processes. As under systemd, one that has ended with an error is started again.
struct Builder {
    cloud: Arc<Cloud>,
    table: Arc<SoakTable>,
}

/// The builders of the table.
pub(super) struct Builders {
    cloud: Arc<Cloud>,
    place: WarehousePlace,
    table: Arc<SoakTable>,
    processes: Processes<Builder>,
    tally: BuilderAccidents,
    /// The number of columns of the table.
    columns: usize,
    /// The current faults, and their ends.
    faults: Vec<(RuleId, Instant)>,
}

impl Kind for Builder {
    const NAME: &'static str = "builder";
    /// A panic, that a person has to decide, and that the lake is wrong.
    const FORBIDDEN: &'static [&'static str] = &[
        "panicked",
        "the builder ends",
        "a bug of Sluice",
        "this is another lake",
        "no chunk manifest in",
        "its chunk manifest says otherwise",
        "cannot be used as a chunk manifest",
        "is not a valid ledger",
        "rebuild the table",
    ];
    const MAY_FAIL: bool = true;

    fn command(&mut self, rng: &mut Pcg64Mcg) -> Command {
        let mut args = Vec::new();
        let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        add("--interval", format!("{}ms", rng.random_range(200..2_500)));
        add("--max-age", format!("{}ms", rng.random_range(0..8_000)));
        add("--file-size", format!("{}KiB", rng.random_range(8..512)));
        add("--memory", format!("{}MiB", rng.random_range(16..128)));
        add("--threads", rng.random_range(1..=4).to_string());
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        self.table.builder(&self.cloud, &args)
    }

    /// Long enough that often only one works.
    fn pause(&self, rng: &mut Pcg64Mcg) -> Duration {
        Duration::from_millis(rng.random_range(0..4_000))
    }
}

impl Builders {
    /// Creates the table. Builders start with the first [`maintain`](Self::maintain).
    pub(super) fn new(cloud: &Arc<Cloud>, place: WarehousePlace, rng: Pcg64Mcg) -> Self {
        let table = Arc::new(SoakTable::create(cloud, place));
        let builder = Builder {
            cloud: Arc::clone(cloud),
            table: Arc::clone(&table),
        };
        Self {
            cloud: Arc::clone(cloud),
            place,
            table,
            processes: Processes::new(cloud, builder, BUILDERS, rng),
            tally: BuilderAccidents::default(),
            columns: FIRST_COLUMNS,
            faults: Vec::new(),
        }
    }

    /// Causes an accident.
    pub(super) fn act(&mut self, rng: &mut Pcg64Mcg) {
        let chosen = ACTS.choose_weighted(rng, |(weight, _)| *weight);
        (chosen.unwrap().1)(self, rng);
    }

    /// Starts, wakes and removes builders that are due, and ends the faults whose time is over.
    pub(super) fn maintain(&mut self) {
        self.processes.maintain();
        let now = Instant::now();
        let proxy = &self.table.proxy;
        self.faults.retain(|(rule, until)| {
            let is_over = *until <= now;
            if is_over {
                proxy.remove(*rule);
            }
            !is_over
        });
        proxy.forget_seen();
    }

    /// Ends all faults. Builders go on.
    pub(super) fn are_left_alone(&mut self) {
        self.faults.clear();
        self.table.proxy.remove_rules();
        self.table.proxy.release_held();
        self.processes.wake_all();
    }

    /// Shuts down all builders, and waits until they have ended.
    pub(super) fn stop_all(&mut self) {
        self.processes.stop_all();
    }

    /// Syncs what is left, and checks that the table has the events of a lake, each once. Returns what it has in words.
    pub(super) fn check(&self, lake: &Lake<'_>) -> String {
        let commits = self.table.commits(&self.cloud);
        assert!(commits > 0, "no builder has committed anything: {self}");
        self.table.sync(&self.cloud);
        let checked = self.table.check(&self.cloud, lake);
        format!("{commits} commits by builders amid accidents; {checked}")
    }

    fn kill(&mut self, rng: &mut Pcg64Mcg) {
        let all = rng.random_range(0..4) == 0;
        self.tally.killed_somewhere += self.processes.kill(all);
    }

    /// Holds a request of a random step, does this to the builders, and releases the request. Returns whether the step
    /// came.
    fn at_a_step<T>(
        &mut self,
        rng: &mut Pcg64Mcg,
        befalls: impl FnOnce(&mut Self, &mut Pcg64Mcg) -> T,
    ) -> Option<T> {
        let table = Arc::clone(&self.table);
        let held = table.proxy.add(steps::hold_builder(rng, self.place));
        let came = table.proxy.wait_for_hits(held, 1, STEP_TIMEOUT);
        let befell = came.then(|| befalls(self, rng));
        table.proxy.remove(held);
        table.proxy.release_held();
        befell
    }

    fn kill_at_a_step(&mut self, rng: &mut Pcg64Mcg) {
        let killed = self.at_a_step(rng, |builders, _| builders.processes.kill(true));
        self.tally.killed_at_a_step += killed.unwrap_or(0);
    }

    fn freeze(&mut self, rng: &mut Pcg64Mcg) {
        let time = Duration::from_millis(rng.random_range(200..6_000));
        self.tally.frozen += usize::from(self.processes.freeze(time));
    }

    /// Another builder takes over at once, and does the work of the frozen one.
    fn freeze_at_a_step(&mut self, rng: &mut Pcg64Mcg) {
        self.at_a_step(rng, Self::freeze);
        self.end_leases(rng);
    }

    fn kill_frozen(&mut self, _: &mut Pcg64Mcg) {
        self.tally.killed_frozen += usize::from(self.processes.kill_frozen());
    }

    fn stop(&mut self, _: &mut Pcg64Mcg) {
        self.processes.stop();
    }

    fn fault(&mut self, rng: &mut Pcg64Mcg) {
        let rule = self.table.proxy.add(steps::builder_fault(rng, self.place));
        let time = Duration::from_millis(rng.random_range(200..5_000));
        self.faults.push((rule, Instant::now() + time));
        self.tally.faults += 1;
    }

    fn end_leases(&mut self, _: &mut Pcg64Mcg) {
        self.table.end_leases(&self.cloud);
        self.tally.leases_ended += 1;
    }

    fn evolve(&mut self, _: &mut Pcg64Mcg) {
        if self.columns < COLUMNS_MAX && self.table.evolve(&self.cloud, self.columns + 1) {
            self.columns += 1;
            self.tally.evolved += 1;
        }
    }
}

impl Display for Builders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tally, processes) = (self.tally, &self.processes);
        let kills = tally.killed_somewhere + tally.killed_at_a_step + tally.killed_frozen;
        write!(
            f,
            "builders: kills {kills}: {} anywhere, {} at a step, {} frozen; frozen {}, leases ended {}, stops {}, starts {}, \
             ended with an error {}, faults {}, columns added {}",
            tally.killed_somewhere,
            tally.killed_at_a_step,
            tally.killed_frozen,
            tally.frozen,
            tally.leases_ended,
            processes.stopped(),
            processes.started(),
            processes.failed,
            tally.faults,
            tally.evolved,
        )
    }
}
