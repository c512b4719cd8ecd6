//! The lake: the objects of a chunk, put with what they come from.

use std::sync::Arc;

use sluice_storage::object_store::{NewObject, ObjectStore, Payload};

use super::SinkError;
use crate::format::decode;
use crate::format::parquet::have_same_rows;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::{Content, Destination, Object};

/// The metadata of an object (`x-amz-meta-…`): its release, range and lines.
const RELEASE: &str = "sluice-release";
const RANGE: &str = "sluice-range";
const COUNT: &str = "sluice-count";

/// The lake of one shard. [`put`](Self::put) is create-only and idempotent: an object that exists with
/// the same content is success, one with different content an error, and nothing is ever overwritten.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
}

impl Lake {
    /// The lake in a store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// The number of concurrent puts.
    #[must_use]
    pub fn puts_at_once(&self, threads: usize) -> usize {
        self.store.operations_at_once(threads)
    }

    /// Puts an object that does not exist yet. If one exists with the same content, however it is
    /// compressed, an earlier attempt has put it. Of Parquet, the rows are compared. Messages and backtraces of quarantined records are not
    /// compared.
    ///
    /// # Errors
    /// [`SinkError::Different`] and [`SinkError::Storage`]
    pub async fn put(&self, object: Object) -> Result<(), SinkError> {
        let Object {
            key,
            body,
            format,
            content,
            destination,
            origin,
            unmapped: _,
            drift: _,
        } = object;
        let range = origin.range;
        let content_of = move |bytes: &[u8]| {
            let lines = decode(format, bytes).ok()?;
            match destination {
                Destination::Lake(_) => Some(Content::of_lines(&lines)),
                Destination::Quarantine(_) => Content::of_quarantine(&lines),
            }
        };
        let new = NewObject {
            payload: Payload {
                bytes: body.into(),
                content_type: Some(format.content_type()),
            },
            metadata: vec![
                (RELEASE, origin.release.to_string()),
                (RANGE, format!("{}-{}", range.first, range.last)),
                (COUNT, content.lines.to_string()),
            ],
            digest: Some(content.digest),
            same_content: &move |found, put| match format.has_lines() {
                true => content_of(found) == Some(content),
                false => have_same_rows(found, put).unwrap_or(false),
            },
        };
        self.create(&key, new).await
    }

    /// Puts the manifest of a chunk. The same one is success.
    ///
    /// # Errors
    /// [`SinkError::Different`] and [`SinkError::Storage`]
    pub async fn put_manifest(&self, manifest: &ChunkManifest) -> Result<(), SinkError> {
        let payload = Payload {
            bytes: manifest.json().into(),
            content_type: Some("application/json"),
        };
        self.create(&manifest.key(), NewObject::plain(payload))
            .await
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<(), SinkError> {
        match self.store.put_if_absent(key, object).await {
            Err(error) if error.is_conflict() => Err(SinkError::Different(error.place)),
            put => Ok(put?),
        }
    }
}
