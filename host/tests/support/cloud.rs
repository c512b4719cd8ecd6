//! A stream, a bucket and the program between them. All records are different.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use sluice::generate::{Events, GeneratorPlan};

use super::lake;
use super::program::{Place, Ran, Running, Summary};
use testkit::environment;
use testkit::kinesis::Kinesis;
use testkit::proxy::Proxy;
use testkit::s3::S3;
use testkit::sqs::Sqs;

/// The stream, and its first shard.
pub(crate) const STREAM: &str = "events";
pub(crate) const SHARD: &str = "shardId-000000000000";

/// The number of partition keys that records share.
const KEYS: usize = 7;

/// A service that the program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Kinesis,
    Sqs,
}

/// A stream, a bucket, an optional queue, a proxy in front of each service, and a working folder.
pub(crate) struct Cloud {
    pub(crate) kinesis: Kinesis,
    pub(crate) s3: S3,
    pub(crate) sqs: Sqs,
    proxies: [Proxy; 3],
    /// The bucket, as a folder.
    pub(crate) bucket: PathBuf,
    /// The queue that is the bus.
    pub(crate) queue: Option<String>,
    pub(crate) place: Place,
}

impl Cloud {
    pub(crate) fn new(shards: usize) -> Self {
        Self::with(S3::start(), Place::new(), shards)
    }

    /// The same with the bucket in the working folder, which [`Place::keep`] keeps too.
    pub(crate) fn in_one_place(shards: usize) -> Self {
        let place = Place::new();
        let root = place.path("s3");
        fs::create_dir(&root).unwrap();
        Self::with(S3::start_at(root), place, shards)
    }

    fn with(s3: S3, place: Place, shards: usize) -> Self {
        let (kinesis, sqs) = (Kinesis::start(), Sqs::start());
        kinesis.create_stream(STREAM, shards);
        Self {
            bucket: s3.bucket("bucket"),
            proxies: [&s3.endpoint, &kinesis.endpoint, &sqs.endpoint].map(|url| Proxy::start(url)),
            kinesis,
            s3,
            sqs,
            queue: None,
            place,
        }
    }

    /// The same with a queue of this name as the bus, which accepts messages of this many bytes.
    pub(crate) fn with_queue(mut self, name: &str, max_bytes: usize) -> Self {
        self.sqs.create_queue(name, max_bytes);
        self.queue = Some(name.to_owned());
        self
    }

    /// The proxy in front of a service.
    pub(crate) fn proxy(&self, service: Service) -> &Proxy {
        &self.proxies[service as usize]
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.bucket.join("lake")
    }

    pub(crate) fn command(&self, more: &[&str]) -> Command {
        self.command_on("kinesis:events", more)
    }

    pub(crate) fn command_on(&self, source: &str, more: &[&str]) -> Command {
        let mut args = vec!["run", "--source", source, "--lake", "s3://bucket/lake"];
        args.extend(["--summary", "json"]);
        if source.starts_with("kinesis:") {
            args.extend(["--lease", "1s"]);
            if !more.contains(&"--chunk-age") {
                args.extend(["--chunk-age", "100ms"]);
            }
        }
        let bus = self.queue.as_ref().map(|name| format!("sqs:{name}"));
        args.extend(bus.iter().flat_map(|bus| ["--bus", bus]));
        args.extend(more);
        let mut command = self.place.command(&args);
        command.envs(environment());
        // The default port is for one worker per machine.
        command.env("SLUICE_HTTP", "none");
        let names = ["S3", "KINESIS", "SQS"].map(|name| format!("AWS_ENDPOINT_URL_{name}"));
        command.envs(names.iter().zip(self.proxies.iter().map(|p| &p.endpoint)));
        command
    }

    pub(crate) fn catch_up(&self, more: &[&str]) -> Summary {
        let mut command = self.command(more);
        command.arg("--exit-when-caught-up");
        Ran::from(command.output().unwrap()).summary()
    }

    pub(crate) fn worker(&self) -> Child {
        let mut command = self.command(&["--chunk-records", "40"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// A worker that runs until it is stopped, with its log in a file of this name.
    pub(crate) fn worker_with_log(&self, name: &str, more: &[&str]) -> Running {
        let mut command = self.command(more);
        let log = fs::File::create(self.place.path(name)).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap())
    }

    /// The log of a worker.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.place.path(name)).unwrap()
    }

    /// Puts records under a few partition keys.
    pub(crate) fn put_by_keys(&self, records: &[Vec<u8>]) {
        for (n, record) in records.iter().enumerate() {
            self.kinesis
                .put(STREAM, &format!("key-{}", n % KEYS), record);
        }
    }

    pub(crate) fn put_all(&self, events: &[Vec<u8>]) {
        for event in events {
            self.kinesis.put(STREAM, &uuid(event), event);
        }
    }

    pub(crate) fn ledger(&self, shard: &str) -> Value {
        let path = self.lake().join(ledger_name(shard));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// Writes a ledger, whoever owns it.
    pub(crate) fn put_ledger(&self, shard: &str, ledger: &Value) {
        let key = format!("lake/{}", ledger_name(shard));
        self.put_object(&key, ledger.to_string().into_bytes());
    }

    /// Makes the records of a shard up to this one expire, and the checkpoint with them: what is known of
    /// the shard is older than the stream keeps records.
    pub(crate) fn expire(&self, shard: &str, up_to: &str) {
        const LONGER_THAN_RETENTION_MS: i64 = 25 * 60 * 60 * 1000;
        self.kinesis.trim(STREAM, shard, up_to);
        let mut ledger = self.ledger(shard);
        let known = &mut ledger["lease"]["caught_up_to"];
        if let Some(moment) = known.as_i64() {
            *known = (moment - LONGER_THAN_RETENTION_MS).into();
        }
        self.put_ledger(shard, &ledger);
    }

    /// Puts an object into the bucket.
    pub(crate) fn put_object(&self, key: &str, content: Vec<u8>) {
        self.put_objects([(key.to_owned(), content)]);
    }

    /// Puts objects into the bucket, some at once.
    pub(crate) fn put_objects(&self, objects: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let client = self.s3.client();
        let puts = objects.into_iter().map(|(key, content)| {
            let put = client.put_object().bucket("bucket").key(key);
            put.body(content.into()).send()
        });
        let puts = stream::iter(puts).buffer_unordered(16);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(puts.for_each(async |put| drop(put.unwrap())));
    }

    /// Removes an object of the bucket.
    pub(crate) fn remove_object(&self, key: &str) {
        let client = self.s3.client();
        let delete = client.delete_object().bucket("bucket").key(key);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(delete.send()).unwrap();
    }

    /// Asserts that the lake has each of these events once and no others.
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

fn ledger_name(shard: &str) -> String {
    format!("_sluice/ledger/{STREAM}-{shard}.json")
}

pub(crate) fn uuid(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).unwrap();
    event["event_uuid"].as_str().unwrap().to_owned()
}

pub(crate) fn events(count: u64, seed: u64) -> Vec<Vec<u8>> {
    let plan = GeneratorPlan {
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

/// Events, with an invalid one in every ten records.
pub(crate) fn records(count: u64, seed: u64) -> Vec<Vec<u8>> {
    let mut records = events(count, seed);
    for (n, record) in records.iter_mut().enumerate().skip(4).step_by(10) {
        *record = format!("no event {n}").into_bytes();
    }
    records
}
