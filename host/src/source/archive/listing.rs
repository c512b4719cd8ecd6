//! What an archive holds, by the names of its objects.

use std::collections::BTreeMap;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

use crate::layout::archive::ArchiveKey;
use crate::source::SourceError;

/// The records of an object, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRange {
    /// The first one.
    pub first: SequenceNumber,
    /// The last one.
    pub last: SequenceNumber,
}

impl ObjectRange {
    /// The key of the object in the archive.
    #[must_use]
    pub fn name(self, shard: &ShardId) -> ArchiveKey {
        let Self { first, last } = self;
        let shard = shard.clone();
        ArchiveKey { shard, first, last }
    }

    /// The same as text.
    #[must_use]
    pub fn key(self, shard: &ShardId) -> String {
        self.name(shard).to_string()
    }
}

/// What an archive holds.
#[derive(Debug, Default)]
pub struct ArchiveListing {
    /// The objects of each shard, in order.
    pub shards: BTreeMap<ShardId, Vec<ObjectRange>>,
    /// The number of files that no run has archived.
    pub foreign: u64,
    /// One of these.
    pub first_foreign: Option<String>,
}

impl ArchiveListing {
    /// Lists an archive, or one shard of it.
    ///
    /// # Errors
    /// It cannot be listed.
    pub async fn read(
        store: &dyn ObjectStore,
        only: Option<&ShardId>,
    ) -> Result<Self, SourceError> {
        let folder = only.map_or_else(String::new, |shard| format!("{shard}/"));
        let mut listing = Self::default();
        let mut found = |name: &str| listing.add(&format!("{folder}{name}"));
        let listed = store.list(&folder, &mut found).await;
        listed.map_err(SourceError::of_storage)?;
        for objects in listing.shards.values_mut() {
            objects.sort_unstable();
        }
        Ok(listing)
    }

    /// The number of objects.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.shards.values().map(|found| found.len() as u64).sum()
    }

    fn add(&mut self, key: &str) {
        if let Some(ArchiveKey { shard, first, last }) = ArchiveKey::parse(key) {
            let objects = self.shards.entry(shard).or_default();
            objects.push(ObjectRange { first, last });
            return;
        }
        // Temporary files of a run that is writing, and those of the system.
        if key.split('/').any(|part| part.starts_with('.')) {
            return;
        }
        self.foreign += 1;
        // A store lists in no particular order, and a message should not change from run to run.
        if self
            .first_foreign
            .as_deref()
            .is_none_or(|first| key < first)
        {
            self.first_foreign = Some(key.to_owned());
        }
    }
}
