//! `sluice table status`.

use std::fmt::Write as _;

use bytesize::ByteSize;
use chrono::{DateTime, SecondsFormat};
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_storage::retry::RetryPolicy;

use super::dedupe;
use super::location::{RETRY_TIMEOUT, TableArgs};
use crate::output::{self, counted};
use crate::table::status::{ShardLag, TableStatus};
use crate::tools::author::try_rules::escape;
use crate::tools::schema::print_json;

/// The most shards and paths that people are shown.
const SHOWN_MAX: usize = 20;

/// Which table.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    table: TableArgs,

    /// Print one JSON object, for scripts, with all shards.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// Prints the status of a table.
///
/// # Errors
/// Wrong usage, or what cannot be read.
pub(super) async fn status(args: &StatusArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    let tables = location.open_existing().await?;
    let lake = location.lake.open(RetryPolicy::new(RETRY_TIMEOUT)).await?;
    let status = TableStatus::read(&tables, &location.table, lake).await?;
    match args.json {
        true => Ok(print_json(&to_json(&status))?),
        false => Ok(output::text(to_text(&status))?),
    }
}

/// A time as text, of milliseconds since the Unix epoch.
fn time(milliseconds: i64) -> String {
    let time = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn to_text(status: &TableStatus) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _infallible = writeln!(text, "{name:<12} {value}");
    };
    line("table", format!("{} in {}", status.table, status.location));
    let columns = counted(status.columns, "column");
    line("schema", format!("{columns}, digest {}", status.schema));
    line("partition", status.layout.clone());
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
    match status.committed_at {
        Some(at) => line(
            "last commit",
            format!("{}, snapshot {}", time(at), status.snapshot),
        ),
        None => line("last commit", "none; run `sluice table sync`".into()),
    }
    line("waiting", waiting(status));
    if !status.removable.is_empty() {
        let files = counted(status.removable.len() as u64, "file");
        line(
            "removable",
            format!("{files} of attempts that were given up; --json lists them"),
        );
    }
    paths(&mut text, status);
    shards(&mut text, status);
    text
}

fn waiting(status: &TableStatus) -> String {
    let Some(oldest) = status.oldest else {
        return "nothing; the table has all events of the lake".into();
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
        "waiting_chunks": status.waiting_chunks(),
        "waiting_since": status.oldest.map(time),
        "unmapped": status.unmapped,
        "removable_files": status.removable,
        "shards": shards.collect::<Vec<_>>(),
    })
}
