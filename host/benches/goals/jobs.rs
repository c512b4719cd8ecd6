//! The whole local job, compared with others that do the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::bench::{Bench, Job, Ran};
use super::measure::{Cost, Pairs, in_turn};
use super::programs::{self, Program};
use super::table::{Report, contestant, mebibytes, times};
use crate::events;

pub(crate) const EVENTS: u64 = 1_000_000;

const OVER_FLOOR: f64 = 1.1;
const OVER_PYTHON: f64 = 16.0;
const OVER_DUCKDB: f64 = 2.5;
const OVER_VECTOR: f64 = 12.0;
const OF_VECTORS_CPU: f64 = 0.08;
const OVER_VECTORS_MEMORY: f64 = 1.5;

/// Runs of the job and of another program that does it, in turn.
fn next_to(
    bench: &Bench,
    job: &Job,
    other: impl Fn(&Path) -> anyhow::Result<Command>,
) -> anyhow::Result<Pairs<Ran>> {
    let ours = || bench.local_job(job, &[]);
    in_turn(bench.pairs, ours, || bench.other_job(job, &other))
}

/// The job compared with the least time that it can take.
pub(crate) fn next_to_floor(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let job = bench.job(EVENTS, events::TYPES)?;
    let ran = next_to(bench, &job, |lake| floor(&job, lake))?;
    for (ours, floor) in ran.first.iter().zip(&ran.second) {
        let (ours, floor) = (&ours.summary["objects"], &floor.summary["objects"]);
        ensure!(ours == floor, "{ours} objects, and the floor has {floor}");
    }
    let costs = costs(&ran);
    let what = "the local job, 1 M events, next to the floor: wall time";
    report.at_most(what, costs.ratio(|cost| cost.wall), OVER_FLOOR);
    report.figure("the same: CPU", times(costs.ratio(|cost| cost.cpu)));
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
    let ran = next_to(bench, &job, |lake| Ok(reference(&job, lake)))?;
    let compression = &ran.second[0].summary["compression"];
    let what = format!("Python (one core, .{compression}) next to the local job: wall time");
    let costs = costs(&ran);
    let ratio = costs.inverse_ratio(|cost| cost.wall);
    report.at_least(&what.replace('"', ""), ratio, OVER_PYTHON);
    report.figure("Python", contestant(&costs.second));
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

/// The job compared with `DuckDB`, if it is installed.
pub(crate) fn next_to_duckdb(
    bench: &Bench,
    given: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(duckdb) = programs::duckdb(given)? else {
        report.not_compared("DuckDB", "`make readers-setup` installs it");
        return Ok(());
    };
    let job = bench.job(EVENTS, events::TYPES)?;
    let ran = next_to(bench, &job, |lake| Ok(duckdb_job(&duckdb, &job, lake)))?;
    let (name, costs) = (&duckdb.name, costs(&ran));
    report.at_least(
        &format!("{name} next to the local job: wall time"),
        costs.inverse_ratio(|cost| cost.wall),
        OVER_DUCKDB,
    );
    report.at_least(
        "the same: CPU",
        costs.inverse_ratio(|cost| cost.cpu),
        OVER_DUCKDB,
    );
    report.figure(name, contestant(&costs.second));
    Ok(())
}

fn duckdb_job(duckdb: &Program, job: &Job, lake: &Path) -> Command {
    let mut command = Command::new(&duckdb.path);
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/duckdb_job.py"
        ))
        .arg(&job.source)
        .arg(lake);
    command
}

/// The job compared with Vector, if it is installed.
pub(crate) fn next_to_vector(
    bench: &Bench,
    given: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(vector) = programs::vector(given)? else {
        report.not_compared("Vector", "give its path with `--vector PATH`");
        return Ok(());
    };
    let job = bench.job(EVENTS, events::TYPES)?;
    let ran = next_to(bench, &job, |lake| vector_job(bench, &vector, &job, lake))?;
    let (name, costs) = (&vector.name, costs(&ran));
    report.at_least(
        &format!("{name} next to the local job: wall time"),
        costs.inverse_ratio(|cost| cost.wall),
        OVER_VECTOR,
    );
    report.at_most(
        &format!("the local job next to {name}: CPU"),
        costs.ratio(|cost| cost.cpu),
        OF_VECTORS_CPU,
    );
    report.at_least(
        &format!("{name} next to the local job: memory"),
        costs.inverse_ratio(|cost| mebibytes(cost.peak_bytes)),
        OVER_VECTORS_MEMORY,
    );
    report.figure(name, contestant(&costs.second));
    Ok(())
}

fn vector_job(bench: &Bench, vector: &Program, job: &Job, lake: &Path) -> anyhow::Result<Command> {
    let source = File::open(&job.source).with_context(|| job.source.display().to_string())?;
    let mut command = Command::new(&vector.path);
    command
        .args(["--quiet", "--config"])
        .arg(vector_config(bench, lake)?)
        .stdin(source);
    Ok(command)
}

/// Writes Vector's configuration for this lake, and returns its path.
fn vector_config(bench: &Bench, lake: &Path) -> anyhow::Result<PathBuf> {
    let lake = lake.display().to_string();
    ensure!(
        !lake.contains(['%', '{', '$', '"', '\\']),
        "{lake}: Vector would read a part of this path as a template; choose another `--folder`"
    );
    let path = bench.folder.join("vector.yaml");
    fs::write(
        &path,
        include_str!("../vector.yaml").replace("@LAKE@", &lake),
    )?;
    Ok(path)
}

/// What the runs of both took.
pub(crate) fn costs(ran: &Pairs<Ran>) -> Pairs<Cost> {
    let of = |ran: &[Ran]| ran.iter().map(|ran| ran.cost).collect();
    Pairs {
        first: of(&ran.first),
        second: of(&ran.second),
    }
}
