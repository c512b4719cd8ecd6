//! `sluice table rebuild`: the same events under another schema or layout, however often it is killed, and whoever else
//! works on the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use iceberg::{Catalog, TableIdent};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::Value;
use sluice::table::catalog::CatalogLocation;
use sluice::table::warehouse::Warehouse;
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use crate::local::events;
use crate::support::cloud::signal;
use crate::support::program::{Place, Ran, Running};

/// The name of the table that most tests rebuild.
const TABLE: &str = "sluice.events";

/// Where each event of a table is in the lake, with its id.
type Rows = BTreeMap<String, String>;

/// Two columns in place of the default six: with other names, and in another order.
const OTHER_SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "event_type", "type": "string"},
    {"name": "id", "path": ["event_uuid"], "type": "string"}
]}"#;

fn table(place: &Place, command: &str, more: &[&str]) -> Ran {
    place.run(&[&["table", command, "--lake", "file:lake"][..], more].concat())
}

fn table_json(place: &Place, command: &str, more: &[&str]) -> Value {
    let ran = table(place, command, &[more, &["--json"]].concat()).succeeded();
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Lands events in chunks of ten, from a file of their own.
fn land(place: &Place, range: std::ops::Range<usize>) {
    let name = format!("{}.ndjson", range.start);
    place.write(&name, events(range));
    let source = format!("file:{name}");
    place.land(&["--source", &source, "--chunk-records", "10"]);
}

/// A lake with events, and their table.
fn built(events: usize) -> Place {
    let place = Place::new();
    land(&place, 0..events);
    table(&place, "create", &[]).succeeded();
    table(&place, "sync", &[]).succeeded();
    place
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(work)
}

async fn catalog(place: &Place) -> Arc<dyn Catalog> {
    let folder = place.path("lake.warehouse");
    let retries = RetryPolicy::new(Duration::from_secs(1));
    let location = StoreLocation::Folder(folder.clone());
    let opened = Warehouse::open(&location, retries.clone()).await;
    let catalog = CatalogLocation::Sqlite(folder.join("catalog.sqlite"));
    catalog.open(opened.unwrap(), retries).await.unwrap().0
}

fn ident(name: &str) -> TableIdent {
    TableIdent::from_strs(name.split('.')).unwrap()
}

fn rename(place: &Place, from: &str, to: &str) {
    wait(async {
        let catalog = catalog(place).await;
        let renamed = catalog.rename_table(&ident(from), &ident(to)).await;
        renamed.unwrap();
    });
}

/// The names of all tables.
fn tables(place: &Place) -> Vec<String> {
    wait(async {
        let catalog = catalog(place).await;
        let tables = catalog.list_tables(ident(TABLE).namespace()).await.unwrap();
        let mut names: Vec<_> = tables.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    })
}

/// The data files of a table.
fn files(place: &Place, name: &str) -> Vec<String> {
    wait(async {
        let table = catalog(place).await.load_table(&ident(name)).await.unwrap();
        let scan = table.scan().build().unwrap();
        let tasks = scan.plan_files().await.unwrap();
        tasks
            .map_ok(|task| task.data_file_path)
            .try_collect()
            .await
            .unwrap()
    })
}

/// The events of a table, none of which it has twice. `id` is the column of their ids. A place is that of a line in one of the
/// objects of a chunk, so the id tells the objects apart.
fn rows(place: &Place, name: &str, id: &str) -> Rows {
    let mut rows = Rows::new();
    for path in files(place, name) {
        let path = path.strip_prefix("file://").unwrap();
        let file = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
        for row in file.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let columns: BTreeMap<_, _> = row
                .get_column_iter()
                .map(|(name, field)| (name.as_str(), field.to_string()))
                .collect();
            let place = ["_shard", "_chunk", "_line"].map(|name| columns[name].clone());
            let event = format!("{} {}", place.join(" "), columns[id]);
            let known = rows.insert(event, columns[id].clone());
            assert_eq!(known, None, "twice: {columns:?}");
        }
    }
    rows
}

#[test]
fn a_rebuild_under_another_schema_and_layout_has_the_same_events() {
    let place = built(200);
    let before = rows(&place, TABLE, "event_uuid");
    assert_eq!(before.len(), 200);
    place.write("other.json", OTHER_SCHEMA);
    let layout = ["--schema", "other.json", "--partition", "event_type"];
    let done = table_json(&place, "rebuild", &layout);
    assert_eq!(done["table"], TABLE);
    assert_eq!(done["partition"], "event_type");
    assert_eq!(
        (&done["events"], &done["table_events"]),
        (&200.into(), &200.into())
    );
    assert_eq!(rows(&place, TABLE, "id"), before);
    // Each of the three types has files of its own.
    assert!(files(&place, TABLE).len() >= 3);

    let kept = done["kept"].as_str().unwrap();
    assert!(kept.starts_with("sluice.events__before_"), "{kept}");
    assert_eq!(tables(&place), [TABLE, kept]);
    assert_eq!(rows(&place, kept, "event_uuid"), before);
    table(&place, "drop", &["--name", kept, "--purge", "--yes"]).succeeded();
    assert_eq!(rows(&place, TABLE, "id"), before);

    // The new table goes on where the lake was.
    land(&place, 200..230);
    assert_eq!(table_json(&place, "sync", &[])["events"], 30);
    assert_eq!(rows(&place, TABLE, "id").len(), 230);
}

#[test]
fn without_settings_the_columns_and_the_layout_stay() {
    let place = built(50);
    let before = rows(&place, TABLE, "event_uuid");
    let (schema, partition) = {
        let status = table_json(&place, "status", &[]);
        (status["schema"].clone(), status["partition"].clone())
    };
    // More than one table before is kept, each under a name of its own.
    let mut kept = BTreeSet::new();
    for _ in 0..2 {
        let done = table_json(&place, "rebuild", &[]);
        assert_eq!((&done["schema"], &done["partition"]), (&schema, &partition));
        assert!(kept.insert(done["kept"].as_str().unwrap().to_owned()));
        assert_eq!(rows(&place, TABLE, "event_uuid"), before);
    }
    let status = table_json(&place, "status", &[]);
    assert_eq!(status["kept"], serde_json::json!(kept));
    // What is printed removes what was kept, and not the table.
    let printed = table(&place, "status", &[]).succeeded().stdout;
    for name in kept {
        let (_, name) = name.split_once('.').unwrap();
        let drop = format!("`sluice table drop --lake file:lake --name {name} --purge --yes`");
        assert!(printed.contains(&drop), "{printed}");
    }
}

#[test]
fn a_killed_rebuild_goes_on_and_ends() {
    const MOMENTS: u32 = 8;
    let whole = built(300);
    let started = Instant::now();
    table(&whole, "rebuild", &["--partition", "none"]).succeeded();
    let duration = started.elapsed();
    // Each waits for the lease of the one that was killed, so all do at once.
    thread::scope(|scope| {
        for moment in 0..MOMENTS {
            scope.spawn(move || {
                let place = built(300);
                let expected = rows(&place, TABLE, "event_uuid");
                let args = ["table", "rebuild", "--lake", "file:lake"];
                let args = [&args[..], &["--partition", "none"]].concat();
                let running = Running(place.command(&args).spawn().unwrap());
                thread::sleep(duration * (2 * moment + 1) / (2 * MOMENTS));
                drop(running);
                place.run(&args).succeeded();
                assert_eq!(rows(&place, TABLE, "event_uuid"), expected, "{moment}");
                let left = tables(&place);
                let is_left = left.iter().any(|name| name.ends_with("__rebuild"));
                assert!(!is_left, "{moment}: {left:?}");
            });
        }
    });
}

#[test]
fn a_rebuild_that_was_killed_between_the_renames_ends() {
    let place = built(40);
    let before = rows(&place, TABLE, "event_uuid");
    // An earlier one, which this rebuild has not kept.
    table(&place, "rebuild", &[]).succeeded();
    let done = table_json(&place, "rebuild", &["--partition", "none"]);
    let kept = done["kept"].as_str().unwrap();
    let all = tables(&place);
    rename(&place, TABLE, "sluice.events__rebuild");
    table(&place, "sync", &[]).failed(1, &["there is no table sluice.events"]);
    let done = table_json(&place, "rebuild", &["--partition", "none"]);
    assert_eq!(done["kept"], kept);
    assert_eq!(
        (&done["events"], &done["table_events"]),
        (&0.into(), &40.into())
    );
    assert_eq!(rows(&place, TABLE, "event_uuid"), before);
    assert_eq!(tables(&place), all);
}

/// Somebody creates the table again while it has no name.
#[test]
fn a_table_that_was_created_between_the_renames_is_kept() {
    let place = built(40);
    let before = rows(&place, TABLE, "event_uuid");
    rename(&place, TABLE, "sluice.events__rebuild");
    table(&place, "create", &[]).succeeded();
    let done = table_json(&place, "rebuild", &[]);
    assert_eq!(rows(&place, TABLE, "event_uuid"), before);
    let kept = done["kept"].as_str().unwrap();
    assert_eq!(files(&place, kept), [""; 0]);
}

#[test]
fn errors_say_what_to_do() {
    let place = built(10);
    let at = ["--name", "other"];
    table(&place, "rebuild", &at).failed(
        1,
        &["there is no table sluice.other", "sluice table create"],
    );
    table(&place, "rebuild", &["--partition", "day(no)"])
        .failed(2, &["partition", "no column no", "created_datetime"]);
    table(&place, "rebuild", &["--schema", "missing.json"]).failed(2, &["missing.json"]);
    let long = "n".repeat(90);
    table(&place, "rebuild", &["--name", &long]).failed(2, &["table.name", "at most 83"]);
    assert_eq!(tables(&place), [TABLE]);

    for name in ["events__rebuild", "of.events__before_0123abcd"] {
        for command in ["create", "rebuild"] {
            table(&place, command, &["--name", name]).failed(2, &["table.name", "another name"]);
        }
    }
    let left = ["--name", "left", "--partition", "none"];
    table(&place, "create", &left).succeeded();
    rename(&place, "sluice.left", "sluice.events__rebuild");
    // It can be read, and dropped.
    let status = table_json(&place, "status", &["--name", "events__rebuild"]);
    assert_eq!(status["events"], 0);
    table(&place, "rebuild", &[]).failed(
        1,
        &[
            "sluice.events__rebuild, which an earlier rebuild has left, has the layout none",
            "sluice table drop --name sluice.events__rebuild --purge --yes",
        ],
    );
    table(&place, "rebuild", &["--partition", "none"]).succeeded();
    assert_eq!(rows(&place, TABLE, "event_uuid").len(), 10);
}

#[test]
fn a_follow_goes_on_with_the_new_table() {
    let place = built(100);
    let follow = ["table", "sync", "--lake", "file:lake", "--follow"];
    let often = ["--interval", "20ms", "--max-age", "0s", "--http", "none"];
    let mut command = place.command(&[&follow[..], &often].concat());
    // Nobody reads what it says.
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    for (turn, partition) in ["none", "event_type", "none"].into_iter().enumerate() {
        thread::scope(|scope| {
            scope.spawn(|| land(&place, 100 + turn * 50..150 + turn * 50));
            table(&place, "rebuild", &["--partition", partition]).succeeded();
        });
    }
    assert_eq!(tables(&place).len(), 1 + 3);
    running.until(|| table_json(&place, "status", &[])["events"] == 250);
    signal(&running.0, "TERM");
    assert_eq!(running.ends(), Some(0));
    // `rows` finds what a table has twice, the tables before included.
    assert_eq!(rows(&place, TABLE, "event_uuid").len(), 250);
    for name in tables(&place) {
        assert!(rows(&place, &name, "event_uuid").len() <= 250, "{name}");
    }
}
