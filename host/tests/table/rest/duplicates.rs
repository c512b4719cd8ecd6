//! A commit of duplicates alone: an append without files.

use serde_json::Value;

use super::{
    Bucket, CatalogKind, Losing, Table, append, at_once, behind_proxy, catalog, events, grow,
    held_sync, is_proven, lost_answers,
};
use crate::local::reversed;

const RULE: [&str; 4] = ["--dedupe-key", "event_uuid", "--dedupe-window", "2h"];

/// Asserts that the table has so many rows, and has left out so many duplicates.
fn has_left_out(table: &Table, rows: usize, duplicates: usize) {
    assert_eq!(table.rows().len(), rows);
    let status = table.status();
    assert_eq!(status["events"], rows, "{status:#}");
    assert_eq!(status["duplicates"], duplicates, "{status:#}");
    assert_eq!(status["waiting_chunks"], 0, "{status:#}");
    is_proven(table);
}

/// The catalog compares what such a commit was built on, as it does for a commit with files.
#[test]
fn a_commit_of_duplicates_alone_counts_once() {
    at_once(lost_answers().into_iter().map(|fault| {
        (format!("{fault:?}"), move || {
            let (table, proxy) = behind_proxy();
            table.create(&RULE);
            grow(&table, 0..10);
            table.land("again.ndjson", reversed(&events(0..10)), &[]);
            let losing = Losing {
                table,
                proxy,
                fault,
            };
            let sync = ("POST", "/sluice/tables/events", 1);
            let synced = losing.run(sync, "sync", &["--json"]).succeeded().stdout;
            let synced: Value = serde_json::from_str(&synced).unwrap();
            let counts = ["commits", "events", "duplicates", "files"];
            let counts = counts.map(|name| synced[name].as_u64().unwrap());
            assert_eq!(counts, [1, 0, 10, 0]);
            let Losing { table, proxy, .. } = losing;
            assert_eq!(table.sync()["commits"], 0);
            has_left_out(&table, 10, 10);

            // Another program commits before the next one.
            table.land("third.ndjson", events(5..10), &[]);
            let mut builder = held_sync(&table, &proxy);
            append(catalog(&table));
            proxy.release_held();
            assert_eq!(builder.ends(), Some(0));
            has_left_out(&table, 10, 15);
            let metadata = table.warehouse.metadata(&table.name);
            assert_eq!(metadata.snapshots().count(), 4);
            assert!(table.removable().is_empty());
        })
    }));
}

#[test]
fn a_commit_of_duplicates_alone_that_arrives_late_changes_nothing() {
    let bucket = Bucket::with(CatalogKind::Rest);
    let (table, proxy) = bucket.table("warehouse");
    table.create(&RULE);
    grow(&table, 0..30);
    table.land("again.ndjson", reversed(&events(0..30)), &[]);
    let mut late = held_sync(&table, &proxy);
    bucket.expire_leases(&table);
    assert_eq!(table.sync()["duplicates"], 30);
    let location = table.warehouse.metadata_location(&table.name);
    proxy.release_held();
    // Whether it says that it has lost its lease is not the point here.
    assert!(matches!(late.ends(), Some(0 | 1)));
    assert_eq!(table.warehouse.metadata_location(&table.name), location);
    has_left_out(&table, 30, 30);
    // It has no files, but the list of what it has left out.
    let status = table.status();
    let removable = status["removable_files"].as_array().unwrap();
    assert_eq!(removable.len(), 1, "{removable:?}");
    let list = removable[0].as_str().unwrap();
    assert!(list.ends_with("/dropped.ndjson.zst"), "{list}");
}
