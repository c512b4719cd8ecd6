//! The catalog and the warehouse of the table.

use sluice_storage::error::StorageError;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::ObjectStore;

use super::{ConnectionCheck, NEEDS_AWS, Report};
use crate::config::RunSettings;
use crate::output::{self, OutputError};
use crate::table::catalog::CatalogLocation;
use crate::table::location::TableLocation;
use crate::table::manage::ManageError;

/// The folder of the schemas in a warehouse, which has few documents.
const SCHEMAS: &str = "_sluice/schemas/";

/// A key that no document has.
const ABSENT_KEY: &str = "_sluice/schemas/connection-check";

/// The table, if the run builds it, or if it is said where it is.
pub(super) fn location(settings: &RunSettings) -> Option<TableLocation> {
    let table = &settings.table_settings;
    let location = &table.location;
    let is_given = location.table_catalog.is_some() || location.table_warehouse.is_some();
    let is_wanted = is_given || table.is_built_by(&settings.mode);
    // What is missing has been checked, if the run needs it.
    let location = || location.of(settings.lake.clone()).ok();
    is_wanted.then(location).flatten()
}

/// Whether a table needs AWS.
pub(super) fn uses_aws(table: &TableLocation) -> bool {
    is_in_aws(&table.catalog) || matches!(table.warehouse, StoreLocation::S3 { .. })
}

fn is_in_aws(catalog: &CatalogLocation) -> bool {
    match catalog {
        CatalogLocation::Glue | CatalogLocation::S3Tables(_) => true,
        CatalogLocation::Sqlite(_) | CatalogLocation::Rest(_) => false,
    }
}

impl ConnectionCheck<'_> {
    pub(super) async fn table(
        &self,
        table: &TableLocation,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        self.warehouse(table, report).await?;
        self.catalog(table, report).await
    }

    async fn warehouse(
        &self,
        table: &TableLocation,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        let place = table.warehouse.to_string();
        if matches!(table.warehouse, StoreLocation::Folder(_)) {
            return report.skip(
                "warehouse",
                &format!("{place} is a folder; it was not tried"),
            );
        }
        match self.store(&table.warehouse) {
            None => report.skip("warehouse", NEEDS_AWS),
            Some(store) => {
                let read = read_warehouse(&*store).await;
                report.line_about("warehouse", &place, read)
            }
        }
    }

    async fn catalog(&self, table: &TableLocation, report: &mut Report) -> Result<(), OutputError> {
        if matches!(table.catalog, CatalogLocation::Sqlite(_)) {
            let why = format!("{} is a file; it was not tried", table.catalog);
            return report.skip("catalog", &why);
        }
        if uses_aws(table) && self.sdk.is_none() {
            return report.skip("catalog", NEEDS_AWS);
        }
        let found = self.find_table(table).await;
        report.line(
            "catalog",
            found.map_err(|error| output::with_causes(&error)),
        )
    }

    /// Loads the table, which a catalog need not have yet.
    async fn find_table(&self, table: &TableLocation) -> anyhow::Result<String> {
        let tables = table.open_existing_with(self.once.clone()).await?;
        let (catalog, name) = (&table.catalog, &table.table);
        match tables.load(name).await {
            Ok(_) => Ok(format!(
                "{catalog} has the table {name}; a commit was not tried"
            )),
            Err(ManageError::Missing { create, .. }) => Ok(format!(
                "{catalog} can be read; it has no table {name} yet: create it with `{create}`"
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lists and reads documents of tables.
async fn read_warehouse(store: &dyn ObjectStore) -> Result<&'static str, StorageError> {
    store.list(SCHEMAS, &mut |_| {}).await?;
    store.get(ABSENT_KEY, 0).await?;
    Ok("can be listed and read; writing was not tried")
}
