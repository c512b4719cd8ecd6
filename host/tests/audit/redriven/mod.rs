//! A lake with redrives: each record is in one place, the newest.

mod documents;
mod expired;
mod places;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{audit, audit_quickly};
use crate::local::events;
use crate::support::lake;
use crate::support::ledgers::only_ledger;
use crate::support::program::{Place, Ran};

/// The number of events: two chunks, of 1,000 and of 200.
const EVENTS: usize = 1_200;

/// The numbers of events that end with 0 or 5, and with 1 or 6, are quarantined.
const BAD: &str = r#"if .n % 5 == 0 then error("ends_with_5: five")
    elif .n % 5 == 1 then error("ends_with_1: one") else . end"#;

/// Those that end with 5 are still quarantined.
const BETTER: &str = r#"if .n % 10 == 5 then error("no_ten: not ten") else . end"#;

/// The good rules.
const GOOD: &str = ".";

/// A lake whose quarantine is redriven.
struct Redriven {
    place: Place,
    /// The shard of the file.
    shard: String,
}

impl Redriven {
    /// A lake in which 240 records of each of two reasons are quarantined, in two objects each.
    fn landed() -> Self {
        let place = Place::new();
        place.write("events.ndjson", events(0..EVENTS));
        let args = ["--chunk-records", "1", "--bus", "none", "--jq", BAD];
        assert_eq!(place.land(&args).count("quarantined"), 480);
        let ledger = only_ledger(&place.lake());
        let shard = ledger["shard"].as_str().unwrap().to_owned();
        Self { place, shard }
    }

    /// The lake after the redrive `first` of the numbers that end with 0 or 5, in two chunks.
    fn once() -> Self {
        let redriven = Self::landed();
        redriven.redrive("first", "ends_with_5", BETTER).succeeded();
        redriven
    }

    /// The lake after another redrive, `second`, of those that the first one has quarantined again.
    fn twice() -> Self {
        let redriven = Self::once();
        redriven.redrive("second", "no_ten", GOOD).succeeded();
        redriven
    }

    fn redrive(&self, id: &str, reason: &str, rules: &str) -> Ran {
        let args = ["redrive", "--lake", "file:lake", "--chunk-records", "1"];
        let more = ["--id", id, "--reason", reason, "--jq", rules];
        let more = [&more[..], &["--summary", "json", "--http", "none"]].concat();
        self.place.run(&[&args[..], &more].concat())
    }

    /// The report of both audits without a finding.
    fn proven(&self) -> [Value; 2] {
        let full = audit(&self.place, &["--bus", "none"]).proven();
        [full.0, audit_quickly(&self.place, &[]).consistent().0]
    }

    /// The findings of a full and of a quick audit.
    fn findings(&self) -> [Vec<Value>; 2] {
        let full = audit(&self.place, &["--bus", "none"]).disproven();
        [full, audit_quickly(&self.place, &[]).inconsistent()]
    }

    /// Asserts that both audits have the same finding and no other, and returns it.
    fn finding(&self) -> Value {
        let [mut full, quick] = self.findings();
        assert_eq!((full.len(), &full), (1, &quick), "{quick:#?}");
        full.remove(0)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.place.lake().join(key)
    }

    /// The keys in a folder of the lake with this part, in order.
    fn keys(&self, folder: &str, part: &str) -> Vec<String> {
        let keys = lake::tree(&self.place.lake()).into_keys();
        let is_one =
            |key: &String| key.starts_with(folder) && key.contains(part) && !key.ends_with('/');
        keys.filter(is_one).collect()
    }

    /// The key of the first claim for a reason.
    fn claim(&self, reason: &str) -> String {
        let folder = format!("_sluice/redrives/claims/reason={reason}/");
        self.keys(&folder, "").remove(0)
    }

    /// Changes a document of JSON, as the program writes it.
    fn edit(&self, key: &str, change: impl FnOnce(&mut String)) {
        let mut text = fs::read_to_string(self.path(key)).unwrap();
        let before = text.clone();
        change(&mut text);
        assert_ne!(text, before);
        fs::write(self.path(key), text).unwrap();
    }

    /// Writes a claim.
    fn write_claim(&self, claim: &str, redrive: &str, object: &str) {
        let text = json!({ "version": 1, "redrive": redrive, "object": object }).to_string();
        self.place.write(&format!("lake/{claim}"), text);
    }
}

/// Where records are, by a report.
fn places(report: &Value) -> [u64; 5] {
    ["in_lake", "quarantined", "redriven", "wrong", "pending"]
        .map(|place| report[place].as_u64().unwrap())
}

/// The kinds of findings, each once, in order.
fn kinds(found: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = found
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
