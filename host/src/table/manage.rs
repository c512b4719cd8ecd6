//! Creates, extends, renames and drops tables.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::FormatVersion;
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction as _, Transaction};
use iceberg::{Catalog, ErrorKind, NamespaceIdent, TableCreation, TableIdent};
use sluice_schema::Schema;
use thiserror::Error;

use super::columns::{added_columns, table_schema};
use super::commit::Once;
use super::documents::{DocumentError, put_schema};
use super::duplicates::DedupeRule;
use super::layout::TableLayout;
use super::state::{LAYOUT, SCHEMA, TableState, TableStateError};
use super::warehouse::Warehouse;

/// A table that cannot be created or changed.
#[derive(Debug, Error)]
pub enum ManageError {
    /// There is another one.
    #[error(
        "there is a table {table} with {what}; give another name, add columns with `sluice table evolve`, or build it again with `sluice table rebuild`"
    )]
    Exists {
        /// The table.
        table: TableIdent,
        /// What differs.
        what: String,
    },
    /// There is none.
    #[error("there is no table {table} in {catalog}; create it with `sluice table create`")]
    Missing {
        /// The table.
        table: TableIdent,
        /// Where it was looked for.
        catalog: String,
    },
    /// A catalog that was busy has lost its own commit.
    #[error("the catalog was busy, and the table {table} is unchanged; run the command again")]
    Busy {
        /// The table.
        table: TableIdent,
    },
    /// The columns do not go together.
    #[error("{0}")]
    Columns(String),
    /// The table cannot be read.
    #[error(transparent)]
    State(#[from] TableStateError),
    /// A document cannot be read or written.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The catalog fails.
    #[error(transparent)]
    Catalog(#[from] iceberg::Error),
    /// The warehouse fails.
    #[error(transparent)]
    Storage(#[from] sluice_storage::error::StorageError),
}

/// Where tables are.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The catalog as the user gave it.
    pub catalog_name: String,
    /// The files.
    pub warehouse: Warehouse,
}

/// Whether a table was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Now.
    Now,
    /// Before, with the same columns, layout and rule for duplicates.
    Before,
}

impl Tables {
    /// Loads a table.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn load(&self, table: &TableIdent) -> Result<Table, ManageError> {
        match self.catalog.load_table(table).await {
            Ok(table) => Ok(table),
            Err(error) if is_missing(error.kind()) => Err(ManageError::Missing {
                table: table.clone(),
                catalog: self.catalog_name.clone(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Loads a table, if there is one.
    ///
    /// # Errors
    /// [`ManageError`]
    pub(super) async fn find(&self, table: &TableIdent) -> Result<Option<Table>, ManageError> {
        match self.load(table).await {
            Ok(table) => Ok(Some(table)),
            Err(ManageError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a table, unless there is one with the same columns, layout and rule for duplicates.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn create(
        &self,
        table: &TableIdent,
        schema: &Schema,
        layout: &TableLayout,
        dedupe: Option<&DedupeRule>,
    ) -> Result<Created, ManageError> {
        match self.load(table).await {
            Ok(present) => self.compare(present, schema, layout, dedupe).await,
            Err(ManageError::Missing { .. }) => {
                let location = self.new_location(table);
                self.create_new(table, location, schema, layout, dedupe)
                    .await?;
                Ok(Created::Now)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn compare(
        &self,
        present: Table,
        schema: &Schema,
        layout: &TableLayout,
        dedupe: Option<&DedupeRule>,
    ) -> Result<Created, ManageError> {
        let table = present.identifier().clone();
        let present = TableState::read(present, &self.warehouse).await?;
        let what = if present.schema != *schema {
            "another schema".to_owned()
        } else if present.layout != *layout {
            format!("the layout {}", present.layout)
        } else if present.dedupe.as_ref() != dedupe {
            match &present.dedupe {
                Some(rule) => format!("another rule for duplicates: {rule}"),
                None => "no rule for duplicates".to_owned(),
            }
        } else {
            return Ok(Created::Before);
        };
        Err(ManageError::Exists { table, what })
    }

    pub(super) async fn create_new(
        &self,
        table: &TableIdent,
        location: String,
        schema: &Schema,
        layout: &TableLayout,
        dedupe: Option<&DedupeRule>,
    ) -> Result<(), ManageError> {
        self.create_namespace(table.namespace()).await?;
        let digest = put_schema(self.warehouse.store().as_ref(), schema).await?;
        let columns = table_schema(schema)?;
        let spec = layout.spec(&columns)?;
        let mut properties = HashMap::from([
            (SCHEMA.to_owned(), digest.to_string()),
            (LAYOUT.to_owned(), layout.to_string()),
            (
                "write.parquet.compression-codec".to_owned(),
                "zstd".to_owned(),
            ),
        ]);
        properties.extend(dedupe.iter().flat_map(|rule| rule.properties()));
        let creation = TableCreation::builder()
            .name(table.name().to_owned())
            .location(location)
            .schema(columns)
            .partition_spec(spec)
            .format_version(FormatVersion::V2)
            .properties(properties)
            .build();
        self.catalog
            .create_table(table.namespace(), creation)
            .await?;
        // A catalog may lose its own commit.
        self.load(table).await.map(drop)
    }

    async fn create_namespace(&self, namespace: &NamespaceIdent) -> Result<(), ManageError> {
        let created = self
            .catalog
            .create_namespace(namespace, HashMap::new())
            .await;
        match created {
            Err(error) if error.kind() == ErrorKind::NamespaceAlreadyExists => Ok(()),
            created => Ok(created.map(drop)?),
        }
    }

    /// A folder of its own, so that a table of the same name that is built again has another one.
    pub(super) fn new_location(&self, table: &TableIdent) -> String {
        let namespace = table.namespace().join("/");
        let (name, number) = (table.name(), rand::random::<u32>());
        self.warehouse
            .uri_of(&format!("{namespace}/{name}-{number:08x}"))
    }

    /// Adds the columns to a table that `schema` has and the table does not. Returns how many.
    ///
    /// # Errors
    /// [`ManageError`]; [`ManageError::Columns`] if a column is removed or changed.
    pub async fn evolve(&self, table: &TableIdent, schema: &Schema) -> Result<usize, ManageError> {
        let base = self.load(table).await?;
        let state = TableState::read(base.clone(), &self.warehouse).await?;
        let added = added_columns(&state.schema, schema).map_err(ManageError::Columns)?;
        let count = added.len();
        if state.schema == *schema {
            return Ok(0);
        }
        let digest = put_schema(self.warehouse.store().as_ref(), schema)
            .await?
            .to_string();
        let mut transaction = Transaction::new(&base);
        if count > 0 {
            let mut update = transaction.update_schema();
            for column in added {
                update = update.add_column(column);
            }
            transaction = update.apply(transaction)?;
        }
        let properties = transaction.update_table_properties();
        transaction = properties
            .set(SCHEMA.to_owned(), digest.clone())
            .apply(transaction)?;
        let once = Once {
            base,
            catalog: self.catalog.as_ref(),
        };
        transaction.commit(&once).await?;
        let present = self.load(table).await?;
        match present.metadata().properties().get(SCHEMA) == Some(&digest) {
            true => Ok(count),
            false => {
                let table = table.clone();
                Err(ManageError::Busy { table })
            }
        }
    }

    /// Removes a table from its catalog, and all its files if asked. Returns how many files were removed.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn drop_table(&self, table: &Table, purge: bool) -> Result<u64, ManageError> {
        self.catalog.drop_table(table.identifier()).await?;
        if !purge {
            return Ok(0);
        }
        let uuid = table.metadata().uuid();
        let location = self.warehouse.key(table.metadata().location())?;
        let folders = [
            format!("{}/", location.trim_end_matches('/')),
            format!("_sluice/tables/{uuid}/"),
        ];
        let store = self.warehouse.store();
        let mut removed = 0;
        for folder in folders {
            let mut keys = Vec::new();
            let mut found = |key: &str| keys.push(format!("{folder}{key}"));
            store.list(&folder, &mut found).await?;
            for key in keys {
                store.remove(&key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn is_missing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TableNotFound | ErrorKind::NamespaceNotFound
    )
}
