//! S3 and SQS as targets: what lands, and what happens when they fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use aws_sdk_s3::primitives::ByteStream;

use crate::support::lake;
use crate::support::program::{Place, Ran, Running, Summary};
use testkit::environment;
use testkit::proxy::{Fault, Proxy, Rule};
use testkit::rpc::Failure;
use testkit::s3::S3;
use testkit::sqs::Sqs;

const EVENTS: usize = 300;

/// A bucket behind a proxy, a queue, and a file of events.
pub(crate) struct Services {
    bucket: PathBuf,
    s3: S3,
    pub(crate) proxy: Proxy,
    sqs: Sqs,
    pub(crate) place: Place,
}

impl Services {
    pub(crate) fn new() -> Self {
        let (s3, sqs) = (S3::start(), Sqs::start());
        let place = Place::new();
        let mut file = String::new();
        for n in 0..EVENTS {
            file += &format!(
                "{{\"event_uuid\":\"u{n}\",\"event_name\":\"type{}:x\",\"created_at\":{n}}}\n",
                n % 5
            );
        }
        place.write("events.ndjson", file);
        Self {
            bucket: s3.bucket("bucket"),
            proxy: Proxy::start(&s3.endpoint),
            s3,
            sqs,
            place,
        }
    }

    pub(crate) fn command(&self, bus: &str) -> Command {
        let lake = [
            "--lake",
            "s3://bucket/lake",
            "--bus",
            bus,
            "--chunk-records",
            "1",
        ];
        self.environment(self.place.command(&Place::landing(&lake)))
    }

    /// The command with the services in its environment.
    pub(crate) fn environment(&self, mut command: Command) -> Command {
        command.envs(environment());
        command.env("AWS_ENDPOINT_URL_S3", &self.proxy.endpoint);
        command.env("AWS_ENDPOINT_URL_SQS", &self.sqs.endpoint);
        command
    }

    fn land(&self, bus: &str) -> Summary {
        Ran::from(self.command(bus).output().unwrap()).summary()
    }

    /// Writes an object without the program.
    fn put(&self, key: &str, content: &'static [u8]) {
        let put = self.s3.client().put_object().bucket("bucket").key(key);
        let put = put.body(ByteStream::from_static(content));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(put.send()).unwrap();
    }

    fn remove(&self, key: &str) {
        let remove = self.s3.client().delete_object().bucket("bucket").key(key);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(remove.send()).unwrap();
    }

    fn lake(&self) -> PathBuf {
        self.bucket.join("lake")
    }

    /// Asserts that each event is in the lake once.
    fn lake_is_whole(&self) {
        let events = lake::all_events(&self.lake());
        let distinct: BTreeSet<_> = events.iter().collect();
        assert_eq!((events.len(), distinct.len()), (EVENTS, EVENTS));
    }
}

#[test]
fn a_file_lands_in_s3_and_sqs() {
    let services = Services::new();
    services.sqs.create_queue("bus", 262_144);
    let summary = services.land("sqs:bus");
    assert_eq!(
        summary.counts(["records", "events", "messages"]),
        [300, 300, 300]
    );
    services.lake_is_whole();
    let mut bodies: Vec<_> = services
        .sqs
        .messages("bus")
        .into_iter()
        .map(|m| m.body)
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, lake::all_events(&services.lake()));
    let message = &services.sqs.messages("bus")[0];
    assert_eq!(message.attribute("release"), Some(summary.release()));
    assert!(
        message
            .attribute("rid")
            .is_some_and(|rid| rid.starts_with("events.ndjson-"))
    );
    assert!(
        message
            .attribute("event_type")
            .is_some_and(|of| of.starts_with("type"))
    );
    assert_eq!(services.land("sqs:bus").count("records"), 0);
    assert_eq!(services.sqs.messages("bus").len(), EVENTS);
}

#[test]
fn if_a_batch_is_accepted_in_part_only_the_rest_is_sent_again() {
    let services = Services::new();
    services.sqs.create_queue("bus", 262_144);
    services.sqs.fail_entries(&[0, 3, 9]);
    services.sqs.fail_entries(&[1]);
    services.land("sqs:bus");
    let messages = services.sqs.messages("bus");
    let rids: BTreeSet<_> = messages
        .iter()
        .map(|message| message.attribute("rid"))
        .collect();
    assert_eq!((rids.len(), messages.len()), (EVENTS, EVENTS));
}

/// A message that the queue rejects permanently is neither retried nor left out.
#[test]
fn a_message_that_the_queue_rejects_ends_the_run_at_once_and_is_named() {
    let services = Services::new();
    services.sqs.create_queue("bus", 262_144);
    let rejected = Failure::new("InvalidMessageContents", "not this one");
    services.sqs.fail_entries_with(&[2], &rejected);
    let mut command = services.command("sqs:bus");
    command.args(["--retry-timeout", "1h"]);
    let ran = Ran::from(command.output().unwrap());
    ran.failed(1, &["the message of record events.ndjson-", "not this one"]);
    assert!(services.sqs.messages("bus").len() < EVENTS);
    services.land("sqs:bus");
    services.lake_is_whole();
    let rids: BTreeSet<_> = services
        .sqs
        .messages("bus")
        .iter()
        .map(|message| message.attribute("rid").unwrap().to_owned())
        .collect();
    assert_eq!(rids.len(), EVENTS);
}

#[test]
fn a_chunk_with_a_rejected_message_can_be_finished_without_a_bus() {
    let services = Services::new();
    services.sqs.create_queue("bus", 262_144);
    let rejected = Failure::new("InvalidMessageContents", "not this one");
    services.sqs.fail_entries_with(&[2], &rejected);
    Ran::from(services.command("sqs:bus").output().unwrap()).failed(1, &["--bus none"]);
    services.land("none");
    services.lake_is_whole();
}

#[test]
fn a_throttled_send_is_retried() {
    let services = Services::new();
    services.sqs.create_queue("bus", 262_144);
    for code in ["RequestThrottled", "KmsAccessDenied"] {
        let rejected = Failure::new(code, "later");
        services.sqs.fail_entries_with(&[0, 1], &rejected);
    }
    services.land("sqs:bus");
    assert_eq!(services.sqs.messages("bus").len(), EVENTS);
}

#[test]
fn a_queue_with_too_small_messages_is_rejected_before_anything_is_written() {
    let services = Services::new();
    services.sqs.create_queue("bus", 1_024);
    let ran = Ran::from(services.command("sqs:bus").output().unwrap());
    ran.failed(1, &["the queue bus", "1024 bytes", "MaximumMessageSize"]);
    assert!(lake::all_events(&services.lake()).is_empty());
    assert!(!services.lake().join("_sluice/ledger").exists());
}

#[test]
fn a_fifo_queue_gets_groups_and_deduplication_ids() {
    let services = Services::new();
    services.sqs.create_queue("bus.fifo", 262_144);
    services.land("sqs:bus.fifo");
    let messages = services.sqs.messages("bus.fifo");
    let ids: BTreeSet<_> = messages
        .iter()
        .map(|m| m.deduplication_id.clone())
        .collect();
    assert_eq!((messages.len(), ids.len()), (EVENTS, EVENTS));
    assert!(messages.iter().all(|message| message.group.is_some()));
}

#[test]
fn an_event_too_large_for_the_queue_becomes_a_pointer_to_its_object() {
    let services = Services::new();
    services.sqs.create_queue("bus", 4_096);
    let note = "x".repeat(5_000);
    let event = r#""event_uuid":"u","event_name":"a:b","created_at":0"#;
    services.place.write(
        "events.ndjson",
        format!("{{{event},\"note\":\"{note}\"}}\n"),
    );
    services.land("sqs:bus");
    let message = &services.sqs.messages("bus")[0];
    assert_eq!(message.attribute("pointer"), Some("true"));
    let pointer: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    let object = pointer["object"]
        .as_str()
        .unwrap()
        .strip_prefix("s3://bucket/")
        .unwrap();
    assert!(services.bucket.join(object).is_file(), "{pointer}");
    assert_eq!(pointer["line"], 0);
}

#[test]
fn the_bus_can_have_messages_about_objects() {
    let services = Services::new();
    services.sqs.create_queue("bus.fifo", 262_144);
    let mut command = services.command("sqs:bus.fifo");
    command.args(["--bus-messages", "objects"]);
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("messages"), summary.count("objects"));
    let mut counted = 0;
    let mut keys = BTreeSet::new();
    for message in services.sqs.messages("bus.fifo") {
        let notification: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(notification["bucket"], "bucket");
        assert_eq!(notification["release"], summary.release());
        let key = notification["key"].as_str().unwrap().to_owned();
        assert!(key.starts_with(&format!(
            "lake/{}/",
            notification["partition"].as_str().unwrap()
        )));
        counted += notification["count"].as_u64().unwrap();
        let stem = key.strip_suffix(".ndjson.zst").unwrap();
        keys.insert(stem.strip_prefix("lake/").unwrap().to_owned());
    }
    assert_eq!(counted, EVENTS as u64);
    let objects = lake::objects(&services.lake());
    assert_eq!(keys, objects.keys().cloned().collect());
}

#[test]
fn lost_responses_land_nothing_twice() {
    let services = Services::new();
    for nth in [1, 2, 4, 7] {
        let lost = Rule::new(Fault::ResetAfter).method("PUT");
        services.proxy.add(lost.nth(nth));
    }
    for path in ["ledger", "event_type%3Dtype3"] {
        services.proxy.add(
            Rule::new(Fault::ResetAfter)
                .method("PUT")
                .path(path)
                .times(4),
        );
    }
    assert_eq!(services.land("none").count("records"), 300);
    services.lake_is_whole();
    assert_eq!(services.land("none").count("records"), 0);
}

#[test]
fn s3_throttling_and_denied_access_are_retried() {
    let services = Services::new();
    let busy = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    let rejected = Rule::new(Fault::s3(403, "AccessDenied"))
        .method("PUT")
        .path("ledger");
    let unread = Rule::new(Fault::s3(500, "InternalError")).method("GET");
    services.proxy.add(busy.nth(3).times(8));
    services.proxy.add(rejected.nth(2).times(3));
    services.proxy.add(unread.times(4));
    assert_eq!(services.land("none").count("records"), 300);
    services.lake_is_whole();
}

#[test]
fn nothing_is_lost_when_retries_end() {
    let services = Services::new();
    let rule = Rule::new(Fault::s3(503, "SlowDown"))
        .method("PUT")
        .path("event_type")
        .always();
    services.proxy.add(rule);
    let mut command = services.command("none");
    command.args(["--retry-timeout", "1s"]);
    Ran::from(command.output().unwrap())
        .failed(1, &["put s3://bucket/lake/event_type=", "SlowDown"]);
    services.proxy.remove_rules();
    assert_eq!(services.land("none").count("records"), 300);
    services.lake_is_whole();
}

#[test]
fn a_run_into_s3_that_is_killed_is_finished_by_the_next() {
    let services = Services::new();
    let rule = Rule::new(Fault::Hang(std::time::Duration::from_secs(3_600)));
    let hanging = services
        .proxy
        .add(rule.method("PUT").path("event_type").nth(4).always());
    let killed = Running(services.command("none").spawn().unwrap());
    assert!(
        services
            .proxy
            .wait_for_hits(hanging, 1, std::time::Duration::from_secs(60))
    );
    drop(killed);
    services.proxy.remove_rules();
    assert_eq!(services.land("none").count("records"), 300);
    services.lake_is_whole();
}

#[test]
fn nothing_is_written_to_s3_without_a_condition() {
    let services = Services::new();
    services.land("none");
    let seen = services.proxy.seen();
    let puts: Vec<_> = seen.iter().filter(|seen| seen.method == "PUT").collect();
    let condition = |part: &str, condition: &str| {
        let mut puts = puts.iter().filter(|put| put.path.contains(part));
        puts.any(|put| {
            put.condition
                .as_ref()
                .is_some_and(|is| is.starts_with(condition))
        })
    };
    assert!(condition("event_type", "if-none-match: *"));
    assert!(condition("_sluice/releases/", "if-none-match: *"));
    assert!(condition("_sluice/ledger/", "if-none-match: *"));
    assert!(condition("_sluice/ledger/", "if-match: "));
    let blind: Vec<_> = puts.iter().filter(|put| put.condition.is_none()).collect();
    assert!(blind.is_empty(), "{blind:?}");
}

#[test]
fn an_object_with_other_content_in_s3_is_not_overwritten() {
    let services = Services::new();
    services.land("none");
    let objects: Vec<_> = lake::tree(&services.lake()).into_keys().collect();
    let key = |wanted: &dyn Fn(&str) -> bool| {
        let found = objects.iter().rfind(|path| wanted(path)).unwrap();
        format!("lake/{found}")
    };
    services.remove(&key(&|path| path.starts_with("_sluice/ledger/")));
    let key = key(&|path| path.ends_with(".zst"));
    services.put(&key, b"something else");
    let ran = Ran::from(services.command("none").output().unwrap());
    ran.failed(1, &[&key, "already exists with different content"]);
    let found = fs::read(services.bucket.join(&key)).unwrap();
    assert_eq!(found, b"something else");
}
