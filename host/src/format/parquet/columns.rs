//! The columns of a schema as types of Arrow, and so of Parquet.
//!
//! | type | Parquet |
//! | --- | --- |
//! | boolean, long, double | `BOOLEAN`, `INT64`, `DOUBLE` |
//! | decimal(P,S) | `DECIMAL(P,S)` |
//! | string, json, uuid | `STRING`: not all readers know the types of JSON and UUIDs |
//! | timestamp | `TIMESTAMP(MICROS)`, adjusted to UTC |
//! | date | `DATE` |
//! | binary | `BYTE_ARRAY` |
//! | list, struct, map | `LIST` of `element`, a group, `MAP` of `key_value` |

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit};
use sluice_schema::{Column, ColumnType, Schema};

use super::{CHUNK, LINE, REST, SHARD};

/// The zone of timestamps, as the reader names it.
const UTC: &str = "UTC";

/// The type of a value that all rows of an object share, as it is given to the writer.
fn shared_text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// All columns of an object, as they are given to the writer.
pub(crate) fn written(schema: &Schema) -> SchemaRef {
    Arc::new(ArrowSchema::new(all(schema, shared_text())))
}

/// All columns of an object, as they are read.
pub(super) fn read(schema: &Schema) -> Fields {
    all(schema, DataType::Utf8)
}

fn all(schema: &Schema, shared: DataType) -> Fields {
    let mut fields: Vec<FieldRef> = schema.columns().iter().map(field).collect();
    fields.extend([
        Arc::new(Field::new(REST, DataType::Utf8, true)),
        Arc::new(Field::new(SHARD, shared.clone(), false)),
        Arc::new(Field::new(CHUNK, shared, false)),
        Arc::new(Field::new(LINE, DataType::Int64, false)),
    ]);
    fields.into()
}

fn field(column: &Column) -> FieldRef {
    let data_type = data_type(column.column_type());
    Arc::new(Field::new(column.name(), data_type, true))
}

/// The type of a column.
pub(super) fn data_type(column_type: &ColumnType) -> DataType {
    match column_type {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Long => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal { precision, scale } => {
            DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(i8::MAX))
        }
        ColumnType::String | ColumnType::Json | ColumnType::Uuid => DataType::Utf8,
        ColumnType::Timestamp { .. } => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
        }
        ColumnType::Date => DataType::Date32,
        ColumnType::Binary => DataType::Binary,
        ColumnType::List(item) => DataType::List(element(item)),
        ColumnType::Struct(columns) => DataType::Struct(fields(columns)),
        ColumnType::Map(value) => DataType::Map(entries(value), false),
    }
}

/// The items of a list.
pub(super) fn element(item: &ColumnType) -> FieldRef {
    Arc::new(Field::new("element", data_type(item), true))
}

/// The columns of a struct.
pub(super) fn fields(columns: &[Column]) -> Fields {
    columns.iter().map(field).collect()
}

/// The entries of a map.
pub(super) fn entries(value: &ColumnType) -> FieldRef {
    let parts = DataType::Struct(entry_fields(value));
    Arc::new(Field::new("key_value", parts, false))
}

/// The parts of an entry of a map.
pub(super) fn entry_fields(value: &ColumnType) -> Fields {
    let key = Field::new("key", DataType::Utf8, false);
    let value = Field::new("value", data_type(value), true);
    Fields::from(vec![key, value])
}
