use proptest::prelude::*;
use sluice_schema::{Zone, is_same_event};

use super::*;
use crate::format::{ByteSpan, Level, Rows};

fn origin() -> RowOrigin<'static> {
    RowOrigin {
        shard: "s",
        chunk: 0.into(),
    }
}

/// A column of each type.
const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "b", "type": "boolean"},
    {"name": "l", "type": "long"},
    {"name": "f", "type": "double"},
    {"name": "d", "type": "decimal(38,2)"},
    {"name": "small", "type": "decimal(9,3)"},
    {"name": "s", "type": "string"},
    {"name": "t", "type": "timestamp(3)"},
    {"name": "day", "type": "date"},
    {"name": "id", "type": "uuid"},
    {"name": "bytes", "type": "binary"},
    {"name": "any", "type": "json"},
    {"name": "list", "type": {"list": {"struct": [{"name": "x", "type": "long"}, {"name": "_line", "type": "uuid"}]}}},
    {"name": "map", "type": {"map": {"list": "double"}}},
    {"name": "deep", "path": ["o", "p"], "type": {"struct": [{"name": "q", "type": "json"}]}}
]}"#;

/// An event that fits each column.
const FITTING: &str = r#"{"b":true,"l":-9223372036854775808,"f":1.5,"d":123456789012345678901234567890123456.78,"small":-1.500,"s":"é\n","t":"2026-01-31T12:00:00.250Z","day":"0001-01-01","id":"00112233-4455-6677-8899-aabbccddeeff","bytes":"AAE=","any":{"z":[1.50,null]},"list":[{"x":1,"_line":"00112233-4455-6677-8899-aabbccddeeff"},null,{}],"map":{"k":[1,null],"":[],"n":null},"o":{"p":{"q":"x"}}}"#;

/// Values that break readers, or the digits of numbers.
const NASTY: [&str; 20] = [
    "{}",
    r#"{"b":null,"l":null,"list":null,"map":null,"o":null}"#,
    r#"{"b":"true","l":"1","f":"x","d":1e999,"s":1,"t":"yesterday","day":"2026-02-30"}"#,
    r#"{"l":9223372036854775808,"f":12345678901234567890,"d":0.001}"#,
    r#"{"l":1.0,"f":1.50,"d":1,"small":1e0}"#,
    r#"{"l":-0,"f":-0.0,"f2":1e400}"#,
    r#"{"f":1e308,"d":99999999999999999999999999999999999999}"#,
    r#"{"t":"2026-01-31T12:00:00+02:00","id":"00112233-4455-6677-8899-AABBCCDDEEFF"}"#,
    r#"{"t":"9999-12-31T23:59:59.999999Z","day":"9999-12-31"}"#,
    r#"{"s":"\ud800","any":"\ud800","x":"\ud800"}"#,
    r#"{"s":"\u0000\uffff","any":"\u0000"}"#,
    r#"{"s":"a","s":"b","any":1,"any":2}"#,
    r#"{"bytes":"AAE","map":[1],"list":{"0":1}}"#,
    r#"{"list":[{"x":"1","y":2},5,[]],"map":{"a":[1,"2"],"a":[3]}}"#,
    r#"{"o":{"p":{"q":null,"r":1},"s":2},"o2":{}}"#,
    r#"{"o":{"p":[1]}}"#,
    r#"{"_rest":"mine","_shard":1,"_chunk":null,"_line":[]}"#,
    r#"{"":{"":{"":[]}}}"#,
    r#"{"any":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"#,
    "[1,\"no object\"]",
];

fn table() -> TableSchema {
    TableSchema::parse(SCHEMA.as_bytes()).unwrap()
}

/// Calls `with` with rows.
fn with_rows<T>(events: &[&str], with: impl FnOnce(Rows<'_>) -> T) -> T {
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for event in events {
        let start = buffer.len() as u32;
        buffer.extend_from_slice(event.as_bytes());
        let end = buffer.len() as u32;
        spans.push(ByteSpan {
            buffer: 0,
            start,
            end,
        });
    }
    with(Rows::new(&[buffer], &spans))
}

fn encoded(table: &TableSchema, events: &[&str]) -> EncodedRows {
    let encode = |rows: Rows<'_>| {
        let encoded = table.encode(Level::default(), rows, origin()).unwrap();
        assert_eq!(encoded.digest, rows.digest());
        encoded
    };
    with_rows(events, encode)
}

fn decoded(table: &TableSchema, object: &[u8]) -> Vec<String> {
    let lines = table.decode(object, origin()).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    lines.lines().map(ToOwned::to_owned).collect()
}

fn assert_same(table: &TableSchema, events: &[&str]) {
    let object = encoded(table, events);
    let found = decoded(table, &object.bytes);
    assert_eq!(found.len(), events.len());
    for (event, found) in events.iter().zip(&found) {
        let is_same = event == found || is_same_event(event.as_bytes(), found.as_bytes());
        assert!(is_same, "{event}\n{found}");
    }
}

fn error(table: &TableSchema, object: &[u8], origin: RowOrigin<'_>) -> String {
    table.decode(object, origin).unwrap_err().to_string()
}

/// The events of the rows of an object, by their positions.
fn matched(written: &[&str], expected: &[&str]) -> Vec<Option<usize>> {
    let object = encoded(&table(), written).bytes;
    let expected: Vec<_> = expected.iter().map(|event| event.as_bytes()).collect();
    let matches = table().match_rows(&object, origin(), &expected);
    matches.unwrap()
}

#[test]
fn each_row_is_that_of_its_event() {
    let events = [&[FITTING][..], &NASTY[..]].concat();
    let positions: Vec<_> = (0..events.len()).map(Some).collect();
    assert_eq!(matched(&events, &events), positions);
    let other_words = [r#"{"l":1,"x":"\u00e9","y":2}"#, "{}"];
    let expected = [r#"{"y":2, "x":"é", "l":1}"#, "{}"];
    assert_eq!(matched(&other_words, &expected), [Some(0), Some(1)]);
}

#[test]
fn a_row_of_another_event_is_told_from_one_of_none() {
    let two = [r#"{"l":1,"x":1}"#, r#"{"l":1,"x":2}"#];
    assert_eq!(matched(&[two[1], two[0]], &two), [Some(1), Some(0)]);
    assert_eq!(matched(&[two[0]; 3], &two), [Some(0); 3]);
    for (written, expected) in [
        (r#"{"f":0}"#, r#"{"f":-0}"#),
        (r#"{"l":1}"#, r#"{"l":1.0}"#),
        (r#"{"l":"1"}"#, r#"{"l":1}"#),
        (r#"{"x":1}"#, r#"{"x":1.0}"#),
        (
            r#"{"x":12345678901234567890}"#,
            r#"{"x":12345678901234567891}"#,
        ),
        (r#"{"list":[]}"#, "{}"),
        (r#"{"list":[{"x":1}]}"#, r#"{"list":[{"x":2}]}"#),
        (r#"{"map":{"k":[1]}}"#, r#"{"map":{"l":[1]}}"#),
        (r#"{"o":{"p":{"q":1}}}"#, r#"{"o":{"p":{"q":1.0}}}"#),
        ("[1]", "[2]"),
    ] {
        assert_eq!(matched(&[written], &[expected]), [None], "{written}");
    }
}

#[test]
fn an_event_that_fits_is_all_in_its_columns() {
    let object = encoded(&table(), &[FITTING]);
    assert_eq!(object.unmapped, UnmappedValues::default());
    assert_same(&table(), &[FITTING]);
}

#[test]
fn a_sample_does_not_change_an_object() {
    let events = [&[FITTING][..], &NASTY[..]].concat();
    let sampling = Sampling {
        event_type: None,
        events_max: OBJECT_EVENTS_MAX,
    };
    let (table, level) = (table(), Level::default());
    let encode = |rows: Rows<'_>| table.encode_sampled(level, rows, origin(), Some(sampling));
    let sampled = with_rows(&events, encode).unwrap();
    let plain = encoded(&table, &events);
    assert!(sampled.bytes == plain.bytes);
    assert_eq!(
        (sampled.digest, &sampled.unmapped),
        (plain.digest, &plain.unmapped)
    );
    assert!(plain.drift.is_none());
    let of_type = sampled.drift.unwrap().types.remove(0);
    // The last one is no object.
    assert_eq!(of_type.events, events.len() as u64 - 1);
    assert!(!of_type.drifting.is_empty());
}

#[test]
fn nasty_events_come_back_with_all_their_values() {
    let events: Vec<_> = NASTY.iter().copied().chain([FITTING]).collect();
    for table in [table(), TableSchema::new(Schema::default())] {
        assert_same(&table, &events);
        for event in &events {
            assert_same(&table, &[event]);
        }
    }
    assert_same(&TableSchema::builtin(), &events);
    assert_same(&table(), &[]);
}

#[test]
fn many_events_come_back_whatever_the_size_of_the_object() {
    let events: Vec<_> = NASTY.iter().copied().cycle().take(30_000).collect();
    assert_same(&table(), &events);
}

#[test]
fn values_without_a_column_are_counted_by_path() {
    let events = [
        r#"{"l":"1","x":{"y":1},"list":[{"z":1},{"z":2}]}"#,
        r#"{"l":null,"f":1.50,"x":2}"#,
        "[]",
    ];
    let unmapped = encoded(&table(), &events).unmapped;
    let counts: Vec<_> = unmapped.by_path().iter().collect();
    let expected = [("$", 1), ("l", 1), ("list[].z", 2), ("x", 2)];
    let expected: Vec<_> = expected
        .map(|(path, count)| (path.to_owned(), count))
        .into();
    let found: Vec<_> = counts
        .iter()
        .map(|(path, count)| ((*path).clone(), **count))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let events: Vec<_> = NASTY.iter().copied().cycle().take(5_000).collect();
    let first = encoded(&table(), &events).bytes;
    assert!(first == encoded(&table(), &events).bytes);
}

#[test]
fn rows_are_compared_whatever_the_level() {
    let events: Vec<_> = NASTY.iter().copied().cycle().take(10_000).collect();
    let table = table();
    let at_level = |level: &str, events: &[&str]| {
        let level = level.parse().unwrap();
        let encode = |rows: Rows<'_>| table.encode(level, rows, origin()).unwrap().bytes;
        with_rows(events, encode)
    };
    let (low, high) = (at_level("1", &events), at_level("12", &events));
    assert!(low != high);
    assert!(have_same_rows(&low, &high).unwrap());
    let mut changed = events.clone();
    changed[9_999] = r#"{"l":7}"#;
    assert!(!have_same_rows(&low, &at_level("1", &changed)).unwrap());
    assert!(!have_same_rows(&low, &at_level("1", &events[1..])).unwrap());
    let fewer = at_level("1", &events[..9_999]);
    assert!(!have_same_rows(&low, &fewer).unwrap());
    assert!(!have_same_rows(&fewer, &low).unwrap());
    let other = encoded(&TableSchema::builtin(), &events).bytes;
    assert!(!have_same_rows(&low, &other).unwrap());
    assert!(have_same_rows(&low, b"no parquet").is_err());
}

#[test]
fn an_object_of_another_origin_or_schema_is_damaged() {
    let (table, events) = (table(), [FITTING, "{}"]);
    let object = encoded(&table, &events).bytes;
    let other = RowOrigin {
        shard: "t",
        ..origin()
    };
    assert_eq!(error(&table, &object, other), "row 1: _shard is s, not t");
    let other = RowOrigin {
        chunk: 7.into(),
        ..origin()
    };
    assert_eq!(error(&table, &object, other), "row 1: _chunk is 0, not 7");
    assert_eq!(schema_digest(&object).unwrap(), Some(table.digest()));
    let why = error(&TableSchema::builtin(), &object, origin());
    assert!(why.starts_with("its schema is "), "{why}");
}

#[test]
fn a_damaged_object_is_an_error_or_another_object() {
    let table = table();
    let events: Vec<_> = NASTY.iter().copied().chain([FITTING]).collect();
    let object = encoded(&table, &events).bytes;
    assert!(table.decode(&object[..object.len() / 2], origin()).is_err());
    assert!(table.decode(b"", origin()).is_err());
    // Whatever the damage, it is an answer and no panic.
    for at in (0..object.len()).step_by(7) {
        let mut damaged = object.clone();
        damaged[at] ^= 0x55;
        let _answer = table.decode(&damaged, origin());
    }
}

#[test]
fn uuids_are_written_with_small_letters() {
    let uuid = *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
    assert_eq!(
        values::write_uuid(uuid),
        "00112233-4455-6677-8899-aabbccddeeff"
    );
}

#[test]
fn the_schema_of_the_built_in_transform_has_its_six_fields() {
    let table = TableSchema::builtin();
    let names: Vec<_> = table.schema.columns().iter().map(Column::name).collect();
    let expected = [
        "created_at",
        "created_datetime",
        "event_name",
        "event_subtype",
        "event_type",
        "event_uuid",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        TableSchema::parse(table.document().as_bytes()).unwrap(),
        *table
    );
}

/// A type with parts that are types.
fn any_type() -> impl Strategy<Value = ColumnType> {
    let leaf = prop_oneof![
        Just(ColumnType::Boolean),
        Just(ColumnType::Long),
        Just(ColumnType::Double),
        (1u8..=38, 0u8..=38).prop_map(|(precision, scale)| ColumnType::Decimal {
            precision,
            scale: scale.min(precision),
        }),
        Just(ColumnType::String),
        (0u8..=6).prop_map(|digits| ColumnType::Timestamp {
            digits,
            zone: Zone::Z
        }),
        Just(ColumnType::Json),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let columns = prop::collection::vec(inner.clone(), 1..3).prop_map(|types| {
            let columns = types.into_iter().enumerate();
            let named = columns.map(|(index, of)| Column::new(["a", "b", "c"][index], of));
            ColumnType::Struct(named.collect())
        });
        prop_oneof![
            inner
                .clone()
                .prop_map(|item| ColumnType::List(Box::new(item))),
            inner.prop_map(|value| ColumnType::Map(Box::new(value))),
            columns,
        ]
    })
}

/// A JSON value with names and values that columns can have.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,4})?",
        "\"[a-c]{0,3}\"",
        Just("\"2026-01-31T12:00:00.25Z\"".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let member = ("[abc]", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|members| {
                let members = members.into_iter();
                let members: Vec<_> = members
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_event_comes_back_from_any_schema(
        types in prop::collection::vec(any_type(), 0..3),
        values in prop::collection::vec(prop::collection::vec(any_value(), 3), 0..6),
    ) {
        let columns = types.into_iter().enumerate();
        let columns = columns.map(|(index, of)| Column::new(["a", "b", "c"][index], of)).collect();
        let table = TableSchema::new(Schema::new(columns).unwrap());
        let events: Vec<_> = values
            .iter()
            .map(|values| format!("{{\"a\":{},\"b\":{},\"d\":{}}}", values[0], values[1], values[2]))
            .collect();
        let events: Vec<_> = events.iter().map(String::as_str).collect();
        assert_same(&table, &events);
    }
}
