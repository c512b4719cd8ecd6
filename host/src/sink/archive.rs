//! The archive: the records of chunks, one object a chunk.

use std::sync::Arc;

use sluice_storage::object_store::{NewObject, ObjectStore, Payload};

use super::SinkError;
use crate::format::decode;
use crate::layout::Content;
use crate::layout::archive::{ARCHIVE_FORMAT, ArchiveObject};

/// The metadata of an object (`x-amz-meta-…`): its number of records.
const COUNT: &str = "sluice-count";

/// An archive. [`put`](Self::put) is create-only and idempotent, as that of [the lake](super::Lake) is.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    name: String,
}

impl Archive {
    /// The archive in a store that the settings name so.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, name: String) -> Self {
        Self { store, name }
    }

    /// The archive as the settings name it, which chunks pin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts an object that does not exist yet. If one exists with the same lines, however it is compressed, an earlier
    /// attempt has put it.
    ///
    /// # Errors
    /// [`SinkError::OtherRecords`] and [`SinkError::Storage`]
    pub async fn put(&self, object: ArchiveObject) -> Result<(), SinkError> {
        let ArchiveObject { key, body, content } = object;
        let new = NewObject {
            payload: Payload {
                bytes: body.into(),
                content_type: Some(ARCHIVE_FORMAT.content_type()),
            },
            metadata: vec![(COUNT, (content.lines - 1).to_string())],
            digest: Some(content.digest),
            same_content: &move |found, _put| {
                decode(ARCHIVE_FORMAT, found)
                    .is_ok_and(|lines| Content::of_lines(&lines) == content)
            },
        };
        match self.store.put_if_absent(&key.to_string(), new).await {
            Err(error) if error.is_conflict() => Err(SinkError::OtherRecords(error.place)),
            put => Ok(put?),
        }
    }
}
