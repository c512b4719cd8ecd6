//! The schema of Parquet objects. If it is in S3, a run reads it when it starts.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{Found, ObjectStore};

use crate::config::table_source::parse_schema;
use crate::config::{ConfigError, RunSettings, SchemaObject, TableSource};
use crate::format::parquet::TableSchema;
use crate::sink::schema_store::SCHEMA_MAX_BYTES;

/// The schema of the objects of a run, if they have columns.
///
/// # Errors
/// An object that cannot be read, does not exist, or is no schema.
pub async fn load(settings: &RunSettings) -> anyhow::Result<Option<Arc<TableSchema>>> {
    let object = match &settings.table {
        None => return Ok(None),
        Some(TableSource::Known(schema)) => return Ok(Some(schema.clone())),
        Some(TableSource::Object(object)) => object,
    };
    let opened = bucket(object).open(settings.retry_policy.clone()).await;
    let store = opened.with_context(|| format!("cannot read the schema {object}"))?;
    let schema = read(&*store, object).await;
    schema
        .map(Some)
        .map_err(|error| settings.origins.locate_any(error))
}

/// The location of the bucket that holds a schema.
#[must_use]
pub fn bucket(object: &SchemaObject) -> StoreLocation {
    StoreLocation::S3 {
        bucket: object.bucket.clone(),
        prefix: String::new(),
    }
}

/// Reads a schema from its bucket.
///
/// # Errors
/// As [`load`].
pub async fn read(
    store: &dyn ObjectStore,
    object: &SchemaObject,
) -> anyhow::Result<Arc<TableSchema>> {
    let wrong = |why: String| ConfigError::new("schema", format!("{object} {why}"));
    match store.get(&object.key, SCHEMA_MAX_BYTES).await? {
        Found::Content(document) => Ok(parse_schema(&document, object)?),
        Found::Nothing => {
            let why = "does not exist; put the schema there, or give another object or a file";
            Err(wrong(why.into()).into())
        }
        Found::TooLarge(bytes) => {
            let why = format!("has {bytes} bytes; a schema has at most {SCHEMA_MAX_BYTES}");
            Err(wrong(why).into())
        }
    }
}
