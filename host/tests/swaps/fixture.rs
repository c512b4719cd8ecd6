//! A registry, a stream, a worker that follows the registry, and releases with different stamps.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::metrics::watched::{Watched, status};
use crate::support::cloud::{Cloud, STREAM, Service};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::{Ran, Running};
use testkit::environment;
use testkit::proxy::{Fault, Rule};

/// The timeout of everything that the program does.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where the registry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    InFolder,
    InS3,
}

/// The environment of a test.
pub(crate) struct ReleaseFixture {
    pub(crate) cloud: Cloud,
    kept: Kept,
    records: usize,
}

impl ReleaseFixture {
    pub(crate) fn new(shards: usize, kept: Kept) -> Self {
        Self {
            cloud: Cloud::new(shards),
            kept,
            records: 0,
        }
    }

    pub(crate) fn registry(&self) -> &'static str {
        match self.kept {
            Kept::InFolder => "file:registry",
            Kept::InS3 => "s3://bucket/registry",
        }
    }

    /// A file of the registry, if that is a folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        assert_eq!(self.kept, Kept::InFolder);
        self.cloud.place.path("registry").join(name)
    }

    /// `sluice transform …` on the registry.
    pub(crate) fn tool(&self, args: &[&str]) -> Command {
        let mut all = vec!["transform"];
        all.extend(args);
        all.extend(["--registry", self.registry()]);
        let mut command = self.cloud.place.command(&all);
        command.envs(environment());
        command.env(
            "AWS_ENDPOINT_URL_S3",
            &self.cloud.proxy(Service::S3).endpoint,
        );
        command
    }

    pub(crate) fn transform(&self, args: &[&str]) -> Ran {
        Ran::from(self.tool(args).output().unwrap())
    }

    /// Publishes a component and returns the id of the release.
    pub(crate) fn publish(&self, component: &[u8], more: &[&str]) -> String {
        self.cloud.place.write("new.wasm", component);
        let mut args = vec!["publish", "new.wasm"];
        args.extend(more);
        self.transform(&args).succeeded().stdout.trim().to_owned()
    }

    /// Publishes a release of the misbehaving transform with this configuration.
    pub(crate) fn stamped(&self, config: &Value) -> String {
        self.publish(
            &rogue().by_record,
            &["--transform-config", &config.to_string()],
        )
    }

    /// Golden cases, in the folder `cases`, that a release with this stamp passes.
    pub(crate) fn write_cases(&self, stamp: &str) {
        let event = format!(r#"{{"echo":"hello","sequence":"0","stamp":"{stamp}"}}"#);
        let result = format!(r#"{{"event":{event},"partition":"","routes":["lake","bus"]}}"#);
        self.cloud.place.write("cases/hello.in.json", "hello\n");
        self.cloud
            .place
            .write("cases/hello.out.ndjson", result + "\n");
    }

    pub(crate) fn activate(&self, release: &str, more: &[&str]) {
        let mut args = vec!["activate", release];
        args.extend(more);
        self.transform(&args).succeeded();
    }

    /// The content of the registry.
    pub(crate) fn active(&self) -> Value {
        let listed = self.transform(&["list", "--json"]).succeeded().stdout;
        serde_json::from_str::<Value>(&listed).unwrap()["rollout"].clone()
    }

    /// The arguments of a worker that follows the registry.
    pub(crate) fn worker(&self, more: &[&str]) -> Command {
        fs::write(self.cloud.place.path("rogue.wasm"), &rogue().by_record).unwrap();
        let mut args = vec![
            "--transform",
            "rogue.wasm",
            "--transform-config",
            r#"{"stamp":"own"}"#,
        ];
        args.extend(["--registry", self.registry(), "--registry-poll", "100ms"]);
        args.extend(["--log-level", "info"]);
        if !more.contains(&"--chunk-records") {
            args.extend(["--chunk-records", "200"]);
        }
        args.extend(more);
        self.cloud.command(&args)
    }

    pub(crate) fn watched(&self, more: &[&str]) -> Watched {
        Watched::start(&mut self.worker(more))
    }

    /// Runs a worker until it has written a chunk, and kills it before it can commit.
    pub(crate) fn is_killed_before_its_commit(&self) {
        let commit = Rule::new(Fault::Hold).method("PUT").path("_sluice/ledger");
        let proxy = self.cloud.proxy(Service::S3);
        let commit = proxy.add(commit.body("\"committed\": {"));
        let mut worker = self.worker(&[]);
        worker.stdout(Stdio::null()).stderr(Stdio::null());
        let killed = Running(worker.spawn().unwrap());
        assert!(proxy.wait_for_hits(commit, 1, TIMEOUT));
        drop(killed);
        proxy.remove_rules();
        proxy.release_held();
    }

    /// Puts this many more records.
    pub(crate) fn put(&mut self, count: usize) {
        self.put_each(count, |n| format!("record {n}"));
    }

    /// Puts this many more records that are JSON.
    pub(crate) fn put_json(&mut self, count: usize) {
        self.put_each(count, |n| format!(r#"{{"echo":"record {n}"}}"#));
    }

    fn put_each(&mut self, count: usize, record: impl Fn(usize) -> String) {
        for n in self.records..self.records + count {
            let record = record(n);
            self.cloud
                .kinesis
                .put(STREAM, &n.to_string(), record.as_bytes());
        }
        self.records += count;
    }

    /// The number of records.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// The number of records in the lake.
    pub(crate) fn landed(&self) -> usize {
        lake::all_events(&self.cloud.lake()).len()
    }

    /// The stamps of all records in the lake, by record. Each record is there once, and each object
    /// is of one release.
    pub(crate) fn stamps(&self) -> BTreeMap<usize, String> {
        let mut stamps = BTreeMap::new();
        let mut releases: BTreeMap<String, String> = BTreeMap::new();
        for (path, content) in lake::objects(&self.cloud.lake()) {
            if path.starts_with("_sluice/") {
                continue;
            }
            let short = path.rsplit_once('-').unwrap().1.to_owned();
            for line in content.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let stamp = line["stamp"].as_str().unwrap().to_owned();
                let of_release = releases.entry(short.clone()).or_insert(stamp.clone());
                assert_eq!(*of_release, stamp, "{path} is of two releases");
                let number = line["echo"].as_str().unwrap().strip_prefix("record ");
                let number = number.unwrap().parse().unwrap();
                assert_eq!(stamps.insert(number, stamp), None, "{number} landed twice");
            }
        }
        stamps
    }

    /// Asserts that every record landed once, by a release with one of these stamps.
    pub(crate) fn assert_complete(&self, allowed: &[&str]) {
        let stamps = self.stamps();
        let numbers: Vec<_> = stamps.keys().copied().collect();
        assert_eq!(numbers, (0..self.records).collect::<Vec<_>>());
        for (number, stamp) in stamps {
            assert!(allowed.contains(&&*stamp), "{number}: {stamp}");
        }
    }
}

/// A configuration with a stamp.
pub(crate) fn stamp(stamp: &str) -> Value {
    json!({ "stamp": stamp })
}

/// Waits until a worker uses a release.
pub(crate) fn wait_until_active(worker: &mut Watched, release: &str) {
    worker.until(|at| status(at)["release"] == release);
}

/// Waits until a release has failed admission in a worker, and returns the step and the error.
pub(crate) fn admission_error(worker: &mut Watched, release: &str) -> (String, String) {
    let found = |status: &Value| {
        let errors = status["rollouts"]["admission_errors"].as_array().unwrap();
        errors
            .iter()
            .find(|error| error["release"] == release)
            .cloned()
    };
    worker.until(|at| found(&status(at)).is_some());
    let error = found(&status(worker.address)).unwrap();
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (text("step"), text("why"))
}
