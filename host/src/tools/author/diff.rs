//! `sluice transform diff`: compares the results of two components for the same records.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgAction, Args};
use indicatif::HumanCount;
use serde::Serialize;
use sluice_release::compare::Comparison;
use sluice_release::compare::fields::Difference;
use sluice_release::compare::record_result::{RecordResult, record_results};

use super::{component, sample, shown};

use crate::config::quantity::whole_number;
use crate::config::{TransformChoice, TransformSource};
use crate::output;

/// What to compare.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The old component: a file, `builtin:enrich`, `builtin:jq` or `builtin:copy`. A file `NAME.jq` is a jq program.
    pub old: TransformSource,
    /// The new component, named likewise.
    pub new: TransformSource,
    /// The records: a file of newline-delimited JSON.
    pub sample: PathBuf,
    /// Set the configuration of both components: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE")]
    #[arg(conflicts_with_all = ["transform_config_old", "transform_config_new"])]
    pub transform_config: Option<String>,
    /// Set the configuration of the old component: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub transform_config_old: String,
    /// Set the configuration of the new component: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub transform_config_new: String,
    /// Show this many records that differ.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole_number::<usize>(0..=u64::MAX))]
    pub examples: usize,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    pub json: bool,
}

/// Runs both components on the sample and prints the differences.
///
/// # Errors
/// What cannot be read, a component that fails admission, and results that differ.
pub fn diff(args: &DiffArgs) -> anyhow::Result<()> {
    let engine = component::engine(1)?;
    let admitted = |source: &TransformSource, own, option| {
        let (config, option) = match &args.transform_config {
            Some(both) => (both, "--transform-config"),
            None => (own, option),
        };
        let transform = TransformChoice::new(Some(source.clone()), None, config)?;
        component::admitted_by(&engine, &transform, option)
    };
    let old = &args.transform_config_old;
    let old = admitted(&args.old, old, "--transform-config-old").context("the old component")?;
    let new = &args.transform_config_new;
    let new = admitted(&args.new, new, "--transform-config-new").context("the new component")?;
    let mut report = Report::default();
    for batch in sample::read(Some(&args.sample))? {
        let old = record_results(batch.len(), &old.run(&batch, &[])?);
        let new = record_results(batch.len(), &new.run(&batch, &[])?);
        for ((record, old), new) in batch.records().zip(&old).zip(&new) {
            let offset = record.position.to_string();
            report.add(&offset, old, new, args.examples);
        }
    }
    if args.json {
        output::line(serde_json::to_string(&report)?)?;
    } else {
        output::text(&report)?;
    }
    let (differ, records) = (report.counts.differ, report.counts.records);
    let (differing, records) = (HumanCount(differ), output::counted(records, "record"));
    let verb = if differ == 1 { "differs" } else { "differ" };
    anyhow::ensure!(differ == 0, "{differing} of {records} {verb}");
    Ok(())
}

/// The counts, and examples.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(flatten)]
    counts: Comparison,
    examples: Vec<Example>,
}

/// A record that differs.
#[derive(Debug, Serialize)]
struct Example {
    /// The offset of the record in the sample, bytes.
    offset: String,
    differences: Vec<Difference>,
}

impl Report {
    fn add(&mut self, offset: &str, old: &RecordResult, new: &RecordResult, examples: usize) {
        let differences = self.counts.add(old, new);
        if !differences.is_empty() && self.examples.len() < examples {
            let offset = offset.to_owned();
            self.examples.push(Example {
                offset,
                differences,
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, counts) = (&self.counts, &self.counts.results);
        let (records, differ) = (
            output::counted(all.records, "record"),
            HumanCount(all.differ),
        );
        writeln!(f, "{records}, {differ} differ")?;
        writeln!(
            f,
            "results: each event, and each record that is quarantined or dropped"
        )?;
        for (name, count) in [
            ("same", counts.same),
            ("changed", counts.changed),
            ("added", counts.added),
            ("missing", counts.missing),
            ("outcome changed", counts.outcome_changed),
        ] {
            writeln!(f, "  {name:<16}{}", HumanCount(count))?;
        }
        most_first(f, "records whose outcome changed", &all.outcomes)?;
        most_first(f, "results that differ in a field", &all.fields)?;
        for example in &self.examples {
            writeln!(f, "the record at byte {}", example.offset)?;
            for Difference { path, old, new } in &example.differences {
                writeln!(f, "    {path}")?;
                writeln!(f, "        old {}", shown(old.as_deref()))?;
                writeln!(f, "        new {}", shown(new.as_deref()))?;
            }
        }
        Ok(())
    }
}

fn most_first(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &BTreeMap<String, u64>,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (name, count) in counts {
        writeln!(f, "  {:>10}  {name}", HumanCount(*count).to_string())?;
    }
    Ok(())
}
