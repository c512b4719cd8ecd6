//! A stream and a lake in S3.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sluice::source::aggregate::Aggregator;

use super::Audited;
use crate::support::cloud::{Cloud, SHARD, STREAM, Service, events, uuid};
use crate::support::lake;
use crate::support::program::{Place, Ran, Running};
use testkit::environment;
use testkit::proxy::{Fault, Proxy, Rule};
use testkit::s3::S3;
use testkit::sqs::Sqs;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Audits the stream. If nobody else works on it, asserts that the audit changed nothing.
fn audit_running(cloud: &Cloud, more: &[&str]) -> Audited {
    let run = cloud.command(&[]);
    let mut audit = cloud
        .place
        .command(&["audit", "--source", "kinesis:events"]);
    audit.args(["--lake", "s3://bucket/lake", "--summary", "json"]);
    audit.args(more);
    let environment = run.get_envs();
    audit.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    Audited::of(audit.output().unwrap().into())
}

pub(crate) fn audit(cloud: &Cloud, more: &[&str]) -> Audited {
    let before = lake::tree(&cloud.lake());
    let audited = audit_running(cloud, more);
    assert!(
        lake::tree(&cloud.lake()) == before,
        "the audit changed something"
    );
    audited
}

fn put_aggregate(cloud: &Cloud, events: &[Vec<u8>]) {
    let mut aggregator = Aggregator::new(50_000);
    for event in events {
        aggregator.push(&uuid(event), event);
    }
    aggregator.push("broken", b"no event");
    let (key, data) = aggregator.finish().unwrap();
    cloud.kinesis.put(STREAM, &key, &data);
}

/// A stream with a split, a merge, aggregates and quarantined records, and several configurations.
fn eventful() -> Cloud {
    let cloud = Cloud::new(2);
    let events = events(900, 31);
    cloud.put_all(&events[..300]);
    put_aggregate(&cloud, &events[300..350]);
    cloud.catch_up(&["--chunk-records", "40"]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[350..600]);
    cloud.kinesis.put(STREAM, "key", b"broken");
    let date = r#"{"partition_by":["date"]}"#;
    cloud.catch_up(&["--transform-config", date, "--compression", "gzip"]);
    cloud
        .kinesis
        .merge(STREAM, "shardId-000000000002", "shardId-000000000003");
    cloud.put_all(&events[600..]);
    put_aggregate(&cloud, &events[..20]);
    cloud.catch_up(&["--compression", "none"]);
    cloud
}

#[test]
fn a_stream_with_splits_merges_and_aggregates_is_proven() {
    let cloud = eventful();
    cloud.s3.keys_per_page(7);
    let proven = audit(&cloud, &[]).proven();
    let counts = proven.counts(["in_lake", "quarantined", "not_yet", "gone"]);
    assert_eq!(counts, [920, 3, 0, 0]);
    cloud.put_all(&events(10, 32));
    assert_eq!(
        audit(&cloud, &[]).proven().counts(["in_lake", "not_yet"]),
        [920, 10]
    );
}

#[test]
fn records_past_the_retention_of_the_stream_are_counted() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(100, 33));
    cloud.catch_up(&[]);
    cloud.put_all(&events(50, 34));
    cloud.catch_up(&[]);
    let records = cloud.kinesis.records(STREAM);
    cloud
        .kinesis
        .trim(STREAM, SHARD, &records[9].sequence_number);
    let counts = ["in_lake", "gone"];
    assert_eq!(audit(&cloud, &[]).proven().counts(counts), [50, 100]);
    cloud
        .kinesis
        .trim(STREAM, SHARD, &records[149].sequence_number);
    let proven = audit(&cloud, &[]).proven();
    assert_eq!(proven.counts(counts), [0, 150]);
    assert!(proven.count("objects_gone") > 0);
}

#[test]
fn records_from_before_the_pipeline_are_not_missing() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(50, 35));
    cloud.catch_up(&["--start", "latest"]);
    cloud.put_all(&events(20, 36));
    cloud.catch_up(&[]);
    assert_eq!(
        audit(&cloud, &[]).proven().counts(["in_lake", "gone"]),
        [20, 0]
    );
}

/// Objects that land during the audit are not findings.
#[test]
fn a_running_pipeline_is_audited_without_findings() {
    let cloud = Cloud::new(2);
    let mut worker = Running(cloud.worker());
    for (round, part) in events(1_000, 37).chunks(200).enumerate() {
        cloud.put_all(part);
        let landed = || lake::all_events(&cloud.lake()).len();
        worker.until(|| landed() > round * 200);
        let proven = audit_running(&cloud, &[]).proven();
        assert!(proven.count("in_lake") >= round as u64 * 200);
    }
    worker.until(|| lake::all_events(&cloud.lake()).len() == 1_000);
    drop(worker);
    cloud.catch_up(&[]);
    assert_eq!(audit(&cloud, &[]).proven().count("in_lake"), 1_000);
}

/// An object of the shard's events: its path, and the record id of its first line.
fn an_object(cloud: &Cloud) -> (String, String) {
    let keys = super::object_keys(&cloud.lake());
    let keys: Vec<_> = keys.into_iter().filter(|key| key.contains(SHARD)).collect();
    let key = keys
        .into_iter()
        .find(|key| key.starts_with("event_type="))
        .unwrap();
    let stem = key.strip_suffix(".ndjson.zst").unwrap();
    let line = lake::objects(&cloud.lake())[stem]
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let records = cloud.kinesis.records(STREAM);
    let of_line = |data: &[u8]| !data.starts_with(b"\xf3") && uuid(data) == uuid(line.as_bytes());
    let record = records.iter().find(|record| of_line(&record.data)).unwrap();
    (key, format!("{STREAM}-{SHARD}:{}", record.sequence_number))
}

#[test]
fn a_fault_in_s3_is_named_by_its_record() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(200, 38));
    cloud.catch_up(&[]);
    let (key, record) = an_object(&cloud);
    fs::remove_file(cloud.lake().join(&key)).unwrap();
    let found = audit(&cloud, &[]).disproven();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["kind"], "missing_object");
    assert_eq!(
        (&found[0]["object"], &found[0]["record"]),
        (&json!(key), &json!(record))
    );
}

/// A lifecycle rule of the bucket removes objects. The chunk manifests say when their records arrived.
#[test]
fn objects_that_have_expired_from_the_lake_are_counted() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(200, 39));
    cloud.catch_up(&[]);
    let (key, _) = an_object(&cloud);
    fs::remove_file(cloud.lake().join(&key)).unwrap();
    for mode in [&[][..], &["--quick"]] {
        let with = |age| audit(&cloud, &[mode, &["--expired-after", age]].concat());
        let found = with("1h").has_findings(if mode.is_empty() {
            "proven"
        } else {
            "consistent"
        });
        assert_eq!(found.len(), 1, "{found:#?}");
        let expired = with("0s");
        assert_eq!(expired.ran.code, Some(0), "{:#}", expired.json.0);
        assert_eq!(expired.json.counts(["objects_expired", "wrong"]), [1, 0]);
    }
}

/// The audit is given neither rule. Each chunk says by which it was made.
#[test]
fn chunks_that_keep_misplaced_records_and_chunks_that_drop_them_are_proven() {
    let cloud = Cloud::new(2);
    let all = events(80, 40);
    let mut records = Vec::new();
    for (part, rule) in all.chunks(20).zip(["keep", "drop", "keep", "drop"]) {
        put_aggregate(&cloud, part);
        let landed = cloud.catch_up(&["--misplaced-records", rule]);
        records.push(landed.count("records"));
        assert_eq!(landed.count("misplaced_records") > 0, rule == "drop");
    }
    let proven = audit(&cloud, &[]).proven();
    let counts = proven.counts(["in_lake", "quarantined", "not_yet"]);
    assert_eq!(counts.iter().sum::<u64>(), records.iter().sum::<u64>());
    assert_eq!(counts[2], 0);
}

/// The audit is not told that the range was pinned without its misplaced records.
#[test]
fn a_pending_range_is_counted_as_it_was_pinned() {
    let cloud = Cloud::new(2);
    put_aggregate(&cloud, &events(40, 42));
    let held = Rule::new(Fault::Hold).method("PUT").path("event_type");
    let held = cloud.proxy(Service::S3).add(held);
    let worker = cloud.worker_with_log("killed.log", &["--misplaced-records", "drop"]);
    let came = cloud.proxy(Service::S3).wait_for_hits(held, 1, TIMEOUT);
    assert!(came, "{}", cloud.log("killed.log"));
    // A request of the worker that S3 executes after the worker is gone would change the lake during the audit. So all
    // further ones are held, and stay so.
    let all = cloud
        .proxy(Service::S3)
        .add(Rule::new(Fault::Hold).times(usize::MAX));
    assert!(cloud.proxy(Service::S3).wait_until_answered(TIMEOUT));
    drop(worker);
    cloud.proxy(Service::S3).remove(all);
    let pending = audit(&cloud, &[]).proven().count("pending");
    cloud.proxy(Service::S3).remove_rules();
    assert!((1..41).contains(&pending), "{pending}");
}

#[test]
fn records_behind_the_end_of_a_finished_shard_are_lost() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(50, 39));
    cloud.catch_up(&[]);
    cloud.put_all(&events(1, 40));
    let path = cloud
        .lake()
        .join(format!("_sluice/ledger/{STREAM}-{SHARD}.json"));
    let mut ledger: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    ledger["finished"] = true.into();
    fs::write(path, ledger.to_string()).unwrap();
    let found = audit(&cloud, &[]).disproven();
    let last = &cloud.kinesis.records(STREAM)[50].sequence_number;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["kind"], "never_read");
    assert_eq!(found[0]["record"], format!("{STREAM}-{SHARD}:{last}"));
}

#[test]
fn a_shard_that_the_stream_no_longer_lists_is_gone() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(50, 41));
    cloud.catch_up(&[]);
    for folder in ["_sluice/ledger/", "_sluice/chunks/", "event_type="] {
        for (path, bytes) in lake::tree(&cloud.lake()) {
            if path.starts_with(folder) && path.contains(SHARD) && !path.ends_with('/') {
                let old = path.replace(SHARD, "shardId-000000000099");
                let text = String::from_utf8_lossy(&bytes).replace(SHARD, "shardId-000000000099");
                let bytes = if folder.contains("_sluice") {
                    text.into_bytes()
                } else {
                    bytes
                };
                put(&cloud, &old, bytes);
            }
        }
    }
    let proven = audit_running(&cloud, &[]).proven();
    assert_eq!(
        proven.counts(["in_lake", "gone", "objects_of_others"]),
        [50, 50, 0]
    );
}

/// Puts an object without the program.
fn put(cloud: &Cloud, key: &str, bytes: Vec<u8>) {
    let client = cloud.s3.client();
    let put = client
        .put_object()
        .bucket("bucket")
        .key(format!("lake/{key}"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(put.body(bytes.into()).send()).unwrap();
}

/// A file that lands in S3, behind a proxy, and in SQS.
struct Services {
    place: Place,
    proxy: Proxy,
    sqs: Sqs,
    _s3: S3,
}

impl Services {
    fn new(content: &str) -> Self {
        let (s3, sqs) = (S3::start(), Sqs::start());
        s3.bucket("bucket");
        sqs.create_queue("bus", 4_096);
        let place = Place::new();
        place.write("events.ndjson", content);
        Self {
            place,
            proxy: Proxy::start(&s3.endpoint),
            sqs,
            _s3: s3,
        }
    }

    fn command(&self, what: &str) -> Command {
        let mut args = Place::landing(&["--lake", "s3://bucket/lake", "--bus", "sqs:bus"]);
        what.clone_into(&mut args[0]);
        args.extend(["--retry-timeout".into(), "3s".into()]);
        let mut command = self.place.command(&args);
        command.envs(environment());
        command.env("AWS_ENDPOINT_URL_S3", &self.proxy.endpoint);
        command.env("AWS_ENDPOINT_URL_SQS", &self.sqs.endpoint);
        command
    }

    fn audit(&self) -> Audited {
        Audited::of(self.command("audit").output().unwrap().into())
    }
}

#[test]
fn s3_errors_are_retried() {
    let services = Services::new(&crate::local::events(0..300));
    Ran::from(services.command("run").output().unwrap()).succeeded();
    for fault in [
        Rule::new(Fault::s3(503, "SlowDown")).path("list-type"),
        Rule::new(Fault::s3(500, "InternalError"))
            .path("event_type")
            .nth(2),
        Rule::new(Fault::TruncateBody(100))
            .path("event_type")
            .nth(5),
    ] {
        services.proxy.add(fault.method("GET").times(3));
    }
    let before = services.proxy.seen().len();
    let proven = services.audit().proven();
    assert_eq!(proven.counts(["in_lake", "messages"]), [300, 0]);
    assert!(
        proven.0["notes"]
            .to_string()
            .contains("a queue cannot be read back")
    );
    let sent = services.sqs.messages("bus").len();
    assert_eq!(sent, 300, "the audit sent something");
    let seen = services.proxy.seen();
    let audited = &seen[before..];
    assert!(
        audited.iter().all(|seen| seen.method == "GET"),
        "{audited:?}"
    );
}

/// XML, which S3 and SQS use, cannot hold every character of a key.
#[test]
fn keys_of_any_characters_are_found() {
    let kinds = ["a b", "a+b", "50%", "é\u{ffff}", "a/b=c"];
    let line = |kind: &&str| {
        let event = json!({ "event_uuid": "u", "event_name": kind, "created_at": 0 });
        format!("{event}\n")
    };
    let services = Services::new(&kinds.iter().map(line).collect::<String>());
    Ran::from(services.command("run").output().unwrap()).succeeded();
    assert_eq!(
        services.audit().proven().counts(["in_lake", "objects"]),
        [5, 5]
    );
}
