//! The schemas of a lake's objects: `_sluice/schemas/<digest>.json`, written once and never changed. A chunk pins the digest
//! of its schema, so the schema is there before the pin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_engine::digest::Digest;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, NewObject, ObjectStore, Payload};
use thiserror::Error;

use super::SinkError;
use crate::format::parquet::TableSchema;

/// The folder of schemas in the folder for metadata.
pub const SCHEMAS: &str = "schemas/";

/// A larger document is not read: one of the most columns with long names, paths and descriptions.
pub const SCHEMA_MAX_BYTES: usize = 64 << 20;

/// Schemas that are known to be in a lake.
pub type KnownSchemas = Arc<Mutex<HashMap<Digest, Arc<TableSchema>>>>;

/// The schemas of a lake.
#[derive(Clone, Debug)]
pub struct SchemaStore {
    /// The folder for metadata.
    store: Arc<dyn ObjectStore>,
    known: KnownSchemas,
}

/// A schema that cannot be read.
#[derive(Debug, Error)]
pub enum SchemaStoreError {
    /// The lake does not have it.
    #[error("{0} does not exist; restore it, or the chunk cannot be finished or proven")]
    Missing(String),
    /// It is damaged.
    #[error("{place}: {why}; restore it, or the chunk cannot be finished or proven")]
    Damaged {
        /// Where it is.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The lake cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The key of a schema in the folder for metadata.
fn key(digest: Digest) -> String {
    format!("{SCHEMAS}{digest}.json")
}

impl SchemaStore {
    /// The schemas below a lake's folder for metadata. Those in `known` are there already.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, known: KnownSchemas) -> Self {
        Self { store, known }
    }

    /// Stores a schema, unless the lake has it.
    ///
    /// # Errors
    /// [`SinkError::Different`] and [`SinkError::Storage`]
    pub async fn keep(&self, schema: &Arc<TableSchema>) -> Result<(), SinkError> {
        let digest = schema.digest();
        if self.find(digest).is_some() {
            return Ok(());
        }
        let payload = Payload {
            bytes: schema.document().to_owned().into(),
            content_type: Some("application/json"),
        };
        let key = key(digest);
        let put = self.store.put_if_absent(&key, NewObject::plain(payload));
        match put.await {
            Err(error) if error.is_conflict() => Err(SinkError::Different(error.place)),
            put => {
                put?;
                self.add(schema.clone());
                Ok(())
            }
        }
    }

    /// Reads a schema.
    ///
    /// # Errors
    /// [`SchemaStoreError`]
    pub async fn get(&self, digest: Digest) -> Result<Arc<TableSchema>, SchemaStoreError> {
        if let Some(known) = self.find(digest) {
            return Ok(known);
        }
        let key = key(digest);
        let place = self.store.place(&key);
        let document = match self.store.get(&key, SCHEMA_MAX_BYTES).await? {
            Found::Nothing => return Err(SchemaStoreError::Missing(place)),
            Found::TooLarge(bytes) => {
                let why = format!("it has {bytes} bytes, at most {SCHEMA_MAX_BYTES} are read");
                return Err(SchemaStoreError::Damaged { place, why });
            }
            Found::Content(document) => document,
        };
        let schema = parse(digest, &document);
        let schema = schema.map_err(|why| SchemaStoreError::Damaged { place, why })?;
        let schema = Arc::new(schema);
        self.add(schema.clone());
        Ok(schema)
    }

    fn find(&self, digest: Digest) -> Option<Arc<TableSchema>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&digest).cloned()
    }

    fn add(&self, schema: Arc<TableSchema>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(schema.digest(), schema);
    }
}

/// The schema of a document, if the document has this digest and is in the canonical form.
fn parse(digest: Digest, document: &[u8]) -> Result<TableSchema, String> {
    if Digest::of(document) != digest {
        return Err("its bytes do not have the digest of its name".into());
    }
    let schema = TableSchema::parse(document).map_err(|error| error.to_string())?;
    match schema.digest() == digest {
        true => Ok(schema),
        false => Err("it is not in the canonical form".into()),
    }
}
