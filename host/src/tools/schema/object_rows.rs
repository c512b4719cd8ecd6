//! Objects of Parquet, whose events are read by the schema that they name.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use crate::format::parquet::{RowOrigin, TableSchema, schema_digest};
use crate::layout::object_key::{METADATA_FOLDER, ParsedKey};
use crate::sink::SchemaStore;
use crate::sink::schema_store::KnownSchemas;

/// What is needed to read the rows of an object.
#[derive(Debug)]
pub(super) struct ObjectRows {
    schema: Arc<TableSchema>,
    shard: ShardId,
    chunk: SequenceNumber,
}

impl ObjectRows {
    /// The events of the object as lines.
    ///
    /// # Errors
    /// The object is damaged.
    pub(super) fn decode(&self, object: &[u8]) -> std::io::Result<Vec<u8>> {
        let origin = RowOrigin {
            shard: self.shard.as_str(),
            chunk: self.chunk,
        };
        self.schema.decode(object, origin)
    }
}

/// The schemas of a lake.
pub(super) struct Schemas(SchemaStore);

impl Schemas {
    /// Those of the lake at a location.
    ///
    /// # Errors
    /// AWS is not configured.
    pub(super) async fn open(lake: &StoreLocation, retries: RetryPolicy) -> anyhow::Result<Self> {
        let store = lake.below(METADATA_FOLDER).open(retries).await?;
        Ok(Self(SchemaStore::new(store, KnownSchemas::default())))
    }

    /// What is needed to read the rows of an object; `None` if it has lines.
    ///
    /// # Errors
    /// The object is damaged, or its schema cannot be read.
    pub(super) async fn of(
        &self,
        key: &ParsedKey<'_>,
        object: &[u8],
    ) -> anyhow::Result<Option<ObjectRows>> {
        if key.format.has_lines() {
            return Ok(None);
        }
        let digest = schema_digest(object)?.context("it does not name its schema")?;
        Ok(Some(ObjectRows {
            schema: self.0.get(digest).await?,
            shard: key.shard.clone(),
            chunk: key.chunk.first,
        }))
    }
}
