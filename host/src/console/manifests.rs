//! The chunk manifests of a shard.

use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, ListedObject, ObjectStore};

use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::ChunkName;
use crate::ledger::heads::LedgerHead;

/// A larger chunk manifest is not read. One of 1,000 partitions with long names has a tenth of it.
const READ_MAX_BYTES: usize = 8 << 20;

/// The manifest of a committed chunk, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedManifest {
    pub(super) name: ChunkName,
    /// When it was put, milliseconds since the Unix epoch.
    pub(super) put_at: i64,
}

/// Which manifests of a shard are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Those of chunks that begin behind this record; of all chunks without one.
    pub(super) behind: Option<SequenceNumber>,
    /// Those that were put at this moment or later, milliseconds since the Unix epoch.
    pub(super) since: i64,
    /// The newest ones, this many at most: a shard can have millions.
    pub(super) most: usize,
}

/// The manifests of a shard that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ManifestList {
    /// The newest ones. Of these, the oldest comes first.
    pub(super) newest: Vec<ListedManifest>,
    /// How many there are.
    pub(super) all: usize,
}

impl ManifestList {
    fn add(&mut self, listed: ListedManifest, most: usize) {
        self.all += 1;
        self.newest.push(listed);
        if self.newest.len() > 2 * most {
            self.keep_newest(most);
        }
    }

    fn keep_newest(&mut self, most: usize) {
        self.newest.sort_unstable_by_key(|listed| listed.name);
        let excess = self.newest.len().saturating_sub(most);
        self.newest.drain(..excess);
    }
}

/// Lists the manifests of the committed chunks of a shard.
///
/// # Errors
/// The lake cannot be listed.
pub(super) async fn list(
    store: Arc<dyn ObjectStore>,
    head: LedgerHead,
    wanted: Wanted,
) -> Result<ManifestList, StorageError> {
    let Wanted {
        behind,
        since,
        most,
    } = wanted;
    let mut list = ManifestList::default();
    let shard = &head.shard;
    let mut found = |object: ListedObject<'_>| {
        let parsed = ChunkName::parse_manifest(&format!("{shard}/{}", object.key));
        let Some((_, name)) = parsed else {
            return;
        };
        let is_behind = behind.is_none_or(|behind| name.first > behind);
        let is_committed = name.last <= head.last && !head.has_given_up(name.first, name.last);
        if is_behind && is_committed && object.modified_at >= since {
            let put_at = object.modified_at;
            list.add(ListedManifest { name, put_at }, most);
        }
    };
    let after = behind.and_then(|from| ChunkName::manifests_after(shard, from, head.last));
    let folder = ChunkName::manifest_folder(shard);
    let listed = store.list_objects(&folder, after.as_deref(), &mut found);
    listed.await?;
    list.keep_newest(most);
    Ok(list)
}

/// Reads a manifest. The inner error is that of a manifest which cannot be used.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn read(
    store: Arc<dyn ObjectStore>,
    shard: ShardId,
    name: ChunkName,
) -> Result<Result<ChunkManifest, String>, StorageError> {
    let key = name.manifest_key(&shard);
    let read = match store.get(&key, READ_MAX_BYTES).await? {
        Found::Content(text) => ChunkManifest::parse_of(&shard, name, &text),
        Found::TooLarge(bytes) => Err(format!(
            "it has {bytes} bytes, and the console reads at most {READ_MAX_BYTES}"
        )),
        Found::Nothing => Err("it is missing".to_owned()),
    };
    Ok(read.map_err(|why| format!("{}: {why}", store.place(&key))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::flow::test_manifest;

    #[test]
    fn the_newest_are_kept_and_all_are_counted() {
        let listed = |first: u64| ListedManifest {
            name: test_manifest("s", first, first, None).name(),
            put_at: 0,
        };
        let mut list = ManifestList::default();
        for first in [50, 10, 90, 30, 70, 20] {
            list.add(listed(first), 2);
            assert!(list.newest.len() <= 4);
        }
        list.keep_newest(2);
        assert_eq!((list.newest, list.all), (vec![listed(70), listed(90)], 6));
    }
}
