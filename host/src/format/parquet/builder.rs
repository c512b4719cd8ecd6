//! Builds the array of a column, value by value.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, FieldRef, Fields};
use sluice_schema::{ColumnType, ColumnValue};

use super::columns::{data_type, element, entries, entry_fields, fields};
use super::values::write_uuid;

type Result<T> = std::result::Result<T, ArrowError>;
type Value<'v, 'a> = Option<&'v ColumnValue<'a>>;

/// The builder of a column.
pub(crate) enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Long(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    /// Of strings, JSON and UUIDs.
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Binary(BinaryBuilder),
    List(ListBuilder),
    Struct(StructBuilder),
    Map(MapBuilder),
}

/// The builder of a column of lists.
pub(crate) struct ListBuilder {
    element: FieldRef,
    ends: Ends,
    items: Box<ColumnBuilder>,
}

/// The builder of a column of structs.
pub(crate) struct StructBuilder {
    fields: Fields,
    nulls: NullBufferBuilder,
    columns: Vec<ColumnBuilder>,
}

/// The builder of a column of maps.
pub(crate) struct MapBuilder {
    entries: FieldRef,
    parts: Fields,
    ends: Ends,
    keys: StringBuilder,
    values: Box<ColumnBuilder>,
}

/// Which rows are null, and where the parts of each end.
struct Ends {
    nulls: NullBufferBuilder,
    lengths: Vec<usize>,
}

impl Ends {
    fn new() -> Self {
        Self {
            nulls: NullBufferBuilder::new(0),
            lengths: Vec::new(),
        }
    }

    fn push(&mut self, length: Option<usize>) {
        self.nulls.append(length.is_some());
        self.lengths.push(length.unwrap_or(0));
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Option<arrow_buffer::NullBuffer>) {
        let lengths = std::mem::take(&mut self.lengths);
        (OffsetBuffer::from_lengths(lengths), self.nulls.finish())
    }
}

impl ColumnBuilder {
    /// A builder without room for values: of many small batches, the room that most builders begin with would take far
    /// more memory than the values.
    pub(crate) fn new(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(0)),
            ColumnType::Long => Self::Long(Int64Builder::with_capacity(0)),
            ColumnType::Double => Self::Double(Float64Builder::with_capacity(0)),
            ColumnType::Decimal { .. } => Self::Decimal(
                Decimal128Builder::with_capacity(0).with_data_type(data_type(column_type)),
            ),
            ColumnType::String | ColumnType::Json | ColumnType::Uuid => {
                Self::Text(StringBuilder::with_capacity(0, 0))
            }
            ColumnType::Timestamp { .. } => {
                let builder = TimestampMicrosecondBuilder::with_capacity(0);
                Self::Timestamp(builder.with_data_type(data_type(column_type)))
            }
            ColumnType::Date => Self::Date(Date32Builder::with_capacity(0)),
            ColumnType::Binary => Self::Binary(BinaryBuilder::with_capacity(0, 0)),
            ColumnType::List(item) => Self::List(ListBuilder {
                element: element(item),
                ends: Ends::new(),
                items: Box::new(Self::new(item)),
            }),
            ColumnType::Struct(columns) => Self::Struct(StructBuilder {
                fields: fields(columns),
                nulls: NullBufferBuilder::new(0),
                columns: columns
                    .iter()
                    .map(|column| Self::new(column.column_type()))
                    .collect(),
            }),
            ColumnType::Map(value) => Self::Map(MapBuilder {
                entries: entries(value),
                parts: entry_fields(value),
                ends: Ends::new(),
                keys: StringBuilder::with_capacity(0, 0),
                values: Box::new(Self::new(value)),
            }),
        }
    }

    /// Appends a value, or null.
    ///
    /// # Errors
    /// The value is of another type.
    pub(crate) fn append(&mut self, value: Value<'_, '_>) -> Result<()> {
        match (self, value) {
            (Self::Boolean(to), Some(ColumnValue::Boolean(value))) => to.append_value(*value),
            (Self::Long(to), Some(ColumnValue::Long(value))) => to.append_value(*value),
            (Self::Double(to), Some(ColumnValue::Double(value))) => to.append_value(*value),
            (Self::Decimal(to), Some(ColumnValue::Decimal(value))) => to.append_value(*value),
            (Self::Text(to), Some(ColumnValue::String(value))) => to.append_value(value),
            (Self::Text(to), Some(ColumnValue::Json(value))) => to.append_value(value),
            (Self::Text(to), Some(ColumnValue::Uuid(value))) => to.append_value(write_uuid(*value)),
            (Self::Timestamp(to), Some(ColumnValue::Timestamp(value))) => to.append_value(*value),
            (Self::Date(to), Some(ColumnValue::Date(value))) => to.append_value(*value),
            (Self::Binary(to), Some(ColumnValue::Binary(value))) => to.append_value(value),
            (Self::List(to), Some(ColumnValue::List(items))) => return to.append(items),
            (Self::Struct(to), Some(ColumnValue::Struct(values))) => return to.append(values),
            (Self::Map(to), Some(ColumnValue::Map(entries))) => return to.append(entries),
            (to, None) => return to.append_null(),
            (_, Some(_)) => {
                let why = "a value is of another type than its column";
                return Err(ArrowError::InvalidArgumentError(why.into()));
            }
        }
        Ok(())
    }

    fn append_null(&mut self) -> Result<()> {
        match self {
            Self::Boolean(to) => to.append_null(),
            Self::Long(to) => to.append_null(),
            Self::Double(to) => to.append_null(),
            Self::Decimal(to) => to.append_null(),
            Self::Text(to) => to.append_null(),
            Self::Timestamp(to) => to.append_null(),
            Self::Date(to) => to.append_null(),
            Self::Binary(to) => to.append_null(),
            Self::List(to) => to.ends.push(None),
            Self::Map(to) => to.ends.push(None),
            Self::Struct(to) => {
                to.nulls.append_null();
                for column in &mut to.columns {
                    column.append_null()?;
                }
            }
        }
        Ok(())
    }

    /// The array of what was appended. The builder is empty then.
    ///
    /// # Errors
    /// None is expected: the parts of an array fit together.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Boolean(from) => Arc::new(from.finish()),
            Self::Long(from) => Arc::new(from.finish()),
            Self::Double(from) => Arc::new(from.finish()),
            Self::Decimal(from) => Arc::new(from.finish()),
            Self::Text(from) => Arc::new(from.finish()),
            Self::Timestamp(from) => Arc::new(from.finish()),
            Self::Date(from) => Arc::new(from.finish()),
            Self::Binary(from) => Arc::new(from.finish()),
            Self::List(from) => Arc::new(from.finish()?),
            Self::Struct(from) => Arc::new(from.finish()?),
            Self::Map(from) => Arc::new(from.finish()?),
        })
    }
}

impl ListBuilder {
    fn append(&mut self, items: &[Option<ColumnValue<'_>>]) -> Result<()> {
        self.ends.push(Some(items.len()));
        let mut items = items.iter();
        items.try_for_each(|item| self.items.append(item.as_ref()))
    }

    fn finish(&mut self) -> Result<ListArray> {
        let (offsets, nulls) = self.ends.finish();
        ListArray::try_new(self.element.clone(), offsets, self.items.finish()?, nulls)
    }
}

impl StructBuilder {
    fn append(&mut self, values: &[Option<ColumnValue<'_>>]) -> Result<()> {
        self.nulls.append_non_null();
        let mut pairs = self.columns.iter_mut().zip(values);
        pairs.try_for_each(|(column, value)| column.append(value.as_ref()))
    }

    fn finish(&mut self) -> Result<StructArray> {
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish);
        let columns = columns.collect::<Result<_>>()?;
        StructArray::try_new(self.fields.clone(), columns, self.nulls.finish())
    }
}

impl MapBuilder {
    fn append(
        &mut self,
        entries: &[(std::borrow::Cow<'_, str>, Option<ColumnValue<'_>>)],
    ) -> Result<()> {
        self.ends.push(Some(entries.len()));
        for (key, value) in entries {
            self.keys.append_value(key);
            self.values.append(value.as_ref())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<MapArray> {
        let parts: Vec<ArrayRef> = vec![Arc::new(self.keys.finish()), self.values.finish()?];
        let parts = StructArray::try_new(self.parts.clone(), parts, None)?;
        let (offsets, nulls) = self.ends.finish();
        MapArray::try_new(self.entries.clone(), offsets, parts, nulls, false)
    }
}
