//! The Glue Data Catalog.
//!
//! A commit loads the table and its `VersionId`, checks the requirements on it, writes the metadata, and updates the table
//! if it still has this `VersionId`. Old versions are not kept (`SkipArchive`), but each update has a `VersionId` of its own
//! all the same. A table without one could be overwritten, so it is refused before the commit.
//!
//! Metadata of a commit or a creation that Glue refuses stays in the warehouse, and no table names it.

mod columns;
mod entry;
mod failure;

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_glue::Client;
use aws_sdk_glue::operation::delete_table::DeleteTableError;
use aws_sdk_glue::types::{DatabaseInput, Table as Entry};
use iceberg::io::{FileIO, FileIOBuilder};
use iceberg::spec::{TableMetadata, TableMetadataBuilder};
use iceberg::table::Table;
use iceberg::{
    Catalog, Error, ErrorKind, MetadataLocation, Namespace, NamespaceIdent, Result, Runtime,
    TableCommit, TableCreation, TableIdent,
};
use sluice_storage::aws;

use self::entry::{copy, is_iceberg, metadata_location, new_entry, next_entry};
use self::failure::{Answers, failed, incomplete};
use super::super::warehouse::Warehouse;
use super::super::warehouse_files::WarehouseFiles;
use super::guarded::{Call, Guarded};

/// The Glue Data Catalog of the account and the region that the environment names.
pub(super) async fn open(name: String, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
    let config = aws::sdk_config().await?;
    let config = aws::service_config(&config, "Glue", None);
    let catalog = Glue {
        client: Client::new(&config),
        files: FileIOBuilder::new(WarehouseFiles::of(warehouse)).build(),
        runtime: Runtime::try_current()?,
    };
    Ok(Guarded::of(name, catalog, Answers))
}

#[derive(Debug)]
struct Glue {
    client: Client,
    files: FileIO,
    runtime: Runtime,
}

impl Glue {
    /// The entry of a table, of whatever kind.
    async fn entry(&self, table: &TableIdent, call: Call) -> Result<Entry> {
        let get = self.client.get_table().name(table.name());
        let get = get.database_name(database(table.namespace())?);
        let found = get.send().await.map_err(|error| failed(call, &error))?;
        let missing = || Error::new(ErrorKind::TableNotFound, "Glue has no such table");
        found.table.ok_or_else(missing)
    }

    /// The table that an entry leads to.
    async fn table_of(&self, table: &TableIdent, entry: &Entry) -> Result<Table> {
        let location = metadata_location(table, entry)?;
        let metadata = TableMetadata::read_from(&self.files, location).await?;
        self.table(table.clone(), metadata, location.to_owned())
    }

    fn table(&self, table: TableIdent, metadata: TableMetadata, location: String) -> Result<Table> {
        Table::builder()
            .file_io(self.files.clone())
            .metadata_location(location)
            .metadata(metadata)
            .identifier(table)
            .runtime(self.runtime.clone())
            .build()
    }
}

#[async_trait]
impl Catalog for Glue {
    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<Namespace> {
        let input = DatabaseInput::builder().name(database(namespace)?);
        let input = input.set_parameters(Some(properties.clone())).build();
        let create = self.client.create_database();
        let create = create.database_input(input.map_err(incomplete)?);
        let created = create.send().await;
        created.map_err(|error| failed(Call::Namespace, &error))?;
        Ok(Namespace::with_properties(namespace.clone(), properties))
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> Result<Namespace> {
        let get = self.client.get_database().name(database(namespace)?);
        let found = get.send().await;
        let found = found.map_err(|error| failed(Call::Namespace, &error))?;
        let properties = found.database.and_then(|found| found.parameters);
        let properties = properties.unwrap_or_default();
        Ok(Namespace::with_properties(namespace.clone(), properties))
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> Result<bool> {
        match self.get_namespace(namespace).await {
            Err(error) if error.kind() == ErrorKind::NamespaceNotFound => Ok(false),
            found => found.map(|_| true),
        }
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        let mut tables = Vec::new();
        let list = self.client.get_tables();
        let list = list.database_name(database(namespace)?);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(Call::List, &error))?;
            let found = page.table_list().iter().filter(|entry| is_iceberg(entry));
            let found = found.map(|entry| entry.name().to_owned());
            tables.extend(found.map(|name| TableIdent::new(namespace.clone(), name)));
        }
        Ok(tables)
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> Result<Table> {
        let name = TableIdent::new(namespace.clone(), creation.name.clone());
        let built = TableMetadataBuilder::from_table_creation(creation)?.build()?;
        let metadata = built.metadata;
        let location = MetadataLocation::new_with_metadata(metadata.location(), &metadata);
        let entry = new_entry(&name, &metadata, &location.to_string())?;
        metadata.write_to(&self.files, &location).await?;
        let create = self.client.create_table().table_input(entry);
        let create = create.database_name(database(namespace)?);
        let created = create.send().await;
        created.map_err(|error| failed(Call::Create, &error))?;
        self.table(name, metadata, location.to_string())
    }

    async fn load_table(&self, table: &TableIdent) -> Result<Table> {
        let entry = self.entry(table, Call::Load).await?;
        self.table_of(table, &entry).await
    }

    async fn table_exists(&self, table: &TableIdent) -> Result<bool> {
        match self.entry(table, Call::Load).await {
            Err(error) if error.kind() == ErrorKind::TableNotFound => Ok(false),
            found => found.map(|entry| is_iceberg(&entry)),
        }
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        let name = commit.identifier().clone();
        let entry = self.entry(&name, Call::Commit).await?;
        let version = entry.version_id().ok_or_else(without_version)?;
        let next = commit.apply(self.table_of(&name, &entry).await?)?;
        let location = next.metadata_location_result()?;
        let input = next_entry(&name, &entry, next.metadata(), location)?;
        let location = MetadataLocation::from_str(location)?;
        next.metadata().write_to(&self.files, &location).await?;
        let update = self.client.update_table().table_input(input);
        let update = update.database_name(database(name.namespace())?);
        let update = update.version_id(version).skip_archive(true);
        let updated = update.send().await;
        updated.map_err(|error| failed(Call::Commit, &error))?;
        Ok(next)
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<()> {
        let delete = self.client.delete_table().name(table.name());
        let delete = delete.database_name(database(table.namespace())?);
        let deleted = delete.send().await;
        deleted
            .map(drop)
            .map_err(|error| failed(Call::Drop, &error))
    }

    /// Glue has no rename, so the entry is copied and the first one removed. A failure leaves both: the removal of the first
    /// one may have lost only its answer, and then no entry would be left if the copy were removed too.
    async fn rename_table(&self, table: &TableIdent, to: &TableIdent) -> Result<()> {
        let first = self.entry(table, Call::Rename).await?;
        let create = self.client.create_table().table_input(copy(to, &first)?);
        let create = create.database_name(database(to.namespace())?);
        let created = create.send().await;
        created.map_err(|error| failed(Call::Rename, &error))?;
        let delete = self.client.delete_table().name(table.name());
        let delete = delete.database_name(database(table.namespace())?);
        let is_gone = DeleteTableError::is_entity_not_found_exception;
        match delete.send().await {
            // An earlier request has lost its answer.
            Err(error) if error.as_service_error().is_some_and(is_gone) => Ok(()),
            deleted => deleted
                .map(drop)
                .map_err(|error| failed(Call::Rename, &error)),
        }
    }

    async fn list_namespaces(&self, _: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>> {
        unused()
    }

    async fn update_namespace(&self, _: &NamespaceIdent, _: HashMap<String, String>) -> Result<()> {
        unused()
    }

    async fn drop_namespace(&self, _: &NamespaceIdent) -> Result<()> {
        unused()
    }

    async fn purge_table(&self, _: &TableIdent) -> Result<()> {
        unused()
    }

    async fn register_table(&self, _: &TableIdent, _: String) -> Result<Table> {
        unused()
    }
}

/// Nothing of the program calls this, and the policies of Terraform have no action for it.
fn unused<T>() -> Result<T> {
    let why = "Sluice does not need this of Glue";
    Err(Error::new(ErrorKind::FeatureUnsupported, why))
}

/// The database that is a namespace.
fn database(namespace: &NamespaceIdent) -> Result<&str> {
    match &**namespace {
        [name] => Ok(name),
        _ => {
            let why = format!("a namespace in Glue is one database, not {namespace}");
            Err(Error::new(ErrorKind::DataInvalid, why))
        }
    }
}

fn without_version() -> Error {
    let why = "Glue gives no VersionId for the table, so two commits at the same moment could overwrite each other; \
               nothing was committed";
    Error::new(ErrorKind::FeatureUnsupported, why)
}
