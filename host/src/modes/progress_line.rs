//! The progress of a run or an audit: a line that changes on a terminal, a line every few seconds elsewhere.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::log_format::LogFormat;
use crate::config::{RunSettings, SummaryFormat};
use crate::observe::progress::Progress;
use crate::output;
use crate::output::{StatusLine, counted};
use crate::pipeline::RunContext;

/// The interval of lines where standard error is not a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The interval in which a line on a terminal changes.
const CHANGE_EVERY: Duration = Duration::from_millis(200);

/// The rate is that of the last seconds, so that it shows when something slows down.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// The time that is left is estimated from a longer time, since chunks make reading uneven.
const TIME_LEFT_WINDOW: Duration = Duration::from_secs(30);

/// What works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A run, which reads and commits.
    Run,
    /// An audit, which only reads.
    Audit,
}

/// The progress that is shown until [`finish`](Self::finish).
#[derive(Debug)]
pub struct ProgressLine {
    stop: oneshot::Sender<()>,
    shown: JoinHandle<()>,
}

impl ProgressLine {
    /// Shows the progress; `None` if the settings turn it off, or if nothing but JSON may be on standard error.
    #[must_use]
    pub fn start(settings: &RunSettings, work: Work, context: Arc<RunContext>) -> Option<Self> {
        let is_off = settings.quiet
            || settings.summary == SummaryFormat::None
            || settings.log_format == LogFormat::Json;
        if is_off {
            return None;
        }
        let (stop, stopped) = oneshot::channel();
        let shown = tokio::spawn(async move { show(work, &context.progress, stopped).await });
        Some(Self { stop, shown })
    }

    /// Removes the line from a terminal. Elsewhere, the last line has the final counts.
    pub async fn finish(self) {
        drop(self.stop);
        let _panicked = self.shown.await;
    }
}

async fn show(work: Work, progress: &Progress, mut stopped: oneshot::Receiver<()>) {
    let line = StatusLine::start();
    let every = match line {
        Some(_) => CHANGE_EVERY,
        None => PLAIN_EVERY,
    };
    let mut rates = Rates::new(Instant::now());
    let mut has_printed = false;
    while timeout(every, &mut stopped).await.is_err() {
        let text = rates.describe(work, progress, Instant::now());
        match &line {
            Some(line) => line.set(text),
            None => {
                output::message(format_args!("sluice: {text}"));
                has_printed = true;
            }
        }
    }
    if has_printed {
        output::message(format_args!("sluice: {}", counts(work, progress)));
    }
}

/// The rates of a run.
struct Rates {
    records: RecentRate,
    /// Of files. A run that resumes skips what is committed, so this begins with the first bytes that are met.
    bytes: Option<RecentRate>,
}

impl Rates {
    fn new(now: Instant) -> Self {
        Self {
            records: RecentRate::new(RATE_WINDOW, now, 0),
            bytes: None,
        }
    }

    /// The counts so far, the current rate, and of files the part that is read and the time that is left.
    fn describe(&mut self, work: Work, progress: &Progress, now: Instant) -> String {
        let rate = self.records.add(now, progress.read_records());
        let mut text = format!("{}, {}/s", counts(work, progress), HumanCount(whole(rate)));
        let files = progress.files_read().filter(|_| work == Work::Run);
        if let Some((read, total @ 1..)) = files {
            let begin = || RecentRate::new(TIME_LEFT_WINDOW, now, read);
            let rate = self.bytes.get_or_insert_with(begin).add(now, read);
            text.push_str(&part(read, total, rate));
        }
        text
    }
}

/// The part of the files that is read, and the time that the rest takes at this rate, bytes a second.
fn part(read: u64, total: u64, rate: f64) -> String {
    let percent = u128::from(read) * 100 / u128::from(total);
    let mut text = format!(", {percent}% of {}", HumanBytes(total));
    let rest = total - read.min(total);
    #[allow(
        clippy::cast_precision_loss,
        reason = "an estimate is no finer than that"
    )]
    let seconds = rest as f64 / rate.max(f64::MIN_POSITIVE);
    if rest > 0 && rate >= 1.0 {
        let left = humantime::format_duration(Duration::from_secs(whole(seconds)));
        let _infallible = write!(text, ", {left} left");
    }
    text
}

fn counts(work: Work, progress: &Progress) -> String {
    let read = counted(progress.read_records(), "record");
    match work {
        Work::Run => format!(
            "{read} read, {} committed",
            HumanCount(progress.committed_records())
        ),
        Work::Audit => format!("{read} read"),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is not negative, and a larger one is cut off"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

/// The rate of a count in the last seconds.
struct RecentRate {
    window: Duration,
    /// The counts of the window, and the last one before it.
    counts: VecDeque<(Instant, u64)>,
}

impl RecentRate {
    fn new(window: Duration, now: Instant, count: u64) -> Self {
        Self {
            window,
            counts: VecDeque::from([(now, count)]),
        }
    }

    /// Adds a count, and returns the rate since the beginning of the window, per second.
    #[allow(clippy::cast_precision_loss, reason = "a rate is no finer than that")]
    fn add(&mut self, now: Instant, count: u64) -> f64 {
        self.counts.push_back((now, count));
        let ends_before = |(at, _): &(Instant, u64)| now.duration_since(*at) >= self.window;
        while self.counts.get(1).is_some_and(ends_before) {
            self.counts.pop_front();
        }
        let &(at, before) = self.counts.front().unwrap_or(&(now, count));
        let seconds = now.duration_since(at).as_secs_f64();
        count.saturating_sub(before) as f64 / seconds.max(0.001)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let begun = Instant::now();
        let mut rate = RecentRate::new(RATE_WINDOW, begun, 0);
        let mut add = |seconds, count| {
            let at = begun + Duration::from_secs(seconds);
            whole(rate.add(at, count).round())
        };
        assert_eq!(add(1, 100), 100);
        assert_eq!(add(5, 500), 100);
        assert_eq!(add(10, 500), 0);
        assert_eq!(add(11, 560), 10);
        assert_eq!(add(60, 1_050), 10);
    }

    #[test]
    fn the_part_of_the_files_and_the_time_that_is_left_are_said() {
        assert_eq!(part(0, 2_048, 0.0), ", 0% of 2.00 KiB");
        assert_eq!(part(1_024, 2_048, 10.0), ", 50% of 2.00 KiB, 1m 42s left");
        assert_eq!(part(2_048, 2_048, 10.0), ", 100% of 2.00 KiB");
    }
}
