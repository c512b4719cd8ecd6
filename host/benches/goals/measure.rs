//! What a program takes, and what two of them take next to each other.

use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use wait4::{ResUse, Wait4 as _};

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of processor time, in the program and in the kernel.
    pub(crate) cpu: f64,
    /// The most memory at any time. The kernel counts from the fork on, so that it is never less than
    /// what the harness itself has.
    pub(crate) peak_bytes: u64,
}

/// Runs a program to its end; gives its standard output too. What it says on
/// standard error is quoted where it fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<(Cost, String)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut complaints = tempfile::tempfile()?;
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(complaints.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    let used = child.wait4()?;
    let wall = begun.elapsed().as_secs_f64();
    if !used.status.success() {
        let mut said = String::new();
        complaints.rewind()?;
        complaints.read_to_string(&mut said)?;
        bail!("{name} ended with {}: {}", used.status, said.trim_end());
    }
    Ok((cost(wall, &used), output))
}

fn cost(wall: f64, used: &ResUse) -> Cost {
    Cost {
        wall,
        cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_bytes: used.rusage.maxrss,
    }
}

/// Lets what was written before reach the disk, so that nobody pays for another's files.
pub(crate) fn settle() {
    let _not_everywhere = Command::new("sync").status();
}

/// The figures of two, taken in turn.
#[derive(Debug, Default)]
pub(crate) struct Pairs<T> {
    pub(crate) first: Vec<T>,
    pub(crate) second: Vec<T>,
}

/// Measures two in turn, `pairs` times each; who goes first changes, so that neither always follows
/// the other.
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

/// How many times as much the first of pairs takes as the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    /// Of the medians.
    pub(crate) of_medians: f64,
    /// Of the pair with the least.
    pub(crate) least: f64,
    /// Of the pair with the most.
    pub(crate) most: f64,
}

impl<T> Pairs<T> {
    /// The ratio of one of their figures.
    pub(crate) fn ratio(&self, figure: impl Fn(&T) -> f64) -> Ratio {
        let of = |all: &[T]| all.iter().map(&figure).collect::<Vec<_>>();
        let (first, second) = (of(&self.first), of(&self.second));
        let ratios = || first.iter().zip(&second).map(|(a, b)| a / b);
        Ratio {
            of_medians: median(&first) / median(&second),
            least: ratios().fold(f64::INFINITY, f64::min),
            most: ratios().fold(0.0, f64::max),
        }
    }
}

impl Ratio {
    /// The ratio the other way round.
    pub(crate) fn inverse(self) -> Self {
        Self {
            of_medians: 1.0 / self.of_medians,
            least: 1.0 / self.most,
            most: 1.0 / self.least,
        }
    }
}

/// The median of one of the figures of runs.
pub(crate) fn median_of(costs: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    median(&costs.iter().map(figure).collect::<Vec<_>>())
}

/// The most memory of any of the runs, bytes.
pub(crate) fn peak(costs: &[Cost]) -> u64 {
    let peaks = costs.iter().map(|cost| cost.peak_bytes);
    peaks.max().unwrap_or_default()
}

/// The value in the middle; not a number where there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (count, middle) if count % 2 == 1 => sorted[middle],
        (_, upper) => f64::midpoint(sorted[upper - 1], sorted[upper]),
    }
}
