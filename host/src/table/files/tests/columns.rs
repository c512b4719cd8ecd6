use std::collections::BTreeMap;

use arrow_schema::{DataType, Field, Fields, Schema as ArrowSchema};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::schema::types::Type;

use super::super::{FileLayout, FilesError, TableColumns};
use super::lake::{SCHEMA, TestLake, event, schema, table};
use crate::format::Format;

/// The ids of all parts of a schema, by their paths.
fn ids(parent: &str, node: &Type, found: &mut BTreeMap<String, i32>) {
    let info = node.get_basic_info();
    let path = format!("{parent}{}", info.name());
    if info.has_id() {
        found.insert(path.clone(), info.id());
    }
    if node.is_group() {
        let fields = node.get_fields().iter();
        fields.for_each(|field| ids(&format!("{path}."), field, found));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_column_and_part_of_a_column_has_its_field_id() {
    let mut lake = TestLake::new();
    let text = r#"{"event_type":"a","items":[{"x":1}],"props":{"k":"v"}}"#;
    lake.add("s", 0, Format::NDJSON, None, &[event("a", text)])
        .await;
    let columns = schema(SCHEMA);
    let layout = FileLayout::default();
    let written = lake
        .write(&columns, &layout, &lake.settings())
        .await
        .unwrap();
    lake.check(&written, &columns);
    let metadata = written.files[0].metadata().unwrap();
    let mut found = BTreeMap::new();
    ids("", metadata.file_metadata().schema(), &mut found);
    let expected = [
        ("event_type", 1),
        ("items", 2),
        ("items.list.element", 3),
        ("items.list.element.x", 4),
        ("n", 5),
        ("props", 6),
        // 7 is that of the entries, which Iceberg does not have.
        ("props.key_value", 7),
        ("props.key_value.key", 8),
        ("props.key_value.value", 9),
        ("ts", 10),
        ("_rest", 11),
        ("_shard", 12),
        ("_chunk", 13),
        ("_line", 14),
    ];
    let mut expected: BTreeMap<_, _> = expected
        .map(|(path, id)| (format!("table.{path}"), id))
        .into();
    // The entries keep no id.
    expected.remove("table.props.key_value");
    assert_eq!(found, expected);
}

#[test]
fn a_column_that_the_table_does_not_have_is_named() {
    let columns = schema(SCHEMA);
    let why = |table: &ArrowSchema| match TableColumns::new(columns.clone(), table) {
        Err(FilesError::Column { column, why }) => (column, why),
        other => panic!("{other:?}"),
    };
    let changed = |name: &str, change: fn(Field) -> Option<Field>| {
        let fields = table(&columns);
        let fields = fields.fields().iter().filter_map(|field| {
            let field = field.as_ref().clone();
            if field.name() == name {
                change(field)
            } else {
                Some(field)
            }
        });
        ArrowSchema::new(fields.collect::<Vec<_>>())
    };
    let (column, missing) = why(&changed("_shard", |_| None));
    assert_eq!(column, "_shard");
    assert!(missing.contains("add it to the table"), "{missing}");
    let (column, type_of) = why(&changed("n", |field| {
        Some(field.with_data_type(DataType::Utf8))
    }));
    assert_eq!(column, "n");
    assert!(type_of.contains("Utf8 in the table and Int64"), "{type_of}");
    let (_, id) = why(&changed("n", |field| Some(field.with_metadata([].into()))));
    assert!(id.contains("no field id"), "{id}");
    let (column, _) = why(&changed("items", |field| {
        let id = field.metadata()[PARQUET_FIELD_ID_META_KEY].clone();
        let id = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id)];
        let item =
            Field::new("element", DataType::Struct(Fields::empty()), true).with_metadata(id.into());
        Some(field.with_data_type(DataType::List(item.into())))
    }));
    assert_eq!(column, "items.element.x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_of_columns_that_do_not_fit_is_an_error() {
    let lake = TestLake::new();
    let columns = schema(SCHEMA);
    for (day_of, by_event_type, expected) in [
        (
            Some("n"),
            None,
            "column n: the table is partitioned by it, so its type is timestamp or date, not long",
        ),
        (
            None,
            Some("ts"),
            "column ts: the table is partitioned by it, so its type is string, not timestamp(3)",
        ),
        (
            None,
            Some("x"),
            "column x: the table is partitioned by it, and the schema does not have it",
        ),
    ] {
        let layout = FileLayout {
            day_of: day_of.map(Into::into),
            by_event_type: by_event_type.map(Into::into),
        };
        let error = lake.write(&columns, &layout, &lake.settings()).await;
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}
