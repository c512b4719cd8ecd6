//! The columns of the files: those of a schema, with the field ids of the table.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema as ArrowSchema, SchemaRef};
use parquet::arrow::{ArrowSchemaConverter, PARQUET_FIELD_ID_META_KEY};
use parquet::schema::types::SchemaDescPtr;

use super::error::FilesError;
use crate::format::parquet::{TableSchema, written};

/// The columns of the files of a table.
#[derive(Clone, Debug)]
pub struct TableColumns {
    pub(super) schema: Arc<TableSchema>,
    /// As they are given to the writer.
    pub(super) written: SchemaRef,
    /// As they are in files, with field ids.
    pub(super) stored: SchemaDescPtr,
}

impl TableColumns {
    /// The columns of a schema, which maps events to them, and `_rest`, `_shard`, `_chunk` and `_line`. `table` has the
    /// columns of the table, each with its field id (`PARQUET:field_id`), the parts of columns too. Both are matched by
    /// name. The table can have more columns: the files do not have them, and readers take them as null.
    ///
    /// # Errors
    /// [`FilesError::Column`]: the table does not have a column or a part of one, has it with another type, or without an
    /// id.
    pub fn new(schema: Arc<TableSchema>, table: &ArrowSchema) -> Result<Self, FilesError> {
        let optional = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
        let fields: Fields = written(schema.schema())
            .fields()
            .iter()
            .map(optional)
            .collect();
        let stored = ArrowSchema::new(with_ids(&fields, table.fields(), "")?);
        let converter = ArrowSchemaConverter::new().schema_root("table");
        Ok(Self {
            stored: Arc::new(converter.convert(&stored)?),
            written: Arc::new(ArrowSchema::new(fields)),
            schema,
        })
    }
}

/// Fields with the ids of those that have their names in the table.
fn with_ids(fields: &Fields, table: &Fields, above: &str) -> Result<Fields, FilesError> {
    let fields = fields.iter().map(|field| {
        let place = match above {
            "" => field.name().clone(),
            above => format!("{above}.{}", field.name()),
        };
        let Some((_, found)) = table.find(field.name()) else {
            let why = "the table does not have it; add it to the table first".into();
            return Err(FilesError::Column { column: place, why });
        };
        with_id(field, found, &place).map(Arc::new)
    });
    fields.collect()
}

fn with_id(field: &Field, table: &Field, place: &str) -> Result<Field, FilesError> {
    let error = |why: String| FilesError::Column {
        column: place.to_owned(),
        why,
    };
    let Some(id) = table.metadata().get(PARQUET_FIELD_ID_META_KEY) else {
        return Err(error("the table gives it no field id".into()));
    };
    let part = |field: &FieldRef, table: &FieldRef| {
        with_id(field, table, &format!("{place}.{}", field.name())).map(Arc::new)
    };
    let data_type = match (field.data_type(), table.data_type()) {
        (DataType::List(item), DataType::List(other) | DataType::LargeList(other)) => {
            DataType::List(part(item, other)?)
        }
        (DataType::Struct(fields), DataType::Struct(others)) => {
            DataType::Struct(with_ids(fields, others, place)?)
        }
        (DataType::Map(entries, sorted), DataType::Map(others, _)) => {
            let parts = match (entries.data_type(), others.data_type()) {
                (DataType::Struct(parts), DataType::Struct(others)) if others.len() == 2 => {
                    let parts = parts
                        .iter()
                        .zip(others)
                        .map(|(own, other)| part(own, other));
                    DataType::Struct(parts.collect::<Result<_, _>>()?)
                }
                _ => return Err(error("the entries of the map are no pairs".into())),
            };
            DataType::Map(
                Arc::new(entries.as_ref().clone().with_data_type(parts)),
                *sorted,
            )
        }
        (own, other) if is_same(own, other) => own.clone(),
        (own, other) => {
            let why = format!(
                "it has type {other} in the table and {own} in the schema; change the table first"
            );
            return Err(error(why));
        }
    };
    let id = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.clone())].into();
    Ok(field.clone().with_data_type(data_type).with_metadata(id))
}

/// Whether both are stored as the same type of values without parts.
fn is_same(own: &DataType, table: &DataType) -> bool {
    match (own, table) {
        (DataType::Dictionary(_, own), table) => is_same(own, table),
        (DataType::Utf8, DataType::LargeUtf8 | DataType::Utf8View)
        | (DataType::Binary, DataType::LargeBinary | DataType::BinaryView) => true,
        (DataType::Timestamp(unit, Some(_)), DataType::Timestamp(other, Some(_))) => unit == other,
        (own, table) => own == table,
    }
}
