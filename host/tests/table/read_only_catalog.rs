//! The status of a table reads a catalog in a file, and leaves the file and its folder as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Runtime;

use super::contents::Catalog;
use super::{Bucket, Table};
use crate::local::events;

/// The file of the catalog of a table.
fn file(table: &Table) -> &Path {
    match &table.warehouse.catalog {
        Catalog::Sqlite(file) => file,
        Catalog::Rest(_) => panic!("the catalog is no file"),
    }
}

/// The files beside the catalog, and itself.
fn files(table: &Table) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = file(table).parent().unwrap();
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let files = files.map(|entry| (entry.path(), fs::read(entry.path()).unwrap()));
    files.collect()
}

async fn connect(table: &Table, mode: SqliteJournalMode) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file(table));
    options.journal_mode(mode).connect().await.unwrap()
}

/// A table with three events.
fn built() -> Table {
    let table = Table::in_folder();
    table.create(&[]);
    table.land("events.ndjson", events(0..3), &[]);
    assert_eq!(table.sync()["events"], 3);
    table
}

#[test]
fn a_status_changes_neither_the_catalog_nor_its_folder() {
    let table = built();
    let runtime = Runtime::new().unwrap();
    for mode in [SqliteJournalMode::Wal, SqliteJournalMode::Delete] {
        runtime.block_on(async { connect(&table, mode).await.close().await.unwrap() });
        let before = files(&table);
        assert_eq!(table.status()["events"], 3);
        assert!(files(&table) == before, "the catalog or its folder changed");
    }
}

#[test]
fn a_status_shows_what_is_only_in_the_log_of_the_catalog() {
    let table = built();
    let runtime = Runtime::new().unwrap();
    let other = runtime.block_on(async {
        let mut other = connect(&table, SqliteJournalMode::Wal).await;
        let query = sqlx::query("SELECT COUNT(*) FROM iceberg_tables");
        query.execute(&mut other).await.unwrap();
        other
    });
    table.land("more.ndjson", events(3..8), &[]);
    assert_eq!(table.sync()["events"], 5);
    assert_eq!(table.status()["events"], 8);
    runtime.block_on(async { other.close().await.unwrap() });
}

#[test]
fn a_catalog_that_is_missing_is_not_created() {
    let bucket = Bucket::new();
    let (table, _proxy) = bucket.table("warehouse");
    table
        .run("status", &[])
        .failed(1, &["there is no catalog sqlite:catalog.sqlite"]);
    assert!(!file(&table).exists());
}
