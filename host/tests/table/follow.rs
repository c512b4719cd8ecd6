//! A sync that follows a lake, while workers land in it and the table gets new columns.

use std::fs::{self, File};

use parquet::record::Field;

use super::Table;
use crate::local::event;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, STREAM, signal};
use crate::support::program::Running;

const OLD: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "created_datetime", "type": "timestamp(1)"}
]}"#;
const NEW: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "created_datetime", "type": "timestamp(1)"},
    {"name": "n", "type": "long"}
]}"#;

/// A builder that follows, with its output in a file.
fn follow(table: &Table, log: &str) -> Running {
    let follow = ["--follow", "--interval", "50ms", "--max-age", "0s"];
    let mut command = table.command("sync", &follow);
    let log = File::create(table.place.path(log)).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    Running(command.spawn().unwrap())
}

/// All records have one key, so that one of the two shards never moves.
fn put(cloud: &Cloud, events: std::ops::Range<usize>) {
    for n in events {
        cloud.kinesis.put(STREAM, "key", event(n).as_bytes());
    }
}

/// The number that a row's event has, by its id.
fn number(row: &super::contents::Row) -> i64 {
    let id = row.text("event_uuid").unwrap();
    id.strip_prefix("u-").unwrap().parse().unwrap()
}

#[test]
fn what_a_worker_lands_comes_into_the_table_while_columns_are_added() {
    let cloud = Cloud::new(2);
    let bucket = cloud.lake();
    let bucket = bucket.parent().unwrap();
    let table = Table::in_bucket(bucket, "warehouse", &cloud.proxy(S3).endpoint);
    table.place.write("old.json", OLD);
    table.place.write("new.json", NEW);
    table.create(&["--schema", "old.json"]);

    let mut worker = cloud.worker_with_log("worker.log", &["--chunk-records", "20"]);
    let mut builder = follow(&table, "builder.log");
    let mut arrive = |events: std::ops::Range<usize>| {
        let all = events.end as u64;
        put(&cloud, events);
        builder.until(|| table.warehouse.count(&table.name) == all);
    };
    arrive(0..50);
    let evolved = table
        .run("evolve", &["--schema", "new.json"])
        .succeeded()
        .stdout;
    assert_eq!(evolved, "added 1 column to the table sluice.events\n");
    // A round can have begun before, so only what comes after the next one must have the column.
    arrive(50..100);
    arrive(100..150);
    for running in [&mut builder, &mut worker] {
        signal(&running.0, "TERM");
        assert_eq!(running.ends(), Some(0));
    }

    table.has_the_lake();
    for row in table.rows() {
        let n = number(&row);
        let column = row.columns.get("n");
        assert!(n >= 50 || column.is_none(), "{row:?}");
        assert!(n < 100 || column == Some(&Field::Long(n)), "{row:?}");
    }
    let status = table.status();
    assert_eq!(status["columns"], 3);
    let shards = status["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 1, "{shards:?}");
    assert_eq!(table.sync()["events"], 0);
    let log = fs::read_to_string(table.place.path("builder.log")).unwrap();
    assert!(log.contains("stopped by a signal"), "{log}");
}
