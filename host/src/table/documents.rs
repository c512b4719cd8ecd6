//! The documents of a table beside its files: its schemas, its watermarks, which builder works, and which files nobody needs.
//!
//! They are below `_sluice/` of the warehouse, most in `tables/<uuid>/`, and so outside of the table's own folder: whoever
//! removes files there that no snapshot names leaves them alone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sluice_engine::digest::Digest;
use sluice_schema::Schema;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, NewObject, ObjectStore, Payload};
use thiserror::Error;

use super::duplicates::{ATTEMPTS, AttemptKeys};
use super::watermark::{Watermark, WatermarkError};

/// A larger document is not read: a watermark of a million shards.
const DOCUMENT_MAX_BYTES: usize = 512 << 20;

/// The type of most documents.
const JSON: &str = "application/json";

/// The documents of a table.
#[derive(Clone, Debug)]
pub(super) struct TableDocuments {
    store: Arc<dyn ObjectStore>,
    folder: String,
}

/// The files of an attempt that nobody needs: it can never be committed any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VoidFiles {
    /// The attempt.
    pub(super) attempt: String,
    /// Their keys in the warehouse, or their URIs if they are outside of it.
    pub(super) keys: Vec<String>,
}

/// A document that cannot be used.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// It does not exist.
    #[error(
        "{0} does not exist; give the warehouse that the table was created with, restore the file, or rebuild the table"
    )]
    Missing(String),
    /// It is damaged.
    #[error("{place}: {why}; restore it, or rebuild the table")]
    Damaged {
        /// Where it is.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The warehouse cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A document of this program cannot be written; none is expected.
    #[error("a watermark: {0}")]
    Watermark(#[from] WatermarkError),
}

impl TableDocuments {
    /// Those of the table with a UUID.
    pub(super) fn new(store: Arc<dyn ObjectStore>, uuid: &str) -> Self {
        let folder = table_folder(uuid);
        Self { store, folder }
    }

    /// The store, and the key of a document in it.
    pub(super) fn document(&self, name: &str) -> (&Arc<dyn ObjectStore>, String) {
        (&self.store, format!("{}{name}", self.folder))
    }

    /// Writes a watermark.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn put_watermark(&self, watermark: &Watermark) -> Result<(), DocumentError> {
        let name = format!("watermarks/{}.json", watermark.attempt);
        self.put(&name, watermark.json()?).await
    }

    /// Reads the watermark of an attempt.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn watermark(&self, attempt: &str) -> Result<Watermark, DocumentError> {
        let (place, text) = self.get(&format!("watermarks/{attempt}.json")).await?;
        let damaged = |why| DocumentError::Damaged { place, why };
        match Watermark::parse(&text) {
            Ok(watermark) if watermark.attempt == attempt => Ok(watermark),
            Ok(watermark) => Err(damaged(format!(
                "it is the watermark of another attempt, {}",
                watermark.attempt
            ))),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Reads the schema with a digest.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn schema(&self, digest: &str) -> Result<Schema, DocumentError> {
        let (place, text) = self.get_key(&schema_key(digest)).await?;
        let damaged = |why| DocumentError::Damaged { place, why };
        if Digest::of(&text).to_string() != digest {
            return Err(damaged(
                "its bytes do not have the digest of its name".into(),
            ));
        }
        Schema::parse(&text).map_err(|error| damaged(error.to_string()))
    }

    /// Lists the files of an attempt for removal.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn put_void(&self, files: &VoidFiles) -> Result<(), DocumentError> {
        let text = serde_json::to_vec(files).map_err(WatermarkError::from)?;
        let put = self
            .put(&format!("void/{}.json", files.attempt), text)
            .await;
        match put {
            // A builder that was killed then has listed them before.
            Err(DocumentError::Storage(error)) if error.is_conflict() => Ok(()),
            put => put,
        }
    }

    /// All files that are listed for removal.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn void(&self) -> Result<Vec<VoidFiles>, DocumentError> {
        let (mut names, folder) = (Vec::new(), format!("{}void/", self.folder));
        let mut found = |name: &str| names.push(format!("void/{name}"));
        self.store.list(&folder, &mut found).await?;
        let mut all = Vec::new();
        for name in names {
            let (place, text) = self.get(&name).await?;
            let damaged = |error: serde_json::Error| DocumentError::Damaged {
                place,
                why: error.to_string(),
            };
            all.push(serde_json::from_slice(&text).map_err(damaged)?);
        }
        Ok(all)
    }

    /// The folder of what an attempt on a table with a rule for duplicates leaves.
    pub(super) fn duplicates_folder(&self, attempt: &str) -> String {
        format!("{}duplicates/{attempt}/", self.folder)
    }

    /// Writes a document of keys or dropped events.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn put_duplicates(
        &self,
        attempt: &str,
        name: &str,
        content: Vec<u8>,
    ) -> Result<(), DocumentError> {
        let key = format!("{}{name}", self.duplicates_folder(attempt));
        put(self.store.as_ref(), &key, content, "application/zstd").await
    }

    /// Where a document of keys or dropped events is, and its content.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn duplicates(
        &self,
        attempt: &str,
        name: &str,
    ) -> Result<(String, Vec<u8>), DocumentError> {
        let key = format!("{}{name}", self.duplicates_folder(attempt));
        self.get_key(&key).await
    }

    /// Writes the document of sealed attempts.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn put_sealed_attempts(
        &self,
        attempt: &str,
        sealed: &[AttemptKeys],
    ) -> Result<(), DocumentError> {
        let text = serde_json::to_vec(sealed).map_err(WatermarkError::from)?;
        let name = format!("duplicates/{attempt}/{ATTEMPTS}");
        self.put(&name, text).await
    }

    /// Reads the document of sealed attempts.
    ///
    /// # Errors
    /// [`DocumentError`]
    pub(super) async fn sealed_attempts(
        &self,
        attempt: &str,
    ) -> Result<Vec<AttemptKeys>, DocumentError> {
        let (place, text) = self.duplicates(attempt, ATTEMPTS).await?;
        let damaged = |error: serde_json::Error| DocumentError::Damaged {
            place,
            why: error.to_string(),
        };
        serde_json::from_slice(&text).map_err(damaged)
    }

    async fn put(&self, name: &str, text: Vec<u8>) -> Result<(), DocumentError> {
        let key = format!("{}{name}", self.folder);
        put(self.store.as_ref(), &key, text, JSON).await
    }

    /// Where a document is, and its text.
    async fn get(&self, name: &str) -> Result<(String, Vec<u8>), DocumentError> {
        self.get_key(&format!("{}{name}", self.folder)).await
    }

    async fn get_key(&self, key: &str) -> Result<(String, Vec<u8>), DocumentError> {
        let place = self.store.place(key);
        match self.store.get(key, DOCUMENT_MAX_BYTES).await? {
            Found::Content(text) => Ok((place, text)),
            Found::Nothing => Err(DocumentError::Missing(place)),
            Found::TooLarge(bytes) => {
                let why = format!("it has {bytes} bytes, at most {DOCUMENT_MAX_BYTES} are read");
                Err(DocumentError::Damaged { place, why })
            }
        }
    }
}

/// Writes a schema for the tables of a warehouse, before a table names it. Returns its digest.
///
/// # Errors
/// [`DocumentError`]
pub(super) async fn put_schema(
    warehouse: &dyn ObjectStore,
    schema: &Schema,
) -> Result<Digest, DocumentError> {
    let document = schema.document().into_bytes();
    let digest = Digest::of(&document);
    put(warehouse, &schema_key(&digest.to_string()), document, JSON).await?;
    Ok(digest)
}

/// The folder of the documents of the table with a UUID.
pub(super) fn table_folder(uuid: &str) -> String {
    format!("_sluice/tables/{uuid}/")
}

fn schema_key(digest: &str) -> String {
    format!("_sluice/schemas/{digest}.json")
}

async fn put(
    store: &dyn ObjectStore,
    key: &str,
    text: Vec<u8>,
    content_type: &'static str,
) -> Result<(), DocumentError> {
    let object = NewObject::plain(Payload {
        bytes: text.into(),
        content_type: Some(content_type),
    });
    Ok(store.put_if_absent(key, object).await?)
}
