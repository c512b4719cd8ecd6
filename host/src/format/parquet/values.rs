//! Values of a column, read from its array.

use std::borrow::Cow;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ListArray, MapArray, StructArray};
use sluice_schema::{Column, ColumnType, ColumnValue};

/// A value that is not one of its column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongValue;

type Read<'a> = Result<Option<ColumnValue<'a>>, WrongValue>;

/// The value of a row; `None` if it is null.
pub(crate) fn value<'a>(column_type: &ColumnType, array: &'a dyn Array, row: usize) -> Read<'a> {
    if array.is_null(row) {
        return Ok(None);
    }
    let value = match column_type {
        ColumnType::Boolean => array
            .as_boolean_opt()
            .map(|array| ColumnValue::Boolean(array.value(row))),
        ColumnType::Long => array
            .as_primitive_opt::<Int64Type>()
            .map(|array| ColumnValue::Long(array.value(row))),
        ColumnType::Double => array
            .as_primitive_opt::<Float64Type>()
            .map(|array| ColumnValue::Double(array.value(row))),
        ColumnType::Decimal { .. } => array
            .as_primitive_opt::<Decimal128Type>()
            .map(|array| ColumnValue::Decimal(array.value(row))),
        ColumnType::Timestamp { .. } => array
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map(|array| ColumnValue::Timestamp(array.value(row))),
        ColumnType::Date => array
            .as_primitive_opt::<Date32Type>()
            .map(|array| ColumnValue::Date(array.value(row))),
        ColumnType::Binary => array
            .as_binary_opt::<i32>()
            .map(|array| ColumnValue::Binary(array.value(row).to_vec())),
        ColumnType::String => text(array, row).map(|text| ColumnValue::String(Cow::Borrowed(text))),
        ColumnType::Json => text(array, row).map(ColumnValue::Json),
        ColumnType::Uuid => text(array, row).and_then(parse_uuid).map(ColumnValue::Uuid),
        ColumnType::List(item) => array
            .as_list_opt::<i32>()
            .map(|array| list(item, array, row))
            .transpose()?,
        ColumnType::Struct(columns) => array
            .as_struct_opt()
            .map(|array| structure(columns, array, row))
            .transpose()?,
        ColumnType::Map(value) => array
            .as_map_opt()
            .map(|array| map(value, array, row))
            .transpose()?,
    };
    value.map(Some).ok_or(WrongValue)
}

/// The text of a row that is not null.
pub(super) fn text(array: &dyn Array, row: usize) -> Option<&str> {
    array.as_string_opt::<i32>().map(|array| array.value(row))
}

fn list<'a>(
    item: &ColumnType,
    array: &'a ListArray,
    row: usize,
) -> Result<ColumnValue<'a>, WrongValue> {
    let items = rows(array.value_offsets(), row)?.map(|row| value(item, array.values(), row));
    items.collect::<Result<_, _>>().map(ColumnValue::List)
}

fn structure<'a>(
    columns: &[Column],
    array: &'a StructArray,
    row: usize,
) -> Result<ColumnValue<'a>, WrongValue> {
    let values = columns.iter().enumerate().map(|(at, column)| {
        // Files of an older schema may have other places, or no column.
        let is_there = array
            .fields()
            .get(at)
            .is_some_and(|field| field.name() == column.name());
        let found = match is_there {
            true => Some(array.column(at)),
            false => array.column_by_name(column.name()),
        };
        found.map_or(Ok(None), |array| value(column.column_type(), array, row))
    });
    values.collect::<Result<_, _>>().map(ColumnValue::Struct)
}

fn map<'a>(
    of_values: &ColumnType,
    array: &'a MapArray,
    row: usize,
) -> Result<ColumnValue<'a>, WrongValue> {
    let entries = rows(array.value_offsets(), row)?.map(|row| {
        let key = text(array.keys(), row).ok_or(WrongValue)?;
        Ok((Cow::Borrowed(key), value(of_values, array.values(), row)?))
    });
    entries.collect::<Result<_, _>>().map(ColumnValue::Map)
}

/// The rows of the parts of a list or a map.
fn rows(offsets: &[i32], row: usize) -> Result<std::ops::Range<usize>, WrongValue> {
    match offsets.get(row..row + 2) {
        Some([start, end]) => {
            let index = |offset: i32| usize::try_from(offset).map_err(|_| WrongValue);
            Ok(index(*start)?..index(*end)?)
        }
        _ => Err(WrongValue),
    }
}

/// A UUID as text, with small letters.
pub(super) fn write_uuid(uuid: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, octet) in uuid.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [octet >> 4, octet & 0xf] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.split('-').collect();
    let uuid = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    // No other text is written for it: signs, other places of hyphens and capital letters.
    (write_uuid(uuid) == text).then_some(uuid)
}
