//! The golden cases that a console has saved. They are in memory, and end with it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sluice_engine::record::Batch;
use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseBundle;
use sluice_release::cases::sample::single;
use sluice_release::cases::{FilesByName, document, results_file};
use sluice_release::compare::record_result::{RecordResult, ResultKind, record_results};
use sluice_release::registry::CASES_MAX_BYTES;

use super::archive_file::tar;
use crate::console::components::{empty, table};
use crate::console::payload::{payload, payload_bytes};
use crate::output::counted;
use crate::tools::author::try_rules::sandbox::Sandbox;

/// The most cases.
const CASES_MAX: usize = 200;

/// A record, and what the rules make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SavedCase {
    /// The file's content: the record and a line end.
    input: Vec<u8>,
    /// A line for each result.
    results: String,
}

/// The cases by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SavedCases {
    cases: BTreeMap<String, SavedCase>,
    /// How many were saved so far, to give each a name of its own.
    saved: u64,
}

impl SavedCases {
    /// Adds a case; one of the same record is replaced. Returns its name.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub(super) fn add(&mut self, case: SavedCase, kind: &str) -> Result<String, String> {
        let mut known = self.cases.iter();
        let known = known.find(|(_, known)| known.input == case.input);
        let known = known.map(|(name, _)| name.clone());
        if known.is_none() && self.cases.len() >= CASES_MAX {
            return Err(format!(
                "There are {CASES_MAX} cases already; remove one, or download them and begin again."
            ));
        }
        let name = known.unwrap_or_else(|| format!("{kind}-{}", self.saved + 1));
        let before = self.cases.insert(name.clone(), case);
        if let Err(why) = self.document() {
            match before {
                Some(before) => self.cases.insert(name, before),
                None => self.cases.remove(&name),
            };
            return Err(why);
        }
        self.saved += 1;
        Ok(name)
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.cases.remove(name);
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The files of a folder of cases.
    fn files(&self) -> FilesByName {
        let files = self.cases.iter().flat_map(|(name, case)| {
            let results = case.results.clone().into_bytes();
            [
                (format!("{name}.in.json"), case.input.clone()),
                (results_file(name), results),
            ]
        });
        files.collect()
    }

    /// The document that a registry keeps; `None` without cases.
    ///
    /// # Errors
    /// The cases are too large.
    pub(super) fn document(&self) -> Result<Option<Vec<u8>>, String> {
        if self.cases.is_empty() {
            return Ok(None);
        }
        let document = document(&self.files()).map_err(|error| error.to_string())?;
        match document.len() > CASES_MAX_BYTES {
            true => Err(format!(
                "The cases take {} bytes as a document, at most {CASES_MAX_BYTES} are allowed; remove one.",
                document.len()
            )),
            false => Ok(Some(document)),
        }
    }

    /// An archive with the folder `cases`.
    pub(super) fn archive(&self) -> Vec<u8> {
        tar("cases", &self.files())
    }
}

/// Makes a case of a record: runs the rules on it as a host does when it checks the case. Everything but the bytes of the
/// record is fixed then, so this can differ from what became of a quarantined record. Returns the kind of its outcome, too.
///
/// # Errors
/// Rules that fail admission, or outside of any record.
pub(super) fn make(
    sandbox: &mut Sandbox,
    rules: &ReleaseBundle,
    record: &[u8],
) -> anyhow::Result<(SavedCase, String)> {
    let release = sandbox.validate(rules)?;
    let mut input = record.to_vec();
    // A reader takes one line end away, which may be two bytes.
    let end: &[u8] = if record.ends_with(b"\r") {
        b"\r\n"
    } else {
        b"\n"
    };
    input.extend_from_slice(end);
    let mut results = Vec::new();
    for batch in single(record)? {
        results.extend(of_batch(&release, &batch)?);
    }
    let kind = results.first().map_or_else(String::new, kind_of);
    let lines = results.iter().flat_map(|result| &result.lines);
    let results = lines.map(|line| format!("{line}\n")).collect();
    Ok((SavedCase { input, results }, kind))
}

fn of_batch(release: &Release, batch: &Batch) -> anyhow::Result<Vec<RecordResult>> {
    Ok(record_results(batch.len(), &release.run(batch, &[])?))
}

/// The word that a case is named by: the code of a rejection, or the kind of the outcome.
fn kind_of(result: &RecordResult) -> String {
    let code = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line["quarantined"]["code"].as_str().map(str::to_owned)
    };
    let code = match result.kind {
        ResultKind::Quarantined => result.lines.first().and_then(code),
        ResultKind::Events | ResultKind::Dropped => None,
    };
    code.unwrap_or_else(|| result.kind.to_string())
}

/// What becomes of this many cases when the rules are published.
pub(super) fn published(cases: usize) -> String {
    match cases {
        0 => "without golden cases.".into(),
        1 => "with the saved golden case.".into(),
        cases => format!("with the {cases} saved golden cases."),
    }
}

/// The list of the cases. `message` says what was done, or why not. A script says beside the button to publish what is
/// published with the rules then.
pub(super) fn list(cases: &SavedCases, message: &str) -> Markup {
    html! {
        h2 { "Golden cases" }
        p #try-cases-message role="status" data-published=(published(cases.len())) { (message) }
        @if cases.cases.is_empty() {
            (empty(
                "No case was saved yet.",
                "Save a record with its outcome above. Hosts check the cases of a release before they activate it.",
            ))
        } @else {
            p {
                (counted(cases.len() as u64, "case")) ", kept until the console ends. "
                a href="/try/cases.tar" download { "Download them as a folder" }
                " for " code { "sluice transform test --cases" } ". All of them are published with the rules."
            }
            (table("Golden cases", &["Name", "Record", "Results", ""], &rows(cases)))
        }
    }
}

fn rows(cases: &SavedCases) -> Vec<Vec<Markup>> {
    let row = |(name, case): (&String, &SavedCase)| {
        vec![
            html! { code { (name) } },
            payload_bytes(case.input.trim_ascii_end(), true),
            payload(case.results.trim_end(), true),
            html! {
                button type="submit" form="try-form" formaction="/try/cases" name="remove" value=(name) {
                    "Remove " (name)
                }
            },
        ]
    };
    cases.cases.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_release::cases::from_document;

    fn case(record: &str) -> SavedCase {
        SavedCase {
            input: format!("{record}\n").into_bytes(),
            results: "{\"dropped\":true}\n".into(),
        }
    }

    #[test]
    fn cases_are_the_files_of_a_folder() {
        let mut cases = SavedCases::default();
        assert_eq!(cases.document(), Ok(None));
        assert_eq!(cases.add(case("1"), "dropped").as_deref(), Ok("dropped-1"));
        assert_eq!(cases.add(case("2"), "trap").as_deref(), Ok("trap-2"));
        assert_eq!(cases.add(case("1"), "trap").as_deref(), Ok("dropped-1"));
        let read = from_document(&cases.document().unwrap().unwrap()).unwrap();
        let names: Vec<_> = read.iter().map(|case| &*case.name).collect();
        assert_eq!(names, ["dropped-1", "trap-2"]);
        assert_eq!(read[1].records[0].record_data(0), b"2");
        cases.remove("dropped-1");
        assert_eq!(cases.len(), 1);
        let html = list(&cases, "").into_string();
        assert!(html.contains("trap-2") && !html.contains("dropped-1"));
        assert!(
            html.contains("data-published=\"with the saved golden case.\""),
            "{html}"
        );
    }

    #[test]
    fn there_are_not_too_many_cases_and_they_are_not_too_large() {
        let mut cases = SavedCases::default();
        let large = case(&"x".repeat(CASES_MAX_BYTES));
        assert!(cases.add(large, "a").is_err());
        assert_eq!(cases.len(), 0);
        for number in 0..CASES_MAX {
            cases.add(case(&number.to_string()), "a").unwrap();
        }
        assert!(cases.add(case("one more"), "a").is_err());
        assert!(cases.add(case("7"), "a").is_ok());
    }

    #[test]
    fn the_content_of_a_case_does_nothing() {
        let mut cases = SavedCases::default();
        cases
            .add(case("<img src=x onerror=alert(1)>\u{202e}"), "a")
            .unwrap();
        let html = list(&cases, "<b>").into_string();
        assert!(html.contains("&lt;img") && html.contains("\\u{202e}"));
        assert!(!html.contains("<img") && !html.contains("<b>"));
    }
}
