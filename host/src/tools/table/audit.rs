//! `sluice audit --table`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::HumanCount;
use serde_json::{Value, json};
use sluice_engine::sanitize::sanitize;

use crate::audit::{AuditKind, AuditOptions};
use crate::config::log_format::LogFormat;
use crate::config::{RunSettings, SummaryFormat};
use crate::layout::object_key::METADATA_FOLDER;
use crate::output::{self, StatusLine, counted};
use crate::sink::SchemaStore;
use crate::sink::schema_store::KnownSchemas;
use crate::table::audit::{ShardRows, TableAuditSettings, TableReport};

/// The most findings and shards that people are shown.
const SHOWN_MAX: usize = 20;

/// The most shards in JSON.
const SHARDS_MAX: usize = 1_000;

/// The interval in which the line of progress changes.
const CHANGE_EVERY: Duration = Duration::from_millis(200);

/// Compares a table with its lake, and prints the report.
///
/// # Errors
/// Wrong usage; something cannot be read; or there are findings, which have been printed.
pub fn audit(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(read(settings, options))?;
    match settings.summary {
        SummaryFormat::Json => output::line(to_json(&report))?,
        SummaryFormat::Text => output::text(to_text(&report))?,
        SummaryFormat::None => {}
    }
    if report.is_right() {
        return Ok(());
    }
    anyhow::bail!("{}", disproven(&report))
}

async fn read(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<TableReport> {
    let location = &settings.table_settings.location;
    let location = location.of(settings.lake.clone())?;
    let tables = location.open_existing().await?;
    let retries = || settings.retry_policy.clone();
    let lake = location.lake.open(retries()).await?;
    let metadata = location.lake.below(METADATA_FOLDER).open(retries()).await?;
    let audit = TableAuditSettings {
        is_quick: options.kind == AuditKind::Quick,
        threads: settings.threads,
        expired_before: options.expired_before(),
    };
    let schemas = SchemaStore::new(metadata, KnownSchemas::default());
    let line = Progress::start(settings);
    let progress = |text| line.set(text);
    crate::table::audit::audit(&tables, &location.table, lake, schemas, audit, &progress).await
}

/// The line of progress on a terminal.
struct Progress {
    line: Option<StatusLine>,
    changed: Cell<Option<Instant>>,
}

impl Progress {
    fn start(settings: &RunSettings) -> Self {
        let is_off = settings.quiet
            || settings.summary == SummaryFormat::None
            || settings.log_format == LogFormat::Json;
        Self {
            line: (!is_off).then(StatusLine::start).flatten(),
            changed: Cell::new(None),
        }
    }

    fn set(&self, text: String) {
        let Some(line) = &self.line else { return };
        let changed = self.changed.get();
        if changed.is_none_or(|changed| changed.elapsed() >= CHANGE_EVERY) {
            self.changed.set(Some(Instant::now()));
            line.set(text);
        }
    }
}

fn disproven(report: &TableReport) -> String {
    let verdict = match report.is_quick {
        true => "not consistent",
        false => "not proven",
    };
    format!("{verdict}: {}", counted(report.findings, "finding"))
}

fn verdict(report: &TableReport) -> String {
    let (table, rows) = (&report.table, counted(report.events(), "row"));
    match (report.is_right(), report.is_quick) {
        (true, false) => format!(
            "proven: the {rows} of {table} are the events of the lake up to the watermark, each once"
        ),
        (true, true) => format!(
            "consistent: the {rows} of {table} agree with the chunk manifests up to the watermark; contents were not read"
        ),
        (false, _) => disproven(report),
    }
}

fn notes(report: &TableReport) -> Vec<String> {
    let mut notes = Vec::new();
    if report.duplicates() > 0 {
        notes.push(format!(
            "{} of the lake left out as duplicates",
            counted(report.duplicates(), "event")
        ));
    }
    if report.foreign > 0 {
        notes.push(format!(
            "{} without _shard: Sluice has not written them, and nothing is said about them",
            counted(report.foreign, "row")
        ));
    }
    if report.counted() > 0 {
        notes.push(format!(
            "{} whose objects are gone from the lake or wrong; only the number of their rows was compared",
            counted(report.counted(), "chunk")
        ));
    }
    notes
}

fn to_text(report: &TableReport) -> String {
    let mut lines = vec![verdict(report)];
    let mut count = |name: &str, count: u64, what: String| {
        let count = HumanCount(count).to_string();
        lines.push(format!("  {name:<11} {count:>12}  {what}"));
    };
    let events: u64 = report.shards.iter().map(|shard| shard.events).sum();
    count(
        "rows",
        report.rows,
        format!("in {}", counted(report.files, "data file")),
    );
    count(
        "events",
        events,
        format!("in {} of the lake", counted(report.chunks(), "chunk")),
    );
    lines.extend(report.shards.iter().take(SHOWN_MAX).map(of_shard));
    further(&mut lines, report.shards.len() as u64, "shard");
    for finding in report.found.iter().take(SHOWN_MAX) {
        let message = sanitize(finding.message());
        lines.push(format!("  {}: {message}", finding.kind()));
    }
    match report.findings.saturating_sub(SHOWN_MAX as u64) {
        0 => {}
        more => lines.push(format!(
            "  and {} more; --summary json names the first 1,000",
            HumanCount(more)
        )),
    }
    let notes = notes(report);
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn of_shard(shard: &ShardRows) -> String {
    let (name, last) = (&shard.shard, shard.last);
    if shard.rows == 0 && shard.events == 0 {
        return format!("  {name}: no events up to {last}");
    }
    let [rows, events] = [shard.rows, shard.events].map(HumanCount);
    let chunks = counted(shard.chunks, "chunk");
    format!("  {name}: {rows} rows of {events} events, {chunks} up to {last}")
}

/// Says that a list has more than was shown.
fn further(lines: &mut Vec<String>, all: u64, name: &str) {
    let more = all.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        let more = counted(more, &format!("more {name}"));
        lines.push(format!("  and {more}"));
    }
}

fn to_json(report: &TableReport) -> Value {
    let shards = report.shards.iter().take(SHARDS_MAX).map(|shard| {
        json!({
            "shard": shard.shard,
            "last_record": shard.last,
            "chunks": shard.chunks,
            "counted_chunks": shard.counted,
            "events": shard.events,
            "duplicates": shard.duplicates,
            "rows": shard.rows,
        })
    });
    let kind = match report.is_quick {
        true => "consistent",
        false => "proven",
    };
    json!({
        kind: report.is_right(),
        "table": report.table,
        "snapshot": report.snapshot.map(|id| id.to_string()),
        "files": report.files,
        "rows": report.rows,
        "foreign_rows": report.foreign,
        "duplicates": report.duplicates(),
        "chunks": report.chunks(),
        "counted_chunks": report.counted(),
        "shard_count": report.shards.len(),
        "shards": shards.collect::<Vec<_>>(),
        "findings": report.findings,
        "found": report.found,
        "notes": notes(report),
    })
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::ShardId;

    use super::*;

    #[test]
    fn a_shard_without_events_says_so() {
        let mut shard = ShardRows {
            shard: ShardId::new("redrive-one").unwrap(),
            last: 77.into(),
            chunks: 0,
            counted: 0,
            events: 0,
            duplicates: 0,
            rows: 0,
        };
        assert_eq!(of_shard(&shard), "  redrive-one: no events up to 77");
        (shard.chunks, shard.events) = (1, 2);
        let some = "  redrive-one: 0 rows of 2 events, 1 chunk up to 77";
        assert_eq!(of_shard(&shard), some);
    }
}
