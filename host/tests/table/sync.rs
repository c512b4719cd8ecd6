//! A sync takes what is committed and not in the table yet.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::json;

use super::{Bucket, Table, lines};
use crate::local;
use crate::support::cloud::records;
use crate::support::manifests::manifests;

/// The requests of a sync without news: the table, its schema and its watermark, the lease, and a list of ledgers.
const FEW_REQUESTS: usize = 12;

/// Asserts that a sync finds nothing to do.
fn is_done(table: &Table) {
    let before = table.warehouse.metadata_location(&table.name);
    let nothing = json!({
        "table": "sluice.events", "commits": 0, "events": 0, "duplicates": 0, "files": 0, "bytes": 0,
        "chunks": 0, "waiting_events": 0,
    });
    assert_eq!(table.sync(), nothing);
    assert_eq!(table.warehouse.metadata_location(&table.name), before);
}

#[test]
fn the_table_of_a_folder_has_each_event_once() {
    let table = Table::in_folder();
    let created = table.create(&[]);
    let described = "created the table sluice.events with 6 columns and 4 of Sluice, partitioned by day(created_datetime)\n";
    assert!(created.starts_with(described), "{created}");
    let location = table.status()["location"].as_str().unwrap().to_owned();
    assert!(
        created.ends_with(&format!("files in {location}\n")),
        "{created}"
    );
    table
        .run("sync", &[])
        .failed(1, &["the lake lake has no ledger"]);

    table.land(
        "events.ndjson",
        lines(&records(600, 1)),
        &["--chunk-records", "50"],
    );
    let chunks = manifests(&table.lake).into_values().flatten().count();
    let synced = table.run("sync", &[]).succeeded().stdout;
    let end = "the table sluice.events has all events of the lake: 540 events\n";
    assert!(synced.ends_with(end), "{synced}");
    assert!(synced.starts_with("committed 540 events of "), "{synced}");
    table.has_the_lake();
    is_done(&table);
    let synced = table.run("sync", &[]).succeeded().stdout;
    assert_eq!(
        synced,
        "the table sluice.events has all events of the lake\n"
    );

    // What lands in between comes with the next one, and nothing else.
    table.land(
        "more.ndjson",
        lines(&records(300, 2)),
        &["--format", "parquet"],
    );
    table.land(
        "other.ndjson",
        lines(&records(30, 3)),
        &["--format", "ndjson"],
    );
    let all = manifests(&table.lake).into_values().flatten().count();
    let synced = table.sync();
    assert_eq!(synced["commits"], 1);
    assert_eq!(synced["events"], 297);
    assert_eq!(synced["chunks"], all - chunks);
    table.has_the_lake();
    is_done(&table);

    let status = table.status();
    let metadata = table.warehouse.metadata("events");
    let files = table.warehouse.files("events");
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    assert_eq!(status["file_bytes"], bytes);
    let snapshot = metadata.current_snapshot_id().unwrap();
    assert_eq!(status["snapshot"], snapshot.to_string());
    assert_eq!(status["snapshots"], 2);
    assert_eq!(status["waiting_chunks"], 0);
    assert_eq!(status["removable_files"], json!([]));
}

#[test]
fn a_sync_without_news_in_a_bucket_makes_few_requests() {
    let bucket = Bucket::new();
    let (table, proxy) = bucket.table("warehouse");
    table.create(&[]);
    for seed in 0..5 {
        let file = format!("events-{seed}.ndjson");
        table.land(&file, lines(&records(100, seed)), &[]);
    }
    assert_eq!(table.sync()["events"], 450);
    table.has_the_lake();
    proxy.forget_seen();
    is_done(&table);
    let seen: Vec<_> = proxy
        .seen()
        .into_iter()
        .map(|seen| (seen.method, seen.path))
        .collect();
    assert!(seen.len() <= FEW_REQUESTS, "{seen:#?}");
    let of_chunks = seen
        .iter()
        .find(|(_, path)| path.contains("event_type") || path.contains("chunks"));
    assert_eq!(of_chunks, None);
}

#[test]
fn few_events_wait_until_they_are_old_or_enough_for_a_file() {
    let table = Table::in_folder();
    table.create(&[]);
    table.land("events.ndjson", lines(&records(100, 1)), &[]);
    let synced = table.sync_with(&["--max-age", "1h"]);
    assert_eq!(
        (&synced["commits"], &synced["waiting_events"]),
        (&json!(0), &json!(90))
    );
    let waiting = table.run("sync", &["--max-age", "1h"]).succeeded().stdout;
    let why = "they are too few for a file, and younger than table.max_age, 1h; `--max-age 0s` writes them now";
    assert_eq!(
        waiting,
        format!("90 events wait for sluice.events: {why}\n")
    );
    assert!(table.rows().is_empty());
    assert!(table.status()["waiting_since"].is_string());
    let synced = table.sync_with(&["--max-age", "1h", "--file-size", "1KiB"]);
    assert_eq!(
        (&synced["commits"], &synced["waiting_events"]),
        (&json!(1), &json!(0))
    );
    table.has_the_lake();
}

/// Chunks whose records are all quarantined move no file, and come with the events behind them.
#[test]
fn empty_chunks_change_nothing() {
    let table = Table::in_folder();
    table.create(&[]);
    let broken = b"no event\n".repeat(3);
    let good = local::events(0..3).into_bytes();
    let more = local::events(3..5).into_bytes();
    for (part, events) in [
        (&broken, 0),
        (&good, 3),
        (&broken, 0),
        (&broken, 0),
        (&more, 2),
    ] {
        // The file grows, so that all chunks are of one shard.
        let path = table.place.path("events.ndjson");
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.unwrap().write_all(part).unwrap();
        let run = table.place.try_land(&["--bus", "none"]);
        run.summary();
        let synced = table.sync();
        assert_eq!(synced["events"], events);
        assert_eq!(synced["commits"], u64::from(events > 0));
        table.has_the_lake();
    }
    let chunks: Vec<_> = manifests(&table.lake).into_values().collect();
    assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [5]);
    assert_eq!(table.status()["waiting_chunks"], 0);
}

/// Events of one producer that have another type, numbers that no column takes, and members that the schema does not know.
#[test]
fn what_no_column_takes_is_kept_and_counted() {
    const SCHEMA: &str = r#"{"version": 1, "columns": [
        {"name": "event_uuid", "type": "string"},
        {"name": "created_datetime", "type": "timestamp(1)"},
        {"name": "n", "type": "long"}
    ]}"#;
    const BIG: &str = "123456789012345678901234567890";
    let values = [
        "7",
        "-9223372036854775808",
        "\"text\"",
        BIG,
        "1.5",
        "null",
        "{\"a\":[1,null]}",
    ];
    let events = values.iter().enumerate().map(|(n, value)| {
        format!(r#"{{"event_uuid":"u-{n}","event_name":"a:b","created_at":1767225600.5,"n":{value},"more":{{"x":{BIG}}}}}"#)
            + "\n"
    });
    let table = Table::in_folder();
    table.place.write("schema.json", SCHEMA);
    table.create(&["--schema", "schema.json"]);
    table.land("events.ndjson", events.collect::<String>(), &[]);
    assert_eq!(table.sync()["events"], values.len());
    table.has_the_lake();

    let rows = table.rows();
    let in_column = rows.iter().filter(|row| row.columns.contains_key("n"));
    assert_eq!(in_column.count(), 2);
    for row in &rows {
        let (rest, id) = (row.rest.as_deref().unwrap(), row.text("event_uuid"));
        assert!(rest.contains(&format!("\"x\":{BIG}")), "{rest}");
        assert_eq!(
            rest.contains(&format!("\"n\":{BIG}")),
            id == Some("u-3"),
            "{rest}"
        );
    }
    let unmapped = &table.status()["unmapped"];
    assert_eq!(unmapped["n"], 4, "{unmapped}");
}
