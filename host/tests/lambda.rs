//! A function behind an event source mapping: batches are retried in every shape, and each record
//! is in exactly one place.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "a list of one batch is meant"
)]

mod misplaced_records;
mod releases;
mod shapes;
mod starts;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use sluice::builtin::Builtin;

use crate::support::cloud::{Cloud, SHARD, STREAM, Service, events};
use crate::support::lake;
use crate::support::lambda::{Function, Invoked, Mapping, Settings, Step, Target, Then, Verdict};
use testkit::environment;
use testkit::proxy::{Fault, Rule};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sluice");
const TIMEOUT: Duration = Duration::from_secs(60);

/// The settings of a function's mapping, except for the batch size.
pub(crate) fn settings() -> Settings {
    Settings {
        report_batch_item_failures: true,
        ..Settings::default()
    }
}

/// The environment of a function that lands in the bucket of a cloud.
pub(crate) fn variables(cloud: &Cloud, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut all: Vec<_> = environment().iter().map(own).collect();
    for service in [Service::S3, Service::Kinesis, Service::Sqs] {
        let name = format!("AWS_ENDPOINT_URL_{service:?}").to_uppercase();
        all.push((name, cloud.proxy(service).endpoint.clone()));
    }
    all.push(own(&("SLUICE_LAKE", "s3://bucket/lake")));
    if let Some(queue) = &cloud.queue {
        all.push(("SLUICE_BUS".into(), format!("sqs:{queue}")));
    }
    all.extend(more.iter().map(own));
    all
}

fn function_in(cloud: &Cloud, folder: &PathBuf, more: &[(&str, &str)]) -> Function {
    fs::create_dir_all(folder).unwrap();
    let variables = variables(cloud, more);
    let borrowed: Vec<_> = variables
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    Function::start(&[PROGRAM], &borrowed, folder)
}

pub(crate) fn function(cloud: &Cloud, more: &[(&str, &str)]) -> Function {
    function_in(cloud, &cloud.place.path("task"), more)
}

pub(crate) fn mapping<'a>(
    cloud: &'a Cloud,
    function: &'a Function,
    settings: Settings,
) -> Mapping<'a> {
    Mapping::new(&cloud.kinesis, STREAM, Target::Process(function), settings)
}

/// The metrics of an invocation.
pub(crate) fn metrics(invoked: &Invoked) -> Value {
    let lines = invoked.logs.stdout.iter();
    let mut metrics = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    metrics
        .find(|line| line["_aws"].is_object())
        .expect("a line of metrics")
}

#[test]
fn a_stream_lands_once_across_a_split() {
    let cloud = Cloud::new(2);
    let events = events(500, 31);
    cloud.put_all(&events[..200]);
    cloud.kinesis.split(STREAM, SHARD);
    cloud.put_all(&events[200..]);
    let function = function(&cloud, &[]);
    let steps = mapping(&cloud, &function, settings()).run_until_idle();
    assert!(steps.len() >= 5, "{steps:?}");
    assert!(
        steps
            .iter()
            .all(|step| matches!(step, Step::Invoked(_, Then::Passed)))
    );
    cloud.holds_exactly(&events);
    assert_eq!(function.cold_starts(), 1);
}

#[test]
fn a_function_and_a_worker_land_the_same() {
    let land = |by_function: bool| {
        let cloud = Cloud::new(2);
        let mut records = events(300, 32);
        records.insert(50, b"no event".to_vec());
        cloud.put_by_keys(&records);
        if by_function {
            let function = function(&cloud, &[]);
            mapping(&cloud, &function, settings()).run_until_idle();
        } else {
            cloud.catch_up(&[]);
        }
        let mut events = lake::events(&cloud.lake());
        events.values_mut().for_each(|lines| lines.sort_unstable());
        let quarantined = lake::quarantine(&cloud.lake());
        let reasons: Vec<_> = quarantined
            .iter()
            .map(|q| (q.reason.clone(), q.bytes()))
            .collect();
        (events, reasons)
    };
    assert_eq!(land(true), land(false));
}

#[test]
fn the_answer_names_the_first_record_that_is_not_committed() {
    let cloud = Cloud::new(1);
    let events = events(1_500, 33);
    cloud.put_all(&events);
    let rule = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    // A batch has 1,000 records and five types. Later requests fail.
    cloud
        .proxy(Service::S3)
        .add(rule.path("event_type").nth(6).always());
    let more = [
        ("SLUICE_CHUNK_RECORDS", "1000"),
        ("SLUICE_RETRY_TIMEOUT", "1s"),
    ];
    let function = function(&cloud, &more);
    let batch = Settings {
        batch_size: 1_500,
        ..settings()
    };
    let mut mapping = mapping(&cloud, &function, batch);
    let Step::Invoked(delivered, _) = mapping.step(SHARD) else {
        panic!("nothing was given to the function");
    };
    let first = delivered.sequence_numbers[1_000].clone();
    assert_eq!(delivered.verdict, Verdict::Partial(first.clone()));
    assert_eq!(
        delivered.invoked.response.as_ref().unwrap(),
        &json!({ "batchItemFailures": [{ "itemIdentifier": first }] })
    );
    let metrics = metrics(&delivered.invoked);
    assert_eq!(
        (&metrics["Records"], &metrics["Uncommitted"]),
        (&json!(1_000), &json!(500))
    );
    cloud.proxy(Service::S3).remove_rules();
    mapping.run_until_idle();
    cloud.holds_exactly(&events);
}

#[test]
fn near_the_deadline_it_answers_and_the_next_invocation_finishes() {
    let cloud = Cloud::new(1);
    let events = events(100, 34);
    cloud.put_all(&events);
    let hang = Rule::new(Fault::Hang(Duration::from_secs(3_600))).method("PUT");
    cloud
        .proxy(Service::S3)
        .add(hang.path("event_type").nth(3).always());
    let function = function(&cloud, &[]);
    let short = Settings {
        timeout: Duration::from_secs(4),
        ..settings()
    };
    let mut mapping = mapping(&cloud, &function, short);
    let Step::Invoked(delivered, _) = mapping.step(SHARD) else {
        panic!("nothing was given to the function");
    };
    assert!(!delivered.invoked.timed_out);
    let first = delivered.sequence_numbers[0].clone();
    assert_eq!(delivered.verdict, Verdict::Partial(first));
    assert!(cloud.ledger(SHARD)["pending"].is_object());
    cloud.proxy(Service::S3).remove_rules();
    mapping.run_until_idle();
    cloud.holds_exactly(&events);
    assert_eq!(function.cold_starts(), 1);
}

#[test]
fn records_that_the_mapping_discarded_land_before_later_ones() {
    let cloud = Cloud::new(1);
    let events = events(300, 35);
    cloud.put_all(&events[..200]);
    let failing = Rule::new(Fault::s3(503, "SlowDown")).method("PUT");
    cloud
        .proxy(Service::S3)
        .add(failing.path("event_type").always());
    let function = function(&cloud, &[("SLUICE_RETRY_TIMEOUT", "300ms")]);
    let forgetful = Settings {
        maximum_record_age_in_seconds: 60,
        ..settings()
    };
    let mut mapping = mapping(&cloud, &function, forgetful);
    assert!(matches!(
        mapping.step(SHARD),
        Step::Invoked(_, Then::Again(_))
    ));
    cloud.kinesis.advance(Duration::from_secs(61));
    cloud.put_all(&events[200..]);
    cloud.proxy(Service::S3).remove_rules();
    mapping.run_until_idle();
    assert!(!mapping.discarded().is_empty());
    cloud.holds_exactly(&events);
}

#[test]
fn two_functions_on_one_shard_do_not_land_a_record_twice() {
    let cloud = Cloud::new(1);
    let events = events(600, 36);
    cloud.put_all(&events);
    let functions = ["a", "b"].map(|name| function_in(&cloud, &cloud.place.path(name), &[]));
    std::thread::scope(|scope| {
        for function in &functions {
            let cloud = &cloud;
            scope.spawn(move || mapping(cloud, function, settings()).run_until_idle());
        }
    });
    cloud.holds_exactly(&events);
}

#[test]
fn a_function_that_was_frozen_notices_that_another_went_on() {
    let cloud = Cloud::new(1);
    let events = events(300, 37);
    cloud.put_all(&events);
    let functions = ["a", "b"].map(|name| function_in(&cloud, &cloud.place.path(name), &[]));
    let mut a = mapping(&cloud, &functions[0], settings());
    let mut b = mapping(&cloud, &functions[1], settings());
    a.deliver(SHARD, &[0..100]);
    functions[0].freeze();
    b.deliver(SHARD, &[100..200]);
    for delivered in a.deliver(SHARD, &[0..200, 200..300]) {
        assert_eq!(delivered.verdict, Verdict::Success);
    }
    cloud.holds_exactly(&events);
    assert_eq!(cloud.ledger(SHARD)["lease"]["fence"], 3);
}

#[test]
fn sample_events_are_landed_or_put_into_quarantine() {
    for (name, records, quarantined) in [
        ("plain", 2, false),
        ("aggregated", 3, false),
        ("not-json", 1, true),
        ("empty", 0, false),
    ] {
        let cloud = Cloud::new(1);
        let function = function(&cloud, &[]);
        let path = format!(
            "{}/tests/fixtures/lambda/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let event = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let invoked = function.invoke(&event, TIMEOUT);
        assert_eq!(
            invoked.response.as_ref().unwrap(),
            &json!({ "batchItemFailures": [] }),
            "{name}"
        );
        let in_quarantine = lake::quarantine(&cloud.lake()).len();
        let landed = lake::all_events(&cloud.lake()).len();
        assert_eq!(landed + in_quarantine, records, "{name}");
        assert_eq!(in_quarantine > 0, quarantined, "{name}");
    }
}

#[test]
fn an_event_of_another_service_is_an_error_that_says_so() {
    let cloud = Cloud::new(1);
    let function = function(&cloud, &[]);
    let event =
        json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "1", "body": "{}" }] });
    let error = function.invoke(&event, TIMEOUT).response.unwrap_err();
    assert!(format!("{error:?}").contains("eventID"), "{error:?}");
    // It still processes batches.
    let event = json!({ "Records": [] });
    assert!(function.invoke(&event, TIMEOUT).response.is_ok());
}

#[test]
fn wrong_settings_end_the_function_and_are_named() {
    let cloud = Cloud::new(1);
    for (name, value, word) in [
        ("SLUICE_LAKE", "file:lake", "cannot keep a folder"),
        ("SLUICE_BUS", "kafka:x", "SLUICE_BUS"),
        ("SLUICE_TRANSFORM", "missing.wasm", "missing.wasm"),
    ] {
        let function = function_in(&cloud, &cloud.place.path(name), &[(name, value)]);
        let invoked = function.invoke(&json!({ "Records": [] }), TIMEOUT);
        assert!(invoked.response.is_err(), "{name}");
        let log = function.logs().stderr.join("\n");
        assert!(log.contains(word) && !log.contains("panicked"), "{log}");
    }
}

#[test]
fn the_package_brings_settings_and_compiled_code() {
    let cloud = Cloud::new(1);
    let events = events(50, 39);
    cloud.put_all(&events);
    let task = cloud.place.path("task");
    fs::create_dir_all(&task).unwrap();
    fs::write(task.join("sluice.toml"), "compression = 'none'\n").unwrap();
    let made = cloud
        .place
        .run(&["transform", "precompile", "task/precompiled"])
        .succeeded();
    // The built-in transforms, the default first.
    let compiled = made.stdout.lines().next().unwrap();
    assert_eq!(made.stdout.lines().count(), Builtin::ALL.len());
    let compiled = cloud.place.path(compiled);
    let function = function_in(&cloud, &task, &[("SLUICE_LOG_LEVEL", "info")]);
    mapping(&cloud, &function, settings()).run_until_idle();
    cloud.holds_exactly(&events);
    let tree = lake::tree(&cloud.lake());
    assert!(
        tree.keys()
            .any(|key| key.starts_with("event_type=") && key.ends_with(".ndjson"))
    );
    assert!(
        !function
            .logs()
            .stderr
            .join("\n")
            .contains("compiling the component instead")
    );
    // Compiled code of another version of the engine is not loaded.
    fs::write(compiled, b"no compiled code").unwrap();
    let other = function_in(&cloud, &task, &[]);
    assert!(
        other
            .invoke(&json!({ "Records": [] }), TIMEOUT)
            .response
            .is_ok()
    );
    let log = other.logs().stderr.join("\n");
    assert!(log.contains("compiling the component instead"), "{log}");
}

#[test]
fn each_batch_has_messages_and_metrics() {
    let cloud = Cloud::new(1).with_queue("bus", 262_144);
    let mut records = events(20, 40);
    records.push(b"no event".to_vec());
    cloud.put_all(&records[..20]);
    cloud.kinesis.put(STREAM, "x", &records[20]);
    let function = function(&cloud, &[]);
    let steps = mapping(&cloud, &function, settings()).run_until_idle();
    let [Step::Invoked(delivered, Then::Passed)] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    let metrics = metrics(&delivered.invoked);
    for (name, count) in [
        ("Records", 21),
        ("Events", 20),
        ("Quarantined", 1),
        ("Messages", 20),
        ("Uncommitted", 0),
        ("ContentMismatch", 0),
        ("ReleaseSwaps", 0),
        ("ReleaseAdmissionErrors", 0),
        ("ReleaseRollbacks", 0),
        ("RegistryFailures", 0),
    ] {
        assert_eq!(metrics[name], count, "{name}");
        let declared = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert!(
            declared.iter().any(|metric| metric["Name"] == name),
            "{name}"
        );
    }
    assert_eq!(metrics["Stream"], STREAM);
    assert_eq!(cloud.sqs.messages("bus").len(), 20);
}
