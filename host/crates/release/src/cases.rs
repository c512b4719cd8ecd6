//! Golden cases: records with their expected results. Each host checks them before it activates a
//! release.
//!
//! A case is a file `NAME.in.json` with one record (the file's bytes without a final line end), or
//! `NAME.in.ndjson` with one record a line, and a file `NAME.out.ndjson` with one line for each result, in
//! the order of records and events, as [`record_result`](crate::compare::record_result) writes them. All
//! other properties of a record are fixed, see [`sample`].

pub mod sample;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sluice_engine::record::Batch;
use sluice_engine::sandbox::SandboxError;
use thiserror::Error;

use crate::admission::Release;
use crate::compare::fields;
use crate::compare::record_result::record_results;

/// The version of the document that holds cases in a registry; a reader rejects a later one.
const VERSION: u32 = 1;

/// Files by name.
pub type FilesByName = BTreeMap<String, Vec<u8>>;

/// Files that are not valid cases.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct CasesError(String);

/// One golden case.
pub struct Case {
    /// The name of its files, without their endings.
    pub name: String,
    /// The name of the file with its records.
    pub file: String,
    /// Its records.
    pub records: Vec<Batch>,
    /// The expected results, one a line; `None` if there is no file with them.
    pub expected: Option<String>,
}

/// The cases of a release in a registry: their files, in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    files: BTreeMap<String, String>,
}

/// The endings of names: one record, a record a line, and the expected results.
const ONE: &str = ".in.json";
const MANY: &str = ".in.ndjson";
const RESULTS: &str = ".out.ndjson";

/// Reads the case files of a folder.
///
/// # Errors
/// The file system's error.
pub fn read(folder: &Path) -> io::Result<FilesByName> {
    let mut files = FilesByName::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && is_of_case(&name)
        {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// Parses files into cases, in the order of their names. Other files are ignored.
///
/// # Errors
/// Files that contradict each other, or no case at all.
pub fn cases(files: &FilesByName) -> Result<Vec<Case>, CasesError> {
    let mut inputs: BTreeMap<&str, &str> = BTreeMap::new();
    for file in files.keys() {
        let stem = [ONE, MANY].iter().find_map(|end| file.strip_suffix(end));
        if let Some(name) = stem
            && let Some(other) = inputs.insert(name, file)
        {
            return Err(CasesError(format!("{other} and {file} are one case")));
        }
    }
    let lonely = |file: &&String| {
        let stem = file.strip_suffix(RESULTS);
        stem.is_some_and(|name| !inputs.contains_key(name))
    };
    if let Some(file) = files.keys().find(lonely) {
        return Err(CasesError(format!("{file} has no input file")));
    }
    if inputs.is_empty() {
        let why = "there are none; a case is NAME.in.json or NAME.in.ndjson";
        return Err(CasesError(why.into()));
    }
    let case = |(name, file): (&str, &str)| case(files, name, file);
    inputs.into_iter().map(case).collect()
}

fn case(files: &FilesByName, name: &str, file: &str) -> Result<Case, CasesError> {
    let input = files.get(file).map_or(&[][..], Vec::as_slice);
    let records = if file.ends_with(ONE) {
        let record = input.strip_suffix(b"\n").unwrap_or(input);
        sample::single(record.strip_suffix(b"\r").unwrap_or(record))
    } else {
        sample::lines(input)
    };
    let results = files.get(&format!("{name}{RESULTS}"));
    let expected = results.map(|text| String::from_utf8(text.clone()));
    let not_text = |_| CasesError(format!("{name}{RESULTS} is not UTF-8"));
    Ok(Case {
        name: name.to_owned(),
        file: file.to_owned(),
        records: records.map_err(|error| CasesError(error.to_string()))?,
        expected: expected.transpose().map_err(not_text)?,
    })
}

/// The name of the file with the expected results of a case.
#[must_use]
pub fn results_file(name: &str) -> String {
    format!("{name}{RESULTS}")
}

fn is_of_case(file: &str) -> bool {
    [ONE, MANY, RESULTS].iter().any(|end| file.ends_with(end))
}

/// Makes the document that a registry keeps.
///
/// # Errors
/// Files that are not valid cases, or a case without expected results.
pub fn document(files: &FilesByName) -> Result<Vec<u8>, CasesError> {
    if let Some(case) = cases(files)?.iter().find(|case| case.expected.is_none()) {
        let file = results_file(&case.name);
        let why = format!("there is no {file}; `sluice transform test --bless` writes it");
        return Err(CasesError(why));
    }
    let encoded = files.iter().filter(|(name, _)| is_of_case(name));
    let encoded = encoded.map(|(name, content)| (name.clone(), STANDARD.encode(content)));
    let document = Document {
        version: VERSION,
        files: encoded.collect(),
    };
    serde_json::to_vec(&document).map_err(|error| CasesError(error.to_string()))
}

/// Parses a document into cases.
///
/// # Errors
/// A damaged document.
pub fn from_document(text: &[u8]) -> Result<Vec<Case>, CasesError> {
    let damaged = |what: String| CasesError(format!("the document of cases is damaged: {what}"));
    let document: Document =
        serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    if document.version != VERSION {
        return Err(damaged(format!("version {}", document.version)));
    }
    let decoded = document.files.into_iter().map(|(name, content)| {
        let content = STANDARD.decode(content);
        content
            .map(|content| (name, content))
            .map_err(|error| damaged(error.to_string()))
    });
    cases(&decoded.collect::<Result<_, _>>()?)
}

impl Case {
    /// Runs its records through a release and returns the lines of their results.
    ///
    /// # Errors
    /// A fault of the release as a whole, never one of a record.
    pub fn results(&self, release: &Release) -> Result<Vec<String>, SandboxError> {
        let mut lines = Vec::new();
        for batch in &self.records {
            let results = record_results(batch.len(), &release.run(batch, &[])?);
            lines.extend(results.into_iter().flat_map(|result| result.lines));
        }
        Ok(lines)
    }

    /// The first difference between the expected results and those of a release; `None` if there is none.
    ///
    /// # Errors
    /// A fault of the release as a whole, never one of a record.
    pub fn failure(&self, release: &Release) -> Result<Option<String>, SandboxError> {
        let results = self.results(release)?;
        let expected: Vec<_> = self.expected.iter().flat_map(|text| text.lines()).collect();
        let differs = |index: &usize| {
            expected.get(*index).copied() != results.get(*index).map(String::as_str)
        };
        let Some(index) = (0..expected.len().max(results.len())).find(differs) else {
            return Ok(None);
        };
        let what = match (expected.get(index), results.get(index)) {
            (Some(expected), Some(result)) => {
                let found = fields::differences(expected, result);
                found
                    .first()
                    .map(|found| found.path.clone())
                    .unwrap_or_default()
            }
            (Some(_), None) => "is missing".into(),
            (None, _) => "is unexpected".into(),
        };
        Ok(Some(format!(
            "case {}, result {}: {what}",
            self.name,
            index + 1
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[(&str, &str)]) -> FilesByName {
        let file =
            |(name, content): &(&str, &str)| ((*name).to_owned(), content.as_bytes().to_vec());
        names.iter().map(file).collect()
    }

    #[test]
    fn cases_survive_a_registry() {
        let files = files(&[
            ("a.in.json", "{\"n\":1}\r\n"),
            ("a.out.ndjson", "x\n"),
            ("b.in.ndjson", "1\n2\n"),
            ("b.out.ndjson", ""),
            ("README.md", "not a case"),
        ]);
        let cases = from_document(&document(&files).unwrap()).unwrap();
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(cases[0].records[0].record(0).data, br#"{"n":1}"#);
        assert_eq!(cases[1].records[0].len(), 2);
        assert_eq!(cases[0].expected.as_deref(), Some("x\n"));
    }

    #[test]
    fn files_that_are_not_valid_cases_are_an_error() {
        let error = |names: &[(&str, &str)]| cases(&files(names)).err().unwrap().to_string();
        assert!(error(&[]).contains("none"));
        assert!(error(&[("a.out.ndjson", "")]).contains("no input"));
        assert!(error(&[("a.in.json", ""), ("a.in.ndjson", "")]).contains("one case"));
        let unblessed = document(&files(&[("a.in.json", "1")]));
        assert!(unblessed.unwrap_err().to_string().contains("--bless"));
        for text in [
            "",
            "{}",
            r#"{"version":2,"files":{}}"#,
            r#"{"version":1,"files":{"a.in.json":"?"}}"#,
        ] {
            assert!(from_document(text.as_bytes()).is_err(), "{text}");
        }
    }
}
