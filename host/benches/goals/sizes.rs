//! The time per record in small and large jobs, with few and many partitions, and the memory of
//! each.

use serde_json::Value;

use super::bench::Bench;
use super::measure::{Cost, median_of, peak};
use super::table::{Report, mebibytes};
use crate::events;

const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// The length of the longest job, which is optional, in lengths of the last of [`SIZES`].
const LONG_TIMES: u64 = 10;

const PARTITIONS: [u64; 5] = [1, 10, 100, 1_000, 10_000];
const EVENTS: u64 = 1_000_000;

const MEMORY_MIB: f64 = 96.0;
const MEMORY_OF_MANY_PARTITIONS_MIB: f64 = 128.0;

/// Jobs of up to this many events are run once per pair; larger ones once, because a long
/// run averages over its own length.
const REPEATED_UP_TO: u64 = 1_000_000;

/// Jobs with more types are run only once too: some disks take minutes to remove their objects.
const REPEATED_UP_TO_TYPES: u64 = 1_000;

const HEAD: [&str; 4] = [
    "wall, ns a record",
    "CPU, ns a record",
    "peak memory",
    "objects",
];

/// Jobs of all sizes.
pub(crate) fn sizes(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for events in SIZES {
        let (costs, row) = measured(bench, events, events::TYPES)?;
        rows.push(with_first(events, row));
        memory_of_size(report, events, &costs);
    }
    if bench.long {
        let job = bench.job(SIZES[SIZES.len() - 1], events::TYPES)?;
        let events = job.events * LONG_TIMES;
        let ran = bench.repeated_job(&job, LONG_TIMES)?;
        rows.push(with_first(events, row(events, &[ran.cost], &ran.summary)));
        memory_of_size(report, events, &[ran.cost]);
    }
    report.table(head("events"), &rows);
    Ok(())
}

/// Jobs of a million events with different numbers of types.
pub(crate) fn partitions(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for types in PARTITIONS {
        let (costs, row) = measured(bench, EVENTS, types)?;
        rows.push(with_first(types, row));
        if types == PARTITIONS[PARTITIONS.len() - 1] {
            let what = "memory with 10,000 partitions, 1 M events";
            memory(report, what, &costs, MEMORY_OF_MANY_PARTITIONS_MIB);
        }
    }
    report.table(head("partitions"), &rows);
    Ok(())
}

fn memory_of_size(report: &mut Report, events: u64, costs: &[Cost]) {
    if events >= EVENTS {
        let what = format!("memory of the local job, {} M events", events / EVENTS);
        memory(report, &what, costs, MEMORY_MIB);
    }
}

fn memory(report: &mut Report, what: &str, costs: &[Cost], most: f64) {
    let today = mebibytes(peak(costs));
    let goal = format!("at most {most} MiB");
    report.goal(what, format!("{today:.0} MiB"), &goal, today <= most);
}

fn measured(bench: &Bench, events: u64, types: u64) -> anyhow::Result<(Vec<Cost>, [String; 4])> {
    let job = bench.job(events, types)?;
    let is_small = events <= REPEATED_UP_TO && types <= REPEATED_UP_TO_TYPES;
    let runs = if is_small { bench.pairs } else { 1 };
    let (mut costs, mut summary) = (Vec::new(), Value::Null);
    for _ in 0..runs {
        let ran = bench.local_job(&job, &[])?;
        costs.push(ran.cost);
        summary = ran.summary;
    }
    let row = row(events, &costs, &summary);
    Ok((costs, row))
}

fn row(events: u64, costs: &[Cost], summary: &Value) -> [String; 4] {
    [
        ns(median_of(costs, |cost| cost.wall), events),
        ns(median_of(costs, |cost| cost.cpu), events),
        format!("{:.0} MiB", mebibytes(peak(costs))),
        summary["objects"].to_string(),
    ]
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a count of events, far below 2^52"
)]
fn ns(seconds: f64, records: u64) -> String {
    format!("{:.0}", seconds * 1e9 / records as f64)
}

fn with_first(first: u64, [wall, cpu, memory, objects]: [String; 4]) -> [String; 5] {
    let first = indicatif::HumanCount(first).to_string();
    [first, wall, cpu, memory, objects]
}

fn head(first: &str) -> [&str; 5] {
    let [wall, cpu, memory, objects] = HEAD;
    [first, wall, cpu, memory, objects]
}
