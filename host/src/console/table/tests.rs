//! What pages show of tables.

use chrono::{DateTime, Utc};
use sluice_engine::record::ShardId;

use super::super::cached::Seen;
use super::*;
use crate::config::parse_store;
use crate::format::parquet::UnmappedValues;

fn status() -> TableStatus {
    let shard = |id: &str, chunks| ShardLag {
        shard: ShardId::new(id).unwrap(),
        table: Some(7.into()),
        lake: Some(9.into()),
        events: 5,
        duplicates: 0,
        chunks,
        oldest: (chunks > 0).then_some(1_767_225_600_000),
    };
    TableStatus {
        table: "sluice.events".into(),
        location: "file:///warehouse/events".into(),
        schema: "0123456789abcdef".into(),
        columns: Some(6),
        layout: None,
        dedupe: None,
        events: 1_234_567,
        duplicates: 0,
        files: 3,
        file_bytes: 3 << 20,
        snapshot: 1,
        snapshots: 2,
        committed_at: Some(1_767_225_600_000),
        last_commit: None,
        problem: None,
        ledgers: Some(2),
        oldest: Some(1_767_225_600_000),
        unmapped: UnmappedValues::default(),
        removable: Vec::new(),
        kept: Vec::new(),
        shards: vec![shard("quick", 0), shard("slow", 3)],
    }
}

fn html_of(view: TableView) -> String {
    let seen = Seen {
        value: Arc::new(view),
        at: DateTime::<Utc>::default(),
        problem: None,
    };
    section(&View::Ready(seen)).into_string()
}

#[test]
fn a_table_shows_what_waits_and_where() {
    let html = html_of(TableView::Status(Box::new(status())));
    for text in [
        "1,234,567",
        "3 chunks, the oldest since",
        "2026-01-01T00:00:00Z",
        "behind the lake",
        "slow",
        "run <code>sluice table sync</code>",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("quick"), "{html}");
    assert!(!html.contains("No builder can go on"), "{html}");
}

#[test]
fn a_problem_is_said_and_does_nothing() {
    let problem = Some("rolled <b>back</b>\u{202e}".into());
    let html = html_of(TableView::Status(Box::new(TableStatus {
        problem,
        ..status()
    })));
    assert!(
        html.contains("rolled &lt;b&gt;back&lt;/b&gt;\\u{202e}"),
        "{html}"
    );
    assert!(html.contains("stopped"), "{html}");
}

#[test]
fn without_a_table_the_section_says_how_to_have_one() {
    assert!(html_of(TableView::NotSet).contains("--table-warehouse"));
    let missing = TableView::Missing("sluice table create --lake file:lake".into());
    assert!(html_of(missing).contains("sluice table create --lake file:lake --schema"));
}

#[test]
fn settings_that_are_given_must_name_a_table() {
    let args = |warehouse: Option<&str>| LocationArgs {
        table_name: "events".into(),
        table_catalog: None,
        table_warehouse: warehouse.map(str::to_owned),
    };
    let bucket = parse_store("lake", "s3://bucket/lake").unwrap();
    let folder = parse_store("lake", "file:/nowhere/lake").unwrap();
    assert!(location(&args(None), None).unwrap().is_none());
    assert!(location(&args(None), Some(&bucket)).unwrap().is_none());
    assert!(location(&args(None), Some(&folder)).unwrap().is_some());
    let error = location(&args(Some("s3://bucket/lake")), Some(&bucket)).unwrap_err();
    assert_eq!(error.key, "table.warehouse");
    let named = LocationArgs {
        table_name: "No Name".into(),
        ..args(None)
    };
    let error = location(&named, Some(&folder)).unwrap_err();
    assert_eq!(error.key, "table.name");
}

#[tokio::test]
async fn a_lake_without_a_table_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let lake = StoreLocation::Folder(folder.path().join("lake"));
    let args = LocationArgs {
        table_name: "events".into(),
        table_catalog: None,
        table_warehouse: None,
    };
    let table = LakeTable::new(location(&args, Some(&lake)).unwrap());
    let mut view = table.view().await;
    while matches!(view, View::Reading) {
        view = table.view().await;
    }
    let View::Ready(seen) = view else {
        panic!("the table cannot be read");
    };
    let TableView::Missing(create) = seen.value.as_ref() else {
        panic!("there is no table");
    };
    assert!(create.contains("sluice table create"), "{create}");
}
