//! A stream, a bucket and the program between them, with every record told from every other.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sluice::generate::{Events, Plan};

use super::aws::environment;
use super::aws::kinesis::Kinesis;
use super::aws::s3::S3;
use super::lake;
use super::program::{Place, Ran, Summary};

/// The stream, and its first shard.
pub(crate) const STREAM: &str = "events";
pub(crate) const SHARD: &str = "shardId-000000000000";

/// A stream, a bucket, and a folder to work in.
pub(crate) struct Cloud {
    pub(crate) kinesis: Kinesis,
    pub(crate) s3: S3,
    bucket: PathBuf,
    pub(crate) place: Place,
}

impl Cloud {
    pub(crate) fn new(shards: usize) -> Self {
        let (kinesis, s3) = (Kinesis::start(), S3::start());
        kinesis.create_stream(STREAM, shards);
        let bucket = s3.bucket("bucket");
        Self {
            kinesis,
            s3,
            bucket,
            place: Place::new(),
        }
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.bucket.join("lake")
    }

    pub(crate) fn command(&self, more: &[&str]) -> Command {
        self.command_on("kinesis:events", more)
    }

    pub(crate) fn command_on(&self, source: &str, more: &[&str]) -> Command {
        let mut args = vec!["run", "--source", source, "--lake", "s3://bucket/lake"];
        args.extend(["--lease", "1s", "--chunk-age", "100ms", "--summary", "json"]);
        args.extend(more);
        let mut command = self.place.command(&args);
        command.envs(environment());
        // The default port is for one worker on a machine.
        command.env("SLUICE_HTTP", "none");
        command.env("AWS_ENDPOINT_URL_S3", &self.s3.endpoint);
        command.env("AWS_ENDPOINT_URL_KINESIS", &self.kinesis.endpoint);
        command
    }

    pub(crate) fn catch_up(&self, more: &[&str]) -> Summary {
        let mut command = self.command(more);
        command.arg("--until-caught-up");
        Ran::from(command.output().unwrap()).summary()
    }

    pub(crate) fn worker(&self) -> Child {
        let mut command = self.command(&["--chunk-records", "40"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub(crate) fn put_all(&self, events: &[Vec<u8>]) {
        for event in events {
            self.kinesis.put(STREAM, &uuid(event), event);
        }
    }

    pub(crate) fn ledger(&self, shard: &str) -> Value {
        let path = self
            .lake()
            .join(format!("_sluice/ledger/{STREAM}-{shard}.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// Asserts that the lake has each of these events once and no other.
    pub(crate) fn holds_exactly(&self, events: &[Vec<u8>]) {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for line in lake::all_events(&self.lake()) {
            *found.entry(uuid(line.as_bytes())).or_default() += 1;
        }
        let twice: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "landed more than once: {twice:?}");
        let lost: Vec<_> = events
            .iter()
            .map(|e| uuid(e))
            .filter(|id| !found.contains_key(id))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert_eq!(found.len(), events.len());
    }
}

pub(crate) fn uuid(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).unwrap();
    event["event_uuid"].as_str().unwrap().to_owned()
}

pub(crate) fn events(count: u64, seed: u64) -> Vec<Vec<u8>> {
    let plan = Plan {
        events: count,
        types: 5,
        seed,
        duplicates: 0.0,
        malformed: 0.0,
        late: 0.0,
    };
    let mut events = Events::new(&plan).unwrap();
    let mut made = Vec::new();
    loop {
        let mut event = Vec::new();
        if events.next_into(&mut event).is_none() {
            return made;
        }
        made.push(event);
    }
}

/// Sends a signal, such as `TERM`.
pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(sent.unwrap().success());
}
