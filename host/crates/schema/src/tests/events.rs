//! Events and schemas by chance.

use proptest::prelude::*;

use crate::{Column, ColumnType, Schema, Zone};

/// Names that meet: in other cases, with escapes, and with characters of paths.
const NAMES: [&str; 12] = [
    "a", "b", "c", "A", "d.e", "", "é", "\\u0061", "\\ud800", "_rest", "x\\n", "17",
];

/// Strings and numbers in many notations.
pub(super) const SCALARS: [&str; 44] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "7",
    "7.0",
    "-12",
    "1.50",
    "2.25",
    "1e3",
    "0.1e1",
    "1E+2",
    "1e400",
    "-1e-400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "12345678901234567890123456789012345678",
    "123456789012345678901234567890123456789",
    "0.1000000000000000055",
    "9007199254740993",
    "1e21",
    "1e-7",
    "0.0",
    "\"\"",
    "\"a\"",
    "\"\\u0061\\n\"",
    "\"\\ud800\"",
    "\"é😀\"",
    "\"1\"",
    "\"2026-01-31\"",
    "\"2026-02-30\"",
    "\"2026-01-31T12:00:00Z\"",
    "\"2026-01-31T12:00:00.250Z\"",
    "\"2026-01-31T12:00:00.250+00:00\"",
    "\"2026-01-31T12:00:00+02:00\"",
    "\"2026-01-31T12:00:00\"",
    "\"0b6c6e5a-1f0e-4f3b-9c1e-0123456789ab\"",
    "\"0B6C6E5A-1F0E-4F3B-9C1E-0123456789AB\"",
    "\"c2x1aWNl\"",
    "\"c2x1aWN=\"",
    "{}",
    "[]",
];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

/// The text of any value.
pub(super) fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        8 => prop::sample::select(SCALARS.to_vec()).prop_map(ToOwned::to_owned),
        1 => any::<f64>().prop_filter_map("finite", |value| value.is_finite().then(|| value.to_string())),
        1 => any::<i64>().prop_map(|value| value.to_string()),
        1 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
    ];
    scalar.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((name(), inner), 0..5).prop_map(object),
        ]
    })
}

fn object<V: AsRef<str>>(members: Vec<(&str, V)>) -> String {
    let members = members
        .into_iter()
        .map(|(name, value)| format!("\"{name}\" :{}", value.as_ref()));
    format!("{{{}}}", members.collect::<Vec<_>>().join(",\t"))
}

/// The text of any event.
pub(super) fn event() -> impl Strategy<Value = String> {
    prop::collection::vec((name(), value()), 0..7).prop_map(object)
}

fn column_type() -> impl Strategy<Value = ColumnType> {
    let scalar = prop_oneof![
        Just(ColumnType::Boolean),
        Just(ColumnType::Long),
        Just(ColumnType::Double),
        Just(ColumnType::String),
        Just(ColumnType::Date),
        Just(ColumnType::Uuid),
        Just(ColumnType::Binary),
        Just(ColumnType::Json),
        (1..=38_u8, 0..=38_u8).prop_map(|(precision, scale)| ColumnType::Decimal {
            precision,
            scale: scale.min(precision),
        }),
        (0..=6_u8, prop::bool::ANY).prop_map(|(digits, z)| ColumnType::Timestamp {
            digits,
            zone: if z { Zone::Z } else { Zone::PlusZero },
        }),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|item| ColumnType::List(Box::new(item))),
            inner
                .clone()
                .prop_map(|value| ColumnType::Map(Box::new(value))),
            prop::collection::vec((path(), inner), 1..4)
                .prop_map(|columns| ColumnType::Struct(numbered(columns))),
        ]
    })
}

fn path() -> impl Strategy<Value = Vec<String>> {
    let name = prop::sample::select(vec!["a", "b", "c", "A", "d.e", "", "é", "x\n", "17"]);
    prop::collection::vec(name.prop_map(ToOwned::to_owned), 1..3)
}

/// Columns with names of their own, without those whose paths overlap with an earlier one.
fn numbered(columns: Vec<(Vec<String>, ColumnType)>) -> Vec<Column> {
    let mut kept: Vec<Column> = Vec::new();
    for (number, (path, column_type)) in columns.into_iter().enumerate() {
        let overlaps =
            |column: &Column| column.path().starts_with(&path) || path.starts_with(column.path());
        if !kept.iter().any(overlaps) {
            kept.push(Column::new(format!("c{number}"), column_type).with_path(path));
        }
    }
    kept
}

/// Any schema.
pub(super) fn schema() -> impl Strategy<Value = Schema> {
    let columns = prop::collection::vec((path(), column_type()), 0..6);
    columns.prop_map(|columns| Schema::new(numbered(columns)).unwrap())
}
