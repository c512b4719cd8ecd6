//! An incident of the runbook: a pipeline with stand-ins for AWS, and the commands of the steps of the page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use chrono::DateTime;
use tokio::runtime::Runtime;

use crate::support::cloud::{Cloud, STREAM};
use crate::support::lake;
use crate::support::program::{Ran, shell};

/// The records that are landed together: one chunk.
pub(super) const RECORDS: usize = 20;

const BUCKET: &str = "bucket";

/// The variables that the page sets before the first incident.
const VARIABLES: [(&str, &str); 5] = [
    ("SOURCE", "kinesis:events"),
    ("LAKE", "s3://bucket/lake"),
    ("INCIDENT", "incident-17"),
    ("REPAIRED", "s3://bucket/repaired"),
    ("SLUICE_REGISTRY", "s3://bucket/registry"),
];

pub(super) struct Incident {
    /// The commands of each step.
    steps: Vec<String>,
    /// The steps that were done, from 1.
    done: BTreeSet<usize>,
    variables: BTreeMap<String, String>,
    cloud: Cloud,
}

/// The commands of the steps of a section.
fn steps(section: &str) -> Vec<String> {
    let (mut steps, mut is_command) = (Vec::<String>::new(), false);
    for line in section.lines() {
        if line.starts_with(&format!("{}. ", steps.len() + 1)) {
            steps.push(String::new());
        }
        match (line.trim_start(), steps.last_mut()) {
            ("```sh", _) => is_command = true,
            ("```", _) => is_command = false,
            (command, Some(step)) if is_command => {
                step.push_str(command);
                step.push('\n');
            }
            _ => {}
        }
    }
    steps
}

/// Whether a step only sets variables, which the test sets in its place.
fn is_setting(commands: &str) -> bool {
    commands.lines().all(|line| line.starts_with("export "))
}

impl Incident {
    /// The incident with this title, with a stream of one shard.
    pub(super) fn new(title: &str) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate.md");
        let page = fs::read_to_string(path).unwrap();
        let (_, runbook) = page.split_once("\n## Runbook\n").unwrap();
        let (runbook, _) = runbook.split_once("\n## ").unwrap();
        let (before, _) = runbook.split_once("\n### ").unwrap();
        let (_, section) = runbook.split_once(&format!("\n### {title}\n")).unwrap();
        let section = section.split("\n### ").next().unwrap();
        for (name, _) in VARIABLES {
            assert!(before.contains(&format!("export {name}=")), "{name}");
        }
        let variables = VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut incident = Self {
            steps: steps(section),
            done: BTreeSet::new(),
            variables: variables.into(),
            cloud: Cloud::new(1),
        };
        incident.set("BUCKET", BUCKET);
        incident.set("PREFIX", "lake");
        incident
    }

    /// Sets a variable of the commands.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn lake(&self) -> PathBuf {
        self.cloud.lake()
    }

    pub(super) fn repaired(&self) -> PathBuf {
        self.cloud.lake().with_file_name("repaired")
    }

    /// Does a step, and returns the end of its commands.
    pub(super) fn step(&mut self, step: usize) -> Ran {
        let commands = self.steps[step - 1].clone();
        self.done.insert(step);
        match commands.starts_with("aws ") {
            true => self.aws_all(&commands),
            false => self.run(&commands),
        }
    }

    /// Asserts that the test has done all steps with commands, in any order.
    pub(super) fn finish(self) {
        let with_commands = (1..).zip(&self.steps);
        let expected = with_commands.filter(|(_, commands)| !is_setting(commands));
        let expected: BTreeSet<_> = expected.map(|(step, _)| step).collect();
        assert_eq!(self.done, expected);
    }

    fn run(&self, commands: &str) -> Ran {
        let mut usual = self.cloud.command(&[]);
        usual.envs(&self.variables);
        shell(&self.cloud.place, &usual, commands)
    }

    /// Publishes and activates the built-in transform with a configuration, and returns the release.
    pub(super) fn activate(&self, config: &str) -> String {
        let publish =
            format!("sluice transform publish builtin:enrich --transform-config '{config}'");
        let release = self.run(&publish).succeeded().stdout.trim().to_owned();
        self.run(&format!("sluice transform activate {release}"))
            .succeeded();
        release
    }

    /// Lands what the stream has got since, with the active release.
    pub(super) fn try_landing(&self) -> Ran {
        let records = RECORDS.to_string();
        let mut command = self.cloud.command(&[
            "--exit-when-caught-up",
            "--chunk-age",
            "1h",
            "--chunk-records",
            &records,
        ]);
        command.envs(&self.variables);
        command.output().unwrap().into()
    }

    /// Puts as many records as a chunk has into the stream, and lands them.
    pub(super) fn land(&self, records: &[Vec<u8>]) {
        assert_eq!(records.len(), RECORDS);
        // Their times of arrival differ from those of the records before.
        thread::sleep(Duration::from_millis(5));
        for record in records {
            self.cloud.kinesis.put(STREAM, "key", record);
        }
        self.try_landing().succeeded();
    }

    /// The time of arrival of a record.
    pub(super) fn arrival(&self, data: &[u8]) -> String {
        let records = self.cloud.kinesis.records(STREAM);
        let record = records.iter().find(|record| record.data == data).unwrap();
        let moment = DateTime::from_timestamp_millis(record.arrival_ms.try_into().unwrap());
        moment.unwrap().to_rfc3339()
    }

    pub(super) fn holds_exactly(&self, events: &[Vec<u8>]) {
        self.cloud.holds_exactly(events);
    }

    /// The key of the first object of events, below the lake.
    pub(super) fn object(&self) -> String {
        let objects = lake::tree(&self.lake()).into_keys();
        let objects = objects.filter(|key| !key.ends_with('/'));
        let mut events = objects.filter(|key| key.starts_with("event_type="));
        events.next().unwrap()
    }

    /// Puts an object into the lake, whatever is there.
    pub(super) fn put(&self, key: &str, content: &[u8]) {
        self.cloud
            .put_object(&format!("lake/{key}"), content.to_vec());
    }

    /// Removes an object of the lake.
    pub(super) fn remove(&self, key: &str) {
        self.delete(&format!("lake/{key}"));
    }

    fn delete(&self, key: &str) {
        let delete = self.cloud.s3.client().delete_object();
        let delete = delete.bucket(BUCKET).key(key).send();
        Runtime::new().unwrap().block_on(delete).unwrap();
    }

    fn aws_all(&self, commands: &str) -> Ran {
        for command in commands.lines() {
            self.aws(command);
        }
        Ran {
            code: Some(0),
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    /// Does what a command of the AWS CLI does, by the same requests.
    fn aws(&self, command: &str) {
        let words: Vec<_> = command.split(' ').map(|word| self.expand(word)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["aws", "s3", "cp", from, to] => self.fetch(from, to),
            ["aws", "s3", "mv", from, to] => {
                self.fetch(from, to);
                self.delete(key(from));
            }
            [
                "aws",
                "s3api",
                "put-object",
                "--bucket",
                bucket,
                "--key",
                key,
                "--body",
                file,
                "--if-none-match",
                condition,
            ] => {
                let content = fs::read(self.cloud.place.path(file)).unwrap();
                let put = self.cloud.s3.client().put_object().bucket(bucket).key(key);
                let put = put.if_none_match(condition).body(content.into());
                Runtime::new().unwrap().block_on(put.send()).unwrap();
            }
            _ => panic!("{command}"),
        }
    }

    fn fetch(&self, from: &str, to: &str) {
        let get = self.cloud.s3.client().get_object();
        let get = get.bucket(BUCKET).key(key(from)).send();
        let content = Runtime::new().unwrap().block_on(async {
            let found = get.await.unwrap();
            found.body.collect().await.unwrap().into_bytes()
        });
        self.cloud.place.write(to, content);
    }

    /// A word of a command without its quotes, with the values of its variables.
    fn expand(&self, word: &str) -> String {
        let mut word = word.replace(['"', '\''], "");
        for (name, value) in &self.variables {
            word = word.replace(&format!("${name}"), value);
        }
        assert!(!word.contains('$'), "{word}");
        word
    }
}

/// The key in the bucket of an address.
fn key(address: &str) -> &str {
    address.strip_prefix("s3://bucket/").unwrap()
}
