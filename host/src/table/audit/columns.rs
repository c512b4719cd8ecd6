//! Which columns of data files have the values of the events, by their field ids.

use std::collections::BTreeMap;

use anyhow::Context as _;
use iceberg::spec::{DEFAULT_SCHEMA_NAME_MAPPING, MappedField, NameMapping};
use iceberg::table::Table;
use sluice_schema::Schema;

use crate::format::parquet::{FieldIds, StoredColumns};

/// The columns with the values of a schema. `written` has the ids that the files were written with, by the names of then.
/// A column that the table has lost since has no values, also if there is another one with its name. The fields of a file
/// without ids are those that the table's name mapping says, or those with the names of the schema.
///
/// # Errors
/// The name mapping of the table cannot be read.
pub(super) fn stored_columns(
    table: &Table,
    schema: &Schema,
    written: &BTreeMap<String, i32>,
) -> anyhow::Result<StoredColumns> {
    let present = table.metadata().current_schema();
    // What was added since the last commit is in no file that Sluice has written.
    let known = |name: &str| {
        let written = written.get(name).copied();
        written.or_else(|| present.field_id_by_name(name))
    };
    let left = |name: &str| known(name).filter(|id| present.field_by_id(*id).is_some());
    let properties = table.metadata().properties();
    let without_ids = match properties.get(DEFAULT_SCHEMA_NAME_MAPPING) {
        None => FieldIds::of_schema(schema, &known),
        Some(mapping) => {
            let mapping: NameMapping = serde_json::from_str(mapping).with_context(|| {
                format!(
                    "the property {DEFAULT_SCHEMA_NAME_MAPPING} of the table {} is no name mapping; correct or remove it",
                    table.identifier()
                )
            })?;
            mapped(&mut mapping.fields().iter())
        }
    };
    Ok(StoredColumns::new(
        FieldIds::of_schema(schema, &left),
        without_ids,
    ))
}

fn mapped(fields: &mut dyn Iterator<Item = &MappedField>) -> FieldIds {
    let mut ids = FieldIds::default();
    for field in fields {
        let parts = mapped(&mut field.fields().iter().map(|part| &**part));
        for name in field.names() {
            ids.insert(name, field.field_id(), parts.clone());
        }
    }
    ids
}
