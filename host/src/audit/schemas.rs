//! The schemas of a lake.

use std::sync::Arc;

use crate::config::RunSettings;
use crate::format::parquet::TableSchema;
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::pins::Pins;
use crate::sink::SchemaStore;
use crate::sink::schema_store::{KnownSchemas, SchemaStoreError};

/// The schemas of a lake.
pub(super) struct Schemas(SchemaStore);

impl Schemas {
    /// Those of the lake of the settings.
    ///
    /// # Errors
    /// AWS is not configured.
    pub(super) async fn open(settings: &RunSettings) -> anyhow::Result<Self> {
        let lake = settings.lake.below(METADATA_FOLDER);
        let store = lake.open(settings.retry_policy.clone()).await?;
        Ok(Self(SchemaStore::new(store, KnownSchemas::default())))
    }

    /// The schema that a chunk has pinned, if its objects have columns; or why it cannot be used.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn of(
        &self,
        pins: &Pins,
    ) -> anyhow::Result<Result<Option<Arc<TableSchema>>, String>> {
        let Some(digest) = pins.schema else {
            return Ok(match pins.format.has_lines() {
                true => Ok(None),
                false => Err("its pins name no schema".into()),
            });
        };
        match self.0.get(digest).await {
            Ok(schema) => Ok(Ok(Some(schema))),
            Err(SchemaStoreError::Storage(error)) => Err(error.into()),
            Err(error) => Ok(Err(format!("its schema cannot be used: {error}"))),
        }
    }
}
