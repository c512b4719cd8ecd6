//! A function that builds a table: its invocations take what is due, whatever ends them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::proxy::{Fault, Proxy, Rule};

use super::Table;
use crate::lambda::metrics;
use crate::local::{event, events};
use crate::support::builder_leases;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::S3;
use crate::support::lambda::Function;
use crate::support::program::program;

/// What `EventBridge` Scheduler sends.
fn scheduled() -> Value {
    json!({ "source": "aws.scheduler", "detail": {} })
}

const TIMEOUT: Duration = Duration::from_secs(120);

/// A lake in a bucket, a table without events beside it, and functions that build it.
struct Built {
    cloud: Cloud,
    table: Table,
}

impl Built {
    fn new() -> Self {
        let cloud = Cloud::new(1);
        let bucket = cloud.lake().parent().unwrap().to_owned();
        let table = Table::in_bucket(&bucket, "warehouse", &cloud.proxy(S3).endpoint);
        table.create(&[]);
        Self { cloud, table }
    }

    /// Lands events in chunks of ten records.
    fn land(&self, range: std::ops::Range<usize>) {
        let name = format!("{}.ndjson", range.start);
        self.table
            .land(&name, events(range), &["--chunk-records", "10"]);
    }

    fn proxy(&self) -> &Proxy {
        self.cloud.proxy(S3)
    }

    fn function(&self, name: &str, more: &[(&str, &str)]) -> Function {
        let folder: PathBuf = self.table.place.path(name);
        fs::create_dir_all(&folder).unwrap();
        let catalog = self.table.place.path("catalog.sqlite");
        let catalog = format!("sqlite:{}", catalog.display());
        let scratch = folder.display().to_string();
        let mut variables = vec![
            ("_HANDLER", "table"),
            ("SLUICE_LAKE", "s3://bucket/lake"),
            ("SLUICE_TABLE_WAREHOUSE", "s3://bucket/warehouse"),
            ("SLUICE_TABLE_CATALOG", &catalog),
            ("SLUICE_TABLE_SCRATCH", &scratch),
            ("AWS_ENDPOINT_URL_S3", &self.proxy().endpoint),
        ];
        // A variable that is given twice has its last value.
        variables.extend(more);
        let program = program();
        Function::start(&[program.to_str().unwrap()], &variables, &folder)
    }

    /// The number of attempts of which it is not known yet what became of them.
    fn attempts(&self) -> usize {
        let leases = builder_leases::leases(&self.table.warehouse.folder);
        let attempts = leases.iter().map(|lease| {
            let lease: Value = serde_json::from_slice(&fs::read(lease).unwrap()).unwrap();
            lease["attempts"].as_array().unwrap().len()
        });
        attempts.sum()
    }

    /// A function that writes all that waits.
    fn eager(&self, name: &str) -> Function {
        self.function(name, &[("SLUICE_TABLE_MAX_AGE", "0s")])
    }
}

/// An invocation that succeeds, with its answer and its metrics.
fn build(function: &Function) -> (Value, Value) {
    let invoked = function.invoke(&scheduled(), TIMEOUT);
    let metrics = metrics(&invoked);
    assert_eq!(metrics["TableStopped"], 0);
    (invoked.response.unwrap(), metrics)
}

fn scratch_folders(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("sluice-table-"))
        .count()
}

#[test]
fn invocations_build_what_is_due() {
    let built = Built::new();
    built.land(0..40);
    let function = built.eager("task");
    let (answer, metrics) = build(&function);
    assert_eq!(answer["table"], "sluice.events");
    assert_eq!(
        (&answer["commits"], &answer["events"]),
        (&json!(1), &json!(40))
    );
    assert_eq!(answer["files"], metrics["TableFiles"]);
    assert_eq!(answer["bytes"], metrics["TableBytes"]);
    assert_eq!(
        (&answer["duplicates"], &metrics["TableDuplicates"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(answer["waiting_events"], 0);
    assert_eq!(answer["waiting_since"], Value::Null);
    assert_eq!(
        (&answer["has_more"], &answer["busy"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        (&metrics["TableCommits"], &metrics["TableEvents"]),
        (&json!(1), &json!(40))
    );
    assert_eq!(metrics["TableOldestWaitingSeconds"], 0);
    assert_eq!(metrics["Table"], "sluice.events");
    built.table.has_the_lake();

    // Nothing new, and then something new, by the same process.
    let (answer, metrics) = build(&function);
    assert_eq!(
        (&answer["commits"], &answer["has_more"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(metrics["TableEvents"], 0);
    built.land(40..60);
    assert_eq!(build(&function).0["events"], 20);
    assert_eq!(function.cold_starts(), 1);
    built.table.has_the_lake();
    assert_eq!(scratch_folders(&built.table.place.path("task")), 0);
}

#[test]
fn events_wait_for_a_file_or_their_age() {
    let built = Built::new();
    built.land(0..20);
    let patient = built.function("patient", &[]);
    let (answer, metrics) = build(&patient);
    assert_eq!(
        (&answer["commits"], &answer["waiting_events"]),
        (&json!(0), &json!(20))
    );
    assert!(answer["waiting_since"].is_string());
    assert_eq!(answer["has_more"], false);
    assert!(metrics["TableOldestWaitingSeconds"].is_u64());
    let small = built.function("small", &[("SLUICE_TABLE_FILE_SIZE", "1KiB")]);
    // More than a file of this size waits: eight bytes of events are taken for one of Parquet.
    built.land(20..400);
    assert_eq!(build(&small).0["events"], 400);
    built.table.has_the_lake();
}

#[test]
fn a_package_brings_settings() {
    let built = Built::new();
    built.land(0..10);
    let folder = built.table.place.path("task");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("sluice.toml"), "[table]\nmax_age = '0s'\n").unwrap();
    assert_eq!(build(&built.function("task", &[])).0["events"], 10);
}

#[test]
fn a_function_that_lambda_ends_has_committed_nothing_or_all() {
    let built = Built::new();
    built.land(0..30);
    let function = built.eager("task");
    // The upload of a file, the watermark, and the metadata of the table.
    for (number, put) in [".parquet", "watermarks", ".metadata.json"]
        .into_iter()
        .enumerate()
    {
        let held = Rule::new(Fault::Hold).method("PUT").path(put);
        let held = built.proxy().add(held);
        std::thread::scope(|scope| {
            let invoked = scope.spawn(|| function.invoke(&scheduled(), TIMEOUT));
            assert!(
                built.proxy().wait_for_hits(held, 1, TIMEOUT),
                "no put of {put}"
            );
            assert!(function.kill());
            assert!(invoked.join().unwrap().response.is_err());
        });
        built.proxy().remove_rules();
        let (answer, _) = build(&function);
        assert_eq!(answer["events"], 30, "{put}");
        built.table.has_the_lake();
        let next = 30 * (number + 1);
        built.land(next..next + 30);
    }
    assert_eq!(build(&function).0["events"], 30);
    built.table.has_the_lake();
    assert_eq!(scratch_folders(&built.table.place.path("task")), 0);
}

#[test]
fn an_invocation_without_time_fails_and_the_next_ones_take_less() {
    let built = Built::new();
    for n in 0..20 {
        built.land(n * 10..(n + 1) * 10);
    }
    let function = built.eager("task");
    let hang = Rule::new(Fault::Hang(Duration::from_secs(3_600))).method("PUT");
    built.proxy().add(hang.path(".parquet").always());
    while built.attempts() < 8 {
        let invoked = function.invoke(&scheduled(), Duration::from_secs(3));
        let error = format!("{:?}", invoked.response.as_ref().unwrap_err());
        // It usually answers before Lambda ends it.
        if !invoked.timed_out {
            assert!(error.contains("not enough time"), "{error}");
            assert_eq!(metrics(&invoked)["TableStopped"], 1);
        }
    }
    built.proxy().remove_rules();
    assert_eq!(built.table.status()["events"], 0);
    // Each attempt that has not ended has made the next one smaller, whichever process makes it.
    let other = built.eager("other");
    let (answer, _) = build(&other);
    assert!(answer["commits"].as_u64().unwrap() > 1, "{answer}");
    assert_eq!(
        (&answer["events"], &answer["has_more"]),
        (&json!(200), &json!(false))
    );
    built.table.has_the_lake();
}

#[test]
fn short_invocations_work_off_what_waits() {
    const EVENTS: usize = 3_000;
    let built = Built::new();
    // 30 MiB, and in four seconds, a function that does not know its pace takes at most 4 MiB at once.
    let pad = "x".repeat(10 << 10);
    let padded = |n| event(n).replacen('{', &format!("{{\"pad\":\"{pad}\","), 1) + "\n";
    let lines: String = (0..EVENTS).map(padded).collect();
    built
        .table
        .land("large.ndjson", lines, &["--chunk-records", "100"]);
    let function = built.eager("task");
    let (mut commits, mut events) = (0, 0);
    while events < EVENTS as u64 {
        let invoked = function.invoke(&scheduled(), Duration::from_secs(4));
        match invoked.response {
            Ok(answer) => {
                commits += answer["commits"].as_u64().unwrap();
                events += answer["events"].as_u64().unwrap();
                assert_eq!(answer["has_more"], events < EVENTS as u64, "{answer}");
            }
            Err(error) => assert!(format!("{error:?}").contains("time"), "{error:?}"),
        }
    }
    assert!(commits > 3, "{commits}");
    built.table.has_the_lake();
}

#[test]
fn two_functions_at_once_add_each_event_once() {
    let built = Built::new();
    let functions = ["a", "b"].map(|name| built.eager(name));
    for round in 0..5 {
        built.land(round * 20..(round + 1) * 20);
        let events: u64 = std::thread::scope(|scope| {
            let invoked = functions
                .each_ref()
                .map(|function| scope.spawn(move || build(function).0));
            let answers = invoked.map(|invoked| invoked.join().unwrap());
            answers
                .iter()
                .map(|answer| answer["events"].as_u64().unwrap())
                .sum()
        });
        assert_eq!(events, 20);
    }
    built.table.has_the_lake();
}

#[test]
fn an_invocation_that_fails_says_why() {
    let built = Built::new();
    let nowhere = built.function("nowhere", &[("SLUICE_TABLE_NAME", "other")]);
    let invoked = nowhere.invoke(&scheduled(), TIMEOUT);
    assert_eq!(metrics(&invoked)["TableStopped"], 1);
    let error = format!("{:?}", invoked.response.unwrap_err());
    assert!(error.contains("sluice table create"), "{error}");
    let log = nowhere.logs().stderr.join("\n");
    assert!(log.contains("table_stopped"), "{log}");
    // As soon as there is one, the same process builds it.
    built.land(0..10);
    let create = ["--lake", "s3://bucket/lake", "--name", "other"];
    let args = ["table", "create", "--warehouse", "s3://bucket/warehouse"];
    let mut command = built.table.place.command(&[&args[..], &create].concat());
    command.args(["--catalog", "sqlite:catalog.sqlite"]);
    command.envs(&built.table.variables);
    assert!(command.status().unwrap().success());
    let invoked = nowhere.invoke(&scheduled(), TIMEOUT);
    assert_eq!(invoked.response.unwrap()["waiting_events"], 10);
    assert_eq!(nowhere.cold_starts(), 1);

    for (variable, value, word) in [
        ("SLUICE_LAKE", "file:lake", "cannot keep a folder"),
        ("SLUICE_TABLE_NAME", "a-b", "SLUICE_TABLE_NAME"),
        ("SLUICE_TABLE_MEMORY", "much", "SLUICE_TABLE_MEMORY"),
    ] {
        let wrong = built.function("wrong", &[(variable, value)]);
        assert!(wrong.invoke(&scheduled(), TIMEOUT).response.is_err());
        let log = wrong.logs().stderr.join("\n");
        assert!(log.contains(word), "{log}");
    }
}

#[test]
fn a_lake_in_which_nothing_has_landed_is_no_failure() {
    let built = Built::new();
    let (answer, metrics) = build(&built.eager("task"));
    assert_eq!(
        (&answer["commits"], &answer["waiting_events"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(metrics["TableOldestWaitingSeconds"], 0);
}
