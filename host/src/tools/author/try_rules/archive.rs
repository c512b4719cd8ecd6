//! Records of an archive.

use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;
use sluice_storage::retry::RetryPolicy;

use super::input::Records;
use super::stream::RETRY_TIMEOUT;
use crate::config::{ArchiveSettings, store_setting};
use crate::modes::archive::list;
use crate::source::archive::{ArchiveShard, ObjectRange};
use crate::source::budget::Budget;
use crate::source::unpacking::{Unpacking, Unpackings};
use crate::source::{ResumePoint, ShardBatches, Source as _};

/// An archive to take records from.
pub(crate) struct ArchiveInput {
    settings: ArchiveSettings,
    unpacking: Unpacking,
    object_max_bytes: usize,
}

impl ArchiveInput {
    pub(crate) fn new(settings: ArchiveSettings, unpacking: Unpacking) -> Self {
        Self {
            settings,
            unpacking,
            object_max_bytes: usize::MAX,
        }
    }

    /// The same, of which no object with more bytes is read: it ends the reading with an error.
    pub(crate) fn with_object_max_bytes(self, object_max_bytes: usize) -> Self {
        Self {
            object_max_bytes,
            ..self
        }
    }

    /// The archive as the settings name it.
    fn name(&self) -> String {
        format!("archive:{}", store_setting(&self.settings.location))
    }

    /// Lists the archive.
    ///
    /// # Errors
    /// It cannot be listed, or has no objects.
    pub(crate) async fn open(&self) -> anyhow::Result<ArchiveReading> {
        let policy = RetryPolicy::new(RETRY_TIMEOUT);
        let store = self.settings.location.open(policy).await?;
        let listing = list(&self.settings, &*store).await?;
        let shards: Vec<_> = listing.shards.into_iter().rev().collect();
        Ok(ArchiveReading {
            name: self.name(),
            unpacking: self.unpacking,
            object_max_bytes: self.object_max_bytes,
            store,
            shards,
            open: None,
        })
    }

    /// Says that there are no records.
    pub(super) fn nothing(&self) -> String {
        format!("{} has no records", self.name())
    }
}

/// An archive that is being read, shard by shard.
pub(crate) struct ArchiveReading {
    name: String,
    unpacking: Unpacking,
    object_max_bytes: usize,
    store: Arc<dyn ObjectStore>,
    /// The shards that are not read yet, the last one first.
    shards: Vec<(ShardId, Vec<ObjectRange>)>,
    open: Option<ShardBatches>,
}

impl ArchiveReading {
    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// An object that cannot be read.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Records>> {
        loop {
            let batches = match &mut self.open {
                Some(batches) => batches,
                None => match self.shards.pop() {
                    Some((shard, objects)) => {
                        let shard = self.shard(shard, objects);
                        self.open.insert(shard.read(&ResumePoint::default())?)
                    }
                    None => return Ok(None),
                },
            };
            match batches.next().await? {
                Some(batch) => return Ok(Some(Records::of_one_origin(batch, &self.name))),
                None => self.open = None,
            }
        }
    }

    fn shard(&self, shard: ShardId, objects: Vec<ObjectRange>) -> ArchiveShard {
        ArchiveShard {
            store: self.store.clone(),
            shard,
            objects,
            unpackings: Unpackings {
                new: self.unpacking,
                repeated: Vec::new(),
            },
            budget: Budget::default(),
            object_max_bytes: self.object_max_bytes,
        }
    }
}
