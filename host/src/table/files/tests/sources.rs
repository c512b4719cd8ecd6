use std::fs;
use std::time::Duration;

use super::super::{FileLayout, FilesError, FilesSettings};
use super::lake::{SCHEMA, TestLake, event, schema};
use crate::format::Format;

fn text(event_type: &str, n: usize) -> String {
    format!(r#"{{"event_type":"{event_type}","n":{n},"more":"{n}"}}"#)
}

/// Two shards with three event types, in each format.
async fn mixed() -> TestLake {
    let mut lake = TestLake::new();
    let stored = schema(SCHEMA);
    let chunks = [
        ("b", 0, Format::NDJSON_ZST, None),
        ("a", 7, Format::PARQUET, Some(&stored)),
        ("a", 100, Format::NDJSON_GZ, None),
        ("a", 3, Format::NDJSON, None),
    ];
    for (shard, first, format, rows) in chunks {
        let types = ["lesson", "exam", "a b"].into_iter();
        let mut events: Vec<_> = types
            .flat_map(|kind| (0..5).map(move |n| event(kind, text(kind, n))))
            .collect();
        events.push(event(
            "exam",
            r#"{"event_type":5,"n":"x","items":[{"x":1,"y":2},null]}"#,
        ));
        events.push(event("exam", "[1,\"no object\"]"));
        lake.add(shard, first, format, rows, &events).await;
    }
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_each_format_is_a_row_with_its_origin() {
    let lake = mixed().await;
    let columns = schema(SCHEMA);
    for settings in [lake.settings(), lake.small()] {
        let layout = FileLayout::default();
        let written = lake.write(&columns, &layout, &settings).await.unwrap();
        let files = lake.check(&written, &columns);
        assert_eq!(files.len(), 1);
        // In each chunk: `more` of 15 events, `event_type` and `n` and `items[].y` of one, and one that is no object.
        assert_eq!(written.unmapped.total(), 4 * (15 + 3 + 1));
        let order: Vec<_> = files[0]
            .iter()
            .map(|row| {
                (
                    row.event.contains("lesson"),
                    row.event.contains("a b"),
                    row.shard.clone(),
                    row.chunk.clone(),
                )
            })
            .collect();
        let of_type = |kind: &str| -> Vec<_> {
            let rows = files[0].iter().enumerate();
            rows.filter(|(_, row)| row.event.contains(kind))
                .map(|(at, _)| at)
                .collect()
        };
        assert_eq!(of_type("\"a b\""), (0..20).collect::<Vec<_>>());
        assert_eq!(of_type("\"lesson\""), (48..68).collect::<Vec<_>>());
        assert!(order[..20].is_sorted_by_key(|(_, _, shard, _)| shard));
        assert_eq!(order[0].3, "3");
        let folder = written.folder.path().to_owned();
        assert!(folder.exists());
        drop(written);
        assert!(!folder.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_chunks_there_are_no_files() {
    let lake = TestLake::new();
    let layout = FileLayout::default();
    let written = lake
        .write(&schema(SCHEMA), &layout, &lake.settings())
        .await
        .unwrap();
    assert_eq!(
        (written.files.len(), written.rows, written.event_bytes),
        (0, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_missing_or_damaged_is_named() {
    let lake = mixed().await;
    let columns = schema(SCHEMA);
    let layout = FileLayout::default();
    for chunk in &lake.chunks {
        let object = &chunk.manifest.objects[0];
        let path = lake.root().join(&object.key);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        let other = fs::read(lake.root().join(&chunk.manifest.objects[1].key)).unwrap();
        for bytes in [
            &[][..],
            &whole[..whole.len() - 1],
            &changed,
            &other,
            &[&whole[..], &whole].concat(),
        ] {
            fs::write(&path, bytes).unwrap();
            // Of Parquet, rows are what counts: not what is between them, and a value that was changed is not noticed if
            // its reader does not notice it.
            let is_lines = chunk.manifest.pins.format.has_lines();
            let is_readable = !is_lines && bytes.ends_with(&whole[whole.len() / 2 + 1..]);
            match lake.write(&columns, &layout, &lake.settings()).await {
                Err(FilesError::Damaged { place, .. }) => assert!(place.ends_with(&object.key)),
                Ok(_) if is_readable => {}
                other => panic!("{}: {other:?}", object.key),
            }
        }
        fs::remove_file(&path).unwrap();
        match lake.write(&columns, &layout, &lake.settings()).await {
            Err(FilesError::Missing(place)) => assert!(place.ends_with(&object.key)),
            other => panic!("{other:?}"),
        }
        assert!(!lake.scratch().exists());
        fs::write(&path, whole).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_file_is_closed_and_another_one_follows() {
    let mut lake = TestLake::new();
    let events: Vec<_> = (0..20_000)
        .map(|n| event("a", text("a", n * 7_919 % 20_011)))
        .collect();
    lake.add("s", 0, Format::NDJSON_ZST, None, &events).await;
    let columns = schema(SCHEMA);
    let settings = FilesSettings {
        file_bytes: 40 << 10,
        ..lake.settings()
    };
    let layout = FileLayout::default();
    let written = lake.write(&columns, &layout, &settings).await.unwrap();
    let files = lake.check(&written, &columns);
    assert!(files.len() > 2, "{}", files.len());
    let (_, full) = written.files.split_last().unwrap();
    for file in full {
        assert!((4 << 10..120 << 10).contains(&file.bytes), "{}", file.bytes);
    }
    assert!(files.concat().is_sorted_by_key(|row| row.line));
}

#[test]
fn work_that_is_cancelled_removes_its_folder() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = runtime.block_on(async {
        let mut lake = TestLake::new();
        for chunk in 0..400 {
            let events: Vec<_> = (0..100).map(|n| event("a", text("a", n))).collect();
            lake.add("s", chunk, Format::NDJSON, None, &events).await;
        }
        let (columns, layout, settings) = (schema(SCHEMA), FileLayout::default(), lake.small());
        let write = lake.write(&columns, &layout, &settings);
        let cancelled = tokio::time::timeout(Duration::ZERO, write).await;
        assert!(cancelled.is_err());
        lake
    });
    // Waits for the threads.
    drop(runtime);
    assert!(!lake.scratch().exists());
}
