//! Processes of a kind, which are started, killed, frozen and shut down. Those that are gone are replaced.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;

use super::hosts::Hosts;
use crate::support::cloud::{Cloud, signal};
use crate::support::program::Running;

/// A process shuts down within this time, with or without faults.
const STOP_TIMEOUT: Duration = Duration::from_secs(90);

/// The number of logs that are kept of processes that have ended.
const LOGS: usize = 40;

/// `SIGTERM` ends a process that has no handler yet.
const TERM: i32 = 15;

/// A kind of processes.
pub(super) trait Kind {
    /// The name of a process of the pool.
    const NAME: &'static str;
    /// What is never in its log.
    const FORBIDDEN: &'static [&'static str];
    /// Whether one may end with an error, so that it is started again.
    const MAY_FAIL: bool;
    /// Whether one ends when its work is done.
    const MAY_END: bool = false;

    /// Starts the next one. Settings that must not matter differ between processes.
    fn command(&mut self, rng: &mut Pcg64Mcg) -> Command;

    /// Tells the one in this place where to serve its pages, if it has any.
    fn serve(&self, _command: &mut Command, _place: usize) {}

    /// How long the place of one that is gone stays empty.
    fn pause(&self, rng: &mut Pcg64Mcg) -> Duration;
}

/// A place for a process.
enum Place {
    /// None is there until then.
    Empty(Instant),
    Working(Process),
    Frozen(Process, Instant),
    /// The time of the signal to shut down.
    Stopping(Process, Instant),
}

struct Process {
    run: Running,
    log: PathBuf,
}

/// All processes of a kind.
pub(super) struct Processes<K> {
    cloud: Arc<Cloud>,
    kind: K,
    rng: Pcg64Mcg,
    places: Vec<Place>,
    logs: VecDeque<PathBuf>,
    /// No more processes are started.
    closed: bool,
    started: usize,
    stopped: usize,
    /// How many have ended with an error.
    pub(super) failed: usize,
}

impl<K: Kind> Processes<K> {
    /// As many processes as this at most.
    pub(super) fn new(cloud: &Arc<Cloud>, kind: K, places: usize, rng: Pcg64Mcg) -> Self {
        let now = Instant::now();
        Self {
            cloud: Arc::clone(cloud),
            kind,
            rng,
            places: (0..places).map(|_| Place::Empty(now)).collect(),
            logs: VecDeque::new(),
            closed: false,
            started: 0,
            stopped: 0,
            failed: 0,
        }
    }

    fn start(&mut self, place: usize) -> Process {
        self.started += 1;
        let log = format!("{}-{}.log", K::NAME, self.started);
        let log = self.cloud.place.path(log);
        let mut command = self.kind.command(&mut self.rng);
        self.kind.serve(&mut command, place);
        command.stdout(Stdio::null());
        command.stderr(fs::File::create(&log).unwrap());
        let run = Running(command.spawn().unwrap());
        Process { run, log }
    }

    /// One that works, or has ended by itself.
    fn working(&mut self, mut process: Process) -> Place {
        let Some(ended) = process.run.0.try_wait().unwrap() else {
            return Place::Working(process);
        };
        assert!(
            may_end::<K>(ended),
            "a {} ended: {ended}\n{}",
            K::NAME,
            process.output()
        );
        self.failed += usize::from(!ended.success());
        self.remove_ended(process)
    }

    fn stopping(&mut self, mut process: Process, since: Instant) -> Place {
        use std::os::unix::process::ExitStatusExt as _;
        let Some(ended) = process.run.0.try_wait().unwrap() else {
            let (patient, name) = (since.elapsed() < STOP_TIMEOUT, K::NAME);
            assert!(patient, "a {name} does not stop\n{}", process.output());
            return Place::Stopping(process, since);
        };
        let well = ended.success() || ended.signal() == Some(TERM) || may_end::<K>(ended);
        let (name, output) = (K::NAME, process.output());
        assert!(well, "a {name} stopped with {ended}\n{output}");
        self.stopped += 1;
        self.remove_ended(process)
    }

    fn take_out(&mut self, index: usize) {
        let back = self.back();
        let place = std::mem::replace(&mut self.places[index], back);
        if let Place::Working(process) | Place::Frozen(process, _) = place {
            self.remove_ended(process);
        }
    }

    fn turn(&mut self, turned: impl FnOnce(Process) -> Place) -> bool {
        let Some(index) = self.at_work().choose(&mut self.rng).copied() else {
            return false;
        };
        let empty = Place::Empty(Instant::now());
        if let Place::Working(process) = std::mem::replace(&mut self.places[index], empty) {
            self.places[index] = turned(process);
        }
        true
    }

    fn at_work(&self) -> Vec<usize> {
        let all = self.places.iter().enumerate();
        let working = all.filter(|(_, place)| matches!(place, Place::Working(_)));
        working.map(|(index, _)| index).collect()
    }

    /// When the next process starts in an empty place.
    fn back(&mut self) -> Place {
        Place::Empty(Instant::now() + self.kind.pause(&mut self.rng))
    }

    /// Empties the place of a process that has ended or is to be killed. Its output must not contain a forbidden line.
    fn remove_ended(&mut self, process: Process) -> Place {
        let (name, output) = (K::NAME, process.output());
        for forbidden in K::FORBIDDEN {
            assert!(!output.contains(*forbidden), "a {name} printed: {output}");
        }
        self.logs.push_back(process.log);
        if self.logs.len() > LOGS {
            let _not_needed = self.logs.pop_front().map(fs::remove_file);
        }
        self.back()
    }
}

impl<K: Kind> Hosts for Processes<K> {
    fn maintain(&mut self) {
        let now = Instant::now();
        for index in 0..self.places.len() {
            let empty = Place::Empty(now);
            let next = match std::mem::replace(&mut self.places[index], empty) {
                Place::Empty(until) if now >= until && !self.closed => {
                    Place::Working(self.start(index))
                }
                Place::Working(process) => self.working(process),
                Place::Frozen(process, until) if now >= until => {
                    signal(&process.run.0, "CONT");
                    Place::Working(process)
                }
                Place::Stopping(process, since) => self.stopping(process, since),
                as_it_is => as_it_is,
            };
            self.places[index] = next;
        }
    }

    fn kill(&mut self, all: bool) -> usize {
        let mut victims = self.at_work();
        if !all {
            victims = victims.choose(&mut self.rng).copied().into_iter().collect();
        }
        for index in &victims {
            self.take_out(*index);
        }
        victims.len()
    }

    fn kill_frozen(&mut self) -> bool {
        let frozen = |place: &Place| matches!(place, Place::Frozen(..));
        let found = self.places.iter().position(frozen);
        found.map(|index| self.take_out(index)).is_some()
    }

    fn freeze(&mut self, time: Duration) -> bool {
        self.turn(|process| {
            signal(&process.run.0, "STOP");
            Place::Frozen(process, Instant::now() + time)
        })
    }

    fn stop(&mut self) -> bool {
        self.turn(|process| {
            signal(&process.run.0, "TERM");
            Place::Stopping(process, Instant::now())
        })
    }

    fn wake_all(&mut self) {
        for place in &mut self.places {
            if let Place::Frozen(_, until) = place {
                *until = Instant::now();
            }
        }
        self.maintain();
    }

    fn stop_all(&mut self) {
        self.closed = true;
        self.wake_all();
        while self.stop() {}
        while self
            .places
            .iter()
            .any(|place| matches!(place, Place::Stopping(..)))
        {
            self.maintain();
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn started(&self) -> usize {
        self.started
    }

    fn stopped(&self) -> usize {
        self.stopped
    }
}

/// Whether a process has ended by itself, and may.
fn may_end<K: Kind>(ended: ExitStatus) -> bool {
    (K::MAY_FAIL && ended.code() == Some(1)) || (K::MAY_END && ended.success())
}

impl Process {
    /// The end of its log.
    fn output(&self) -> String {
        const LINES: usize = 2_000;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(LINES);
        log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }
}
