//! A table with a rule for duplicates has each key once within the window, and no key is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use iceberg::TableIdent;
use iceberg::transaction::{ApplyTransactionAction as _, Transaction};
use serde_json::{Value, json};
use sluice::table::catalog::CatalogLocation;
use sluice::table::warehouse::Warehouse;
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;
use testkit::proxy::Fault;
use tokio::runtime::Runtime;

use super::contents::Catalog;
use super::kills::kill_at_put;
use super::{Bucket, EVENTS, Table};
use crate::local::{event, events};
use crate::support::cases::at_once;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, STREAM};
use crate::support::program::Ran;

const RULE: [&str; 4] = ["--dedupe-key", "event_uuid", "--dedupe-window", "2h"];

/// The number of rows of each id.
fn ids(table: &Table) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for row in table.rows() {
        let id = row.text("event_uuid").unwrap().to_owned();
        *ids.entry(id).or_default() += 1;
    }
    ids
}

fn audit(table: &Table) -> Value {
    let flags = table.flags.iter().map(String::as_str);
    let args = [
        "audit",
        "--table",
        "--summary",
        "json",
        "--name",
        &table.name,
    ];
    let args: Vec<_> = args.into_iter().chain(flags).collect();
    let mut command = table.place.command(&args);
    let ran = Ran::from(command.envs(&table.variables).output().unwrap());
    serde_json::from_str(ran.succeeded().stdout.lines().last().unwrap()).unwrap()
}

/// Asserts that the table has one row of each of so many ids, that the status says so, and that the audit agrees.
fn has_each_once(table: &Table, ids: usize, duplicates: usize) {
    let found = self::ids(table);
    let twice: Vec<_> = found.iter().filter(|(_, rows)| **rows > 1).collect();
    assert_eq!((found.len(), twice), (ids, Vec::new()));
    let status = table.status();
    assert_eq!(status["events"], ids, "{status:#}");
    assert_eq!(status["duplicates"], duplicates, "{status:#}");
    assert_eq!(status["waiting_chunks"], 0, "{status:#}");
    let audit = audit(table);
    assert_eq!(audit["proven"], true, "{audit:#}");
    assert_eq!(audit["duplicates"], duplicates, "{audit:#}");
}

/// What a sync says about events and duplicates.
fn synced(table: &Table) -> [u64; 4] {
    let synced = table.sync();
    ["commits", "events", "duplicates", "files"].map(|name| synced[name].as_u64().unwrap())
}

/// Two of 100 events come again in their file, and two of those in another one; later, only repetitions come.
#[test]
fn repetitions_are_left_out_wherever_they_are() {
    let table = Table::in_folder().named("all");
    table.create(&[]);
    let table = table.named(EVENTS);
    let created = table.create(&RULE);
    let rule = "duplicates are left out, by event_uuid within 2h";
    assert!(created.contains(rule), "{created}");
    table.land(
        "a.ndjson",
        events(0..100) + &events(0..2),
        &["--chunk-records", "30"],
    );
    table.land("b.ndjson", events(98..150), &["--format", "parquet"]);
    assert_eq!(synced(&table), [1, 150, 4, 1]);
    has_each_once(&table, 150, 4);
    table.land("c.ndjson", events(40..60), &[]);
    let text = table.run("sync", &[]).succeeded().stdout;
    assert!(
        text.starts_with("committed 0 events of 1 chunk in 0 files"),
        "{text}"
    );
    assert!(text.contains("and left out 20 duplicates"), "{text}");
    has_each_once(&table, 150, 24);
    assert_eq!(synced(&table), [0, 0, 0, 0]);
    table.land("d.ndjson", events(140..160), &[]);
    assert_eq!(synced(&table), [1, 10, 10, 1]);
    has_each_once(&table, 160, 34);
    let dedupe = json!({"key": "event_uuid", "window": "2h"});
    assert_eq!(table.status()["dedupe"], dedupe);

    let table = table.named("all");
    assert_eq!(synced(&table), [1, 194, 0, 1]);
    table.has_the_lake();
    assert_eq!(table.status()["dedupe"], Value::Null);
}

/// Of records of a stream, the time of arrival is known.
#[test]
fn an_event_that_comes_again_after_the_window_is_a_row() {
    let cloud = Cloud::new(2);
    let bucket = cloud.lake();
    let bucket = bucket.parent().unwrap();
    let table = Table::in_bucket(bucket, "warehouse", &cloud.proxy(S3).endpoint);
    table.create(&["--dedupe-key", "event_uuid", "--dedupe-window", "1h"]);
    // Both shards, whatever the keys are, get each event at some time.
    let arrive = |key: &str, numbers: std::ops::Range<usize>| {
        for n in numbers {
            cloud.kinesis.put(STREAM, key, event(n).as_bytes());
        }
        cloud.catch_up(&[]);
        synced(&table)
    };
    let advance = |minutes: u64| cloud.kinesis.advance(Duration::from_secs(60 * minutes));
    let counts = |sync: [u64; 4]| (sync[1], sync[2]);
    assert_eq!(counts(arrive("k", 0..10)), (10, 0));
    advance(30);
    assert_eq!(counts(arrive("other", 5..12)), (2, 5));
    // 61 minutes after the first ones, and 31 after the second ones, of which two are rows.
    advance(31);
    assert_eq!(counts(arrive("k", 0..12)), (10, 2));
    let rows = ids(&table);
    let twice = rows.values().filter(|rows| **rows == 2).count();
    assert_eq!((rows.len(), twice), (12, 10));
    assert_eq!(audit(&table)["proven"], true);
    assert_eq!(table.status()["duplicates"], 7);
}

/// A killed builder leaves keys of rows that no table has: they do not count.
#[test]
fn a_builder_that_is_killed_loses_no_key() {
    let bucket = &Bucket::new();
    let (unused, _proxy) = bucket.table("unused");
    unused.land(
        "a.ndjson",
        events(0..20) + &events(0..3),
        &["--chunk-records", "10"],
    );
    unused.land("b.ndjson", events(15..30), &[]);
    let (table, proxy) = bucket.table("undisturbed");
    table.create(&RULE);
    proxy.forget_seen();
    assert_eq!(synced(&table), [1, 30, 8, 1]);
    let seen = proxy.seen();
    let puts = seen.iter().filter(|seen| seen.method == "PUT").count();
    has_each_once(&table, 30, 8);
    at_once((1..=puts).flat_map(|nth| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}-{nth}").to_lowercase();
            (name.clone(), move || {
                let (table, proxy) = bucket.table(&name);
                table.create(&RULE);
                kill_at_put(&table, &proxy, nth, fault);
                bucket.expire_leases(&table);
                table.sync();
                has_each_once(&table, 30, 8);
            })
        })
    }));
}

#[test]
fn a_rebuild_gives_a_rule_or_takes_it_away() {
    let table = Table::in_folder();
    table.create(&[]);
    table.land("a.ndjson", events(0..50) + &events(0..5), &[]);
    assert_eq!(synced(&table), [1, 55, 0, 1]);
    let rebuild = |more: &[&str]| {
        let done = table.run("rebuild", &[&["--json"], more].concat());
        let done: Value = serde_json::from_str(&done.succeeded().stdout).unwrap();
        (done["dedupe"].clone(), done["duplicates"].as_u64().unwrap())
    };
    let rule = json!({"key": "event_uuid", "window": "2h"});
    assert_eq!(rebuild(&RULE), (rule.clone(), 5));
    has_each_once(&table, 50, 5);
    // The rule stays, and what comes later is compared with all that was rebuilt.
    assert_eq!(rebuild(&[]), (rule, 5));
    table.land("b.ndjson", events(40..60), &[]);
    assert_eq!(synced(&table), [1, 10, 10, 1]);
    has_each_once(&table, 60, 15);
    assert_eq!(rebuild(&["--no-dedupe"]), (Value::Null, 0));
    table.has_the_lake();
}

#[test]
fn a_rule_is_checked_before_a_table_is_created() {
    let table = Table::in_folder();
    for (rule, parts) in [
        (
            &["--dedupe-key", "event_uuid"][..],
            ["table.dedupe.window", "missing"],
        ),
        (&["--dedupe-window", "1h"], ["table.dedupe.key", "missing"]),
        (
            &["--dedupe-key", "created_at", "--dedupe-window", "1h"],
            ["table.dedupe.key", "no column created_at that can be a key"],
        ),
        (
            &["--dedupe-key", "event_uuid", "--dedupe-window", "0s"],
            ["table.dedupe.window", "at least 1ms"],
        ),
        (
            &["--dedupe-key", "event_uuid", "--dedupe-window", "900years"],
            ["table.dedupe.window", "at most ten years"],
        ),
    ] {
        table.run("create", rule).failed(2, &parts);
    }
    table.create(&RULE);
    let again = table.create(&RULE);
    assert!(again.contains("exists with these columns"), "{again}");
    let other = ["--dedupe-key", "event_uuid", "--dedupe-window", "3h"];
    for (rule, part) in [
        (
            &other[..],
            "another rule for duplicates: by event_uuid within 2h",
        ),
        (&[], "another rule for duplicates"),
    ] {
        table.run("create", rule).failed(1, &[part, "rebuild"]);
    }
}

/// Sets a property of the table, as another program does.
fn set_property(table: &Table, name: &str, value: &str) {
    let folder = &table.warehouse.folder;
    let Catalog::Sqlite(catalog) = &table.warehouse.catalog else {
        panic!("not a catalog in a file");
    };
    let location = StoreLocation::Folder(folder.clone());
    let retries = RetryPolicy::new(Duration::from_secs(1));
    let set = async {
        let warehouse = Warehouse::open(&location, retries.clone()).await.unwrap();
        let catalog = CatalogLocation::Sqlite(catalog.clone());
        let (catalog, _) = catalog.open(warehouse, retries).await.unwrap();
        let ident = TableIdent::from_strs(["sluice", EVENTS]).unwrap();
        let base = catalog.load_table(&ident).await.unwrap();
        let transaction = Transaction::new(&base);
        let properties = transaction.update_table_properties();
        let properties = properties.set(name.to_owned(), value.to_owned());
        let transaction = properties.apply(transaction).unwrap();
        transaction.commit(catalog.as_ref()).await.unwrap();
    };
    Runtime::new().unwrap().block_on(set);
}

#[test]
fn a_rule_that_another_program_has_changed_stops_the_builder() {
    let table = Table::in_folder();
    table.create(&RULE);
    table.land("a.ndjson", events(0..10), &[]);
    assert_eq!(synced(&table), [1, 10, 0, 1]);
    table.land("b.ndjson", events(5..12), &[]);
    for (name, value, part) in [
        (
            "sluice.dedupe.window",
            "3h",
            "it is by event_uuid within 3h, and its watermark says by event_uuid within 2h",
        ),
        ("sluice.dedupe.window", "soon", "sluice.dedupe.window is"),
        (
            "sluice.dedupe.key",
            "other",
            "the schema has no column other",
        ),
    ] {
        set_property(&table, name, value);
        table
            .run("sync", &[])
            .failed(1, &[part, "sluice table rebuild"]);
        let problem = table.problem();
        assert!(problem.contains(part), "{problem}");
        set_property(&table, "sluice.dedupe.window", "2h");
    }
    set_property(&table, "sluice.dedupe.key", "event_uuid");
    assert_eq!(synced(&table), [1, 2, 5, 1]);
    has_each_once(&table, 12, 5);
}
