//! Creates and drops tables.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::FormatVersion;
use iceberg::table::Table;
use iceberg::{Catalog, ErrorKind, NamespaceIdent, TableCreation, TableIdent};
use sluice_schema::Schema;
use sluice_storage::error::StorageError;
use thiserror::Error;

use super::columns::table_schema;
use super::documents::{DocumentError, put_schema};
use super::duplicates::DedupeRule;
use super::layout::TableLayout;
use super::state::{LAYOUT, REPLACED, SCHEMA, TableState, TableStateError};
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
    #[error("there is no table {table} in {catalog}; create it with `{create}`")]
    Missing {
        /// The table.
        table: TableIdent,
        /// Where it was looked for.
        catalog: String,
        /// The command that creates it.
        create: String,
    },
    /// The catalog removes the files with the table.
    #[error(
        "{0} is in a table bucket, which keeps no files of a table that is dropped; give --purge to remove both"
    )]
    KeepsNoFiles(TableIdent),
    /// A rebuild that was killed has left two names of one table.
    #[error(
        "the table {table} is also {other}: a rebuild was cut off. Nothing was removed; run `sluice table rebuild` again, or drop \
         {table} without --purge"
    )]
    TwoNames {
        /// The table.
        table: TableIdent,
        /// Its other name.
        other: TableIdent,
    },
    /// A catalog that was busy has lost its own commit.
    #[error("the catalog was busy, and the table {table} is unchanged; run the command again")]
    Busy {
        /// The table.
        table: TableIdent,
    },
    /// A catalog has taken a part of a commit.
    #[error(
        "the catalog has taken the name of the schema of the table {table}, but not its columns, so no builder can go on with \
         the table; run the command again, which adds the columns, or build the table again with `sluice table rebuild`"
    )]
    NoColumns {
        /// The table.
        table: TableIdent,
    },
    /// Another table has got the name.
    #[error(
        "another table has got the name {table} meanwhile, as at the end of a rebuild, and is unchanged; if it should have the \
         columns too, run the command again"
    )]
    Replaced {
        /// The name.
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
    /// The warehouse cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Where tables are.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The catalog as the user gave it.
    pub catalog_name: String,
    /// The command that creates the table that the user has named.
    pub create: String,
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
                create: self.create.clone(),
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
                let created = self.create_new(table, location, schema, layout, dedupe, None);
                let Err(error) = created.await else {
                    return Ok(Created::Now);
                };
                // Its answer was lost, or another process has created one at the same time.
                match self.find(table).await {
                    Ok(Some(present)) => self.compare(present, schema, layout, dedupe).await,
                    _ => Err(error),
                }
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

    /// Creates a table. A rebuild gives the name that the table before gets, if there is one.
    pub(super) async fn create_new(
        &self,
        table: &TableIdent,
        location: String,
        schema: &Schema,
        layout: &TableLayout,
        dedupe: Option<&DedupeRule>,
        replaced: Option<TableIdent>,
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
        properties.extend(replaced.map(|table| (REPLACED.to_owned(), table.name().to_owned())));
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
            // It may exist without the right to create one.
            Err(error) => match self.catalog.get_namespace(namespace).await {
                Ok(_) => Ok(()),
                Err(_) => Err(error.into()),
            },
            Ok(_) => Ok(()),
        }
    }

    /// A folder of its own, so that a table of the same name that is built again has another one.
    pub(super) fn new_location(&self, table: &TableIdent) -> String {
        let namespace = table.namespace().join("/");
        let (name, number) = (table.name(), rand::random::<u32>());
        self.warehouse
            .uri_of(&format!("{namespace}/{name}-{number:08x}"))
    }

    /// Removes a table from its catalog, and all its files if asked. Returns how many files were removed.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn drop_table(&self, table: &Table, purge: bool) -> Result<u64, ManageError> {
        let location = table.metadata().location();
        if purge && let Some(other) = self.other_name(table).await? {
            let table = table.identifier().clone();
            return Err(ManageError::TwoNames { table, other });
        }
        let folders = match purge {
            true => self.folders(table)?.to_vec(),
            false => Vec::new(),
        };
        let dropped = match (self.warehouse.is_in_table_bucket(location), purge) {
            (true, true) => self.catalog.purge_table(table.identifier()).await,
            (true, false) => return Err(ManageError::KeepsNoFiles(table.identifier().clone())),
            (false, _) => self.catalog.drop_table(table.identifier()).await,
        };
        if let Err(error) = dropped {
            // An answer may be lost: what counts is whether the name still leads to the table.
            let present = self.find(table.identifier()).await;
            let is_gone = present.is_ok_and(|found| found.is_none_or(|it| !is_same(&it, table)));
            if !is_gone {
                return Err(error.into());
            }
            if purge {
                // A server that is not itself says of everything that it is not there: it must know the namespace.
                let namespace = table.identifier().namespace();
                self.catalog.list_tables(namespace).await?;
                if let Some(other) = self.other_name(table).await? {
                    let table = table.identifier().clone();
                    return Err(ManageError::TwoNames { table, other });
                }
            }
        }
        let mut removed = 0;
        for folder in folders {
            let folder = self.warehouse.uri_of(&folder);
            for name in self.warehouse.names(&folder).await? {
                self.warehouse.remove(&self.warehouse.uri_of(&name)).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Whether two names lead to one table.
pub(super) fn is_same(table: &Table, other: &Table) -> bool {
    table.metadata().uuid() == other.metadata().uuid()
}

/// Whether a catalog says that there is no such table, or no such namespace.
pub(super) fn is_missing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TableNotFound | ErrorKind::NamespaceNotFound
    )
}
