//! `sluice transform bench`: measures the time, fuel and memory of a component, alone or against another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use sluice_engine::limits::Limits;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::Batch;
use sluice_release::admission::{Release, validate};
use sluice_release::bundle::ReleaseBundle;

use super::{component, sample};

use crate::config::quantity::whole_number;
use crate::config::{TransformArgs, TransformChoice, TransformSource};
use crate::output::{self, OutputError};

/// What to measure, and on what.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The transform to measure.
    #[command(flatten)]
    pub transform: TransformArgs,
    /// Read records from a file of newline-delimited JSON; 10,000 generated events by default.
    #[arg(long, value_name = "FILE")]
    pub sample: Option<PathBuf>,
    /// Compare with another component: a file, or a built-in transform such as `builtin:enrich`.
    #[arg(long, value_name = "FILE|builtin:NAME")]
    pub against: Option<TransformSource>,
    /// Set the configuration of the component of `--against`: a JSON object, or a file that holds one.
    /// [default: that of `--transform-config`]
    #[arg(long, value_name = "JSON|FILE", requires = "against")]
    pub against_config: Option<String>,
    /// Compare with the active release of a registry, with its own configuration: `file:DIR` or
    /// `s3://BUCKET/PREFIX`. [default: that of `SLUICE_REGISTRY`, unless `--against` is given]
    #[arg(long, value_name = "TARGET", conflicts_with = "against")]
    pub registry: Option<String>,
    /// Run the sample this many times with each component.
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = whole_number::<u16>(1..=u16::MAX.into()))]
    pub rounds: u16,
}

impl BenchArgs {
    /// The registry whose active release is compared.
    #[must_use]
    pub fn registry_to_compare(&self) -> Option<String> {
        // No variable of clap, which would forbid `--against` whenever it is set.
        let variable = || std::env::var("SLUICE_REGISTRY").ok();
        let registry = self.registry.clone().or_else(variable);
        registry.filter(|registry| !registry.is_empty() && self.against.is_none())
    }

    /// The transforms to measure, but for that of a registry, each with the option that sets its configuration.
    fn transforms(&self) -> anyhow::Result<Vec<(TransformChoice, &'static str)>> {
        let own = "--transform-config";
        let mut all = vec![(self.transform.choose()?, own)];
        if let Some(against) = &self.against {
            let (config, option) = match &self.against_config {
                Some(config) => (config, "--against-config"),
                None => (&self.transform.transform_config, own),
            };
            all.push((
                TransformChoice::new(Some(against.clone()), None, config)?,
                option,
            ));
        }
        Ok(all)
    }
}

/// Measures and prints: on one thread, with batches as in `run`, and a new instance for each. `active` is the
/// active release of [the registry](BenchArgs::registry_to_compare).
///
/// # Errors
/// What cannot be read, a component that fails admission, or one that fails outside of any record.
pub fn bench(args: &BenchArgs, active: Option<&ReleaseBundle>) -> anyhow::Result<()> {
    let records = sample::read(args.sample.as_deref())?;
    let engine = component::engine(1)?;
    let mut candidates = Vec::new();
    for (transform, option) in args.transforms()? {
        let release = component::admitted_by(&engine, &transform, option)?;
        candidates.push(Candidate::new(transform.name(), release, &records)?);
    }
    if let Some(bundle) = active {
        let name = format!("release {}", bundle.manifest().id());
        let admitted = validate(&engine, bundle, &Limits::default());
        let release = admitted.with_context(|| format!("cannot admit {name}"))?;
        candidates.push(Candidate::new(name, release, &records)?);
    }
    let count = records.iter().map(|batch| batch.len() as u64).sum();
    for candidate in &candidates {
        if let Some(warning) = candidate.warning(count) {
            output::message(format_args!("sluice: {warning}"));
        }
    }
    for round in 0..args.rounds {
        // The order alternates, so that neither always finds the caches warm.
        let backwards = round % 2 == 1;
        for turn in 0..candidates.len() {
            let last = candidates.len() - 1;
            let index = if backwards { last - turn } else { turn };
            candidates[index].run(&records)?;
        }
    }
    print(&candidates, &records, args.rounds)?;
    Ok(())
}

struct Candidate {
    name: String,
    release: Release,
    fuel: u64,
    peak_memory_bytes: usize,
    quarantined: BTreeMap<ReasonCode, u64>,
    /// Nanoseconds for the whole sample, round by round.
    rounds: Vec<f64>,
}

impl Candidate {
    /// Runs the sample once, to warm up and to measure what is the same in each round.
    fn new(name: String, release: Release, records: &[Batch]) -> anyhow::Result<Self> {
        let mut candidate = Self {
            name,
            release,
            fuel: 0,
            peak_memory_bytes: 0,
            quarantined: BTreeMap::new(),
            rounds: Vec::new(),
        };
        for batch in records {
            let (outcome, usage) = candidate.release.program().measure(batch)?;
            candidate.fuel += usage.fuel;
            candidate.peak_memory_bytes = candidate.peak_memory_bytes.max(usage.peak_memory_bytes);
            for quarantined in outcome.quarantined {
                let reason = quarantined.reason.code;
                *candidate.quarantined.entry(reason).or_default() += 1;
            }
        }
        Ok(candidate)
    }

    /// Says that its figures are those of rejections, if it quarantines more than half of the sample.
    fn warning(&self, records: u64) -> Option<String> {
        let quarantined: u64 = self.quarantined.values().sum();
        let (reason, _) = self.quarantined.iter().max_by_key(|(_, count)| **count)?;
        (quarantined > records / 2).then(|| {
            format!(
                "{} quarantines {} of {}, most of them as `{reason}`, so its figures are those of rejections; give \
                 records that it takes with `--sample`",
                self.name,
                HumanCount(quarantined),
                output::counted(records, "record")
            )
        })
    }

    fn run(&mut self, records: &[Batch]) -> anyhow::Result<()> {
        let begun = Instant::now();
        for batch in records {
            std::hint::black_box(self.release.run(batch, &[])?);
        }
        self.rounds.push(begun.elapsed().as_secs_f64() * 1e9);
        Ok(())
    }
}

fn print(candidates: &[Candidate], records: &[Batch], rounds: u16) -> Result<(), OutputError> {
    let count: usize = records.iter().map(Batch::len).sum();
    let bytes: usize = records.iter().map(|batch| batch.data().len()).sum();
    output::line(format_args!(
        "{} of {} in all, {}; time (the median) and fuel are those of one record",
        output::counted(count as u64, "record"),
        HumanBytes(bytes as u64),
        output::counted(rounds.into(), "round")
    ))?;
    output::line(format_args!(
        "{:>12}{:>12}{:>14}{:>12}  call     component",
        "time", "fuel", "peak memory", "quarantined"
    ))?;
    for candidate in candidates {
        let calls = candidate.release.calls().names();
        let call = calls.first().copied().unwrap_or_default();
        output::line(format_args!(
            "{:>9.0} ns{:>12}{:>14}{:>12}  {call:<7}  {}",
            median(&candidate.rounds) / count as f64,
            HumanCount(candidate.fuel / count as u64).to_string(),
            HumanBytes(candidate.peak_memory_bytes as u64).to_string(),
            HumanCount(candidate.quarantined.values().sum()).to_string(),
            candidate.name
        ))?;
    }
    if let [first, second] = candidates {
        let fuel = first.fuel as f64 / second.fuel as f64;
        output::line(format_args!(
            "the first takes {:.3} times the time of the second (the median of the ratios of each round, which the \
             machine disturbs less than the times above) and {fuel:.3} times the fuel",
            ratio(&first.rounds, &second.rounds)
        ))?;
    }
    Ok(())
}

/// The median of the ratios of each round: noise of the machine affects both components of a round.
fn ratio(first: &[f64], second: &[f64]) -> f64 {
    let pairs = first.iter().zip(second);
    let ratios: Vec<_> = pairs.map(|(first, second)| first / second).collect();
    median(&ratios)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[upper]
    } else {
        f64::midpoint(sorted[upper - 1], sorted[upper])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]).to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn a_round_that_is_slow_for_both_keeps_the_ratio() {
        let ratio = ratio(&[2.0, 200.0, 2.0], &[1.0, 100.0, 1.0]);
        assert_eq!(ratio.to_bits(), 2.0_f64.to_bits());
    }
}
