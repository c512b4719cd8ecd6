//! A recipe of the page, run with stand-ins for the services that its command names.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::rules::blocks;
use crate::support::cloud::{Cloud, STREAM};
use crate::support::lake;
use crate::support::program::{Ran, Summary, shell};

/// The parts of the page with a recipe, each of which a test here runs.
pub(super) const RECIPES: [&str; 6] = [
    "Kinesis Agent",
    "Kinesis Producer Library",
    "Fluent Bit",
    "CloudWatch Logs",
    "DynamoDB",
    "Self-describing events",
];

pub(super) fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sources.md");
    fs::read_to_string(path).unwrap()
}

/// A part of the page by its title, up to the next one.
pub(super) fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let (_, section) = page.split_once(&format!("\n### {title}\n")).unwrap();
    section.split("\n### ").next().unwrap()
}

/// A recipe with a stream, and a bucket, of the names in its command.
pub(super) struct Recipe {
    pub(super) section: String,
    cloud: Cloud,
    pub(super) lake: PathBuf,
}

impl Recipe {
    /// With records that the stream has.
    pub(super) fn new<R: AsRef<[u8]>>(title: &str, records: &[R]) -> Self {
        assert!(RECIPES.contains(&title));
        let cloud = Cloud::new(1);
        for record in records {
            cloud.kinesis.put(STREAM, "key", record.as_ref());
        }
        Self {
            section: section(&page(), title).to_owned(),
            lake: cloud.s3.bucket("lake").join("events"),
            cloud,
        }
    }

    /// Runs the command until the records have landed, and audits the lake.
    pub(super) fn land(&self) -> Summary {
        let place = &self.cloud.place;
        if let [rule] = blocks(&self.section, "jq")[..] {
            place.write("rule.jq", rule);
        }
        let [command] = blocks(&self.section, "sh")[..] else {
            panic!("one command: {}", self.section)
        };
        let mut usual = self.cloud.command(&[]);
        usual.envs([
            ("SLUICE_CHUNK_AGE", "100ms"),
            ("SLUICE_EXIT_WHEN_CAUGHT_UP", "true"),
            ("SLUICE_LEASE", "1s"),
            ("SLUICE_SUMMARY", "json"),
        ]);
        let landed = shell(place, &usual, command).summary();
        self.audit();
        landed
    }

    /// The audit is not told how records were decoded or transformed.
    fn audit(&self) {
        let usual = self.cloud.command(&[]);
        let args = ["audit", "--source", "kinesis:events"];
        let mut audit = self.cloud.place.command(&args);
        audit.args(["--lake", "s3://lake/events", "--summary", "json"]);
        audit.envs(
            usual
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let audited = Ran::from(audit.output().unwrap()).summary();
        assert_eq!(audited.0["proven"], true, "{audited:?}");
    }

    /// Asserts that the lake has exactly these events in these partitions.
    pub(super) fn holds(&self, expected: &[(&str, &str)]) {
        let mut by_partition: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (partition, event) in expected {
            let events = by_partition.entry((*partition).to_owned()).or_default();
            events.push((*event).to_owned());
        }
        by_partition.values_mut().for_each(|events| events.sort());
        let mut found = lake::events(&self.lake);
        found.values_mut().for_each(|events| events.sort());
        assert_eq!(found, by_partition);
    }

    /// The reasons and the bytes of quarantined records, sorted.
    pub(super) fn quarantined(&self) -> Vec<(String, Vec<u8>)> {
        let quarantined = lake::quarantine(&self.lake).into_iter();
        let mut found: Vec<_> = quarantined
            .map(|line| (line.reason.clone(), line.bytes()))
            .collect();
        found.sort();
        found
    }
}
