//! Columns of the files of a table by their field ids: the name of a column can change, and its id does not.
//!
//! Other programs rename columns, write files again with the names of then, in another order, or with the characters
//! replaced that their library does not allow. The id in the file says which column it is.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, ListArray, MapArray, RecordBatch, StructArray};
use arrow_schema::{Field, FieldRef, Fields};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use sluice_schema::{Column, ColumnType, Schema};

use super::{CHUNK, LINE, REST, SHARD};

/// The names of the parts of lists and maps.
const ELEMENT: &str = "element";
const VALUE: &str = "value";

/// The ids of columns by their names, and those of their parts: members of a struct, the `element` of a list, and the
/// `value` of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldIds(HashMap<String, FieldId>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct FieldId {
    id: Option<i32>,
    parts: FieldIds,
}

/// Which columns of files have the values of a schema.
#[derive(Clone, Debug, Default)]
pub struct StoredColumns {
    /// The ids of its columns, and of those that lead to events. Without an id, a column has no values.
    wanted: FieldIds,
    /// The ids of the fields of a file that does not say them.
    without_ids: FieldIds,
}

impl FieldIds {
    /// The ids of the columns of a schema, and of those that lead to events. `id` gives them by their full names, as
    /// Iceberg has them: `a.element.x`.
    #[must_use]
    pub fn of_schema(schema: &Schema, id: &dyn Fn(&str) -> Option<i32>) -> Self {
        let mut ids = Self::of_columns(schema.columns(), "", id);
        for own in [REST, SHARD, CHUNK, LINE] {
            ids.insert(own, id(own), Self::default());
        }
        ids
    }

    fn of_columns(columns: &[Column], above: &str, id: &dyn Fn(&str) -> Option<i32>) -> Self {
        let mut ids = Self::default();
        for column in columns {
            ids.insert_type(column.name(), column.column_type(), above, id);
        }
        ids
    }

    fn insert_type(
        &mut self,
        name: &str,
        column_type: &ColumnType,
        above: &str,
        id: &dyn Fn(&str) -> Option<i32>,
    ) {
        let full = match above {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        let mut parts = Self::default();
        match column_type {
            ColumnType::Struct(columns) => parts = Self::of_columns(columns, &full, id),
            ColumnType::List(item) => parts.insert_type(ELEMENT, item, &full, id),
            ColumnType::Map(value) => parts.insert_type(VALUE, value, &full, id),
            _ => {}
        }
        self.insert(name, id(&full), parts);
    }

    /// Adds a column and its parts.
    pub fn insert(&mut self, name: &str, id: Option<i32>, parts: Self) {
        self.0.insert(name.to_owned(), FieldId { id, parts });
    }

    /// The id of a column.
    fn id(&self, name: &str) -> Option<i32> {
        self.0.get(name)?.id
    }

    /// The ids of the parts of a column.
    fn parts(&self, name: &str) -> Option<&Self> {
        Some(&self.0.get(name)?.parts)
    }
}

impl StoredColumns {
    /// Columns with these ids. `without_ids` has those of the fields of files that do not say them.
    #[must_use]
    pub fn new(wanted: FieldIds, without_ids: FieldIds) -> Self {
        Self {
            wanted,
            without_ids,
        }
    }

    /// The names of the fields of a file that are no ids; `None` if the file has ids.
    fn names(&self, fields: &Fields) -> Option<&FieldIds> {
        let has_ids = fields.iter().any(|field| id_of_field(field).is_some());
        (!has_ids).then_some(&self.without_ids)
    }

    /// The positions of the root fields of a file that have these columns.
    pub(super) fn roots<'n>(
        &self,
        fields: &Fields,
        columns: impl Iterator<Item = &'n str>,
    ) -> Vec<usize> {
        let names = self.names(fields);
        let roots = columns.filter_map(|name| position(fields, self.wanted.id(name)?, names));
        roots.collect()
    }

    /// The values of a column whose parts have their types, if the file has it.
    pub(super) fn column(&self, batch: &RecordBatch, column: &Column) -> Option<ArrayRef> {
        let found = self.found(batch, column.name())?;
        let parts = self.wanted.parts(column.name())?;
        Some(with_names(column.column_type(), &found.0, parts, found.1))
    }

    /// The values of a column without parts, if the file has it.
    pub(super) fn own_column(&self, batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
        self.found(batch, name).map(|(array, _)| array)
    }

    /// The values of a column, and the names of its parts if the file has no ids.
    fn found(&self, batch: &RecordBatch, name: &str) -> Option<(ArrayRef, Option<&FieldIds>)> {
        let schema = batch.schema_ref();
        let names = self.names(schema.fields());
        let position = position(schema.fields(), self.wanted.id(name)?, names)?;
        let names = names.map(|names| parts_of(names, schema.field(position).name()));
        Some((batch.column(position).clone(), names))
    }
}

fn id_of_field(field: &Field) -> Option<i32> {
    field
        .metadata()
        .get(PARQUET_FIELD_ID_META_KEY)?
        .parse()
        .ok()
}

/// The position of the field with an id.
fn position(fields: &Fields, id: i32, names: Option<&FieldIds>) -> Option<usize> {
    let id_of = |field: &FieldRef| match names {
        Some(names) => names.id(field.name()),
        None => id_of_field(field),
    };
    fields.iter().position(|field| id_of(field) == Some(id))
}

/// The parts of a name; none of one that is not known.
fn parts_of<'a>(names: &'a FieldIds, name: &str) -> &'a FieldIds {
    static NONE: std::sync::LazyLock<FieldIds> = std::sync::LazyLock::new(FieldIds::default);
    names.parts(name).unwrap_or(&NONE)
}

/// An array whose structs have the members of the type, by their names. An array of another type stays as it is.
fn with_names(
    column_type: &ColumnType,
    array: &ArrayRef,
    ids: &FieldIds,
    names: Option<&FieldIds>,
) -> ArrayRef {
    let part = |part_type: &ColumnType, name: &str, array: &ArrayRef| {
        let ids = parts_of(ids, name);
        let names = names.map(|names| parts_of(names, name));
        with_names(part_type, array, ids, names)
    };
    let named = match column_type {
        ColumnType::Struct(columns) => array
            .as_struct_opt()
            .and_then(|array| structure(columns, array, ids, names)),
        ColumnType::List(item) => array.as_list_opt::<i32>().and_then(|array| {
            let values = part(item, ELEMENT, array.values());
            list(array, values)
        }),
        ColumnType::Map(value) => array.as_map_opt().and_then(|array| {
            let values = part(value, VALUE, array.values());
            map(array, values)
        }),
        _ => None,
    };
    named.unwrap_or_else(|| array.clone())
}

fn structure(
    columns: &[Column],
    array: &StructArray,
    ids: &FieldIds,
    names: Option<&FieldIds>,
) -> Option<ArrayRef> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for column in columns {
        let name = column.name();
        let id = ids.id(name);
        let Some(at) = id.and_then(|id| position(array.fields(), id, names)) else {
            continue;
        };
        let names = names.map(|names| parts_of(names, array.fields()[at].name()));
        let parts = parts_of(ids, name);
        let values = with_names(column.column_type(), array.column(at), parts, names);
        fields.push(Field::new(name, values.data_type().clone(), true));
        arrays.push(values);
    }
    let nulls = array.nulls().cloned();
    let named = StructArray::try_new_with_length(fields.into(), arrays, nulls, array.len());
    Some(Arc::new(named.ok()?))
}

fn list(array: &ListArray, values: ArrayRef) -> Option<ArrayRef> {
    let field = Field::new(ELEMENT, values.data_type().clone(), true);
    let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
    let named = ListArray::try_new(Arc::new(field), offsets, values, nulls);
    Some(Arc::new(named.ok()?))
}

fn map(array: &MapArray, values: ArrayRef) -> Option<ArrayRef> {
    let keys = Field::new("key", array.keys().data_type().clone(), false);
    let fields = vec![keys, Field::new(VALUE, values.data_type().clone(), true)];
    let arrays = vec![array.keys().clone(), values];
    let entries = StructArray::try_new(fields.into(), arrays, None).ok()?;
    let field = Field::new("key_value", entries.data_type().clone(), false);
    let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
    let named = MapArray::try_new(Arc::new(field), offsets, entries, nulls, false);
    Some(Arc::new(named.ok()?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Schema as ArrowSchema};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::format::parquet::{RowParts, TableSchema};

    const SCHEMA: &str = r#"{"version": 1, "columns": [
        {"name": "a b", "type": "string"},
        {"name": "list", "type": {"list": {"struct": [{"name": "x", "type": "long"}, {"name": "y", "type": "long"}]}}}
    ]}"#;

    fn field(name: &str, data_type: DataType, id: Option<i32>) -> Field {
        let metadata = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string()));
        Field::new(name, data_type, true).with_metadata(metadata.into_iter().collect())
    }

    /// A file of one row; each column of the schema has a name and an id, in the order `a b`, `list`, `x`, `y`.
    fn file(names: [&str; 4], ids: Option<[i32; 4]>) -> Bytes {
        let id = |at: usize| ids.map(|ids| ids[at]);
        let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let two: ArrayRef = Arc::new(Int64Array::from(vec![2]));
        // The members come in another order.
        let members = Fields::from(vec![
            field(names[3], DataType::Int64, id(3)),
            field(names[2], DataType::Int64, id(2)),
        ]);
        let items = StructArray::new(members, vec![two, one], None);
        let element = field("element", items.data_type().clone(), ids.map(|_| 90));
        let offsets = arrow_buffer::OffsetBuffer::from_lengths([1]);
        let list = ListArray::new(Arc::new(element), offsets, Arc::new(items), None);
        let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
        let own = ids.is_some();
        let columns = [
            field(SHARD, DataType::Utf8, own.then_some(101)),
            field(names[1], list.data_type().clone(), id(1)),
            field(names[0], DataType::Utf8, id(0)),
        ];
        let schema = Arc::new(ArrowSchema::new(columns.to_vec()));
        let arrays: Vec<ArrayRef> = vec![text("s"), Arc::new(list), text("v")];
        let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    }

    fn ids(name: &str) -> Option<i32> {
        match name {
            "a b" => Some(1),
            "list" => Some(2),
            "list.element" => Some(90),
            "list.element.x" => Some(3),
            "list.element.y" => Some(4),
            SHARD => Some(101),
            _ => None,
        }
    }

    fn event(columns: &StoredColumns, file: Bytes) -> String {
        let (table, mut events) = (TableSchema::parse(SCHEMA.as_bytes()).unwrap(), Vec::new());
        let rows = table.for_each_stored_row(file, columns, RowParts::Event { key: None }, |row| {
            assert_eq!(row.shard, Some("s"));
            events.push(row.event.clone().unwrap().unwrap());
        });
        assert_eq!(rows.unwrap(), 1);
        events.remove(0)
    }

    fn columns(id: &dyn Fn(&str) -> Option<i32>) -> StoredColumns {
        let schema = TableSchema::parse(SCHEMA.as_bytes()).unwrap();
        let all = FieldIds::of_schema(schema.schema(), &ids);
        StoredColumns::new(FieldIds::of_schema(schema.schema(), id), all)
    }

    const NAMES: [&str; 4] = ["a b", "list", "x", "y"];
    const EVENT: &str = r#"{"a b":"v","list":[{"x":1,"y":2}]}"#;

    #[test]
    fn columns_are_found_by_their_ids_whatever_their_names() {
        for names in [NAMES, ["a_x20b", "l", "y", "x"], ["list", "a b", "p", "q"]] {
            let file = file(names, Some([1, 2, 3, 4]));
            assert_eq!(event(&columns(&ids), file), EVENT, "{names:?}");
        }
    }

    #[test]
    fn a_column_of_another_id_is_another_column() {
        let file = |ids| file(NAMES, Some(ids));
        let columns = columns(&ids);
        assert_eq!(
            event(&columns, file([7, 2, 3, 4])),
            r#"{"list":[{"x":1,"y":2}]}"#
        );
        assert_eq!(
            event(&columns, file([1, 2, 8, 4])),
            r#"{"a b":"v","list":[{"y":2}]}"#
        );
        assert_eq!(
            event(&columns, file([1, 2, 8, 9])),
            r#"{"a b":"v","list":[{}]}"#
        );
    }

    #[test]
    fn a_column_that_the_table_has_lost_has_no_values() {
        let left = |name: &str| ids(name).filter(|id| *id != 1 && *id != 4);
        let file = file(NAMES, Some([1, 2, 3, 4]));
        assert_eq!(event(&columns(&left), file), r#"{"list":[{"x":1}]}"#);
    }

    #[test]
    fn a_file_without_ids_has_its_columns_by_name_or_by_a_mapping() {
        assert_eq!(event(&columns(&ids), file(NAMES, None)), EVENT);
        let schema = TableSchema::parse(SCHEMA.as_bytes()).unwrap();
        let (mut members, mut items, mut mapped) = Default::default();
        let add = |to: &mut FieldIds, name, id, parts| to.insert(name, Some(id), parts);
        add(&mut members, "p", 3, FieldIds::default());
        add(&mut members, "q", 4, FieldIds::default());
        add(&mut items, ELEMENT, 90, members);
        add(&mut mapped, "l", 2, items);
        add(&mut mapped, "b", 1, FieldIds::default());
        add(&mut mapped, SHARD, 101, FieldIds::default());
        let wanted = FieldIds::of_schema(schema.schema(), &ids);
        let columns = StoredColumns::new(wanted, mapped);
        let file = file(["b", "l", "p", "q"], None);
        assert_eq!(event(&columns, file), EVENT);
    }
}
