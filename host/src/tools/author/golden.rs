//! `sluice transform test`: golden cases, see [`cases`].

mod calls;
mod input;
mod report;
mod ways;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgAction, Args};
use indicatif::HumanCount;
use sluice_engine::record::Batch;
use sluice_engine::sandbox::{Program, SandboxError};
use sluice_release::admission::Release;
use sluice_release::cases;
use sluice_release::cases::{Case, FilesByName};

use self::input::Input;
use super::component;
use crate::config::{ConfigError, TransformArgs};
use crate::output;

/// What to test.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The transform to test.
    #[command(flatten)]
    pub transform: TransformArgs,
    /// Read cases from a folder: NAME.in.json (one record) or NAME.in.ndjson (one record a line), and
    /// NAME.out.ndjson (the expected results).
    #[arg(long, value_name = "DIR")]
    pub cases: PathBuf,
    /// Write the current results as the expected ones.
    #[arg(long, action = ArgAction::SetTrue)]
    pub bless: bool,
}

/// How many records of a case run in a new instance as well. An instance costs about 30 microseconds, and one of an
/// interpreter more.
const NEW_INSTANCES_MAX: usize = 10_000;

/// The word for a case that fails.
const FAILED: &str = "FAILED";

/// Runs the cases and prints which pass.
///
/// # Errors
/// No or ambiguous cases, which is wrong usage; a component that fails admission; cases that fail.
pub fn test(args: &TestArgs) -> anyhow::Result<()> {
    let (files, cases) = cases_in(&args.cases)?;
    let engine = component::engine(1)?;
    let release = component::admitted(&engine, &args.transform.choose()?)?;
    let mut failed = 0;
    for case in &cases {
        let Outcome { results, notes } = results(release.program(), case, &files)?;
        let verdict = verdict(case, results, &args.cases, args.bless)?;
        output::line(format_args!("{:<8}{}", verdict.word(), case.name))?;
        output::text(notes)?;
        if let Verdict::Failed(why) = verdict {
            failed += 1;
            output::text(why)?;
        }
    }
    let all = cases.len();
    let of_all = format!("of {}", output::counted(all as u64, "case"));
    anyhow::ensure!(failed == 0, "{failed} {of_all} failed");
    output::line(format_args!("{all} {of_all} passed"))?;
    Ok(())
}

enum Verdict {
    Passed,
    /// Its results were written for the first time.
    New,
    /// Its results were replaced.
    Changed,
    /// The differences, line by line.
    Failed(String),
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Failed(_) => FAILED,
        }
    }
}

/// The files of a folder, and its cases by name.
fn cases_in(folder: &Path) -> Result<(FilesByName, Vec<Case>), ConfigError> {
    let place = folder.display();
    let wrong = |why: String| ConfigError::new("cases", why);
    let files = cases::read(folder);
    let files = files.map_err(|error| wrong(format!("cannot read {place}: {error}")))?;
    let cases = cases::cases(&files).map_err(|error| wrong(format!("{place}: {error}")))?;
    Ok((files, cases))
}

fn verdict(
    case: &Case,
    results: Result<Vec<String>, String>,
    folder: &Path,
    bless: bool,
) -> anyhow::Result<Verdict> {
    let results = match results {
        Ok(results) => results,
        Err(differences) => return Ok(Verdict::Failed(differences)),
    };
    let expected = case.expected.as_deref();
    let path = folder.join(cases::results_file(&case.name));
    Ok(match expected {
        Some(text) if text.lines().eq(&results) => Verdict::Passed,
        found if bless => {
            let lines: String = results.iter().map(|line| format!("{line}\n")).collect();
            fs::write(&path, lines).with_context(|| path.display().to_string())?;
            found.map_or(Verdict::New, |_| Verdict::Changed)
        }
        Some(text) => Verdict::Failed(report::differences("line", text, &results)),
        None => Verdict::Failed(format!(
            "    there is no {}; --bless writes it\n",
            path.display()
        )),
    })
}

/// Says which cases of a release fail and how, as `test` does; empty if all of them pass.
///
/// # Errors
/// A fault of the release as a whole.
pub fn mismatches(release: &Release, cases: &[Case]) -> Result<String, SandboxError> {
    let mut all = String::new();
    for case in cases {
        let results = case.results(release)?;
        let expected = case.expected.as_deref().unwrap_or_default();
        if !expected.lines().eq(&results) {
            let why = report::differences("line", expected, &results);
            all += &format!("{FAILED:<8}{}\n{why}", case.name);
        }
    }
    Ok(all)
}

/// What comes of a case.
struct Outcome {
    /// The lines that its records become, or how the ways to run them differ.
    results: Result<Vec<String>, String>,
    /// What else there is to know, line by line.
    notes: String,
}

/// Runs the records of a case by each call that the component exports, and in new instances.
fn results(program: &Program, case: &Case, files: &FilesByName) -> anyhow::Result<Outcome> {
    let input = Input::new(case, files);
    let mut lines = Vec::new();
    let mut over_limit = BTreeSet::new();
    let mut new_instances = NEW_INSTANCES_MAX;
    for batch in &case.records {
        let compared = calls::compare(program, &input, batch, new_instances)?;
        over_limit.extend(compared.over_limit);
        new_instances = new_instances.saturating_sub(batch.len());
        match compared.results {
            Ok(results) => lines.extend(results.into_iter().flat_map(|result| result.lines)),
            Err(differences) => {
                let (results, notes) = (Err(differences), String::new());
                return Ok(Outcome { results, notes });
            }
        }
    }
    let notes = notes(&case.records, &over_limit);
    let results = Ok(lines);
    Ok(Outcome { results, notes })
}

fn notes(records: &[Batch], over_limit: &BTreeSet<&str>) -> String {
    let mut notes = String::new();
    for call in over_limit {
        notes += &format!(
            "    {call} exceeds a limit with records that do not exceed it alone, as it may: `run` transforms them \
             one by one then; they were compared in smaller batches or with higher limits\n"
        );
    }
    let count: usize = records.iter().map(Batch::len).sum();
    if count > NEW_INSTANCES_MAX {
        notes += &format!(
            "    only the first {} of {} ran in new instances as well\n",
            HumanCount(NEW_INSTANCES_MAX as u64),
            output::counted(count as u64, "record")
        );
    }
    notes
}
