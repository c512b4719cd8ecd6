//! The functions of a soak. Mappings send them the stream in batches and retry failed batches,
//! while their environments are killed and frozen and other versions are deployed.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::seq::{IndexedMutRandom as _, IndexedRandom as _};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;

use super::REGISTRY;
use super::chaos::shards;
use super::hosts::Hosts;
use super::parameters::Parameters;
use crate::lambda::variables;
use crate::support::cloud::{Cloud, STREAM};
use crate::support::lambda::{Function, Mapping, Settings, Step, Target};

/// The number of mappings. Each reads the whole stream and has a function of its own. AWS has one,
/// but does not guarantee that an invocation is the only one.
const MAPPINGS: usize = 2;

/// The pause of a mapping that has found nothing to do.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Functions {
    parameters: Parameters,
    cloud: Arc<Cloud>,
    rng: Pcg64Mcg,
    mappings: Vec<Running>,
    /// Versions that were replaced and can still be running.
    before: Vec<Arc<Function>>,
    cold_starts: usize,
    deployed: usize,
}

/// A running mapping.
struct Running {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    frozen: Option<Frozen>,
}

struct Frozen {
    function: Arc<Function>,
    until: Instant,
}

struct Shared {
    cloud: Arc<Cloud>,
    /// The version that gets the next invocation.
    function: Mutex<Arc<Function>>,
    stop: AtomicBool,
}

impl Functions {
    pub(super) fn new(cloud: &Arc<Cloud>, parameters: Parameters, mut rng: Pcg64Mcg) -> Self {
        let mapping = |_| Running::start(cloud, version(cloud, parameters, &mut rng), &mut rng);
        Self {
            parameters,
            cloud: Arc::clone(cloud),
            mappings: (0..MAPPINGS).map(mapping).collect(),
            rng,
            before: Vec::new(),
            cold_starts: 0,
            deployed: MAPPINGS,
        }
    }

    /// Removes the versions that no mapping invokes any more.
    fn remove_ended(&mut self) {
        for function in mem::take(&mut self.before) {
            match Arc::try_unwrap(function) {
                Ok(function) => {
                    self.cold_starts += function.cold_starts();
                    check_logs(&function);
                }
                Err(at_work) => self.before.push(at_work),
            }
        }
    }
}

impl Hosts for Functions {
    fn maintain(&mut self) {
        for mapping in &mut self.mappings {
            assert!(!mapping.has_ended(), "a mapping ended");
            if let Some(frozen) = mapping
                .frozen
                .take_if(|frozen| Instant::now() >= frozen.until)
            {
                frozen.function.wake();
            }
        }
        self.remove_ended();
    }

    fn kill(&mut self, all: bool) -> usize {
        let chosen = self.rng.random_range(0..self.mappings.len());
        let killed = self.mappings.iter().enumerate();
        let killed = killed.filter(|(index, _)| all || *index == chosen);
        killed
            .filter(|(_, mapping)| mapping.shared.function().kill())
            .count()
    }

    fn kill_frozen(&mut self) -> bool {
        let mut frozen = self.mappings.iter_mut().filter_map(|m| m.frozen.take());
        frozen.next().is_some_and(|frozen| frozen.function.kill())
    }

    fn freeze(&mut self, time: Duration) -> bool {
        let mapping = self.mappings.choose_mut(&mut self.rng).unwrap();
        let function = mapping.shared.function();
        let freezes = mapping.frozen.is_none() && function.freeze_at_work();
        if freezes {
            let until = Instant::now() + time;
            mapping.frozen = Some(Frozen { function, until });
        }
        freezes
    }

    /// Deploys another version. The previous one ends after its current invocation.
    fn stop(&mut self) -> bool {
        let next = Arc::new(version(&self.cloud, self.parameters, &mut self.rng));
        let mapping = self.mappings.choose(&mut self.rng).unwrap();
        let before = mem::replace(&mut *mapping.shared.function.lock().unwrap(), next);
        self.before.push(before);
        self.deployed += 1;
        true
    }

    fn wake_all(&mut self) {
        for frozen in self.mappings.iter_mut().filter_map(|m| m.frozen.take()) {
            frozen.function.wake();
        }
    }

    fn stop_all(&mut self) {
        self.wake_all();
        for mut mapping in mem::take(&mut self.mappings) {
            mapping.stop().expect("a mapping");
            self.before.push(mapping.shared.function());
        }
        self.remove_ended();
        assert!(self.before.is_empty(), "a function is at work");
    }

    fn started(&self) -> usize {
        let all = self.mappings.iter().map(|m| m.shared.function());
        let now = all.map(|function| function.cold_starts());
        self.cold_starts + now.sum::<usize>()
    }

    fn stopped(&self) -> usize {
        self.deployed - MAPPINGS
    }
}

impl Running {
    fn start(cloud: &Arc<Cloud>, function: Function, rng: &mut Pcg64Mcg) -> Self {
        let shared = Arc::new(Shared {
            cloud: Arc::clone(cloud),
            function: Mutex::new(Arc::new(function)),
            stop: AtomicBool::new(false),
        });
        let settings = Settings {
            batch_size: rng.random_range(10..1_000),
            bisect_batch_on_function_error: rng.random(),
            report_batch_item_failures: true,
            timeout: Duration::from_secs(rng.random_range(5..15)),
            ..Settings::default()
        };
        let running = Arc::clone(&shared);
        Self {
            shared,
            thread: Some(thread::spawn(move || running.run(settings))),
            frozen: None,
        }
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn stop(&mut self) -> thread::Result<()> {
        self.shared.stop.store(true, Relaxed);
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            frozen.function.wake();
        }
        let _said_already = self.stop();
    }
}

impl Shared {
    fn function(&self) -> Arc<Function> {
        Arc::clone(&self.function.lock().unwrap())
    }

    /// Sends batches until it is stopped.
    fn run(&self, settings: Settings) {
        let timeout = settings.timeout;
        let invoke = |event: &Value| self.function().invoke(event, timeout).response;
        let target = Target::closure(invoke);
        let mut mapping = Mapping::new(&self.cloud.kinesis, STREAM, target, settings);
        let mut finished = HashSet::new();
        while !self.stop.load(Relaxed) {
            let mut idle = true;
            for shard in shards(&self.cloud) {
                let shard = shard["ShardId"].as_str().unwrap();
                if self.stop.load(Relaxed) || finished.contains(shard) {
                    continue;
                }
                match mapping.step(shard) {
                    Step::Finished => drop(finished.insert(shard.to_owned())),
                    Step::Invoked(..) => idle = false,
                    Step::Idle | Step::Waiting => {}
                    Step::TooOld(discarded) => panic!("discarded: {discarded}"),
                }
            }
            if idle {
                thread::sleep(PAUSE);
            }
        }
    }
}

/// A version of the function. Settings that must not matter differ between versions.
fn version(cloud: &Cloud, parameters: Parameters, rng: &mut Pcg64Mcg) -> Function {
    let mut more = parameters.unpacking_variables();
    more.extend(parameters.message_variables(rng));
    let records = rng.random_range(parameters.chunk_records()).to_string();
    let formats = ["zstd", "zstd", "gzip", "none"];
    let variables = variables(
        cloud,
        &[
            ("SLUICE_REGISTRY", REGISTRY),
            ("SLUICE_REGISTRY_POLL", "500ms"),
            ("SLUICE_CHUNK_RECORDS", &records),
            ("SLUICE_COMPRESSION", formats.choose(rng).unwrap()),
        ],
    );
    let variables = variables.iter().chain(&more);
    let variables = variables.map(|(name, value)| (&**name, &**value));
    let program = cloud.place.program();
    let folder = cloud.place.path("");
    Function::start(
        &[program.to_str().unwrap()],
        &variables.collect::<Vec<_>>(),
        &folder,
    )
}

/// The function can report that a batch has not landed, but no permanent error.
fn check_logs(function: &Function) {
    let logs = function.logs();
    for line in logs.stderr {
        assert!(!line.contains("panicked"), "a function printed: {line}");
    }
    for line in logs.stdout {
        let reported: Option<Value> = serde_json::from_str(&line).ok();
        let mismatch = reported.is_some_and(|reported| reported["ContentMismatch"] == 1);
        assert!(!mismatch, "a function reported a mismatch: {line}");
    }
}
