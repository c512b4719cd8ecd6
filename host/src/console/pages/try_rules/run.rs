//! One run: the rules on the records, and the rules that they are compared with on the same records.

use std::time::{Duration, Instant};

use maud::Markup;
use sluice_release::bundle::ReleaseBundle;
use sluice_release::compare::Comparison;
use sluice_release::compare::fields::Difference;
use sluice_release::compare::record_result::{RecordResult, record_results};

use super::baseline::{Baseline, ComparedRules};
use super::effects::Effects;
use super::field_types::{FieldTypes, FieldsOfType};
use super::loaded::Loaded;
use super::rejections::Rejections;
use super::releases;
use super::rules::not_admitted;
use crate::builtin::Builtin;
use crate::tools::author::try_rules::input::Records;
use crate::tools::author::try_rules::sandbox::Sandbox;
use crate::tools::author::try_rules::summary::Summary;
use crate::tools::author::try_rules::trial::{Outcome, Trial, Tried};

/// The most records that are shown. All are counted.
const SHOWN: usize = 100;

/// No other part of the records begins after this time.
const TIME_MAX: Duration = Duration::from_secs(20);

/// What came of a run.
pub(super) struct Ran {
    pub(super) summary: Summary,
    /// The rules that were tried, if they are a built-in transform.
    pub(super) rules: Option<Builtin>,
    pub(super) against: Against,
    pub(super) effects: Effects,
    /// The fields of the events.
    pub(super) fields: Vec<FieldsOfType>,
    /// The records that differ from the compared rules, up to [`SHOWN`].
    differing: Vec<Markup>,
    /// The others, up to [`SHOWN`].
    others: Vec<Markup>,
    /// How many records are rejected with the same reason.
    pub(super) rejections: Rejections,
    /// Whether it ended before all records were tried.
    pub(super) ended_early: bool,
}

/// Rules to run, and what their results are compared with.
pub(super) struct Job {
    pub(super) rules: ReleaseBundle,
    pub(super) baseline: Baseline,
    /// The columns that events are usually partitioned by.
    pub(super) usual_columns: Vec<String>,
}

/// How the results differ from those of the rules that they are compared with.
pub(super) enum Against {
    /// There is nothing to compare with: why.
    Nothing(String),
    /// The other rules could not be read or admitted: which, and why.
    Failed(String),
    /// The differences from these rules.
    Compared(Box<Compared>),
}

/// Rules that others were compared with, on the same records.
pub(super) struct Compared {
    pub(super) rules: ComparedRules,
    pub(super) comparison: Comparison,
    /// The median of the times of a record.
    pub(super) time: Duration,
}

/// A record that is shown.
pub(super) struct ShownRecord<'a> {
    /// Its index in the records of the run.
    pub(super) index: usize,
    pub(super) tried: &'a Tried<'a>,
    /// How its results differ from those of the compared rules.
    pub(super) differences: &'a [Difference],
}

impl Ran {
    /// The records that are shown: those that differ first.
    pub(super) fn records(&self) -> impl Iterator<Item = &Markup> {
        self.differing.iter().chain(&self.others).take(SHOWN)
    }
}

/// The rules that results are compared with, ready to run.
struct ReadyBaseline {
    rules: ComparedRules,
    trial: Trial,
    comparison: Comparison,
    summary: Summary,
}

impl ReadyBaseline {
    fn new(sandbox: &mut Sandbox, rules: ComparedRules) -> Result<Self, String> {
        let release = sandbox.validate(&rules.bundle);
        let release =
            release.map_err(|error| format!("{}: {}", rules.role, not_admitted(&error)))?;
        Ok(Self {
            rules,
            summary: Summary::new(release.id()),
            trial: Trial::new(release),
            comparison: Comparison::default(),
        })
    }

    /// What becomes of records: as lines to compare, and what it means for a lake.
    fn results(&mut self, records: &Records) -> anyhow::Result<Vec<(RecordResult, Outcome)>> {
        let transformed = self.trial.transform(records)?;
        let lines = record_results(records.len(), &transformed);
        let tried = self.trial.measure(records, transformed)?;
        for tried in &tried {
            self.summary.add(tried);
        }
        let outcomes = tried.into_iter().map(|tried| tried.outcome);
        Ok(lines.into_iter().zip(outcomes).collect())
    }

    fn compared(self) -> Compared {
        Compared {
            time: self.summary.time().median,
            rules: self.rules,
            comparison: self.comparison,
        }
    }
}

/// Runs rules on records. Each record that is shown becomes a piece of HTML at once: its events may be large. `goes_on`
/// says whether the result is still wanted.
///
/// # Errors
/// Rules that fail admission ([`AdmissionError`](sluice_release::admission::AdmissionError)), or that fail outside of any
/// record.
pub(super) fn run(
    sandbox: &mut Sandbox,
    job: Job,
    loaded: &Loaded,
    goes_on: &dyn Fn() -> bool,
    show: &dyn Fn(&ShownRecord<'_>) -> Markup,
) -> anyhow::Result<Ran> {
    let release = sandbox.validate(&job.rules)?;
    let (mut baseline, against) = match job.baseline {
        Baseline::Nothing(why) => (None, Against::Nothing(why)),
        Baseline::Failed(why) => (None, Against::Failed(why)),
        Baseline::Rules(rules) => match ReadyBaseline::new(sandbox, *rules) {
            Ok(baseline) => (Some(baseline), Against::Nothing(String::new())),
            Err(why) => (None, Against::Failed(why)),
        },
    };
    let mut ran = Ran {
        summary: Summary::new(release.id()),
        rules: releases::builtin(job.rules.manifest()),
        effects: Effects::new(job.usual_columns),
        against,
        fields: Vec::new(),
        differing: Vec::new(),
        others: Vec::new(),
        rejections: Rejections::new(loaded.is_shown),
        ended_early: false,
    };
    let mut trial = Trial::new(release);
    let mut fields = FieldTypes::default();
    let begun = Instant::now();
    for records in &loaded.parts {
        if begun.elapsed() > TIME_MAX || !goes_on() {
            ran.ended_early = true;
            break;
        }
        ran.part(&mut trial, baseline.as_mut(), &mut fields, records, show)?;
    }
    ran.fields = fields.finished();
    if let Some(baseline) = baseline {
        ran.against = Against::Compared(Box::new(baseline.compared()));
    }
    Ok(ran)
}

impl Ran {
    /// Runs a part of the records.
    fn part(
        &mut self,
        trial: &mut Trial,
        mut baseline: Option<&mut ReadyBaseline>,
        fields: &mut FieldTypes,
        records: &Records,
        show: &dyn Fn(&ShownRecord<'_>) -> Markup,
    ) -> anyhow::Result<()> {
        let transformed = trial.transform(records)?;
        let results = record_results(records.len(), &transformed);
        let before = match &mut baseline {
            Some(baseline) => baseline.results(records)?,
            None => Vec::new(),
        };
        let tried = trial.measure(records, transformed)?;
        for (at, (tried, new)) in tried.iter().zip(&results).enumerate() {
            let old = before.get(at);
            let differences = match (&mut baseline, old) {
                (Some(baseline), Some((old, _))) => baseline.comparison.add(old, new),
                _ => Vec::new(),
            };
            let index = usize::try_from(self.summary.records()).unwrap_or(usize::MAX);
            self.summary.add(tried);
            let before = old.map(|(_, outcome)| outcome);
            self.effects.add(before, &tried.outcome);
            fields.add(before, &tried.outcome);
            let is_alike = self.rejections.add(&tried.outcome);
            let shown = match differences.is_empty() {
                true => &mut self.others,
                false => &mut self.differing,
            };
            if shown.len() < SHOWN && !is_alike {
                shown.push(show(&ShownRecord {
                    index,
                    tried,
                    differences: &differences,
                }));
            }
        }
        Ok(())
    }
}
