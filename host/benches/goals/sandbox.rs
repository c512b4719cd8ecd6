//! The sandbox compared with the same function compiled natively, and with other runtimes.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use guest_enrich::Enrichment;
use serde_json::Value;
use sluice::tools::author::component;
use sluice_engine::limits::JsonProfile;
use sluice_engine::outcome::Transformed;
use sluice_engine::output_validation::JsonChecker;
use sluice_engine::record::{BATCH_MAX_RECORDS, Batch};
use sluice_release::admission::Release;
use sluice_transform::Configured;
use sluice_transform::batch::{Outcome, RecordBatch, transform_batch};

use super::bench::Bench;
use super::measure::{Pairs, in_turn, median};
use super::table::{Report, times};
use crate::events;

/// Batches of a round, of different events.
const BATCHES: u64 = 20;

/// Rounds for each requested pair of whole runs; a round takes some ten milliseconds.
const ROUNDS: usize = 20;

const OVER_NATIVE: f64 = 1.75;

const OVER_PYTHON: f64 = 14.0;

struct Sandbox {
    release: Release,
    batches: Vec<Batch>,
    rules: Configured<Enrichment>,
}

impl Sandbox {
    fn new() -> anyhow::Result<Self> {
        let engine = component::engine(1)?;
        Ok(Self {
            release: component::admitted(&engine, None, "{}")?,
            batches: events::batches(BATCHES, BATCH_MAX_RECORDS as u64)?,
            rules: Configured::new("{}").map_err(anyhow::Error::msg)?,
        })
    }

    fn enrich(&self, batch: &Batch) -> Outcome {
        let batch = RecordBatch::new(batch.data(), batch.data_ends());
        transform_batch(&self.rules, &batch)
    }

    /// Checks the result of each batch: all records are events, natively too.
    fn outcomes(&self) -> anyhow::Result<Vec<Transformed>> {
        let mut outcomes = Vec::new();
        for batch in &self.batches {
            let inside = self.release.run(batch, &[])?;
            let outside = self.enrich(batch);
            ensure!(
                inside.events.len() == batch.len() && inside.data == outside.data,
                "the sandbox and the native function do not make the same events"
            );
            outcomes.push(inside);
        }
        Ok(outcomes)
    }

    /// Nanoseconds per record if each batch is given to `work`.
    fn round(&self, mut work: impl FnMut(&Batch) -> anyhow::Result<()>) -> anyhow::Result<f64> {
        let begun = Instant::now();
        for batch in &self.batches {
            work(batch)?;
        }
        let records: usize = self.batches.iter().map(Batch::len).sum();
        Ok(begun.elapsed().as_secs_f64() * 1e9 / count(records))
    }

    /// What `run` does with a batch up to the outcome: a fresh instance, its configuration, the
    /// copies into its memory and back, limits on fuel, memory and time, and the check of the
    /// result.
    fn sandboxed(&self) -> anyhow::Result<f64> {
        self.round(|batch| {
            black_box(self.release.run(batch, &[])?);
            Ok(())
        })
    }

    /// The same function into one output buffer, with the partition of each event.
    fn native(&self) -> anyhow::Result<f64> {
        self.round(|batch| {
            black_box(self.enrich(batch));
            Ok(())
        })
    }

    /// The host's check that each event of an outcome is interoperable JSON.
    fn check(&self, outcomes: &[Transformed]) -> anyhow::Result<f64> {
        let mut outcomes = outcomes.iter();
        self.round(|_| {
            let outcome = outcomes.next().context("an outcome for each batch")?;
            let mut checker = JsonChecker::new(JsonProfile::default());
            for event in &outcome.events {
                let data = &outcome.data[event.start as usize..event.end as usize];
                let checked = checker.check(data, event.routes);
                checked.map_err(|reason| anyhow::anyhow!(reason.message))?;
            }
            Ok(())
        })
    }
}

/// The sandbox compared with the native function.
pub(crate) fn next_to_native(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let sandbox = Sandbox::new()?;
    let outcomes = sandbox.outcomes()?;
    let rounds = bench.pairs * ROUNDS;
    let pairs = in_turn(rounds, || sandbox.sandboxed(), || sandbox.native())?;
    let checks = in_turn(rounds, || sandbox.check(&outcomes), || Ok(0.0))?;
    let ratio = pairs.ratio(|ns| *ns);
    let (inside, outside) = (median(&pairs.first), median(&pairs.second));
    report.goal(
        "enrichment of a record in the sandbox, next to native",
        format!("{inside:.0} ns, {outside:.0} ns: {}", times(ratio)),
        "at most 1.75x",
        ratio.median <= OVER_NATIVE,
    );
    let less = inside - median(&checks.first);
    report.figure(
        "the same less the host's own check that results are JSON",
        format!("{less:.0} ns: {:.2}x", less / outside),
    );
    Ok(())
}

/// The sandbox compared with a Python handler of a Lambda function.
pub(crate) fn next_to_python(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let sandbox = Sandbox::new()?;
    let job = bench.job(10_000, events::TYPES)?;
    let handled = || handled(&job.source);
    let pairs: Pairs<f64> = in_turn(bench.pairs, handled, || sandbox.sandboxed())?;
    let ratio = pairs.ratio(|ns| *ns);
    report.goal(
        "enrichment next to a handler in Python",
        format!("{:.0} ns, {} as fast", median(&pairs.first), times(ratio)),
        "at least 14x",
        ratio.median >= OVER_PYTHON,
    );
    Ok(())
}

/// Nanoseconds per record, as the handler's script measures itself.
fn handled(source: &Path) -> anyhow::Result<f64> {
    let output = Command::new("python3")
        .arg("-B")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/handler.py"))
        .arg(source)
        .output()
        .context("cannot run python3")?;
    let reported: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    reported["ns"].as_f64().context("the handler gave no time")
}

#[allow(clippy::cast_precision_loss, reason = "a round has few records")]
fn count(records: usize) -> f64 {
    records as f64
}
