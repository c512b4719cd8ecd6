//! The workers of a soak: processes that are started, killed, frozen and shut down.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;

use super::hosts::Hosts;
use super::parameters::Parameters;
use super::{LAKE, REGISTRY, program};
use crate::support::cloud::{Cloud, STREAM, signal};
use crate::support::program::Running;

/// The maximum number of workers.
const WORKERS: usize = 3;

/// A worker shuts down within this time, with or without faults.
const STOP_TIMEOUT: Duration = Duration::from_secs(90);

/// The number of logs that are kept of workers that have shut down.
const LOGS: usize = 40;

/// The duration of a lease.
pub(super) const LEASE: Duration = Duration::from_secs(1);

/// `SIGTERM` ends a worker that has no handler yet.
const TERM: i32 = 15;

/// A place for a worker.
enum Place {
    /// No worker is there until then.
    Empty(Instant),
    Working(Worker),
    Frozen(Worker, Instant),
    /// The time of the signal to shut down.
    Stopping(Worker, Instant),
}

struct Worker {
    run: Running,
    log: PathBuf,
}

/// All workers.
pub(super) struct Workers {
    cloud: Arc<Cloud>,
    parameters: Parameters,
    rng: Pcg64Mcg,
    places: Vec<Place>,
    logs: VecDeque<PathBuf>,
    /// No more workers are started.
    closed: bool,
    started: usize,
    stopped: usize,
}

impl Workers {
    pub(super) fn new(cloud: &Arc<Cloud>, parameters: Parameters, rng: Pcg64Mcg) -> Self {
        let now = Instant::now();
        Self {
            cloud: Arc::clone(cloud),
            parameters,
            rng,
            places: (0..WORKERS).map(|_| Place::Empty(now)).collect(),
            logs: VecDeque::new(),
            closed: false,
            started: 0,
            stopped: 0,
        }
    }

    fn stopping(&mut self, mut worker: Worker, since: Instant) -> Place {
        use std::os::unix::process::ExitStatusExt as _;
        let Some(ended) = worker.run.0.try_wait().unwrap() else {
            let patient = since.elapsed() < STOP_TIMEOUT;
            assert!(patient, "a worker does not stop\n{}", worker.output());
            return Place::Stopping(worker, since);
        };
        let well = ended.success() || ended.signal() == Some(TERM);
        assert!(well, "a worker stopped with {ended}\n{}", worker.output());
        self.stopped += 1;
        self.remove_ended(worker)
    }

    fn start(&mut self) -> Worker {
        self.started += 1;
        let log = self
            .cloud
            .place
            .path(format!("worker-{}.log", self.started));
        let mut command = self.command();
        command.stdout(Stdio::null());
        command.stderr(fs::File::create(&log).unwrap());
        let run = Running(command.spawn().unwrap());
        Worker { run, log }
    }

    /// A worker. Settings that must not matter differ between workers.
    fn command(&mut self) -> Command {
        let rng = &mut self.rng;
        let mut args = vec!["run".to_owned()];
        args.extend(self.parameters.unpacking_arguments());
        let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        add("--source", format!("kinesis:{STREAM}"));
        add("--lake", LAKE.to_owned());
        add("--bus", format!("sqs:{}", self.parameters.bus()));
        add("--lease", format!("{}ms", LEASE.as_millis()));
        add("--shutdown-timeout", "10s".to_owned());
        add("--memory", "256MiB".to_owned());
        add("--registry", REGISTRY.to_owned());
        add("--registry-poll", "500ms".to_owned());
        add("--chunk-age", format!("{}ms", rng.random_range(200..3_000)));
        add(
            "--chunk-records",
            rng.random_range(self.parameters.chunk_records())
                .to_string(),
        );
        let format = self.parameters.format_arguments(rng);
        args.extend(format.into_iter().map(str::to_owned));
        program(&self.cloud, &args)
    }

    fn take_out(&mut self, index: usize) {
        let back = self.back();
        let place = std::mem::replace(&mut self.places[index], back);
        if let Place::Working(worker) | Place::Frozen(worker, _) = place {
            self.remove_ended(worker);
        }
    }

    fn turn(&mut self, turned: impl FnOnce(Worker) -> Place) -> bool {
        let Some(index) = self.working().choose(&mut self.rng).copied() else {
            return false;
        };
        let empty = Place::Empty(Instant::now());
        if let Place::Working(worker) = std::mem::replace(&mut self.places[index], empty) {
            self.places[index] = turned(worker);
        }
        true
    }

    fn working(&self) -> Vec<usize> {
        let all = self.places.iter().enumerate();
        let working = all.filter(|(_, place)| matches!(place, Place::Working(_)));
        working.map(|(index, _)| index).collect()
    }

    /// When the next worker starts in an empty place.
    fn back(&mut self) -> Place {
        let pause = Duration::from_millis(self.rng.random_range(0..800));
        Place::Empty(Instant::now() + pause)
    }

    /// Empties the place of a worker that was meant to end. Its output must not contain a forbidden
    /// line.
    fn remove_ended(&mut self, worker: Worker) -> Place {
        let output = worker.output();
        for forbidden in ["panicked", "ERROR"] {
            assert!(!output.contains(forbidden), "a worker printed: {output}");
        }
        self.logs.push_back(worker.log);
        if self.logs.len() > LOGS {
            let _not_needed = self.logs.pop_front().map(fs::remove_file);
        }
        self.back()
    }
}

impl Hosts for Workers {
    fn maintain(&mut self) {
        let now = Instant::now();
        for index in 0..self.places.len() {
            let empty = Place::Empty(now);
            let next = match std::mem::replace(&mut self.places[index], empty) {
                Place::Empty(until) if now >= until && !self.closed => Place::Working(self.start()),
                Place::Working(mut worker) => {
                    let ended = worker.run.0.try_wait().unwrap();
                    assert!(
                        ended.is_none(),
                        "a worker ended: {ended:?}\n{}",
                        worker.output()
                    );
                    Place::Working(worker)
                }
                Place::Frozen(worker, until) if now >= until => {
                    signal(&worker.run.0, "CONT");
                    Place::Working(worker)
                }
                Place::Stopping(worker, since) => self.stopping(worker, since),
                as_it_is => as_it_is,
            };
            self.places[index] = next;
        }
    }

    fn kill(&mut self, all: bool) -> usize {
        let mut victims = self.working();
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
        self.turn(|worker| {
            signal(&worker.run.0, "STOP");
            Place::Frozen(worker, Instant::now() + time)
        })
    }

    fn stop(&mut self) -> bool {
        self.turn(stop_worker)
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

fn stop_worker(worker: Worker) -> Place {
    signal(&worker.run.0, "TERM");
    Place::Stopping(worker, Instant::now())
}

impl Worker {
    /// The end of its log.
    fn output(&self) -> String {
        const LINES: usize = 2_000;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(LINES);
        log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }
}
