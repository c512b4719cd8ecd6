//! A run is killed at each of its requests, just before the service executes it and just after. The next run ends as if
//! nothing had happened. If it has a newer schema, that one is for the chunks that were not pinned yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use sluice::layout::chunk_manifest::ChunkManifest;
use sluice::ledger::Ledger;
use sluice_engine::record::SequenceNumber;

use super::{PARQUET, schema};
use crate::local::{event, events};
use crate::support::cases::at_once;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::{self, S3, Sqs};
use crate::support::lake;
use crate::support::ledgers::ledgers;
use crate::support::manifests::manifests;
use crate::support::program::{Place, Ran, Running};
use testkit::proxy::{Fault, Rule};

const OLD: &str = "old.json";
const NEW: &str = "new.json";
const BUS: &str = "bus";
const NAMED: [&str; 2] = ["--source-name", "events.ndjson"];

/// The events of a chunk: an object for each of three types, and two batches of messages.
const EVENTS: usize = 13;
/// Each chunk ends with two records that are no events.
const BROKEN: usize = 2;
const CHUNKS: usize = 2;
/// The second of these records fills a batch, which has 1 MiB. With `--chunk-records 1`, a batch is a chunk.
const BROKEN_BYTES: usize = 600 << 10;

/// How long a killed run is given before it is checked that it still runs.
const A_MOMENT: Duration = Duration::from_millis(10);

/// The objects and the chunk manifests of a lake.
type Landed = BTreeMap<String, Vec<u8>>;

/// The bodies of all messages of a record.
type Messages = BTreeMap<String, BTreeSet<String>>;

/// A run that nobody killed.
struct Reference {
    landed: Landed,
    messages: Messages,
    chunks: Vec<ChunkManifest>,
    /// How many requests it made to S3 and to SQS.
    requests: [(Service, usize); 2],
}

impl Reference {
    fn new(program: PathBuf, schema: &'static str) -> Self {
        let cloud = cloud(program);
        run(&cloud, schema);
        let service = |service| (service, cloud.proxy(service).seen().len());
        let reference = Self {
            landed: landed(&cloud),
            messages: messages(&cloud),
            chunks: manifests(&cloud.lake()).into_values().flatten().collect(),
            requests: [S3, Sqs].map(service),
        };
        reference.is_what_the_test_needs(&cloud);
        reference
    }

    /// Each event is in the lake and on the bus, in chunks of the size that the test is about.
    fn is_what_the_test_needs(&self, cloud: &Cloud) {
        let all: Vec<_> = (0..EVENTS * CHUNKS)
            .map(|n| event(n).into_bytes())
            .collect();
        cloud.holds_exactly(&all);
        assert_eq!(self.messages.len(), EVENTS * CHUNKS);
        let chunk = (EVENTS as u64, BROKEN as u64, 3, 1);
        let chunks = self.chunks.iter().map(|chunk| {
            let counts = &chunk.counts;
            let objects = (chunk.objects.len(), chunk.quarantine.len());
            (counts.events, counts.quarantined, objects.0, objects.1)
        });
        assert_eq!(chunks.collect::<Vec<_>>(), [chunk; CHUNKS]);
        assert_eq!(self.schemas().len(), 1);
        is_proven(cloud);
    }

    /// The schemas that its chunks have pinned.
    fn schemas(&self) -> BTreeSet<String> {
        let pinned = self.chunks.iter().map(|chunk| chunk.pins.schema.unwrap());
        pinned.map(|digest| digest.to_string()).collect()
    }
}

/// Two chunks in a file, two schemas, and a queue.
fn cloud(program: PathBuf) -> Cloud {
    let mut cloud = Cloud::new(1).with_queue(BUS, 262_144);
    cloud.place.use_program(program);
    let broken = format!("no event {}\n", "x".repeat(BROKEN_BYTES)).repeat(BROKEN);
    let chunk = |n| events(n * EVENTS..(n + 1) * EVENTS) + &broken;
    let chunks: String = (0..CHUNKS).map(chunk).collect();
    cloud.place.write("events.ndjson", chunks);
    cloud.place.write(OLD, schema("long"));
    cloud.place.write(NEW, schema("string"));
    cloud
}

fn with_services(cloud: &Cloud, mut command: Command) -> Command {
    let usual = cloud.command(&[]);
    let set = usual.get_envs();
    command.envs(set.filter_map(|(name, value)| Some((name, value?))));
    command
}

fn command(cloud: &Cloud, schema: &str) -> Command {
    let targets = ["--lake", "s3://bucket/lake", "--bus", "sqs:bus"];
    let chunks = ["--chunk-records", "1", "--schema", schema];
    let args = Place::landing(&[&PARQUET[..], &NAMED, &targets, &chunks].concat());
    with_services(cloud, cloud.place.command(&args))
}

/// Runs to the end.
fn run(cloud: &Cloud, schema: &str) {
    Ran::from(command(cloud, schema).output().unwrap()).succeeded();
}

/// Starts a run under the old schema and kills it at one of its requests.
fn kill(cloud: &Cloud, (service, nth): (Service, usize), fault: Fault) {
    let proxy = cloud.proxy(service);
    let rule = proxy.add(Rule::new(fault).nth(nth));
    let mut command = command(cloud, OLD);
    let log = File::create(cloud.place.path("killed.log")).unwrap();
    command.stdout(Stdio::null()).stderr(log);
    let mut killed = Running(command.spawn().unwrap());
    killed.until(|| proxy.wait_for_hits(rule, 1, A_MOMENT));
    drop(killed);
    proxy.remove_rules();
}

fn landed(cloud: &Cloud) -> Landed {
    let is_of_a_chunk = |key: &String| {
        let folders = ["event_type=", "_sluice/quarantine/", "_sluice/chunks/"];
        folders.iter().any(|folder| key.starts_with(folder)) && !key.ends_with('/')
    };
    let mut landed = lake::tree(&cloud.lake());
    landed.retain(|key, _| is_of_a_chunk(key));
    landed
}

fn messages(cloud: &Cloud) -> Messages {
    let mut messages = Messages::new();
    for message in cloud.sqs.messages(BUS) {
        let rid = message.attribute("rid").unwrap().to_owned();
        messages.entry(rid).or_default().insert(message.body);
    }
    messages
}

/// The last record that the lake's ledger has pinned or committed.
fn pinned(cloud: &Cloud) -> Option<SequenceNumber> {
    let ledger = ledgers(&cloud.lake()).into_values().next()?;
    let ledger = Ledger::parse(ledger.to_string().as_bytes()).unwrap();
    let committed = ledger.committed().map(|done| done.last);
    let pending = ledger.pending().map(|pending| pending.range.last);
    pending.max(committed)
}

/// What must be in a lake whose chunks up to a record were pinned under the old schema.
fn expected(old: &Reference, new: &Reference, pinned: Option<SequenceNumber>) -> Landed {
    let chunks = old.chunks.iter().flat_map(|chunk| {
        let of_chunk = match Some(chunk.range.last) <= pinned {
            true => &old.landed,
            false => &new.landed,
        };
        let objects = chunk.object_keys().map(ToOwned::to_owned);
        let keys = objects.chain([chunk.key()]);
        keys.map(|key| (key.clone(), of_chunk[&key].clone()))
    });
    chunks.collect()
}

/// Asserts equality without printing all bytes.
fn same(found: &Landed, expected: &Landed) {
    let keys = |landed: &Landed| landed.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected));
    for (key, bytes) in expected {
        assert!(found[key] == *bytes, "{key} differs");
    }
}

fn is_proven(cloud: &Cloud) {
    let source = ["audit", "--source", "file:events.ndjson"];
    let lake = ["--lake", "s3://bucket/lake", "--summary", "json"];
    let audit = cloud.place.command(&[&source[..], &NAMED, &lake].concat());
    let audit = with_services(cloud, audit).output().unwrap();
    let proven = Ran::from(audit).summary();
    assert_eq!(proven.0["proven"], true, "{:#}", proven.0);
    let [events, broken] = [EVENTS, BROKEN].map(|records| (records * CHUNKS) as u64);
    let counts = proven.counts(["in_lake", "quarantined", "not_yet"]);
    assert_eq!(counts, [events, broken, 0]);
}

/// Kills a run, finishes it under a schema, and compares with what nobody killed.
fn survives(
    program: PathBuf,
    [old, new]: [&Reference; 2],
    request: (Service, usize),
    (fault, schema): (Fault, &str),
) {
    let cloud = cloud(program);
    kill(&cloud, request, fault);
    let pinned = pinned(&cloud);
    run(&cloud, schema);
    let later = if schema == NEW { new } else { old };
    same(&landed(&cloud), &expected(old, later, pinned));
    assert_eq!(messages(&cloud), old.messages);
    is_proven(&cloud);
}

/// Between two requests, a run is killed twice: after the first one, and it is finished under the newer schema; and before
/// the second one, and it is finished under the same schema.
#[test]
fn a_run_can_be_killed_between_any_two_requests() {
    let mut installed = Place::new();
    installed.install();
    let program = installed.program();
    let old = Reference::new(program.clone(), OLD);
    let new = Reference::new(program.clone(), NEW);
    assert!(old.schemas().is_disjoint(&new.schemas()));
    assert_eq!(old.messages, new.messages);
    assert!(old.landed.keys().eq(new.landed.keys()));

    let requests = old.requests.iter();
    let requests = requests.flat_map(|(service, count)| (1..=*count).map(|nth| (*service, nth)));
    let requests: Vec<_> = requests.collect();
    println!("{} requests", requests.len());
    let references = [&old, &new];
    at_once(requests.iter().flat_map(|request| {
        [(Fault::Hold, OLD), (Fault::HoldAnswer, NEW)].map(|case| {
            let name = format!("{:?}: {request:?}, then {}", case.0, case.1);
            let program = program.clone();
            let case = move || survives(program, references, *request, case);
            (name, case)
        })
    }));
}
