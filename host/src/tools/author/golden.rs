//! `sluice transform test`: golden cases, see [`cases`].

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgAction, Args};
use sluice_engine::outcome::{Fault, Transformed};
use sluice_engine::record::Batch;
use sluice_engine::sandbox::Program;
use sluice_release::admission::Release;
use sluice_release::cases;
use sluice_release::cases::Case;
use sluice_release::compare::fields;
use sluice_release::compare::fields::Difference;
use sluice_release::compare::record_result::{RecordResult, record_results};

use super::{component, shown};
use crate::config::ConfigError;
use crate::output;

/// What to test.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The component.
    pub file: PathBuf,
    /// Read cases from a folder: NAME.in.json (one record) or NAME.in.ndjson (one record a line), and
    /// NAME.out.ndjson (the expected results).
    #[arg(long, value_name = "DIR")]
    pub cases: PathBuf,
    /// Set the transform configuration: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub transform_config: String,
    /// Write the current results as the expected ones.
    #[arg(long, action = ArgAction::SetTrue)]
    pub bless: bool,
}

/// How many differences of one case are shown; the rest is counted.
const SHOWN: usize = 20;

/// Runs the cases and prints which pass.
///
/// # Errors
/// No or ambiguous cases, which is wrong usage; a component that fails admission; cases that fail.
pub fn test(args: &TestArgs) -> anyhow::Result<()> {
    let cases = cases_in(&args.cases)?;
    let engine = component::engine(1)?;
    let release = component::admitted(&engine, Some(&args.file), &args.transform_config)?;
    let mut failed = 0;
    for case in &cases {
        let verdict = verdict(case, &release, &args.cases, args.bless)?;
        output::line(format_args!("{:<8}{}", verdict.word(), case.name))?;
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
            Self::Failed(_) => "FAILED",
        }
    }
}

/// The cases of a folder, by name.
fn cases_in(folder: &Path) -> Result<Vec<Case>, ConfigError> {
    let place = folder.display();
    let wrong = |why: String| ConfigError::new("cases", why);
    let files = cases::read(folder);
    let files = files.map_err(|error| wrong(format!("cannot read {place}: {error}")))?;
    cases::cases(&files).map_err(|error| wrong(format!("{place}: {error}")))
}

fn verdict(case: &Case, release: &Release, folder: &Path, bless: bool) -> anyhow::Result<Verdict> {
    let results = match results(release, &case.records)? {
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
        Some(text) => Verdict::Failed(difference(text, &results)),
        None => Verdict::Failed(format!(
            "    there is no {}; --bless writes it\n",
            path.display()
        )),
    })
}

/// The lines that records become. They are run by each call that the component exports; the differences between
/// the calls are the inner error.
fn results(release: &Release, records: &[Batch]) -> anyhow::Result<Result<Vec<String>, String>> {
    let mut lines = Vec::new();
    for batch in records {
        let (alone, others) = by_each_call(release.program(), batch)?;
        let differences = others.iter();
        let differences = differences.filter_map(|other| alone.difference(other));
        let differences: String = differences.collect();
        if !differences.is_empty() {
            return Ok(Err(differences));
        }
        lines.extend(alone.results.into_iter().flat_map(|result| result.lines));
    }
    Ok(Ok(lines))
}

/// The results of calls with one record each, and of all other calls that the component exports.
fn by_each_call(program: &Program, batch: &Batch) -> anyhow::Result<(Alone, Vec<Together>)> {
    /// Shows what differs in calls by fields, apart from how records share them.
    const ONE_OBJECT: &str = "`transform-fields` with one record";
    let of = |outcome: Transformed| record_results(batch.len(), &outcome);
    let calls = program.calls();
    let alone = Alone {
        call: if calls.records {
            "`transform`"
        } else {
            ONE_OBJECT
        },
        results: of(program.run_per_record(batch)?),
    };
    let mut others = Vec::new();
    if calls.records
        && let Some(outcome) = program.run_per_field_record(batch)?
    {
        others.push(Together::new(ONE_OBJECT, Some(of(outcome))));
    }
    if calls.batch {
        let outcome = program.run_batch(batch)?;
        others.push(Together::new("`transform-batch`", outcome.map(of)));
    }
    if calls.fields {
        let outcome = program.run_fields(batch)?;
        others.push(Together::new("`transform-fields`", outcome.map(of)));
    }
    Ok((alone, others))
}

/// The results of a call for each record, which the other calls are compared with.
struct Alone {
    call: &'static str,
    results: Vec<RecordResult>,
}

/// The results of another way to call the component; `None` if a call failed as a whole.
struct Together {
    call: &'static str,
    results: Option<Vec<RecordResult>>,
}

impl Together {
    fn new(call: &'static str, results: Option<Vec<RecordResult>>) -> Self {
        Self { call, results }
    }
}

impl Alone {
    /// How the results of another call differ. It may fail as a whole if one of its records fails alone.
    fn difference(&self, other: &Together) -> Option<String> {
        let Together { call, results } = other;
        let Some(results) = results else {
            let excused = self.results.iter().any(fails_a_batch);
            let why = format!("    {call} fails as a whole, and no record fails alone\n");
            return (!excused).then_some(why);
        };
        let mut pairs = self.results.iter().zip(results);
        let index = pairs.position(|(alone, result)| alone != result)?;
        let (alone, result) = (&self.results[index].lines, &results[index].lines);
        let why = format!(
            "    record {}: {} (expected) and {call} (got) differ\n",
            index + 1,
            self.call
        );
        Some(why + &difference(&alone.join("\n"), result))
    }
}

/// Whether a record has a fault for which a call with more records fails as a whole.
fn fails_a_batch(result: &RecordResult) -> bool {
    let begins = |fault: &Fault| {
        let code = fault.code();
        let begin = format!(r#"{{"quarantined":{{"code":"{code}","#);
        result.lines.iter().any(|line| line.starts_with(&begin))
    };
    let is_of_batch = |fault: &&Fault| {
        fault.is_of_resource() || matches!(fault, Fault::Trap | Fault::RecordTooLarge)
    };
    Fault::ALL.iter().filter(is_of_batch).any(begins)
}

/// The differences between the expected and the found results, for people.
fn difference(expected: &str, results: &[String]) -> String {
    let expected: Vec<_> = expected.lines().collect();
    let mut report = String::new();
    let mut left_out = 0;
    let mut shown = 0;
    for index in 0..expected.len().max(results.len()) {
        let pair = (expected.get(index), results.get(index));
        let found = match pair {
            (Some(expected), Some(result)) if outcome(expected) == outcome(result) => {
                fields::differences(expected, result)
            }
            (expected, result) => vec![Difference {
                path: "the whole line".to_owned(),
                old: expected.map(|line| (*line).to_owned()),
                new: result.cloned(),
            }],
        };
        for difference in found {
            if shown < SHOWN {
                report += &describe(index + 1, &difference);
                shown += 1;
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        report += &format!("    and {left_out} more\n");
    }
    report
}

/// The first name in a result's line: `event`, `quarantined` or `dropped`. Fields are compared only between
/// lines with the same one.
fn outcome(line: &str) -> Option<&str> {
    line.split('"').nth(1)
}

fn describe(line: usize, difference: &Difference) -> String {
    let Difference { path, old, new } = difference;
    let path = if path.is_empty() {
        "the whole line"
    } else {
        path
    };
    format!(
        "    line {line}: {path}\n        expected {}\n        got      {}\n",
        shown(old.as_deref()),
        shown(new.as_deref())
    )
}

#[cfg(test)]
mod tests {
    use sluice_release::compare::record_result::ResultKind;

    use super::*;

    fn result(line: &str) -> RecordResult {
        RecordResult {
            kind: ResultKind::Events,
            lines: vec![line.to_owned()],
        }
    }

    fn alone(results: &[RecordResult]) -> Alone {
        Alone {
            call: "`transform`",
            results: results.to_vec(),
        }
    }

    #[test]
    fn a_batch_may_fail_as_a_whole_only_where_a_record_does() {
        let fault = result(r#"{"quarantined":{"code":"trap","message":"x"}}"#);
        let own = result(r#"{"quarantined":{"code":"not_wanted","message":"trap"}}"#);
        let unreadable = result(r#"{"quarantined":{"code":"not_interoperable","message":"x"}}"#);
        let failed = Together::new("`transform-batch`", None);
        assert_eq!(alone(&[own.clone(), fault]).difference(&failed), None);
        for why in [own, unreadable].map(|result| alone(&[result]).difference(&failed)) {
            let why = why.unwrap();
            assert!(why.contains("`transform-batch` fails as a whole"), "{why}");
        }
    }

    #[test]
    fn the_first_record_that_differs_between_calls_is_named() {
        let same = result(r#"{"event":1}"#);
        let results = vec![same.clone(), result(r#"{"event":3}"#)];
        let other = Together::new("`transform-fields`", Some(results));
        let why = alone(&[same, result(r#"{"event":2}"#)]).difference(&other);
        let why = why.unwrap();
        for part in ["record 2", "`transform`", "`transform-fields`", "event"] {
            assert!(why.contains(part), "{part:?} is not in {why}");
        }
    }

    #[test]
    fn many_differences_are_truncated_and_counted() {
        let results: Vec<_> = (0..SHOWN + 3).map(|n| n.to_string()).collect();
        let report = difference("", &results);
        assert!(
            report.contains("line 20:") && !report.contains("line 21:"),
            "{report}"
        );
        assert!(report.ends_with("and 3 more\n"), "{report}");
        assert!(report.contains("expected nothing"), "{report}");
    }
}
