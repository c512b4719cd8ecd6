//! Duplicates become no rows, whatever the order of the objects and the memory is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice_storage::folder::FolderStore;

use super::super::{FileLayout, FilesError, FilesSettings, Written};
use super::lake::{Event, Placed, SCHEMA, TestLake, event, rows, schema};
use crate::format::Format;
use crate::layout::chunk::ArrivalTimes;
use crate::table::documents::TableDocuments;
use crate::table::duplicates::{
    Arrival, AttemptKeys, DROPPED, DedupeRule, DroppedObject, KeysMark, read_dropped,
};
use crate::table::known_keys::KnownKeys;

const WINDOW: u64 = 1_000;

fn rule() -> DedupeRule {
    DedupeRule::new("n", Duration::from_millis(WINDOW)).unwrap()
}

/// The documents of a table, which are beside the lake.
fn documents(lake: &TestLake) -> TableDocuments {
    let store = FolderStore::shared(lake.folder.path().join("warehouse"));
    TableDocuments::new(Arc::new(store), "table")
}

/// An event whose key is a number, or which has none: it is missing, or no number.
fn with_key(rng: &mut Pcg64Mcg, number: usize) -> Event {
    let kind = ["lesson", "exam", "a b"][rng.random_range(0..3)];
    let key = match rng.random_range(0..10) {
        0 => "null".to_owned(),
        1 => "\"x\"".to_owned(),
        _ => rng.random_range(0..150).to_string(),
    };
    let day = rng.random_range(1..4);
    let text = format!(
        r#"{{"event_type":"{kind}","n":{key},"id":{number},"ts":"2026-01-0{day}T00:00:00.000Z"}}"#
    );
    event(kind, text)
}

/// Chunks of three shards, which arrive at about the same time, except those of the last shard, which is late.
async fn add_chunks(lake: &mut TestLake, rng: &mut Pcg64Mcg, round: u64) {
    for number in 0..6 {
        let shard = ["a", "b", "late"][(number % 3) as usize];
        let at = 1_000_000 + 900 * round + 150 * number;
        let at = if shard == "late" { at - 5_000 } else { at };
        lake.arrived_at = Some(ArrivalTimes {
            min: at,
            max: at + rng.random_range(0..200),
        });
        let events = (0..100).map(|id| with_key(rng, id));
        let events: Vec<_> = events.collect();
        let first = 1_000 * round + 10 * number;
        lake.add(shard, first, Format::NDJSON_ZST, None, &events)
            .await;
    }
}

/// An event that the table has or not.
#[derive(Debug)]
struct Decided {
    event: Placed,
    key: Option<i64>,
    arrived: Arrival,
    is_row: bool,
}

/// The key of an event.
fn key(event: &str) -> Option<i64> {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    event["n"].as_i64()
}

/// Asserts that no two rows of a key are near each other, and that there is a row near each event.
fn keeps_the_promise(all: &[Decided]) {
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in all {
        keys.entry(event.key).or_default().push(event);
    }
    for (key, events) in keys {
        for event in &events {
            let near = events.iter().filter(|row| {
                row.is_row && row.event != event.event && row.arrived.is_near(event.arrived, WINDOW)
            });
            let is_right = match key {
                None => event.is_row,
                Some(_) => event.is_row == (near.count() == 0),
            };
            assert!(is_right, "{event:?} of {events:#?}");
        }
    }
}

/// What the lists of dropped events name: the shard, the first record of the chunk, and the object with the line.
fn listed(written: &Written) -> BTreeSet<(String, String, String, u64)> {
    let documents = &written.keys.as_ref().unwrap().documents;
    let is_list = |path: &&std::path::PathBuf| path.ends_with(DROPPED);
    let Some(list) = documents.iter().find(is_list) else {
        return BTreeSet::new();
    };
    let mut listed = BTreeSet::new();
    let each = |object: DroppedObject| {
        let lines = object.lines.iter();
        listed.extend(lines.map(|line| {
            let (shard, chunk) = (object.shard.to_string(), object.chunk.to_string());
            (shard, chunk, object.object.clone(), *line)
        }));
    };
    read_dropped(&std::fs::read(list).unwrap(), each).unwrap();
    listed
}

/// Adds what an attempt has left to what is known.
async fn remember(lake: &mut TestLake, mark: &mut KeysMark, attempt: &str, written: &Written) {
    let (documents, keys) = (documents(lake), written.keys.as_ref().unwrap());
    for path in &keys.documents {
        let name = path.file_name().unwrap().to_str().unwrap();
        let content = std::fs::read(path).unwrap();
        let put = documents.put_duplicates(attempt, name, content).await;
        put.unwrap();
    }
    mark.add(AttemptKeys {
        attempt: attempt.to_owned(),
        arrived_at: keys.arrived_at.clone(),
        keys: keys.keys,
        dropped: keys.total_dropped(),
    });
    lake.known = Some(KnownKeys::new(documents, mark.clone()));
}

async fn rounds_keep_the_promise(
    layout: &FileLayout,
    settings: impl Fn(&TestLake) -> FilesSettings,
) {
    let columns = schema(SCHEMA);
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let mut lake = TestLake::new();
    let mut mark = KeysMark::new(rule());
    lake.known = Some(KnownKeys::new(documents(&lake), mark.clone()));
    let mut all = Vec::new();
    for round in 0..4 {
        (lake.chunks, lake.events) = (Vec::new(), Vec::new());
        add_chunks(&mut lake, &mut rng, round).await;
        let written = lake
            .write(&columns, layout, &settings(&lake))
            .await
            .unwrap();
        let keys = written.keys.as_ref().unwrap();
        let rows: Vec<_> = rows(&written, &columns).concat();
        assert_eq!(rows.len() as u64, written.rows);
        assert_eq!(
            written.rows + keys.total_dropped(),
            lake.events.len() as u64
        );
        assert!(
            keys.total_dropped() > 0 && keys.dropped.len() == 3,
            "{keys:?}"
        );
        assert_eq!(listed(&written).len() as u64, keys.total_dropped());
        let with_key = rows.iter().filter(|row| key(&row.event).is_some());
        assert_eq!(with_key.count() as u64, keys.keys);
        let rows: BTreeSet<_> = rows
            .iter()
            .map(|row| (&row.shard, &row.chunk, row.line, identity(&row.event)))
            .collect();
        for chunk in &lake.chunks {
            let manifest = &chunk.manifest;
            let first = manifest.range.first.to_string();
            let shard = manifest.shard.to_string();
            let of_chunk = lake.events.iter();
            let of_chunk = of_chunk.filter(|event| event.shard == shard && event.chunk == first);
            all.extend(of_chunk.map(|event| Decided {
                key: key(&event.event),
                arrived: Arrival::of(manifest.arrived_at),
                is_row: rows.contains(&(
                    &event.shard,
                    &event.chunk,
                    event.line,
                    identity(&event.event),
                )),
                event: event.clone(),
            }));
        }
        remember(&mut lake, &mut mark, &format!("a{round}"), &written).await;
    }
    keeps_the_promise(&all);
}

/// What tells an event from the others of its chunk.
fn identity(event: &str) -> i64 {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    event["id"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_has_a_row_within_the_window_and_no_two() {
    let by_day = FileLayout {
        day_of: Some("ts".into()),
        by_event_type: Some("event_type".into()),
    };
    for layout in [FileLayout::default(), by_day] {
        // With little memory, keys are sorted in many files.
        rounds_keep_the_promise(&layout, TestLake::small).await;
        rounds_keep_the_promise(&layout, TestLake::settings).await;
    }
}

/// Without a time of arrival, each repetition is near.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_unknown_arrival_are_compared_with_all() {
    let columns = schema(SCHEMA);
    let mut lake = TestLake::new();
    let mut mark = KeysMark::new(rule());
    lake.known = Some(KnownKeys::new(documents(&lake), mark.clone()));
    let text = |n: u64| event("lesson", format!(r#"{{"event_type":"lesson","n":{n}}}"#));
    let layout = FileLayout::default();
    for (round, (arrived_at, rows)) in [
        (Some(ArrivalTimes { min: 10, max: 20 }), 2),
        (None, 0),
        (
            Some(ArrivalTimes {
                min: 50_000,
                max: 50_000,
            }),
            2,
        ),
        (
            Some(ArrivalTimes {
                min: 0,
                max: 90_000,
            }),
            0,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        (lake.chunks, lake.events) = (Vec::new(), Vec::new());
        lake.arrived_at = arrived_at;
        let events = [text(1), text(2), text(1)];
        let first = 10 * round as u64;
        lake.add("s", first, Format::NDJSON, None, &events).await;
        let settings = lake.settings();
        let written = lake.write(&columns, &layout, &settings).await.unwrap();
        assert_eq!(written.rows, rows, "{round}");
        assert_eq!(written.files.is_empty(), rows == 0);
        remember(&mut lake, &mut mark, &format!("a{round}"), &written).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_object_is_named_before_anything_is_written() {
    let mut lake = TestLake::new();
    lake.known = Some(KnownKeys::new(documents(&lake), KeysMark::new(rule())));
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    add_chunks(&mut lake, &mut rng, 0).await;
    let object = &lake.chunks[3].manifest.objects[0];
    let path = lake.root().join(&object.key);
    let (columns, layout) = (schema(SCHEMA), FileLayout::default());
    std::fs::write(&path, "other").unwrap();
    match lake.write(&columns, &layout, &lake.settings()).await {
        Err(FilesError::Damaged { place, .. }) => assert!(place.ends_with(&object.key)),
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(&path).unwrap();
    match lake.write(&columns, &layout, &lake.settings()).await {
        Err(FilesError::Missing(place)) => assert!(place.ends_with(&object.key)),
        other => panic!("{other:?}"),
    }
    assert!(!lake.scratch().exists());
}
