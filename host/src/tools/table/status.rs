//! `sluice table status`.

use std::fmt::Write as _;

use bytesize::ByteSize;
use chrono::{DateTime, SecondsFormat};
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_engine::sanitize::escape;

use super::args::TableArgs;
use super::dedupe;
use crate::output::{self, counted};
use crate::table::location::{TableLocation, command_retries};
use crate::table::status::{ShardLag, TableStatus};
use crate::tools::schema::print_json;

/// The most shards and paths that people are shown.
const SHOWN_MAX: usize = 20;

/// Which table.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// Print one JSON object, for scripts, with all shards.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// Prints the status of a table, also of one that no builder can go on with.
///
/// # Errors
/// Wrong usage, what cannot be read, or a problem, which has been printed.
pub(super) async fn status(args: &StatusArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    let tables = location.open_to_read(command_retries()).await?;
    let lake = location.lake.open(command_retries()).await?;
    let status = TableStatus::read(&tables, &location.table, lake).await?;
    match args.json {
        true => print_json(&to_json(&status))?,
        false => output::text(to_text(&status, &location))?,
    }
    anyhow::ensure!(
        status.problem.is_none(),
        "no builder can go on with the table {}; `problem` says why, and what to do",
        status.table
    );
    Ok(())
}

/// A time as text, of milliseconds since the Unix epoch.
fn time(milliseconds: i64) -> String {
    let time = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn to_text(status: &TableStatus, location: &TableLocation) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _infallible = writeln!(text, "{name:<12} {value}");
    };
    line("table", format!("{} in {}", status.table, status.location));
    let columns = status.columns.map(|columns| counted(columns, "column"));
    let columns = columns.unwrap_or_else(|| "unknown columns".into());
    line("schema", format!("{columns}, digest {}", status.schema));
    let layout = status.layout.as_deref();
    line("partition", layout.unwrap_or("not by Sluice").to_owned());
    if let Some(rule) = &status.dedupe {
        let dropped = counted(status.duplicates, "event");
        line("duplicates", format!("{dropped} left out, {rule}"));
    }
    line("events", counted(status.events, "event"));
    let average = status.file_bytes / status.files.max(1);
    line(
        "files",
        format!(
            "{}, {}, {} on average",
            counted(status.files, "file"),
            ByteSize(status.file_bytes),
            ByteSize(average)
        ),
    );
    if let Some(at) = status.committed_at {
        let snapshots = counted(status.snapshots, "snapshot");
        let snapshot = format!("{} of {}, one of {snapshots}", status.snapshot, time(at));
        line("snapshot", snapshot);
    }
    line("last commit", last_commit(status));
    if let Some(problem) = &status.problem {
        line("problem", problem.clone());
    }
    line("waiting", waiting(status));
    removables(&mut text, status);
    kept(&mut text, status, location);
    paths(&mut text, status);
    shards(&mut text, status);
    text
}

/// The files that could be removed.
fn removables(text: &mut String, status: &TableStatus) {
    if !status.removable.is_empty() {
        let files = counted(status.removable.len() as u64, "file");
        let _infallible = writeln!(
            text,
            "{:<12} {files} of attempts that were given up; --json lists them",
            "removable"
        );
    }
}

/// The tables that rebuilds have kept, and how to remove each.
fn kept(text: &mut String, status: &TableStatus, location: &TableLocation) {
    for table in &status.kept {
        let drop = location.command("drop", table);
        let _infallible = writeln!(
            text,
            "{:<12} {table}; remove it with `{drop} --purge --yes`",
            "kept"
        );
    }
}

/// The last commit of Sluice: others commit too.
fn last_commit(status: &TableStatus) -> String {
    match status.last_commit.as_ref().map(|last| last.snapshot) {
        Some(Some((snapshot, at))) => format!("{}, snapshot {snapshot}", time(at)),
        Some(None) => "its snapshot has expired".into(),
        None => "none; run `sluice table sync`".into(),
    }
}

fn waiting(status: &TableStatus) -> String {
    let Some(oldest) = status.oldest else {
        return match (status.ledgers, &status.problem) {
            (None, _) => "unknown".into(),
            (Some(0), _) => {
                "nothing; the lake has no ledger, so nothing was ever landed in it".into()
            }
            (Some(_), Some(_)) => "nothing is new in the lake since the last commit".into(),
            (Some(_), None) => "nothing; the table has all events of the lake".into(),
        };
    };
    let behind = status.shards.iter().filter(|shard| shard.chunks > 0);
    format!(
        "{} of {}, the oldest since {}",
        counted(status.waiting_chunks(), "chunk"),
        counted(behind.count() as u64, "shard"),
        time(oldest)
    )
}

fn paths(text: &mut String, status: &TableStatus) {
    let mut paths: Vec<_> = status.unmapped.by_path().iter().collect();
    if paths.is_empty() {
        return;
    }
    paths.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.cmp(b)));
    let total = counted(status.unmapped.total(), "value");
    let _infallible = writeln!(text, "in no column, but in _rest: {total}");
    for (path, values) in paths.iter().take(SHOWN_MAX) {
        let _infallible = writeln!(text, "  {}  {}", counted(**values, "value"), escape(path));
    }
    further(text, paths.len(), "path");
}

fn shards(text: &mut String, status: &TableStatus) {
    let shards = status.shards.iter();
    let mut behind: Vec<&ShardLag> = shards.filter(|shard| shard.chunks > 0).collect();
    behind.sort_by_key(|shard| std::cmp::Reverse(shard.chunks));
    if !behind.is_empty() {
        let _infallible = writeln!(text, "shards behind the lake:");
    }
    for shard in behind.iter().take(SHOWN_MAX) {
        let chunks = counted(shard.chunks, "chunk");
        let since = shard.oldest.map(|at| format!(", since {}", time(at)));
        let since = since.unwrap_or_default();
        let _infallible = writeln!(text, "  {}  {chunks}{since}", shard.shard);
    }
    further(text, behind.len(), "shard");
}

/// Says that a list has more than was shown.
fn further(text: &mut String, all: usize, name: &str) {
    if all > SHOWN_MAX {
        let more = counted((all - SHOWN_MAX) as u64, &format!("more {name}"));
        let _infallible = writeln!(text, "  and {more}");
    }
}

fn to_json(status: &TableStatus) -> Value {
    let shards = status.shards.iter().map(|shard| {
        json!({
            "shard": shard.shard.to_string(),
            "table": shard.table.map(|last| last.to_string()),
            "lake": shard.lake.map(|last| last.to_string()),
            "events": shard.events,
            "duplicates": shard.duplicates,
            "waiting_chunks": shard.chunks,
            "waiting_since": shard.oldest.map(time),
        })
    });
    let last_commit = status.last_commit.as_ref().map(|last| {
        json!({
            "attempt": last.attempt,
            "snapshot": last.snapshot.map(|(id, _)| id.to_string()),
            "at": last.snapshot.map(|(_, at)| time(at)),
        })
    });
    let kept = status.kept.iter().map(ToString::to_string);
    json!({
        "table": status.table,
        "location": status.location,
        "schema": status.schema,
        "columns": status.columns,
        "partition": status.layout,
        "dedupe": status.dedupe.as_ref().map(dedupe::to_json),
        "events": status.events,
        "duplicates": status.duplicates,
        "files": status.files,
        "file_bytes": status.file_bytes,
        "snapshot": status.committed_at.map(|_| status.snapshot.to_string()),
        "snapshots": status.snapshots,
        "committed_at": status.committed_at.map(time),
        "last_commit": last_commit,
        "problem": status.problem,
        "waiting_chunks": status.ledgers.map(|_| status.waiting_chunks()),
        "waiting_since": status.oldest.map(time),
        "unmapped": status.unmapped,
        "removable_files": status.removable,
        "kept": kept.collect::<Vec<_>>(),
        "shards": shards.collect::<Vec<_>>(),
    })
}
