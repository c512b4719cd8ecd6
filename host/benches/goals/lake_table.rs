//! A lake as a table, compared with `DuckDB` that copies the same objects into Parquet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

use super::bench::{Bench, Ran, named, rows_below};
use super::jobs::{EVENTS, costs};
use super::measure::{self, in_turn};
use super::programs::{self, Program};
use super::table::{Report, contestant, mebibytes, times};
use crate::events;

/// Ours may take as much processor time as `DuckDB`.
const OVER_DUCKDB: f64 = 1.0;

/// The most memory of a sync, bytes.
const MEMORY_MAX: u64 = 512 << 20;

/// With `--long`, the events are ten times as many.
const LONG: u64 = 10;

pub(crate) fn next_to_duckdb(
    bench: &Bench,
    given: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(duckdb) = programs::duckdb(given)? else {
        report.not_compared("DuckDB", "`make readers-setup` installs it");
        return Ok(());
    };
    let events = if bench.long { EVENTS * LONG } else { EVENTS };
    let job = bench.job(events, events::TYPES)?;
    bench.local_job(&job, &[])?;
    let schema = infer(bench)?;
    let ours = || sync(bench, &schema, events);
    let ran = in_turn(bench.pairs, ours, || copy(bench, &duckdb, events))?;
    let (name, costs) = (&duckdb.name, costs(&ran));
    let millions = events / 1_000_000;
    let what = format!("a table of {millions} M events in a lake, next to {name}: CPU");
    report.at_most(&what, costs.ratio(|cost| cost.cpu), OVER_DUCKDB);
    report.figure("the same: wall time", times(costs.ratio(|cost| cost.wall)));
    report.figure("sluice table sync", contestant(&costs.first));
    report.figure(name, contestant(&costs.second));
    let most = measure::peak(&costs.first);
    let what = "the same: memory of sluice table sync";
    let (today, goal) = (mebibytes(most), mebibytes(MEMORY_MAX));
    let (today, goal) = (format!("{today:.0} MiB"), format!("at most {goal:.0} MiB"));
    report.goal(what, today, &goal, most <= MEMORY_MAX);
    Ok(())
}

/// An empty folder for a table.
fn folder(bench: &Bench) -> anyhow::Result<PathBuf> {
    let folder = bench.folder.join("table");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    measure::settle();
    Ok(folder)
}

/// A schema of the events in the lake, so that all members have columns, as those of `DuckDB` do.
fn infer(bench: &Bench) -> anyhow::Result<String> {
    let schema = bench.folder.join("schema.json").display().to_string();
    let lake = named(&bench.folder.join("lake"));
    let infer = ["schema", "infer", "--lake", &lake, "--output", &schema];
    measure::run(&mut bench.sluice(&infer))?;
    Ok(schema)
}

fn sync(bench: &Bench, schema: &str, events: u64) -> anyhow::Result<Ran> {
    let warehouse = folder(bench)?;
    let (lake, place) = (named(&bench.folder.join("lake")), named(&warehouse));
    let of_table = ["--lake", &lake, "--warehouse", &place];
    measure::run(
        bench
            .sluice(&["table", "create", "--schema", schema])
            .args(of_table),
    )?;
    let (cost, output) = measure::run(bench.sluice(&["table", "sync", "--json"]).args(of_table))?;
    let summary: serde_json::Value = serde_json::from_str(&output)?;
    ensure!(summary["events"] == events, "{output}");
    Ok(Ran { cost, summary })
}

fn copy(bench: &Bench, duckdb: &Program, events: u64) -> anyhow::Result<Ran> {
    let folder = folder(bench)?;
    let mut command = Command::new(&duckdb.path);
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/duckdb_table.py"
        ))
        .arg(bench.folder.join("lake"))
        .arg(&folder);
    let (cost, _) = measure::run(&mut command)?;
    let rows = rows_below(&folder)?;
    ensure!(
        rows == events,
        "DuckDB has written {rows} of {events} events"
    );
    let summary = serde_json::Value::Null;
    Ok(Ran { cost, summary })
}
