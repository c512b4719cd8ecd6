//! The lake: the objects of a chunk, put with what they come from.

use std::sync::Arc;

use sluice_storage::object_store::{NewObject, ObjectStore, Payload};

use super::SinkError;
use crate::format::decode;
use crate::layout::Object;

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

    /// Whether objects need the digest of their content.
    #[must_use]
    pub fn wants_digests(&self) -> bool {
        self.store.compares_digests()
    }

    /// The number of concurrent puts.
    #[must_use]
    pub fn puts_at_once(&self, threads: usize) -> usize {
        self.store.operations_at_once(threads)
    }

    /// Puts an object that does not exist yet. If one exists with the same content, however it is
    /// compressed, an earlier attempt has put it.
    ///
    /// # Errors
    /// [`SinkError::Different`] and [`SinkError::Storage`]
    pub async fn put(&self, object: Object) -> Result<(), SinkError> {
        let Object {
            key,
            body,
            format,
            digest,
            lines,
            origin,
        } = object;
        let range = origin.range;
        let content = move |bytes: &[u8]| decode(format, bytes).ok();
        let new = NewObject {
            payload: Payload {
                bytes: body.into(),
                content_type: Some(format.content_type()),
            },
            metadata: vec![
                (RELEASE, origin.release.to_string()),
                (RANGE, format!("{}-{}", range.first, range.last)),
                (COUNT, lines.to_string()),
            ],
            digest,
            same_content: &move |found, put| match (content(found), content(put)) {
                (Some(found), Some(put)) => found == put,
                _ => false,
            },
        };
        match self.store.put_if_absent(&key, new).await {
            Err(error) if error.is_conflict() => Err(SinkError::Different(error.place)),
            put => Ok(put?),
        }
    }
}
