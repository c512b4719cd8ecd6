//! One run: the rules on the records, and what serves on the same records.

use std::time::{Duration, Instant};

use maud::Markup;
use sluice_release::bundle::ReleaseBundle;
use sluice_release::compare::Comparison;
use sluice_release::compare::fields::Difference;
use sluice_release::compare::record_result::{RecordResult, record_results};

use super::records::Loaded;
use super::rules::{Serving, not_admitted};
use crate::tools::author::try_rules::input::Records;
use crate::tools::author::try_rules::sandbox::Sandbox;
use crate::tools::author::try_rules::summary::Summary;
use crate::tools::author::try_rules::trial::{Trial, Tried};

/// The most records that are shown. All are counted.
const SHOWN: usize = 100;

/// No other part of the records begins after this time.
const TIME_MAX: Duration = Duration::from_secs(20);

/// What came of a run.
pub(super) struct Ran {
    pub(super) summary: Summary,
    pub(super) against: Against,
    /// The records that differ from what serves, up to [`SHOWN`].
    differing: Vec<Markup>,
    /// The others, up to [`SHOWN`].
    others: Vec<Markup>,
    /// Whether it ended before all records were tried.
    pub(super) ended_early: bool,
}

/// How the results differ from those of what serves.
pub(super) enum Against {
    /// There is nothing to compare with: why.
    Nothing(&'static str),
    /// What serves could not be read or admitted.
    Failed(String),
    /// The differences from this release.
    Compared(Box<(ReleaseBundle, Comparison)>),
}

/// A record that is shown.
pub(super) struct ShownRecord<'a> {
    /// Its index in the records of the run.
    pub(super) index: usize,
    pub(super) tried: &'a Tried<'a>,
    /// How its results differ from those of what serves.
    pub(super) differences: &'a [Difference],
}

impl Ran {
    /// The records that are shown: those that differ first.
    pub(super) fn records(&self) -> impl Iterator<Item = &Markup> {
        self.differing.iter().chain(&self.others).take(SHOWN)
    }
}

/// What serves, ready to run.
struct Baseline {
    bundle: ReleaseBundle,
    trial: Trial,
    comparison: Comparison,
}

impl Baseline {
    fn new(sandbox: &mut Sandbox, bundle: ReleaseBundle) -> Result<Self, String> {
        let release = sandbox.validate(&bundle);
        let release = release.map_err(|error| not_admitted(&error))?;
        Ok(Self {
            bundle,
            trial: Trial::new(release),
            comparison: Comparison::default(),
        })
    }

    fn results(&mut self, records: &Records) -> anyhow::Result<Vec<RecordResult>> {
        let transformed = self.trial.transform(records)?;
        Ok(record_results(records.len(), &transformed))
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
    rules: &ReleaseBundle,
    serving: Serving,
    loaded: &Loaded,
    goes_on: &dyn Fn() -> bool,
    show: &dyn Fn(&ShownRecord<'_>) -> Markup,
) -> anyhow::Result<Ran> {
    let release = sandbox.validate(rules)?;
    let (mut baseline, against) = match serving {
        Serving::Nothing(why) => (None, Against::Nothing(why)),
        Serving::Failed(why) => (None, Against::Failed(why)),
        Serving::Release(bundle) => match Baseline::new(sandbox, bundle) {
            Ok(baseline) => (Some(baseline), Against::Nothing("")),
            Err(why) => (None, Against::Failed(why)),
        },
    };
    let mut ran = Ran {
        summary: Summary::new(release.id()),
        against,
        differing: Vec::new(),
        others: Vec::new(),
        ended_early: false,
    };
    let mut trial = Trial::new(release);
    let begun = Instant::now();
    for records in &loaded.parts {
        if begun.elapsed() > TIME_MAX || !goes_on() {
            ran.ended_early = true;
            break;
        }
        ran.part(&mut trial, baseline.as_mut(), records, show)?;
    }
    if let Some(Baseline {
        bundle, comparison, ..
    }) = baseline
    {
        ran.against = Against::Compared(Box::new((bundle, comparison)));
    }
    Ok(ran)
}

impl Ran {
    /// Runs a part of the records.
    fn part(
        &mut self,
        trial: &mut Trial,
        mut baseline: Option<&mut Baseline>,
        records: &Records,
        show: &dyn Fn(&ShownRecord<'_>) -> Markup,
    ) -> anyhow::Result<()> {
        let transformed = trial.transform(records)?;
        let results = record_results(records.len(), &transformed);
        let serving = match &mut baseline {
            Some(baseline) => baseline.results(records)?,
            None => Vec::new(),
        };
        let tried = trial.measure(records, transformed)?;
        for (at, (tried, new)) in tried.iter().zip(&results).enumerate() {
            let differences = match (&mut baseline, serving.get(at)) {
                (Some(baseline), Some(old)) => baseline.comparison.add(old, new),
                _ => Vec::new(),
            };
            let index = usize::try_from(self.summary.records()).unwrap_or(usize::MAX);
            self.summary.add(tried);
            let shown = match differences.is_empty() {
                true => &mut self.others,
                false => &mut self.differing,
            };
            if shown.len() < SHOWN {
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
