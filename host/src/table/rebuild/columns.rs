//! What the new table of a rebuild has: as the present one, unless another one is given.

use iceberg::table::Table;
use sluice_schema::Schema;

use super::RebuildError;
use crate::table::documents::DocumentError;
use crate::table::duplicates::DedupeRule;
use crate::table::layout::TableLayout;
use crate::table::manage::{ManageError, Tables};
use crate::table::state::{created_layout, created_rule, documents, schema_digest};

/// The columns, the layout and the rule of the new table, as far as they are not to be those of the present one.
#[derive(Clone, Debug, Default)]
pub struct NewColumns {
    /// The columns.
    pub schema: Option<Schema>,
    /// How its files are divided.
    pub layout: Option<TableLayout>,
    /// Its rule for duplicates: `Some(None)` if it is to have none.
    pub dedupe: Option<Option<DedupeRule>>,
}

impl Tables {
    /// The columns and the layout of the new table. `model` may be rolled back or divided in another way: both are reasons
    /// to rebuild it.
    pub(super) async fn columns(
        &self,
        model: &Table,
        new: NewColumns,
    ) -> Result<(Schema, TableLayout), RebuildError> {
        let digest = schema_digest(model)?;
        let schema = match new.schema {
            Some(schema) => schema,
            None => match documents(model, &self.warehouse).schema(digest).await {
                Err(error @ (DocumentError::Missing(_) | DocumentError::Damaged { .. })) => {
                    let table = model.identifier().clone();
                    return Err(RebuildError::Schema { table, error });
                }
                schema => schema.map_err(ManageError::from)?,
            },
        };
        let unknown = || {
            let table = model.identifier();
            RebuildError::Layout(format!(
                "missing; the files of the table {table} are divided in a way that Sluice does not write, so give the layout of \
                 the new one, such as none"
            ))
        };
        let layout = new
            .layout
            .or_else(|| created_layout(model))
            .ok_or_else(unknown)?;
        layout.check(&schema).map_err(RebuildError::Layout)?;
        Ok((schema, layout))
    }
}

/// The rule of the new table.
///
/// # Errors
/// The present one cannot be used, or the schema does not have its column.
pub(super) fn new_rule(
    model: &Table,
    given: Option<Option<DedupeRule>>,
    schema: &Schema,
) -> Result<Option<DedupeRule>, String> {
    let unknown = |why: String| {
        let table = model.identifier();
        format!(
            "missing; the properties of the table {table} have no rule that can be used ({why}), so give the one of the new table"
        )
    };
    let rule = match given {
        Some(rule) => rule,
        None => created_rule(model).map_err(unknown)?,
    };
    rule.iter().try_for_each(|rule| rule.check(schema))?;
    Ok(rule)
}
