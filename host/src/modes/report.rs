//! The progress line and the summary of a run.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::config::{RunSettings, SummaryFormat};
use crate::observe::progress::{Progress, Summary};
use crate::output;

/// The interval of progress lines where standard error is not a terminal.
const PLAIN_PROGRESS_EVERY: Duration = Duration::from_secs(5);
const BAR_EVERY: Duration = Duration::from_millis(200);

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

/// Prints the progress of a run until it is dropped: a line that changes on a terminal, a line every
/// few seconds elsewhere.
pub async fn watch(progress: &Progress) {
    let started = Instant::now();
    watch_with(|| position(progress, started)).await;
}

/// As [`watch`], for an audit, which only reads.
pub async fn watch_reading(progress: &Progress) {
    let started = Instant::now();
    watch_with(|| {
        let read = progress.read_records();
        let rate = per_second(read, started.elapsed().as_secs_f64());
        format!("{} records read, {}/s", HumanCount(read), HumanCount(rate))
    })
    .await;
}

async fn watch_with(position: impl Fn() -> String) {
    if io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .unwrap_or(ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        loop {
            bar.set_message(position());
            bar.tick();
            tokio::time::sleep(BAR_EVERY).await;
        }
    }
    loop {
        tokio::time::sleep(PLAIN_PROGRESS_EVERY).await;
        output::message(format_args!("sluice: {}", position()));
    }
}

fn position(progress: &Progress, started: Instant) -> String {
    let (read, committed) = (progress.read_records(), progress.committed_records());
    let rate = per_second(read, started.elapsed().as_secs_f64());
    format!(
        "{} records read, {} committed, {}/s",
        HumanCount(read),
        HumanCount(committed),
        HumanCount(rate)
    )
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn per_second(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds.max(0.001)) as u64
}

/// The word before "records" if there is an incomplete one.
fn complete(summary: &Summary) -> &'static str {
    if summary.incomplete > 0 {
        "complete "
    } else {
        ""
    }
}

/// The summary as text.
fn describe(settings: &RunSettings, summary: &Summary, has_polled: bool) -> String {
    let count = |number: u64| HumanCount(number).to_string();
    let lake = settings.lake.to_string();
    let lake = lake.trim_end_matches('/');
    let mut lines = Vec::new();
    if summary.records == 0 {
        let what = "the source";
        lines.push(match summary.already_committed {
            0 if !has_polled => {
                "nothing was read: the run was stopped before it could poll the stream".into()
            }
            0 => format!("nothing to do: {what} has no {}records", complete(summary)),
            done => format!(
                "nothing to do: all {} {}records of {what} are committed",
                count(done),
                complete(summary)
            ),
        });
    } else {
        lines.push(format!(
            "{} records ({}) in {} s, {} records/s, release {}",
            count(summary.records),
            HumanBytes(summary.bytes_in),
            summary.seconds,
            count(per_second(summary.records, summary.seconds)),
            &summary.release[..8]
        ));
        lines.push(format!(
            "  events      {:>12}  in {} objects, {} in all, in {lake}",
            count(summary.events),
            count(summary.objects),
            HumanBytes(summary.bytes_out)
        ));
        let bus = settings.bus.as_ref();
        let bus = bus.map_or("the bus is off".into(), |bus| format!("in {bus}"));
        lines.push(format!(
            "  messages    {:>12}  {bus}",
            count(summary.messages)
        ));
        lines.push(format!(
            "  quarantined {:>12}  {}",
            count(summary.quarantined),
            match summary.quarantined {
                0 => String::new(),
                _ => format!("with their reasons in {lake}/_sluice/quarantine"),
            }
        ));
        lines.push(format!(
            "  dropped     {:>12}  by the transform",
            count(summary.dropped)
        ));
        if summary.already_committed > 0 {
            let before = count(summary.already_committed);
            lines.push(format!(
                "  before      {before:>12}  records that earlier runs committed"
            ));
        }
    }
    if summary.misplaced_records > 0 {
        lines.push(format!(
            "  misplaced   {:>12}  records of aggregates for other shards, dropped",
            count(summary.misplaced_records)
        ));
    }
    if summary.lost_ranges > 0 {
        lines.push(format!(
            "  lost ranges {:>12}  whose records may be lost; the log and the ledgers name them",
            count(summary.lost_ranges)
        ));
    }
    if summary.incomplete > 0 {
        lines.push(format!(
            "  incomplete  {:>12}  last lines without an end, left for the next run; --final takes them",
            count(summary.incomplete)
        ));
    }
    if summary.blank_lines > 0 {
        lines.push(format!(
            "  blank lines {:>12}  no records",
            count(summary.blank_lines)
        ));
    }
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
