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

/// Lists the manifests of the committed chunks of a shard that begin behind a record; of all of them without one. The
/// oldest chunk comes first.
///
/// # Errors
/// The lake cannot be listed.
pub(super) async fn list(
    store: Arc<dyn ObjectStore>,
    head: LedgerHead,
    behind: Option<SequenceNumber>,
) -> Result<Vec<ListedManifest>, StorageError> {
    let mut listed = Vec::new();
    let shard = &head.shard;
    let mut found = |object: ListedObject<'_>| {
        let parsed = ChunkName::parse_manifest(&format!("{shard}/{}", object.key));
        let name = parsed.map(|(_, name)| name);
        listed.extend(name.map(|name| ListedManifest {
            name,
            put_at: object.modified_at,
        }));
    };
    let after = behind.and_then(|from| ChunkName::manifests_after(shard, from, head.last));
    let folder = ChunkName::manifest_folder(shard);
    let list = store.list_objects(&folder, after.as_deref(), &mut found);
    list.await?;
    listed.retain(|ListedManifest { name, .. }| {
        let is_wanted = behind.is_none_or(|behind| name.first > behind);
        is_wanted && name.last <= head.last && !head.has_given_up(name.first, name.last)
    });
    listed.sort_unstable_by_key(|listed| listed.name);
    Ok(listed)
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
