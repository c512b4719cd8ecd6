//! The summary of a run.

mod redrive;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use indicatif::{HumanBytes, HumanCount};
use sluice_engine::sanitize::sanitize;

use crate::config::{RunSettings, SummaryFormat};
use crate::observe::drift::FoundDrift;
use crate::observe::progress::{ReleaseRecords, Summary};
use crate::output;
use crate::output::{counted, plural};

/// The number of reasons, and of paths, in the text. JSON has all of them.
const SHARES_SHOWN: usize = 10;

/// Prints the summary on standard output, in the format of the settings. `has_polled` says whether the source could
/// be read at all.
///
/// # Errors
/// Standard output cannot be written.
pub fn summarize(
    settings: &RunSettings,
    summary: &Summary,
    has_polled: bool,
) -> anyhow::Result<()> {
    match settings.summary {
        SummaryFormat::Json => output::line(serde_json::to_string(summary)?)?,
        SummaryFormat::Text => output::text(describe(settings, summary, has_polled))?,
        SummaryFormat::None => {}
    }
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn per_second(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds.max(0.001)) as u64
}

/// The summary as text.
fn describe(settings: &RunSettings, summary: &Summary, has_polled: bool) -> String {
    let lake = settings.lake.to_string();
    let lake = lake.trim_end_matches('/');
    let mut lines = match &summary.redrive {
        Some(redrive) if redrive.dry_run => redrive::tried(summary, redrive),
        Some(redrive) if summary.records == 0 => vec![redrive::nothing(redrive)],
        None if summary.records == 0 => vec![nothing_landed(settings, summary, has_polled)],
        _ => landed(settings, summary, lake),
    };
    let redrive = summary.redrive.iter();
    lines.extend(redrive.flat_map(|redrive| redrive::rows(settings, redrive)));
    if summary.files > 1 {
        lines.push(row("files", summary.files, "of the sources"));
    }
    lines.extend(left_out(summary));
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// A line of the summary: what is counted, how many there are, and more about them.
fn row(name: &str, number: u64, more: &str) -> String {
    format!(
        "  {name:<11} {:>12}  {more}",
        HumanCount(number).to_string()
    )
}

fn nothing_landed(settings: &RunSettings, summary: &Summary, has_polled: bool) -> String {
    if summary.failed_sources > 0 {
        return "nothing new was landed".to_owned();
    }
    let complete = match summary.incomplete {
        0 => "",
        _ => "complete ",
    };
    let source = match settings.part {
        None => "the source".to_owned(),
        Some(part) => format!("part {part} of the source"),
    };
    match summary.already_committed {
        0 if !has_polled => {
            "nothing was read: the run was stopped before it could poll the stream".to_owned()
        }
        0 => format!("nothing to do: {source} has no {complete}records"),
        1 => format!("nothing to do: the only {complete}record of {source} is committed"),
        done => format!(
            "nothing to do: all {} {complete}records of {source} are committed",
            HumanCount(done)
        ),
    }
}

fn landed(settings: &RunSettings, summary: &Summary, lake: &str) -> Vec<String> {
    let bus = settings.bus.as_ref();
    let bus = bus.map_or("the bus is off".into(), |bus| format!("in {bus}"));
    let quarantine = match summary.quarantined {
        0 => String::new(),
        _ => format!(
            "in {}, {} in all, with the reasons in {lake}/_sluice/quarantine",
            counted(summary.quarantine_objects, "object"),
            HumanBytes(summary.quarantine_bytes)
        ),
    };
    let of_lake = match summary.events == summary.lake_events {
        true => String::new(),
        false => format!("{} of them ", HumanCount(summary.lake_events)),
    };
    let objects = format!(
        "{of_lake}in {}, {} in all, in {lake}",
        counted(summary.objects, "object"),
        HumanBytes(summary.bytes_out)
    );
    let mut lines = vec![
        format!(
            "{} ({}) in {} s, {}/s, {}",
            counted(summary.records, "record"),
            HumanBytes(summary.bytes_in),
            summary.seconds,
            counted(per_second(summary.records, summary.seconds), "record"),
            releases(summary)
        ),
        row("events", summary.events, &objects),
        row("messages", summary.messages, &bus),
        row("quarantined", summary.quarantined, &quarantine),
    ];
    lines.extend(shares(&summary.quarantined_reasons, "reason"));
    lines.push(row(
        "dropped",
        summary.dropped,
        "by the transform, or empty",
    ));
    if let (Some(archive), 1..) = (&settings.archive, summary.archive_objects) {
        let what = format!(
            "{} of records, {} in all, in {archive}",
            plural(summary.archive_objects, "object"),
            HumanBytes(summary.archive_bytes)
        );
        lines.push(row("archive", summary.archive_objects, &what));
    }
    lines.extend(unmapped(summary));
    lines.extend(drift(summary));
    if summary.releases.len() > 1 {
        let by = |made: &ReleaseRecords| {
            let what = format!(
                "{} by {}",
                plural(made.records, "record"),
                short(&made.release)
            );
            row("release", made.records, &what)
        };
        lines.extend(summary.releases.iter().map(by));
    }
    if let before @ 1.. = summary.already_committed {
        let what = format!("{} that earlier runs committed", plural(before, "record"));
        lines.push(row("before", before, &what));
    }
    lines
}

/// The first digits of a release's id, which are in the names of objects.
fn short(release: &str) -> &str {
    release.get(..8).unwrap_or(release)
}

/// The release of all records, or how many there are.
fn releases(summary: &Summary) -> String {
    match &summary.releases[..] {
        [] => format!("release {}", short(&summary.release)),
        [only] => format!("release {}", short(&only.release)),
        several => counted(several.len() as u64, "release"),
    }
}

/// The greatest numbers by name, such as those of records by reason.
fn shares(numbers: &BTreeMap<String, u64>, of: &str) -> Vec<String> {
    let mut numbers: Vec<_> = numbers.iter().collect();
    numbers.sort_by_key(|(_, number)| Reverse(**number));
    let others = numbers.split_off(numbers.len().min(SHARES_SHOWN));
    let mut lines: Vec<_> = numbers
        .into_iter()
        .map(|(name, number)| row("", *number, name))
        .collect();
    if !others.is_empty() {
        let number = others.iter().map(|(_, number)| **number).sum();
        let what = counted(others.len() as u64, &format!("other {of}"));
        lines.push(row("", number, &format!("for {what}")));
    }
    lines
}

/// What no column of Parquet has.
fn unmapped(summary: &Summary) -> Vec<String> {
    if summary.unmapped_values == 0 {
        return Vec::new();
    }
    let what = format!(
        "{} without a column, in the column _rest",
        plural(summary.unmapped_values, "value")
    );
    let mut lines = vec![row("unmapped", summary.unmapped_values, &what)];
    lines.extend(shares(&summary.unmapped_paths, "path"));
    lines
}

/// How events drift from the schema of Parquet.
fn drift(summary: &Summary) -> Vec<String> {
    let found = &summary.schema_drift_paths;
    let mut lines = Vec::new();
    if !found.is_empty() {
        let what =
            "from the schema in a sample of events, with their numbers; the log says what to do";
        lines.push(row("drift", found.len() as u64, what));
        lines.extend(found.iter().take(SHARES_SHOWN).map(|found| {
            let what = format!("{} {}: {}", found.drift.name(), found.path, of_type(found));
            row("", found.count, &sanitize(&what))
        }));
    }
    if let others @ 1.. = found.len().saturating_sub(SHARES_SHOWN) {
        lines.push(row("", others as u64, "others, which --summary json has"));
    }
    let unwatched = summary.schema_drift_unwatched_events + summary.schema_drift_unwatched_values;
    if unwatched > 0 {
        let what = "sampled events and values, of more types and paths than are watched for drift";
        lines.push(row("unwatched", unwatched, what));
    }
    lines
}

fn of_type(found: &FoundDrift) -> String {
    match found.event_type.as_str() {
        "" => "of events without a type".to_owned(),
        event_type => format!("of events of the type {event_type}"),
    }
}

/// What is not among the landed records.
fn left_out(summary: &Summary) -> Vec<String> {
    let failed = summary.failed_sources;
    let lines = plural(summary.incomplete, "last line");
    // As a record, the last line of another format would go to quarantine.
    let advice = match summary.incomplete {
        _ if summary.incomplete_not_json > 0 => "",
        1 => "; --final takes it",
        _ => "; --final takes them",
    };
    let incomplete = format!("{lines} without an end, left for the next run{advice}");
    let rows = [
        (
            "failed",
            failed,
            format!("{}, standard error says why", plural(failed, "source")),
        ),
        (
            "left out",
            summary.files_left_out,
            format!("of the folders: {}", summary.left_out),
        ),
        (
            "unplanned",
            summary.unplanned,
            format!(
                "{} that came after the parts were planned; no part has what the log names",
                plural(summary.unplanned, "source")
            ),
        ),
        (
            "misplaced",
            summary.misplaced_records,
            "of aggregates, for other shards, dropped".to_owned(),
        ),
        (
            "lost ranges",
            summary.lost_ranges,
            "whose records may be lost; the log and the ledgers name them".to_owned(),
        ),
        (
            "incomplete",
            summary.incomplete,
            format!("{incomplete}: {}", incomplete_files(summary)),
        ),
        ("blank lines", summary.blank_lines, "no records".to_owned()),
    ];
    let rows = rows.iter().filter(|(_, number, _)| *number > 0);
    rows.map(|(name, number, what)| row(name, *number, what))
        .collect()
}

/// The names of the first files with an incomplete last line.
fn incomplete_files(summary: &Summary) -> String {
    let named = summary.incomplete_files.join(", ");
    let shown = summary.incomplete_files.len() as u64;
    match summary.incomplete.saturating_sub(shown) {
        0 => named,
        more => format!("{named} and {}", counted(more, "other")),
    }
}
