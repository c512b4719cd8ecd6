//! The sandbox compared with the same function compiled natively, and with other runtimes.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use guest_enrich::Enrichment;
use serde_json::Value;
use sluice::config::TransformChoice;
use sluice::tools::author::component;
use sluice_engine::bindings::exports::sluice::transform::fields as contract;
use sluice_engine::bindings::exports::sluice::transform::rules::Routes;
use sluice_engine::limits::Limits;
use sluice_engine::native::NativeFields;
use sluice_engine::record::{BATCH_MAX_RECORDS, Batch};
use sluice_release::admission::Release;
use sluice_transform::Configured;
use sluice_transform::batch::{Outcome, RecordBatch, transform_batch};
use sluice_transform::fields::{FieldBatch, transform_fields};
use sluice_transform::{Destination, Metadata};

use super::bench::Bench;
use super::measure::{Pairs, in_turn, median};
use super::table::{Report, times};
use crate::events;

/// Batches of a round, of different events.
const BATCHES: u64 = 20;

/// Rounds for each requested pair of whole runs; a round takes some ten milliseconds.
const ROUNDS: usize = 20;

const OVER_NATIVE: f64 = 1.25;

const OVER_SAME_STEPS: f64 = 1.3;

const OVER_PYTHON: f64 = 14.0;

struct Sandbox {
    release: Release,
    batches: Vec<Batch>,
    rules: Configured<Enrichment>,
    fields: NativeFields,
}

impl Sandbox {
    fn new() -> anyhow::Result<Self> {
        let engine = component::engine(1)?;
        let rules = Configured::new("{}").map_err(anyhow::Error::msg)?;
        let fields = NativeFields::new(declaration(&rules), Limits::default());
        Ok(Self {
            release: component::admitted(&engine, &TransformChoice::default())?,
            batches: events::batches(BATCHES, BATCH_MAX_RECORDS as u64)?,
            rules,
            fields: fields.map_err(anyhow::Error::msg)?,
        })
    }

    fn enrich(&self, batch: &Batch) -> Outcome {
        let batch = RecordBatch::new(batch.data(), batch.data_ends());
        transform_batch(&self.rules, &batch)
    }

    /// Checks the result of each batch: all records are events, and each way makes the same ones.
    fn check_outcomes(&self) -> anyhow::Result<()> {
        for batch in &self.batches {
            let inside = self.release.run(batch, &[])?;
            let outside = self.enrich(batch);
            let same_steps = self.fields.run(batch, |fields| self.edits(&fields));
            let same_steps = same_steps.map_err(anyhow::Error::msg)?;
            ensure!(
                inside.events.len() == batch.len()
                    && inside.data == outside.data
                    && inside == same_steps,
                "the sandbox and the native functions do not make the same events"
            );
        }
        Ok(())
    }

    /// The function that the component has, in place of the call of the component.
    fn edits(&self, fields: &contract::FieldBatch<'_>) -> contract::EditBatch {
        let batch = FieldBatch {
            records: fields.records,
            values: fields.values,
            ends: fields.ends,
            repeated: fields.repeated,
            ..FieldBatch::default()
        };
        let edits = transform_fields(&self.rules, &batch);
        contract::EditBatch {
            event_counts: edits.event_counts,
            values: edits.values,
            ends: edits.ends,
            removed: edits.removed,
            empty_events: edits.empty_events,
            destinations: edits.destinations.into_iter().map(destination).collect(),
            destination_indexes: edits.destination_indexes,
            // All records are events.
            rejections: Vec::new(),
        }
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

    /// All that the sandbox does with a batch, with a native function in place of the component: the scan, the checks
    /// and the edits of the host.
    fn same_steps(&self) -> anyhow::Result<f64> {
        self.round(|batch| {
            let transformed = self.fields.run(batch, |fields| self.edits(&fields));
            black_box(transformed.map_err(anyhow::Error::msg)?);
            Ok(())
        })
    }
}

fn declaration(rules: &Configured<Enrichment>) -> contract::Declaration {
    let declaration = rules.declaration();
    let reads = declaration.reads().iter().map(|read| contract::Read {
        name: read.name().to_owned(),
        wanted: if read.wants_value() {
            contract::Wanted::Value
        } else {
            contract::Wanted::Kind
        },
    });
    let writes = declaration.writes().iter();
    debug_assert_eq!(declaration.metadata(), Metadata::NONE);
    contract::Declaration {
        reads: reads.collect(),
        writes: writes.map(|write| write.name().to_owned()).collect(),
        metadata: contract::Metadata::empty(),
    }
}

fn destination(destination: Destination) -> contract::Destination {
    contract::Destination {
        partition: destination.partition,
        // The enrichment sends all events to both.
        routes: Routes::LAKE | Routes::BUS,
    }
}

/// The sandbox compared with the native function.
pub(crate) fn next_to_native(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let sandbox = Sandbox::new()?;
    sandbox.check_outcomes()?;
    let rounds = bench.pairs * ROUNDS;
    let pairs = in_turn(rounds, || sandbox.sandboxed(), || sandbox.native())?;
    goal(
        report,
        "enrichment of a record in the sandbox next to a native function of whole records",
        &pairs,
        OVER_NATIVE,
    );
    let pairs = in_turn(rounds, || sandbox.sandboxed(), || sandbox.same_steps())?;
    goal(
        report,
        "… next to the same steps and checks with a native function of fields",
        &pairs,
        OVER_SAME_STEPS,
    );
    Ok(())
}

fn goal(report: &mut Report, what: &str, pairs: &Pairs<f64>, most: f64) {
    let ratio = pairs.ratio(|ns| *ns);
    let (inside, outside) = (median(&pairs.first), median(&pairs.second));
    report.goal(
        what,
        format!("{inside:.0} ns, {outside:.0} ns: {}", times(ratio)),
        &format!("at most {most}x"),
        ratio.median <= most,
    );
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
