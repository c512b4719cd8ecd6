use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::source::take_wave;
use super::super::unit::{RowRef, Unit};
use super::super::{FileLayout, FilesSettings, Written};
use super::lake::{Event, Placed, SCHEMA, TestLake, event, schema};
use crate::format::Format;

fn by_day() -> FileLayout {
    FileLayout {
        day_of: Some("ts".into()),
        by_event_type: None,
    }
}

fn by_type() -> FileLayout {
    FileLayout {
        day_of: None,
        by_event_type: Some("event_type".into()),
    }
}

/// An event of a day after 2026-01-01, or of none.
fn of_day(event_type: &str, day: Option<usize>, n: usize) -> String {
    let ts = match day {
        Some(day) => format!(
            r#""2026-{:02}-{:02}T{:02}:59:59.999Z""#,
            day / 28 % 12 + 1,
            day % 28 + 1,
            n % 24
        ),
        None => "null".into(),
    };
    format!(r#"{{"event_type":"{event_type}","n":{n},"ts":{ts}}}"#)
}

/// Checks that each row is in a file of its partition. Returns the number of files of each.
fn check_partitions(
    written: &Written,
    files: &[Vec<Placed>],
    layout: &FileLayout,
) -> BTreeMap<(Option<i32>, Option<String>), usize> {
    let mut counts = BTreeMap::new();
    for (file, rows) in written.files.iter().zip(files) {
        for row in rows {
            let event: serde_json::Value = serde_json::from_str(&row.event).unwrap();
            if layout.day_of.is_some() {
                let time = event["ts"]
                    .as_str()
                    .and_then(|ts| ts.parse::<chrono::DateTime<chrono::Utc>>().ok());
                let day = time.map(|time| time.timestamp().div_euclid(86_400) as i32);
                assert_eq!(day, file.day, "{event}");
            }
            if layout.by_event_type.is_some() {
                assert_eq!(event["event_type"].as_str(), file.event_type.as_deref());
            }
        }
        *counts
            .entry((file.day, file.event_type.clone()))
            .or_default() += 1;
    }
    let keys = written
        .files
        .iter()
        .map(|file| (file.day, &file.event_type));
    assert!(keys.is_sorted());
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_in_files_of_their_days_and_rows_without_one_in_another() {
    let mut lake = TestLake::new();
    for chunk in 0..3 {
        let mut events: Vec<_> = ["b", "a"]
            .into_iter()
            .flat_map(|kind| {
                (0..40).map(move |n| event(kind, of_day(kind, (n % 4 > 0).then_some(n % 4), n)))
            })
            .collect();
        events.push(event("a", r#"{"event_type":"a","ts":"yesterday"}"#));
        events.push(event(
            "a",
            r#"{"event_type":"a","ts":"1969-12-31T23:59:59.999Z"}"#,
        ));
        events.push(event(
            "a",
            r#"{"event_type":"a","ts":"2026-01-02T00:00:00.000+02:00"}"#,
        ));
        events.push(event("a", "1"));
        lake.add("s", chunk, Format::NDJSON_ZST, None, &events)
            .await;
    }
    let columns = schema(SCHEMA);
    for settings in [lake.settings(), lake.small()] {
        let written = lake.write(&columns, &by_day(), &settings).await.unwrap();
        let files = lake.check(&written, &columns);
        // Two days of each chunk, those without one, and two that are special.
        let counts = check_partitions(&written, &files, &by_day());
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|files| *files == 1), "{counts:?}");
        assert!(counts.contains_key(&(Some(-1), None)));
        for rows in &files {
            assert!(rows.is_sorted_by_key(|row| row.event.contains(r#""b""#)));
        }
    }
}

/// 336 days and none, in all objects.
async fn year() -> TestLake {
    let mut lake = TestLake::new();
    for chunk in 0..4 {
        let types = ["a", "b"].into_iter().enumerate();
        let events: Vec<_> = types
            .flat_map(|(offset, kind)| {
                (0..1_000).map(move |n| {
                    let day = (n * 7 + offset * 3 + chunk as usize) % 337;
                    event(kind, of_day(kind, (day < 336).then_some(day), n))
                })
            })
            .collect();
        lake.add("s", chunk, Format::NDJSON_ZST, None, &events)
            .await;
    }
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_more_days_than_there_are_open_files_wait_and_are_written() {
    let lake = year().await;
    let columns = schema(SCHEMA);
    for settings in [lake.settings(), lake.small()] {
        let written = lake.write(&columns, &by_day(), &settings).await.unwrap();
        let files = lake.check(&written, &columns);
        let counts = check_partitions(&written, &files, &by_day());
        assert_eq!(counts.len(), 337);
        // A partition can have rows that came before its file was open.
        assert!(written.files.len() <= 2 * 337, "{}", written.files.len());
        let left = std::fs::read_dir(written.folder.path()).unwrap().count();
        assert_eq!(left, written.files.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_types_together_are_partitions() {
    let lake = year().await;
    let columns = schema(SCHEMA);
    let layout = FileLayout {
        by_event_type: by_type().by_event_type,
        ..by_day()
    };
    let written = lake.write(&columns, &layout, &lake.small()).await.unwrap();
    let files = lake.check(&written, &columns);
    assert_eq!(check_partitions(&written, &files, &layout).len(), 2 * 337);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_the_value_of_the_row_and_not_of_its_folder() {
    let mut lake = TestLake::new();
    let events: Vec<Event> = vec![
        event("a", r#"{"event_type":"b"}"#),
        event("a", r#"{"event_type":"a"}"#),
        event("b", r#"{"event_type":"a"}"#),
        event("b", r#"{"event_type":"b"}"#),
        event("b", r#"{"event_type":5}"#),
        event("", "{}"),
        event("", r#"{"event_type":""}"#),
        (None, r#"{"event_type":"a"}"#.into()),
        (None, r#"{"event_type":"c"}"#.into()),
    ];
    lake.add("s", 0, Format::NDJSON, None, &events).await;
    let columns = schema(SCHEMA);
    let written = lake
        .write(&columns, &by_type(), &lake.small())
        .await
        .unwrap();
    let files = lake.check(&written, &columns);
    let counts = check_partitions(&written, &files, &by_type());
    let types: BTreeSet<_> = counts
        .into_keys()
        .map(|(_, event_type)| event_type)
        .collect();
    let expected = [None, Some(""), Some("a"), Some("b"), Some("c")];
    assert_eq!(types, expected.map(|text| text.map(str::to_owned)).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_in_the_order_of_types_need_no_second_pass() {
    let mut lake = TestLake::new();
    for chunk in 0..3 {
        let types = (0..100).map(|kind| format!("type{kind:03}"));
        let events: Vec<_> = types
            .flat_map(|kind| (0..3).map(move |n| event(&kind, of_day(&kind, Some(1), n))))
            .collect();
        lake.add("s", chunk, Format::NDJSON, None, &events).await;
    }
    let columns = schema(SCHEMA);
    for settings in [lake.settings(), lake.small()] {
        let written = lake.write(&columns, &by_type(), &settings).await.unwrap();
        let files = lake.check(&written, &columns);
        let counts = check_partitions(&written, &files, &by_type());
        assert_eq!(counts.len(), 100);
        // Rows that wait would make more names.
        assert_eq!(written.files.len(), 100);
        let last = written
            .files
            .iter()
            .map(|file| file.path.clone())
            .max()
            .unwrap();
        assert!(last.ends_with("000099.parquet"), "{}", last.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_types_that_come_mixed_are_written() {
    let mut lake = TestLake::new();
    let few = schema(r#"{"version": 1, "columns": [{"name": "event_type", "type": "string"}]}"#);
    for chunk in 0..2 {
        let events: Vec<_> = (0..10_000)
            .map(|kind| {
                (
                    None,
                    format!(r#"{{"event_type":"type{}"}}"#, kind * 7 % 10_000),
                )
            })
            .collect();
        lake.add("s", chunk, Format::NDJSON_ZST, None, &events)
            .await;
    }
    let settings = FilesSettings {
        memory: 4 << 20,
        ..lake.settings()
    };
    let written = lake.write(&few, &by_type(), &settings).await.unwrap();
    let files = lake.check(&written, &few);
    let counts = check_partitions(&written, &files, &by_type());
    assert_eq!(counts.len(), 10_000);
    assert!(written.files.len() < 10_100, "{}", written.files.len());
}

/// 16 MiB give a wave 1 MiB. The columns of a batch count 10 KiB, and an object half a KiB.
#[tokio::test(flavor = "multi_thread")]
async fn small_objects_and_partitions_count_with_their_columns() {
    let mut lake = TestLake::new();
    let types = (0..2_000).map(|kind| format!("type{kind}"));
    let events: Vec<_> = types.map(|kind| event(&kind, "{}")).collect();
    lake.add("s", 0, Format::NDJSON, None, &events).await;
    let columns = schema(SCHEMA);
    let settings = FilesSettings {
        memory: 16 << 20,
        ..lake.settings()
    };
    let by_type = TestLake::limits(&columns, &by_type(), &settings);
    let waves = lake.waves(true, &by_type).await;
    assert_eq!(waves.iter().sum::<usize>(), 2_000);
    assert!(waves.iter().all(|objects| *objects <= 100), "{waves:?}");
    // Objects share batches if their types do not matter.
    let whole = TestLake::limits(&columns, &FileLayout::default(), &settings);
    let waves = lake.waves(false, &whole).await;
    assert_eq!(waves.iter().sum::<usize>(), 2_000);
    assert!(waves[0] > 1_000, "{waves:?}");

    let row = RowRef {
        object: 0,
        content: 0,
        start: 0,
        end: 2,
        line: 1,
    };
    let mut units: VecDeque<_> = (0..2_000)
        .map(|run| Unit::of_rows(run, vec![row]))
        .collect();
    let mut taken = 0;
    while !units.is_empty() {
        let wave = take_wave(&mut units, &by_type);
        assert!((1..=103).contains(&wave.len()), "{}", wave.len());
        taken += wave.len();
    }
    assert_eq!(taken, 2_000);
}
