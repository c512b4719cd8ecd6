//! `sluice audit` proves a correct lake, names what is wrong in another one, and changes nothing.

mod files;
mod quick;
mod redriven;
mod sabotage;
pub(crate) mod stream;

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::HumanCount;
use serde_json::Value;

use crate::support::lake;
use crate::support::program::{Place, Ran, Summary};

/// The output of an audit.
pub(crate) struct Audited {
    ran: Ran,
    json: Summary,
}

impl Audited {
    fn of(ran: Ran) -> Self {
        let last = ran.stdout.lines().last();
        let last = last.unwrap_or_else(|| panic!("nothing was printed: {ran:?}"));
        let json = Summary(serde_json::from_str(last).unwrap());
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        Self { ran, json }
    }

    /// Asserts that all records are where they belong.
    pub(crate) fn proven(self) -> Summary {
        let (code, json) = (self.ran.code, &self.json.0);
        assert_eq!((code, &json["proven"]), (Some(0), &true.into()), "{json:#}");
        assert_eq!((&json["findings"], &json["wrong"]), (&0.into(), &0.into()));
        self.json
    }

    /// Asserts that a quick audit has no findings.
    fn consistent(self) -> Summary {
        let (code, json) = (self.ran.code, &self.json.0);
        let expected = (Some(0), &true.into());
        assert_eq!((code, &json["consistent"]), expected, "{json:#}");
        assert_eq!(
            (&json["findings"], &json["proven"]),
            (&0.into(), &Value::Null)
        );
        self.json
    }

    /// The exit code and the report.
    fn into_parts(self) -> (Option<i32>, Value) {
        (self.ran.code, self.json.0)
    }

    /// Asserts that something is wrong, and returns the findings.
    pub(crate) fn disproven(self) -> Vec<Value> {
        self.has_findings("proven")
    }

    /// As [`disproven`](Self::disproven), for a quick audit.
    pub(crate) fn inconsistent(self) -> Vec<Value> {
        self.has_findings("consistent")
    }

    fn has_findings(self, verdict: &str) -> Vec<Value> {
        let json = &self.json.0;
        assert_eq!((self.ran.code, &json[verdict]), (Some(1), &false.into()));
        let found = json["found"].as_array().unwrap().clone();
        let total = self.json.count("findings");
        assert_eq!(found.len() as u64, total.min(1_000));
        let counted = match total {
            1 => "1 finding".to_owned(),
            _ => format!("{} findings", HumanCount(total)),
        };
        let expected = format!("not {verdict}: {counted}");
        assert!(self.ran.stderr.contains(&expected), "{:?}", self.ran);
        found
    }
}

/// Audits the lake without its source, and asserts that the audit changed nothing.
pub(crate) fn audit_quickly(place: &Place, more: &[&str]) -> Audited {
    let args = [
        "audit",
        "--quick",
        "--lake",
        "file:lake",
        "--summary",
        "json",
    ];
    let before = trees(place);
    let ran = place.run(&[&args[..], more].concat());
    assert!(trees(place) == before, "the audit changed something");
    Audited::of(ran)
}

/// Audits `events.ndjson`, and asserts that the audit changed nothing.
pub(crate) fn audit(place: &Place, more: &[&str]) -> Audited {
    let mut args = Place::landing(more);
    "audit".clone_into(&mut args[0]);
    let before = trees(place);
    let ran = place.run(&args);
    assert!(trees(place) == before, "the audit changed something");
    Audited::of(ran)
}

fn trees(place: &Place) -> BTreeMap<String, Vec<u8>> {
    lake::tree(place.path("").as_path())
}

/// The keys of all objects of a lake, with their extensions.
fn object_keys(lake: &Path) -> Vec<String> {
    let keys = lake::tree(lake).into_keys();
    let is_object = |key: &String| {
        let own = ["_sluice/ledger/", "_sluice/chunks/"];
        key.contains(".ndjson") && !own.iter().any(|folder| key.starts_with(folder))
    };
    keys.filter(is_object).collect()
}
