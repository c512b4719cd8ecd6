//! The whole local job, compared with others that do the same.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::bench::{Bench, Job, Ran};
use super::measure::{Cost, Pairs, in_turn, median_of};
use super::table::{Report, contestant, times};
use crate::events;

const EVENTS: u64 = 1_000_000;

const OVER_FLOOR: f64 = 1.3;
const OVER_PYTHON: f64 = 12.0;
const OVER_VECTOR: f64 = 18.0;
const OF_VECTORS_CPU: f64 = 0.1;

/// Vector's remap and partitioned file sink with the same million events, seconds: measured
/// earlier, on a machine of the kind for which these goals were set.
const VECTOR_WALL: f64 = 12.1;
const VECTOR_CPU: f64 = 17.0;

/// The job compared with the least time that it can take.
pub(crate) fn next_to_floor(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let job = bench.job(EVENTS, events::TYPES)?;
    let ran = in_turn(
        bench.pairs,
        || bench.local_job(&job, &[]),
        || bench.other_job(&job, |lake| floor(&job, lake)),
    )?;
    for (ours, floor) in ran.first.iter().zip(&ran.second) {
        let (ours, floor) = (&ours.summary["objects"], &floor.summary["objects"]);
        ensure!(ours == floor, "{ours} objects, and the floor has {floor}");
    }
    let costs = costs(&ran);
    let ratio = costs.ratio(|cost| cost.wall);
    let of_cpu = costs.ratio(|cost| cost.cpu);
    report.goal(
        "the local job, 1 M events, next to the floor: wall time",
        times(ratio),
        "at most 1.3x",
        ratio.median <= OVER_FLOOR,
    );
    report.figure("the same: CPU", times(of_cpu));
    report.figure("the local job", contestant(&costs.first));
    report.figure("the floor", contestant(&costs.second));
    Ok(())
}

fn floor(job: &Job, lake: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor").arg(&job.source).arg(lake);
    Ok(command)
}

/// The job compared with a Python script.
pub(crate) fn next_to_reference(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let job = bench.job(EVENTS, events::TYPES)?;
    let ran = in_turn(
        bench.pairs,
        || bench.other_job(&job, |lake| Ok(reference(&job, lake))),
        || bench.local_job(&job, &[]),
    )?;
    let compression = &ran.first[0].summary["compression"];
    let what = format!("the local job next to Python (one core, .{compression})").replace('"', "");
    let costs = costs(&ran);
    let ratio = costs.ratio(|cost| cost.wall);
    report.goal(
        &what,
        format!("{} as fast", times(ratio)),
        "at least 12x",
        ratio.median >= OVER_PYTHON,
    );
    report.figure("Python", contestant(&costs.first));
    Ok(())
}

fn reference(job: &Job, lake: &Path) -> Command {
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/reference.py"))
        .arg(&job.source)
        .arg(lake);
    command
}

/// The job compared with Vector if it is installed, and otherwise with its earlier measurement.
pub(crate) fn next_to_vector(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let job = bench.job(EVENTS, events::TYPES)?;
    let (what, wall, cpu) = if Command::new("vector").arg("--version").output().is_ok() {
        let ran = in_turn(
            bench.pairs,
            || bench.other_job(&job, |lake| vector(&job, lake)),
            || bench.local_job(&job, &[]),
        )?;
        let costs = costs(&ran);
        report.figure("Vector", contestant(&costs.first));
        let wall = costs.ratio(|cost| cost.wall);
        let cpu = costs.inverse_ratio(|cost| cost.cpu);
        (
            "Vector",
            (wall.median, times(wall)),
            (cpu.median, times(cpu)),
        )
    } else {
        let ran: anyhow::Result<Vec<_>> = (0..bench.pairs)
            .map(|_| Ok(bench.local_job(&job, &[])?.cost))
            .collect();
        let ran = ran?;
        let wall = VECTOR_WALL / median_of(&ran, |cost| cost.wall);
        let cpu = median_of(&ran, |cost| cost.cpu) / VECTOR_CPU;
        let what = "Vector (12.1 s, 17 s of CPU, measured earlier)";
        (
            what,
            (wall, format!("{wall:.1}x")),
            (cpu, format!("{cpu:.3}x")),
        )
    };
    report.goal(
        &format!("the local job next to {what}: wall time"),
        format!("{} as fast", wall.1),
        "at least 18x",
        wall.0 >= OVER_VECTOR,
    );
    report.goal("the same: CPU", cpu.1, "below 0.1x", cpu.0 < OF_VECTORS_CPU);
    Ok(())
}

fn vector(job: &Job, lake: &Path) -> anyhow::Result<Command> {
    let source = File::open(&job.source).with_context(|| job.source.display().to_string())?;
    let mut command = Command::new("vector");
    command
        .args(["--quiet", "--config"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/vector.yaml"))
        .env("LAKE", lake)
        .stdin(source);
    Ok(command)
}

fn costs(ran: &Pairs<Ran>) -> Pairs<Cost> {
    let of = |ran: &[Ran]| ran.iter().map(|ran| ran.cost).collect();
    Pairs {
        first: of(&ran.first),
        second: of(&ran.second),
    }
}
