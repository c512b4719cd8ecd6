//! The local job into Parquet, and a schema inferred from its events, compared with the local job into lines.

use anyhow::ensure;

use super::bench::{Bench, Job, Ran, named};
use super::jobs::{EVENTS, costs};
use super::measure::{self, in_turn};
use super::table::{Report, contestant, times};
use crate::events;

const OVER_LINES: f64 = 2.5;
const INFERRING_OVER_LANDING: f64 = 2.0;

pub(crate) fn next_to_lines(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let job = bench.job(EVENTS, events::TYPES)?;
    let lines = || bench.local_job(&job, &[]);
    let parquet = || bench.local_job(&job, &["--format", "parquet"]);
    let ran = costs(&in_turn(bench.pairs, parquet, lines)?);
    let what = "the local job into Parquet, 1 M events, next to lines: CPU";
    report.at_most(what, ran.ratio(|cost| cost.cpu), OVER_LINES);
    report.figure("the same: wall time", times(ran.ratio(|cost| cost.wall)));
    report.figure("the local job into Parquet", contestant(&ran.first));
    let ran = costs(&in_turn(bench.pairs, || infer(bench, &job), lines)?);
    let what = "a schema inferred from 1 M events, next to the local job: CPU";
    report.at_most(what, ran.ratio(|cost| cost.cpu), INFERRING_OVER_LANDING);
    report.figure("a schema inferred", contestant(&ran.first));
    Ok(())
}

fn infer(bench: &Bench, job: &Job) -> anyhow::Result<Ran> {
    let file = named(&job.source);
    let file = file.trim_start_matches("file:");
    let (cost, output) = measure::run(&mut bench.sluice(&["schema", "infer", file, "--json"]))?;
    let summary: serde_json::Value = serde_json::from_str(&output)?;
    let events = &summary["events"];
    ensure!(
        *events == job.events,
        "{events} of {} events were read",
        job.events
    );
    Ok(Ran { cost, summary })
}
