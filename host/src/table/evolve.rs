//! Adds columns to a table.
//!
//! The columns and the property that names the schema change in one commit. It also adds a snapshot without files: only with
//! a snapshot, the library requires of the catalog that the table still has its UUID and its present snapshot. So it changes
//! no other table that has got the name, as at the end of a rebuild, and of two at the same moment one is tried again on what
//! the other one has made.

use std::collections::HashMap;
use std::time::Duration;

use iceberg::table::Table;
use iceberg::transaction::{AddColumn, ApplyTransactionAction as _, Transaction};
use iceberg::{Catalog, Error, ErrorKind, TableIdent};
use sluice_schema::Schema;

use super::columns::added_columns;
use super::commit::{Once, pauses};
use super::documents::put_schema;
use super::manage::{ManageError, Tables};
use super::state::{SCHEMA, TableState};

/// What a table needs to have a schema.
struct Change {
    table: Table,
    columns: Vec<AddColumn>,
    /// Whether the table names the schema already, so that only columns are missing.
    is_named: bool,
}

impl Tables {
    /// Adds the columns to a table that `schema` has and the table does not. Returns how many.
    ///
    /// # Errors
    /// [`ManageError`]; [`ManageError::Columns`] if a column is removed or changed.
    pub async fn evolve(&self, table: &TableIdent, schema: &Schema) -> Result<usize, ManageError> {
        let present = self.load(table).await?;
        self.evolve_with(present, schema, pauses()).await
    }

    /// Adds the columns to this table and to no other one with its name. There is a pause before each try.
    async fn evolve_with(
        &self,
        table: Table,
        schema: &Schema,
        pauses: impl Iterator<Item = Duration>,
    ) -> Result<usize, ManageError> {
        let (mut added, mut failure) = (0, None);
        for pause in pauses {
            tokio::time::sleep(pause).await;
            let Some(change) = self.change(&table, schema).await? else {
                return Ok(added);
            };
            added = change.columns.len();
            let digest = put_schema(self.warehouse.store().as_ref(), schema).await?;
            let tried = try_once(self.catalog.as_ref(), change, digest.to_string()).await;
            let is_taken = tried.is_ok();
            match tried {
                Err(error) if is_permanent(&error) => return Err(error.into()),
                // Whether it has succeeded is looked up: a catalog may lose its own commit, or its answer.
                tried => failure = tried.err().or(failure),
            }
            match self.change(&table, schema).await? {
                None => return Ok(added),
                Some(change) if is_taken && change.is_named => {
                    let table = table.identifier().clone();
                    return Err(ManageError::NoColumns { table });
                }
                Some(_) => {}
            }
        }
        let busy = || ManageError::Busy {
            table: table.identifier().clone(),
        };
        Err(failure.map_or_else(busy, ManageError::Catalog))
    }

    /// What the present state of a table needs to have a schema; `None` if it has it.
    async fn change(&self, table: &Table, schema: &Schema) -> Result<Option<Change>, ManageError> {
        let present = self.load(table.identifier()).await?;
        if present.metadata().uuid() != table.metadata().uuid() {
            let table = table.identifier().clone();
            return Err(ManageError::Replaced { table });
        }
        let state = TableState::read_incomplete(present, &self.warehouse).await?;
        let present = state.table.metadata().current_schema();
        let columns = added_columns(&state.schema, schema, present);
        let change = Change {
            columns: columns.map_err(ManageError::Columns)?,
            table: state.table,
            is_named: state.schema == *schema,
        };
        let is_done = change.is_named && change.columns.is_empty();
        Ok((!is_done).then_some(change))
    }
}

async fn try_once(catalog: &dyn Catalog, change: Change, digest: String) -> iceberg::Result<()> {
    let mut transaction = Transaction::new(&change.table);
    if !change.columns.is_empty() {
        let mut update = transaction.update_schema();
        for column in change.columns {
            update = update.add_column(column);
        }
        transaction = update.apply(transaction)?;
    }
    let properties = transaction.update_table_properties();
    let properties = properties.set(SCHEMA.to_owned(), digest.clone());
    transaction = properties.apply(transaction)?;
    let snapshot = transaction.fast_append();
    let snapshot = snapshot.set_snapshot_properties(HashMap::from([(SCHEMA.to_owned(), digest)]));
    transaction = snapshot.apply(transaction)?;
    let base = change.table;
    transaction.commit(&Once { base, catalog }).await.map(drop)
}

/// Whether a commit fails on each try, such as for a name that another program has given to a column.
fn is_permanent(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DataInvalid | ErrorKind::PreconditionFailed | ErrorKind::FeatureUnsupported
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::table::layout::TableLayout;
    use crate::table::state::TableStateError;
    use crate::table::test_catalog::{Fault, UnsteadyCatalog, in_memory, named, tables_in};

    fn schema(names: &[&str]) -> Schema {
        let columns = names.iter();
        let columns = columns.map(|name| format!(r#"{{"name":"{name}","type":"long"}}"#));
        let columns = columns.collect::<Vec<_>>().join(",");
        Schema::parse(format!(r#"{{"version":1,"columns":[{columns}]}}"#).as_bytes()).unwrap()
    }

    /// The tables `t` and `t__rebuild` in a catalog with these faults.
    async fn tables(folder: &std::path::Path, faults: &[Fault]) -> Tables {
        let catalog = UnsteadyCatalog::new(in_memory().await, faults.into());
        let tables = tables_in(folder, Arc::new(catalog)).await;
        for name in ["t", "t__rebuild"] {
            let (name, layout) = (named(name), TableLayout::default());
            let location = format!("memory://w/{}", name.name());
            let columns = schema(&["a"]);
            let created = tables.create_new(&name, location, &columns, &layout, None, None);
            created.await.unwrap();
        }
        tables
    }

    async fn evolve(tables: &Tables, schema: &Schema) -> Result<usize, ManageError> {
        let pauses = std::iter::repeat_n(Duration::ZERO, 5);
        let present = tables.load(&named("t")).await.unwrap();
        tables.evolve_with(present, schema, pauses).await
    }

    /// The columns of a table besides its own ones, after a check that its schema has the same.
    async fn columns(tables: &Tables, name: &str) -> Vec<String> {
        let table = tables.load(&named(name)).await.unwrap();
        let fields = table.metadata().current_schema().as_struct().fields();
        let mut names: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
        names.retain(|name| !name.starts_with('_'));
        names.sort_unstable();
        let state = TableState::read(table, &tables.warehouse).await.unwrap();
        let known = state.schema.columns().iter();
        let mut known: Vec<_> = known.map(|column| column.name().to_owned()).collect();
        known.sort_unstable();
        assert_eq!(names, known);
        names
    }

    #[tokio::test]
    async fn columns_and_schema_change_together_whatever_the_catalog_answers() {
        use Fault::{Conflict, LostAnswer, LostCommit};
        for faults in [
            &[][..],
            &[Conflict, Conflict],
            &[LostCommit],
            &[LostAnswer],
            &[Conflict, LostCommit, LostAnswer],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let tables = tables(folder.path(), faults).await;
            let new = schema(&["a", "b", "c"]);
            assert_eq!(evolve(&tables, &new).await.unwrap(), 2, "{faults:?}");
            assert_eq!(columns(&tables, "t").await, ["a", "b", "c"]);
            assert_eq!(evolve(&tables, &new).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_schema_that_is_named_without_its_columns_is_no_success_and_can_be_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let tables = tables(folder.path(), &[Fault::NoColumns, Fault::NoColumns]).await;
        let new = schema(&["a", "b", "c"]);
        // The second command finds the schema by its name.
        for _ in 0..2 {
            let error = evolve(&tables, &new).await.unwrap_err();
            assert!(matches!(error, ManageError::NoColumns { .. }), "{error}");
            let table = tables.load(&named("t")).await.unwrap();
            let read = TableState::read(table, &tables.warehouse).await;
            let error = read.unwrap_err();
            assert!(
                matches!(error, TableStateError::Incomplete { .. }),
                "{error}"
            );
        }
        assert_eq!(evolve(&tables, &new).await.unwrap(), 2);
        assert_eq!(columns(&tables, "t").await, ["a", "b", "c"]);
        assert_eq!(evolve(&tables, &new).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn another_table_that_gets_the_name_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        for new in [&["a", "b"][..], &["a"]] {
            let tables = tables(folder.path(), &[Fault::Replaced]).await;
            let mut new = schema(new);
            if new == schema(&["a"]) {
                // Only the document of the schema changes, so no column protects the other table.
                let document = r#"{"version":1,"columns":[{"name":"a","type":"long","doc":"x"}]}"#;
                new = Schema::parse(document.as_bytes()).unwrap();
            }
            let error = evolve(&tables, &new).await.unwrap_err();
            assert!(matches!(error, ManageError::Replaced { .. }), "{error}");
            for name in ["t", "t__before"] {
                assert_eq!(columns(&tables, name).await, ["a"]);
                let table = tables.load(&named(name)).await.unwrap();
                assert!(table.metadata().current_snapshot().is_none());
            }
        }
    }

    #[tokio::test]
    async fn two_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tables = tables(folder.path(), &[]).await;
        let (one, both) = (schema(&["a", "b"]), schema(&["a", "b", "c"]));
        let (first, second) = tokio::join!(evolve(&tables, &one), evolve(&tables, &both));
        second.unwrap();
        // If it comes second, it would remove a column.
        assert!(matches!(first, Ok(_) | Err(ManageError::Columns(_))));
        assert_eq!(columns(&tables, "t").await, ["a", "b", "c"]);
    }
}
