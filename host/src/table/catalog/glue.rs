//! The Glue Data Catalog.
//!
//! A commit loads the table and its `VersionId`, checks the requirements on it, writes the metadata, and updates the table
//! if it still has this `VersionId`. Old versions are not kept (`SkipArchive`), but each update has a `VersionId` of its own
//! all the same. A table without one could be overwritten, so it is refused before the commit.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_glue::config::http::HttpResponse;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::operation::delete_table::DeleteTableError;
use aws_sdk_glue::types::{Table, TableInput};
use iceberg::{Catalog, CatalogBuilder as _, Error, ErrorKind, Result, TableIdent};
use iceberg_catalog_glue::{GLUE_CATALOG_PROP_WAREHOUSE, GlueCatalogBuilder};
use sluice_storage::aws;
use sluice_storage::aws::errors::ServiceErrors;
use sluice_storage::error::ErrorKind as AwsErrorKind;

use super::super::warehouse::Warehouse;
use super::super::warehouse_files::WarehouseFiles;
use super::CATALOG_NAME;
use super::aws_failure::AwsFailure;
use super::guarded::{Call, Guarded, Service};

const ERRORS: ServiceErrors = ServiceErrors {
    service: "GLUE",
    kind_of,
    if_not_found: "create the database and the table with `sluice table create`, or correct table.name",
};

fn kind_of(code: &str) -> Option<AwsErrorKind> {
    Some(match code {
        "EntityNotFoundException" => AwsErrorKind::NotFound,
        "AlreadyExistsException" | "ConcurrentModificationException" => AwsErrorKind::Conflict,
        "GlueEncryptionException" => AwsErrorKind::Denied,
        "InternalServiceException" | "OperationTimeoutException" => AwsErrorKind::Unavailable,
        "InvalidInputException" => AwsErrorKind::Invalid,
        _ => return None,
    })
}

/// The actions of IAM that a call needs.
fn actions(call: Call) -> &'static str {
    match call {
        Call::Load => "glue:GetTable",
        Call::Create => "glue:CreateTable",
        Call::Commit => "glue:GetTable and glue:UpdateTable",
        Call::Drop => "glue:DeleteTable",
        Call::Rename => "glue:GetTable, glue:CreateTable and glue:DeleteTable",
        Call::List => "glue:GetTables",
        Call::Namespace => "glue:GetDatabase and glue:CreateDatabase",
    }
}

/// The Glue Data Catalog of the account and the region that the environment names.
pub(super) async fn open(name: String, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
    let config = aws::sdk_config().await?;
    let config = aws::service_config(&config, "Glue", None);
    let client = aws_sdk_glue::Client::new(&config);
    let place = (GLUE_CATALOG_PROP_WAREHOUSE, warehouse.uri());
    let place = [place].map(|(name, value)| (name.to_owned(), value.to_owned()));
    // It reads the same environment and profile for its own client.
    let catalog = GlueCatalogBuilder::default()
        .with_storage_factory(WarehouseFiles::of(warehouse))
        .load(CATALOG_NAME, HashMap::from(place));
    Ok(Guarded::of(name, catalog.await?, Glue { client }))
}

#[derive(Debug)]
struct Glue {
    client: aws_sdk_glue::Client,
}

#[async_trait]
impl Service for Glue {
    fn explain(&self, call: Call, error: &Error) -> Option<(ErrorKind, String)> {
        let failure = AwsFailure::of(error)?;
        let kind = match call {
            Call::Load | Call::Drop | Call::Rename if failure.is("EntityNotFoundException") => {
                ErrorKind::TableNotFound
            }
            Call::Create if failure.is("AlreadyExistsException") => ErrorKind::TableAlreadyExists,
            Call::Namespace if failure.is("AlreadyExistsException") => {
                ErrorKind::NamespaceAlreadyExists
            }
            Call::List if failure.is("EntityNotFoundException") => ErrorKind::NamespaceNotFound,
            _ => error.kind(),
        };
        Some((kind, failure.explain(&ERRORS, actions(call))))
    }

    async fn before_commit(&self, table: &TableIdent) -> Result<()> {
        if self.get(table, Call::Commit).await?.version_id().is_some() {
            return Ok(());
        }
        let why = "Glue gives no VersionId for the table, so two commits at the same moment could overwrite each other; \
                   nothing was committed";
        Err(Error::new(ErrorKind::FeatureUnsupported, why))
    }

    async fn rename(&self, table: &TableIdent, to: &TableIdent) -> Option<Result<()>> {
        Some(self.copy_and_remove(table, to).await)
    }
}

impl Glue {
    async fn get(&self, table: &TableIdent, call: Call) -> Result<Table> {
        let get = self.client.get_table().name(table.name());
        let get = get.database_name(table.namespace().to_url_string());
        let found = get.send().await.map_err(|error| failed(call, &error))?;
        let missing = || Error::new(ErrorKind::TableNotFound, "Glue has no such table");
        found.table.ok_or_else(missing)
    }

    /// Glue has no rename. That of the catalog removes the copy if the removal of the first entry fails, also if that has
    /// only lost its answer: then no entry is left. Here, a failure leaves both.
    async fn copy_and_remove(&self, table: &TableIdent, to: &TableIdent) -> Result<()> {
        let first = self.get(table, Call::Rename).await?;
        let copy = TableInput::builder()
            .name(to.name())
            .set_parameters(first.parameters)
            .set_storage_descriptor(first.storage_descriptor)
            .set_table_type(first.table_type)
            .set_description(first.description)
            .build();
        let copy = copy.map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))?;
        let create = self.client.create_table().table_input(copy);
        let create = create.database_name(to.namespace().to_url_string());
        let created = create.send().await;
        created.map_err(|error| failed(Call::Rename, &error))?;
        let delete = self.client.delete_table().name(table.name());
        let delete = delete.database_name(table.namespace().to_url_string());
        let is_gone = DeleteTableError::is_entity_not_found_exception;
        match delete.send().await {
            // An earlier request has lost its answer.
            Err(error) if error.as_service_error().is_some_and(is_gone) => Ok(()),
            deleted => deleted
                .map(drop)
                .map_err(|error| failed(Call::Rename, &error)),
        }
    }
}

fn failed<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = ERRORS.classify(error, actions(call));
    Error::new(ErrorKind::Unexpected, error.to_string())
}
