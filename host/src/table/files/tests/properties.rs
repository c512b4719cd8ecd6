use proptest::prelude::*;

use super::super::{FileLayout, FilesSettings};
use super::lake::{Event, SCHEMA, TestLake, schema};
use crate::format::Format;

const NARROW: &str = r#"{"version": 1, "columns": [
    {"name": "event_type", "type": "string"}, {"name": "ts", "type": "timestamp(0)"}
]}"#;

const OTHER: &str = r#"{"version": 1, "columns": [
    {"name": "event_type", "type": "string"}, {"name": "n", "type": "json"}, {"name": "ts", "type": "date"},
    {"name": "deep", "path": ["o", "p"], "type": "double"}
]}"#;

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| n.to_string())),
        ".{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        Just(r#"[{"x":1},{"x":"1","y":2},null,5]"#.to_owned()),
        Just(r#"{"p":1.50,"q":"x","k":null}"#.to_owned()),
    ]
}

fn ts() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (1..=12, 1..=28, 0..24).prop_map(|(month, day, hour)| format!(
            r#""2026-{month:02}-{day:02}T{hour:02}:00:00.000Z""#
        )),
        1 => (1..=9).prop_map(|day| format!(r#""2026-01-0{day}""#)),
        1 => value(),
    ]
}

/// An event, and the partition that the transform names for it.
fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just("a".to_owned()), "[a-z]{1,2}", Just(String::new())];
    let names = prop::sample::select(vec!["n", "items", "props", "o", "other"]);
    let members = prop::collection::vec((names, value()), 0..4);
    let of_folder = prop::sample::select(vec![0, 0, 0, 1, 2]);
    prop_oneof![
        20 => (kind, ts(), members, of_folder).prop_map(|(kind, ts, members, folder)| {
            let members: String = members.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
            let text = format!(r#"{{"event_type":"{kind}","ts":{ts}{members}}}"#);
            let partition = match folder {
                0 => Some(kind),
                1 => Some("z".to_owned()),
                _ => None,
            };
            (partition, text)
        }),
        1 => value().prop_map(|text| (None, text)),
    ]
}

fn layout() -> impl Strategy<Value = FileLayout> {
    (any::<bool>(), any::<bool>()).prop_map(|(day, kind)| FileLayout {
        day_of: day.then(|| "ts".to_owned()),
        by_event_type: kind.then(|| "event_type".to_owned()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn files_have_each_event_once(
        chunks in prop::collection::vec(
            (prop::sample::select(vec!["s", "t"]), 0..4_usize, prop::collection::vec(event(), 0..120)),
            1..5,
        ),
        columns in prop::sample::select(vec![SCHEMA, NARROW, OTHER]),
        layout in layout(),
        memory in prop::sample::select(vec![1, 1 << 20, 64 << 20]),
        file_bytes in prop::sample::select(vec![1, 3 << 10, 1 << 20]),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut lake = TestLake::new();
            let (columns, stored) = (schema(columns), schema(SCHEMA));
            for (first, (shard, format, events)) in (0..).zip(&chunks) {
                let format = Format::ALL[*format];
                let rows = (!format.has_lines()).then_some(&stored);
                lake.add(shard, first, format, rows, events).await;
            }
            let settings = FilesSettings { memory, file_bytes, ..lake.settings() };
            let written = lake.write(&columns, &layout, &settings).await.unwrap();
            lake.check(&written, &columns);
            for file in &written.files {
                assert!(layout.day_of.is_some() || file.day.is_none());
                assert!(layout.by_event_type.is_some() || file.event_type.is_none());
            }
        });
    }
}
