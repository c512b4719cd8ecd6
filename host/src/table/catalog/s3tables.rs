//! A table bucket of S3 Tables. The service says where a table is, and keeps its files.
//!
//! A commit loads the table and its version token, checks the requirements on it, writes the metadata, and sets its location
//! if the table still has this token.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3tables::Client;
use aws_sdk_s3tables::operation::get_table_bucket::GetTableBucketError;
use iceberg::{Catalog, CatalogBuilder as _, Error, ErrorKind, Result, TableCreation, TableIdent};
use iceberg_catalog_s3tables::S3TablesCatalogBuilder;
use sluice_storage::aws;
use sluice_storage::aws::errors::ServiceErrors;
use sluice_storage::error::ErrorKind as AwsErrorKind;

use super::super::warehouse::Warehouse;
use super::super::warehouse_files::WarehouseFiles;
use super::CATALOG_NAME;
use super::aws_failure::{AwsFailure, MARK};
use super::guarded::{Call, Guarded, Service};
use super::location::region_of;

/// The message for a table that was created and has no metadata yet.
const WITHOUT_METADATA: &str = "does not have metadata location";

const ERRORS: ServiceErrors = ServiceErrors {
    service: "S3TABLES",
    kind_of,
    if_not_found: "create the table bucket, or correct its ARN in table.catalog",
};

fn kind_of(code: &str) -> Option<AwsErrorKind> {
    Some(match code {
        "NotFoundException" => AwsErrorKind::NotFound,
        "ConflictException" => AwsErrorKind::Conflict,
        "ForbiddenException" => AwsErrorKind::Denied,
        "InternalServerErrorException" => AwsErrorKind::Unavailable,
        "BadRequestException" => AwsErrorKind::Invalid,
        _ => return None,
    })
}

/// The actions of IAM that a call needs.
fn actions(call: Call) -> &'static str {
    match call {
        Call::Load => "s3tables:GetTable and s3tables:GetTableData",
        Call::Create => {
            "s3tables:CreateTable, s3tables:GetTable, s3tables:PutTableData and s3tables:UpdateTableMetadataLocation"
        }
        Call::Commit => {
            "s3tables:GetTable, s3tables:GetTableData, s3tables:PutTableData and s3tables:UpdateTableMetadataLocation"
        }
        Call::Drop => "s3tables:DeleteTable",
        Call::Rename => "s3tables:RenameTable",
        Call::List => "s3tables:ListTables",
        Call::Namespace => "s3tables:GetNamespace and s3tables:CreateNamespace",
    }
}

/// The table bucket with an ARN.
pub(super) async fn open(
    name: String,
    arn: &str,
    warehouse: &Warehouse,
) -> anyhow::Result<Arc<dyn Catalog>> {
    let region = region_of(arn).map_err(anyhow::Error::msg)?;
    let config = aws::sdk_config().await?;
    let config = aws::service_config(&config, "S3Tables", Some(&region));
    let client = Client::new(&config);
    let catalog = S3TablesCatalogBuilder::default()
        .with_client(client.clone())
        .with_table_bucket_arn(arn)
        .with_storage_factory(WarehouseFiles::of(warehouse))
        .load(CATALOG_NAME, HashMap::new());
    let arn = arn.to_owned();
    Ok(Guarded::of(
        name,
        catalog.await?,
        TableBucket { client, arn },
    ))
}

#[derive(Debug)]
struct TableBucket {
    client: Client,
    arn: String,
}

#[async_trait]
impl Service for TableBucket {
    fn explain(&self, call: Call, error: &Error) -> Option<(ErrorKind, String)> {
        if call == Call::Load && error.message().contains(WITHOUT_METADATA) {
            let why = "its creation was cut off; `sluice table create` does it again";
            return Some((ErrorKind::TableNotFound, why.into()));
        }
        let failure = AwsFailure::of(error)?;
        let kind = match call {
            Call::Create if failure.is("ConflictException") => ErrorKind::TableAlreadyExists,
            Call::Namespace if failure.is("ConflictException") => ErrorKind::NamespaceAlreadyExists,
            Call::Drop | Call::Rename if failure.is("NotFoundException") => {
                ErrorKind::TableNotFound
            }
            _ => error.kind(),
        };
        Some((kind, failure.explain(&ERRORS, actions(call))))
    }

    /// The service does not say whether it is the table or the table bucket that it has not found. Who may not ask for the
    /// table bucket is told that there is no table.
    async fn check_exists(&self) -> Result<()> {
        let bucket = self.client.get_table_bucket();
        let found = bucket.table_bucket_arn(&self.arn).send().await;
        match found {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetTableBucketError::is_not_found_exception) =>
            {
                let why = anyhow::anyhow!("{MARK}{error:?}");
                Err(Error::new(ErrorKind::Unexpected, "no table bucket").with_source(why))
            }
            _ => Ok(()),
        }
    }

    /// Removes what a creation that was cut off has left: a table without metadata.
    async fn before_create(&self, table: &TableIdent, creation: &mut TableCreation) -> Result<()> {
        creation.location = None;
        let namespace = table.namespace().to_url_string();
        let get = self.client.get_table().table_bucket_arn(&self.arn);
        let get = get.namespace(&namespace).name(table.name());
        let left = match get.send().await {
            Ok(left) if left.metadata_location().is_none() => left,
            // Whether it exists is for the creation to say.
            _ => return Ok(()),
        };
        let delete = self.client.delete_table().table_bucket_arn(&self.arn);
        let delete = delete.namespace(namespace).name(table.name());
        let deleted = delete.version_token(left.version_token()).send().await;
        deleted.map(drop).map_err(|error| {
            let error = ERRORS.classify(&error, actions(Call::Drop));
            Error::new(ErrorKind::Unexpected, error.to_string())
        })
    }
}
