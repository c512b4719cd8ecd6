use sluice_schema::Schema;
use sluice_schema::inference::ValueKind;

use super::*;
use crate::format::parquet::ColumnSample;

const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "n", "type": "long"},
    {"name": "order", "type": {"struct": [{"name": "id", "type": "string"}]}}
]}"#;

/// The numbers of the columns.
const N: u32 = 0;
const ORDER: u32 = 1;
const ORDER_ID: u32 = 2;

/// A detector with what it is given.
struct Watch {
    watched: Arc<WatchedColumns>,
    detector: DriftDetector,
}

impl Watch {
    fn new() -> Self {
        let schema = Schema::parse(SCHEMA.as_bytes()).unwrap();
        Self {
            watched: Arc::new(WatchedColumns::new(&schema)),
            detector: DriftDetector::default(),
        }
    }

    fn add(&mut self, samples: impl IntoIterator<Item = TypeSample>) -> DriftNews {
        let mut chunk = ChunkDrift::default();
        chunk.add(DriftSample {
            watched: self.watched.clone(),
            types: samples.into_iter().collect(),
            further_events: 0,
        });
        self.detector.add(chunk, DateTime::UNIX_EPOCH)
    }

    /// Adds a sample and returns what is said, as text.
    fn said(&mut self, sample: TypeSample) -> Vec<String> {
        let said = self.add([sample]).found.into_iter();
        said.map(|found| format!("{} {} {}", found.event_type, found.drift.name(), found.path))
            .collect()
    }

    fn entry(&self, path: &str) -> &FoundDrift {
        let mut found = self.detector.found().iter();
        found.find(|found| found.path == path).unwrap()
    }
}

/// A column that all events of a sample have.
fn in_all(column: u32, events: u32) -> ColumnSample {
    ColumnSample {
        column,
        present: events,
        absent_in_row: 0,
        structs: if column == ORDER { events } else { 0 },
    }
}

/// Events of a type with these columns.
fn of_type(event_type: &str, events: u32, columns: &[ColumnSample]) -> TypeSample {
    TypeSample {
        event_type: event_type.to_owned(),
        events: events.into(),
        columns: columns.to_vec(),
        ..TypeSample::default()
    }
}

/// Fifty events with these columns.
fn fifty(columns: &[u32]) -> TypeSample {
    let columns: Vec<_> = columns.iter().map(|column| in_all(*column, 50)).collect();
    of_type("t", 50, &columns)
}

fn values(path: &str, drift: DriftKind, values: u64) -> DriftingValues {
    DriftingValues {
        path: path.to_owned(),
        drift,
        column_type: (drift == DriftKind::NewType).then(|| "long".to_owned()),
        kind: ValueKind::String,
        values,
    }
}

fn drifting(event_type: &str, drifting: Vec<DriftingValues>) -> TypeSample {
    TypeSample {
        drifting,
        ..of_type(event_type, 50, &[])
    }
}

#[test]
fn values_that_drift_are_said_once_for_each_type_and_path() {
    let mut watch = Watch::new();
    let new_path = |of| drifting(of, vec![values("x", DriftKind::NewPath, 3)]);
    assert_eq!(watch.said(new_path("a")), ["a new_path x"]);
    assert_eq!(watch.said(new_path("a")), [""; 0]);
    assert_eq!(watch.said(new_path("b")), ["b new_path x"]);
    let new_type = || drifting("a", vec![values("n", DriftKind::NewType, 1)]);
    assert_eq!(watch.said(new_type()), ["a new_type n"]);
    assert_eq!(watch.said(new_type()), [""; 0]);

    let entry = watch.entry("n");
    assert_eq!(
        (entry.count, entry.column_type.as_deref()),
        (2, Some("long"))
    );
    assert_eq!(watch.entry("x").count, 6);
    let json = serde_json::to_value(watch.entry("x")).unwrap();
    let expected = serde_json::json!({
        "event_type": "a", "path": "x", "drift": "new_path", "value_kind": "string",
        "first_seen": "1970-01-01T00:00:00.000Z", "count": 6,
    });
    assert_eq!(json, expected);
}

#[test]
fn a_column_that_events_no_longer_have_has_vanished() {
    let mut watch = Watch::new();
    for _ in 0..2 {
        assert_eq!(watch.said(fifty(&[N, ORDER])), [""; 0]);
    }
    assert_eq!(watch.said(fifty(&[ORDER])), [""; 0]);
    assert_eq!(watch.said(fifty(&[ORDER])), ["t vanished n"]);
    assert_eq!(watch.said(fifty(&[ORDER])), [""; 0]);
    let entry = watch.entry("n");
    assert_eq!((entry.count, entry.came_back), (150, false));
    assert_eq!(entry.column_type.as_deref(), Some("long"));
}

/// Another type of events never had it.
#[test]
fn each_type_has_its_own_columns() {
    let mut watch = Watch::new();
    for _ in 0..10 {
        let other = of_type("other", 64, &[in_all(ORDER, 64)]);
        assert_eq!(watch.add([fifty(&[N, ORDER]), other]).found, []);
    }
}

/// It was there again in too few events to be usual.
#[test]
fn a_column_that_came_back_is_learned_anew() {
    let mut watch = Watch::new();
    let mut said = Vec::new();
    for has_column in [true, true, false, false, true, false, false, false] {
        let columns: &[u32] = if has_column { &[N, ORDER] } else { &[ORDER] };
        said.push(watch.said(fifty(columns)).len());
    }
    assert_eq!(said, [0, 0, 0, 1, 0, 0, 0, 0]);
    assert!(watch.entry("n").came_back);
}

#[test]
fn a_column_that_vanishes_again_is_said_again_and_listed_once() {
    let mut watch = Watch::new();
    let mut said = 0;
    for _ in 0..3 {
        for has_column in [true, true, true, false, false, false] {
            let columns: &[u32] = if has_column { &[N, ORDER] } else { &[ORDER] };
            said += watch.said(fifty(columns)).len();
        }
        assert!(!watch.entry("n").came_back);
    }
    assert_eq!(said, 3);
    assert_eq!(watch.detector.found().len(), 1);
}

#[test]
fn a_column_that_events_have_now_and_then_does_not_vanish() {
    let mut watch = Watch::new();
    let mut sample = fifty(&[N, ORDER]);
    sample.columns[0].present = 44;
    for _ in 0..10 {
        assert_eq!(watch.said(sample.clone()), [""; 0]);
    }
    for _ in 0..10 {
        assert_eq!(watch.said(fifty(&[ORDER])), [""; 0]);
    }
    // In too few events to know.
    let mut watch = Watch::new();
    watch.said(fifty(&[N]));
    for _ in 0..10 {
        assert_eq!(watch.said(fifty(&[ORDER])), [""; 0]);
    }
}

/// Events in a row count, wherever objects end.
#[test]
fn missing_events_are_counted_across_objects() {
    let mut watch = Watch::new();
    let ending = |absent_in_row| {
        let mut sample = fifty(&[N, ORDER]);
        sample.columns[0].present -= absent_in_row;
        sample.columns[0].absent_in_row = absent_in_row;
        sample
    };
    for _ in 0..3 {
        watch.said(ending(0));
    }
    assert_eq!(watch.said(ending(1)), [""; 0]);
    assert_eq!(watch.said(fifty(&[ORDER])), [""; 0]);
    let forty_nine = of_type("t", 49, &[in_all(ORDER, 49)]);
    assert_eq!(watch.said(forty_nine), ["t vanished n"]);
}

#[test]
fn a_column_of_a_struct_is_missing_only_where_the_struct_is_there() {
    let mut watch = Watch::new();
    for _ in 0..2 {
        watch.said(fifty(&[N, ORDER, ORDER_ID]));
    }
    let without_struct = || of_type("t", 50, &[in_all(N, 50)]);
    assert_eq!(watch.said(without_struct()), [""; 0]);
    assert_eq!(watch.said(without_struct()), ["t vanished order"]);

    let mut watch = Watch::new();
    for _ in 0..2 {
        watch.said(fifty(&[N, ORDER, ORDER_ID]));
    }
    assert_eq!(watch.said(fifty(&[N, ORDER])), [""; 0]);
    assert_eq!(watch.said(fifty(&[N, ORDER])), ["t vanished order.id"]);
}

/// The share is that of the last events, so counts of years do not hide a change.
#[test]
fn a_column_that_became_usual_can_vanish() {
    let mut watch = Watch::new();
    let mut rare = fifty(&[N, ORDER]);
    rare.columns[0].present = 5;
    for _ in 0..1_000 {
        watch.said(rare.clone());
    }
    for _ in 0..1_000 {
        watch.said(fifty(&[N, ORDER]));
    }
    watch.said(fifty(&[ORDER]));
    assert_eq!(watch.said(fifty(&[ORDER])), ["t vanished n"]);
}

#[test]
fn another_schema_begins_anew() {
    let mut watch = Watch::new();
    let new_path = || drifting("a", vec![values("x", DriftKind::NewPath, 1)]);
    assert_eq!(watch.said(new_path()).len(), 1);
    assert_eq!(watch.said(new_path()).len(), 0);
    watch.watched = Watch::new().watched;
    assert_eq!(watch.said(new_path()).len(), 1);
    assert_eq!(watch.detector.found().len(), 1);
}

#[test]
fn names_that_producers_make_up_are_counted() {
    let mut watch = Watch::new();
    let path = |n: usize| values(&format!("x{n}"), DriftKind::NewPath, 1);
    // One type with paths without end.
    let mut said = 0;
    for n in 0..20 {
        let news = watch.add([drifting("t", (10 * n..10 * n + 10).map(path).collect())]);
        said += news.found.len();
        assert_eq!(news.unwatched_values, if n < 10 { 0 } else { 10 });
        assert_eq!(news.is_first_unwatched, n == 10);
    }
    assert_eq!(said, OF_TYPE_MAX);

    // Types without end.
    let types = 10 * TYPES_MAX;
    let of_each = |n: usize| {
        let columns = vec![in_all(N, 50)];
        let drifting = vec![path(n), values("n", DriftKind::NewType, 1)];
        TypeSample {
            columns,
            ..self::drifting(&format!("t{n}"), drifting)
        }
    };
    let news = watch.add((0..types).map(of_each));
    assert_eq!(watch.detector.found().len(), ALL_MAX);
    assert_eq!(news.found.len(), ALL_MAX - OF_TYPE_MAX);
    assert_eq!(news.sampled_events, 50 * types as u64);
    // One type was known.
    let unwatched = types - (TYPES_MAX - 1);
    assert_eq!(news.unwatched_events, 50 * unwatched as u64);
    assert!(!news.is_first_unwatched);
    assert_eq!(watch.detector.types.len(), TYPES_MAX);
    assert!(watch.detector.columns <= COLUMNS_MAX);
}

#[test]
fn columns_that_are_watched_are_bounded() {
    let mut watch = Watch::new();
    watch.detector.watched = Some(watch.watched.clone());
    watch.detector.columns = COLUMNS_MAX - 1;
    assert_eq!(watch.add([fifty(&[N])]).unwatched_events, 0);
    let news = watch.add([fifty(&[N, ORDER])]);
    assert_eq!((news.unwatched_events, news.is_first_unwatched), (50, true));
    assert_eq!(watch.detector.columns, COLUMNS_MAX);
    assert_eq!(watch.add([fifty(&[N])]).unwatched_events, 0);
}

#[test]
fn the_paths_of_a_chunk_are_bounded() {
    let mut chunk = ChunkDrift::default();
    let watch = Watch::new();
    for n in 0..3 {
        let path = |m: usize| values(&format!("x{m}"), DriftKind::NewPath, 2);
        chunk.add(DriftSample {
            watched: watch.watched.clone(),
            types: vec![drifting(&format!("t{n}"), (0..4_000).map(path).collect())],
            further_events: 1,
        });
    }
    let kept: usize = chunk.types.iter().map(|of| of.drifting.len()).sum();
    assert_eq!(kept, CHUNK_PATHS_MAX);
    let further: u64 = chunk.types.iter().map(|of| of.further_values).sum();
    assert_eq!((further, chunk.further_events), (4_000, 3));
}
