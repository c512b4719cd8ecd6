//! Measures what a program takes, and two programs in turn.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use wait4::Wait4 as _;

/// The measurement of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of processor time, in the program and in the kernel.
    pub(crate) cpu: f64,
    /// The peak memory, bytes.
    pub(crate) peak_bytes: u64,
}

/// How often a program's memory is read.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs a program to its end, and returns its standard output too. If it fails, its standard error
/// is quoted.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<(Cost, String)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut complaints = tempfile::tempfile()?;
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(complaints.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let (mut output, mut stdout) = (String::new(), child.stdout.take());
    let (running, ended) = mpsc::channel();
    let memory = watched(child.id(), ended);
    if let Some(stdout) = &mut stdout {
        stdout.read_to_string(&mut output)?;
    }
    let used = child.wait4()?;
    let wall = begun.elapsed().as_secs_f64();
    drop(running);
    if !used.status.success() {
        let mut stderr = String::new();
        complaints.rewind()?;
        complaints.read_to_string(&mut stderr)?;
        bail!("{name} ended with {}: {}", used.status, stderr.trim_end());
    }
    let cost = Cost {
        wall,
        cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_bytes: memory.join().unwrap_or_default(),
    };
    Ok((cost, output))
}

/// The peak memory of a process until the other end of `ended` is dropped. `wait4` does not help:
/// its figure is never less than the memory of this process, from which the other one was forked.
fn watched(process: u32, ended: mpsc::Receiver<()>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut peak = 0;
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            peak = peak.max(high_water(process));
        }
        peak
    })
}

/// The peak memory of a process so far, bytes: `VmHWM` of `proc(5)`.
fn high_water(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// Waits until earlier writes have reached the disk, so that they do not slow down the next run.
pub(crate) fn settle() {
    let _not_everywhere = Command::new("sync").status();
}

/// The measurements of two, taken in turn.
#[derive(Debug, Default)]
pub(crate) struct Pairs<T> {
    pub(crate) first: Vec<T>,
    pub(crate) second: Vec<T>,
}

/// Measures two in turn, `pairs` times each. The order alternates.
pub(crate) fn in_turn<T>(
    pairs: usize,
    mut first: impl FnMut() -> anyhow::Result<T>,
    mut second: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Pairs<T>> {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        if pair % 2 == 0 {
            firsts.push(first()?);
            seconds.push(second()?);
        } else {
            seconds.push(second()?);
            firsts.push(first()?);
        }
    }
    Ok(Pairs {
        first: firsts,
        second: seconds,
    })
}

/// The ratio of two that were measured in turn, over all pairs: what slows down the machine for a
/// while slows down both of a pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    /// The median of the ratios of the pairs.
    pub(crate) median: f64,
    /// The quartiles below and above the median: half of the pairs are between them.
    pub(crate) quartiles: [f64; 2],
    /// The lowest ratio of a pair.
    pub(crate) least: f64,
    /// The highest ratio of a pair.
    pub(crate) most: f64,
}

impl<T> Pairs<T> {
    /// The first next to the second, by one of their figures.
    pub(crate) fn ratio(&self, figure: impl Fn(&T) -> f64) -> Ratio {
        let pairs = self.first.iter().zip(&self.second);
        Ratio::of(pairs.map(|(first, second)| figure(first) / figure(second)))
    }

    /// The second next to the first, by one of their figures.
    pub(crate) fn inverse_ratio(&self, figure: impl Fn(&T) -> f64) -> Ratio {
        let pairs = self.first.iter().zip(&self.second);
        Ratio::of(pairs.map(|(first, second)| figure(second) / figure(first)))
    }
}

impl Ratio {
    fn of(ratios: impl Iterator<Item = f64>) -> Self {
        let ratios: Vec<_> = ratios.collect();
        Self {
            median: median(&ratios),
            quartiles: [quartile(&ratios, 1), quartile(&ratios, 3)],
            least: quartile(&ratios, 0),
            most: quartile(&ratios, 4),
        }
    }
}

/// The median of one figure of runs.
pub(crate) fn median_of(costs: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    median(&costs.iter().map(figure).collect::<Vec<_>>())
}

/// The highest peak memory of the runs, bytes.
pub(crate) fn peak(costs: &[Cost]) -> u64 {
    let peaks = costs.iter().map(|cost| cost.peak_bytes);
    peaks.max().unwrap_or_default()
}

/// The median; NaN if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quartile(values, 2)
}

/// A quartile, from 0 (the least) to 4 (the most); NaN if there are no values. Between two values,
/// it is interpolated.
fn quartile(values: &[f64], number: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let below = last * number / 4;
    let above = (below + 1).min(last);
    let way = [0.0, 0.25, 0.5, 0.75][last * number % 4];
    sorted[below] + (sorted[above] - sorted[below]) * way
}
