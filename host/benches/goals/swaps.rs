//! A job with a release switch every second, compared with one without.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sluice::layout::object_key::{METADATA_FOLDER, ParsedKey, ShortId};
use sluice_engine::record::SequenceNumber;

use super::bench::{Bench, Job, Ran, named};
use super::measure::{self, Cost, in_turn, median};
use super::table::{Report, spread};
use crate::events;

const EVENTS: u64 = 10_000_000;

const SWAP_EVERY: Duration = Duration::from_secs(1);

const SLOWER: f64 = 1.01;

/// The registry poll interval of both runs, because polling is a part of the cost.
const POLL: &str = "500ms";

/// Two releases that make the same events, so that only the switch differs.
const CONFIGS: [&str; 2] = ["{}", r#"{"partition_by":[]}"#];

struct Swapped {
    cost: Cost,
    /// How many times the release changes from one chunk to the next in the lake.
    swaps: usize,
    /// Processor time of the activating processes, seconds.
    activating: f64,
}

/// Release switches compared with none.
pub(crate) fn next_to_none(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let job = bench.job(EVENTS, events::TYPES)?;
    let switches = SwapBench::new(bench)?;
    let ran = in_turn(
        bench.swap_pairs,
        || switches.swapping(&job),
        || switches.still(&job),
    )?;
    let swaps: Vec<_> = ran.first.iter().map(|swapped| swapped.swaps).collect();
    let least = swaps.iter().min().copied().unwrap_or_default();
    ensure!(least > 0, "no swap became effective in one of the runs");
    let ratio = ran.ratio(|swapped| swapped.cost.wall);
    report.goal(
        &format!(
            "10 M events, swapped every second, next to never, median of {} pairs: wall time",
            bench.swap_pairs
        ),
        spread(ratio),
        "at most 1.01x",
        ratio.median <= SLOWER,
    );
    let of_cpu = ran.ratio(|swapped| swapped.cost.cpu);
    report.figure("the same: CPU of the run", spread(of_cpu));
    let activating: Vec<_> = ran.first.iter().map(|swapped| swapped.activating).collect();
    report.figure(
        "the same: CPU of the processes that activate, in addition to the run",
        format!(
            "{:.2} s for {least} swaps or more in the lake",
            median(&activating)
        ),
    );
    Ok(())
}

/// A registry with two releases.
struct SwapBench<'a> {
    bench: &'a Bench,
    registry: String,
    releases: Vec<String>,
    /// The number of activations.
    activated: AtomicUsize,
}

impl<'a> SwapBench<'a> {
    fn new(bench: &'a Bench) -> anyhow::Result<Self> {
        let folder = bench.folder.join("registry");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let mut this = Self {
            bench,
            registry: named(&folder),
            releases: Vec::new(),
            activated: AtomicUsize::default(),
        };
        this.sluice(&["transform", "export", "enrich.wasm"])?;
        for config in CONFIGS {
            let publish = [
                "transform",
                "publish",
                "enrich.wasm",
                "--transform-config",
                config,
            ];
            let registry = ["--registry", &this.registry];
            let (_, id) = this.sluice(&[&publish[..], &registry[..]].concat())?;
            this.releases.push(id.trim().to_owned());
        }
        this.swap()?;
        Ok(this)
    }

    fn sluice(&self, args: &[&str]) -> anyhow::Result<(Cost, String)> {
        measure::run(&mut self.bench.sluice(args))
    }

    /// Activates the next release, with the usual checks, and returns the processor time.
    fn swap(&self) -> anyhow::Result<f64> {
        let next = self.activated.fetch_add(1, Ordering::Relaxed);
        let release = &self.releases[next % self.releases.len()];
        let activate = [
            "transform",
            "activate",
            release,
            "--registry",
            &self.registry,
        ];
        let as_it_is = ["--unchecked", "--no-rollback"];
        let (cost, _) = self.sluice(&[&activate[..], &as_it_is[..]].concat())?;
        Ok(cost.cpu)
    }

    fn run(&self, job: &Job) -> anyhow::Result<Ran> {
        let follow = ["--registry", &self.registry, "--registry-poll", POLL];
        self.bench.local_job(job, &follow)
    }

    fn swapping(&self, job: &Job) -> anyhow::Result<Swapped> {
        let (running, ended) = mpsc::channel::<()>();
        let (ran, activating) = thread::scope(|scope| {
            let activating = scope.spawn(move || self.swap_until(&ended));
            let ran = self.run(job);
            drop(running);
            (ran, activating.join())
        });
        let Ok(activating) = activating else {
            bail!("who activates panicked");
        };
        Ok(Swapped {
            cost: ran?.cost,
            swaps: swaps(&self.bench.folder.join("lake"))?,
            activating: activating?,
        })
    }

    /// Switches releases until the other end of `ended` is dropped, and returns the processor time.
    fn swap_until(&self, ended: &mpsc::Receiver<()>) -> anyhow::Result<f64> {
        let mut cpu = 0.0;
        while ended.recv_timeout(SWAP_EVERY) == Err(RecvTimeoutError::Timeout) {
            cpu += self.swap()?;
        }
        Ok(cpu)
    }

    fn still(&self, job: &Job) -> anyhow::Result<Swapped> {
        Ok(Swapped {
            cost: self.run(job)?.cost,
            swaps: 0,
            activating: 0.0,
        })
    }
}

/// How many times the release changes from one chunk to the next, by the names of objects.
fn swaps(lake: &Path) -> anyhow::Result<usize> {
    let mut chunks: BTreeMap<SequenceNumber, HashSet<ShortId>> = BTreeMap::new();
    for partition in fs::read_dir(lake)? {
        let partition = partition?;
        if partition.file_name() == METADATA_FOLDER {
            continue;
        }
        for object in fs::read_dir(partition.path())? {
            let name = object?.file_name().to_string_lossy().into_owned();
            let parsed = ParsedKey::parse(&name).context(name.clone())?;
            let releases = chunks.entry(parsed.chunk.first).or_default();
            releases.insert(parsed.chunk.release);
        }
    }
    let releases: Vec<_> = chunks.into_values().collect();
    ensure!(
        releases.iter().all(|of_chunk| of_chunk.len() == 1),
        "a chunk is of two releases"
    );
    Ok(releases
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count())
}
