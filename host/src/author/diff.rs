//! `sluice transform diff`: two transforms over the same records, and where their results differ.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgAction, Args};
use indicatif::HumanCount;
use serde::Serialize;

use super::fields::{self, Difference};
use super::results::{self, Fate};
use super::{sample, shown, subject};

/// What to compare.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The component as it was.
    pub old: PathBuf,
    /// The component as it is to be.
    pub new: PathBuf,
    /// The records: a file of newline-delimited JSON.
    pub sample: PathBuf,
    /// The settings of the old one: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub settings_old: String,
    /// The settings of the new one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub settings_new: String,
    /// How many records that differ are shown.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub examples: usize,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    pub json: bool,
}

/// Runs both over the sample and prints what differs.
///
/// # Errors
/// What cannot be read, a component that is refused, and results that differ.
pub fn diff(args: &DiffArgs) -> anyhow::Result<()> {
    let engine = subject::engine(1)?;
    let admitted = |file, settings| subject::admitted(&engine, Some(file), settings);
    let old = admitted(&args.old, &args.settings_old).context("the old one")?;
    let new = admitted(&args.new, &args.settings_new).context("the new one")?;
    let mut report = Report::default();
    for slice in sample::read(Some(&args.sample))? {
        let old = results::fates(slice.len(), &old.run(&slice, &[])?);
        let new = results::fates(slice.len(), &new.run(&slice, &[])?);
        for ((record, old), new) in slice.records().zip(&old).zip(&new) {
            let offset = record.position.to_string();
            report.add(&offset, old, new, args.examples);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    let (differ, records) = (HumanCount(report.differ), HumanCount(report.records));
    anyhow::ensure!(report.differ == 0, "{differ} of {records} records differ");
    Ok(())
}

/// The counts, and examples.
#[derive(Debug, Default, Serialize)]
struct Report {
    records: u64,
    /// Records whose results are not the same, byte for byte.
    differ: u64,
    results: Counts,
    /// How many records went from one outcome to another.
    outcomes: BTreeMap<String, u64>,
    /// How many results differ in a field.
    fields: BTreeMap<String, u64>,
    examples: Vec<Example>,
}

/// Results by kind: the first one of a record is compared with the first, and so on. A record with
/// another outcome counts once.
#[derive(Debug, Default, Serialize)]
struct Counts {
    same: u64,
    changed: u64,
    added: u64,
    missing: u64,
    outcome_changed: u64,
}

/// A record that differs.
#[derive(Debug, Serialize)]
struct Example {
    /// Where the record begins in the sample, bytes.
    offset: String,
    differences: Vec<Difference>,
}

impl Report {
    fn add(&mut self, offset: &str, old: &Fate, new: &Fate, examples: usize) {
        self.records += 1;
        let differences = if old.kind == new.kind {
            self.results(old, new)
        } else {
            vec![self.outcome(old, new)]
        };
        if differences.is_empty() {
            return;
        }
        self.differ += 1;
        if self.examples.len() < examples {
            let offset = offset.to_owned();
            self.examples.push(Example {
                offset,
                differences,
            });
        }
    }

    fn outcome(&mut self, old: &Fate, new: &Fate) -> Difference {
        self.results.outcome_changed += 1;
        let change = format!("{} to {}", old.kind, new.kind);
        *self.outcomes.entry(change).or_default() += 1;
        Difference {
            path: "outcome".to_owned(),
            old: old.lines.first().cloned(),
            new: new.lines.first().cloned(),
        }
    }

    fn results(&mut self, old: &Fate, new: &Fate) -> Vec<Difference> {
        let mut all = Vec::new();
        for index in 0..old.lines.len().max(new.lines.len()) {
            match (old.lines.get(index), new.lines.get(index)) {
                (Some(old), Some(new)) => all.extend(self.result(old, new)),
                (old, new) => {
                    let missing = new.is_none();
                    self.results.missing += u64::from(missing);
                    self.results.added += u64::from(!missing);
                    all.push(Difference {
                        path: format!("result {}", index + 1),
                        old: old.cloned(),
                        new: new.cloned(),
                    });
                }
            }
        }
        all
    }

    fn result(&mut self, old: &str, new: &str) -> Vec<Difference> {
        let found = fields::differences(old, new);
        if found.is_empty() {
            self.results.same += 1;
            return found;
        }
        self.results.changed += 1;
        let mut fields: Vec<_> = found.iter().map(Difference::field).collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            *self.fields.entry(field).or_default() += 1;
        }
        found
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.results;
        let (records, differ) = (HumanCount(self.records), HumanCount(self.differ));
        writeln!(f, "{records} records, {differ} differ")?;
        for (name, count) in [
            ("same", counts.same),
            ("changed", counts.changed),
            ("added", counts.added),
            ("missing", counts.missing),
            ("outcome changed", counts.outcome_changed),
        ] {
            writeln!(f, "  {name:<16}{}", HumanCount(count))?;
        }
        most_first(f, "outcomes", &self.outcomes)?;
        most_first(f, "fields", &self.fields)?;
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

#[cfg(test)]
mod tests {
    use super::results::Kind;
    use super::*;

    fn fate(kind: Kind, lines: &[&str]) -> Fate {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Fate { kind, lines }
    }

    fn report(pairs: &[(Fate, Fate)], examples: usize) -> Report {
        let mut report = Report::default();
        for (old, new) in pairs {
            report.add("0", old, new, examples);
        }
        report
    }

    #[test]
    fn each_result_is_of_one_kind() {
        let events = |lines: &[&str]| fate(Kind::Events, lines);
        let dropped = fate(Kind::Dropped, &[r#"{"dropped":true}"#]);
        let pairs = [
            (events(&["1", "2"]), events(&["1", "2", "3"])),
            (events(&["1", "2"]), events(&["1"])),
            (events(&["1"]), dropped.clone()),
            (dropped.clone(), dropped),
            (events(&[r#"{"a":[1,2]}"#]), events(&[r#"{"a":[2,3]}"#])),
        ];
        let report = report(&pairs, 1);
        let counts = &report.results;
        assert_eq!((counts.same, counts.changed), (4, 1));
        assert_eq!((counts.added, counts.missing), (1, 1));
        assert_eq!(counts.outcome_changed, 1);
        assert_eq!(report.outcomes["events to dropped"], 1);
        assert_eq!(report.fields["a[]"], 1, "a field counts once a result");
        assert_eq!((report.records, report.differ), (5, 4));
        assert_eq!(report.examples.len(), 1);
    }
}
