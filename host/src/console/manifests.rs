//! The chunk manifests of a shard.

mod listing;
mod span;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, ObjectStore};
use tokio::sync::Semaphore;

use self::listing::Listing;
use self::span::Span;
use crate::layout::chunk_manifest::{ChunkManifest, MANIFEST_MAX_BYTES};
use crate::layout::object_key::ChunkName;
use crate::ledger::heads::LedgerHead;

/// Larger chunk manifests are read one at a time, so that many of them are never in memory at once. One of 1,000 partitions
/// with long names has a tenth of it.
const SMALL_MAX_BYTES: usize = 8 << 20;

/// Lets one large manifest be read.
static LARGE_READS: Semaphore = Semaphore::const_new(1);

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
    /// How many there are, of those that were listed.
    pub(super) all: usize,
    /// Whether there are older ones, which were not listed.
    pub(super) has_older: bool,
}

/// Lists the newest manifests of the committed chunks of a shard.
///
/// A bucket lists names upwards only, 1,000 with a request, and the ledger does not say where the newest chunks begin. But
/// the names of a shard sort as the numbers of its records do. So this lists from a record before the last committed
/// one, which it estimates by the distances between the chunks that it has seen. If too few or too many chunks follow,
/// it tries another one. So the number of requests does not grow with the number of chunks: it is one for a shard of up
/// to 1,000 chunks, two for a larger one whose chunks come about as often as at first, and up to about twenty if their
/// distances differ by orders of magnitude. Names whose numbers have different widths do not sort so; then all are
/// listed.
///
/// # Errors
/// The lake cannot be listed.
pub(super) async fn list(
    store: Arc<dyn ObjectStore>,
    head: LedgerHead,
    wanted: Wanted,
) -> Result<ManifestList, StorageError> {
    let begin = wanted
        .behind
        .and_then(|from| ChunkName::manifests_after(&head.shard, from, head.last));
    let first = Listing::of_page(store.as_ref(), &head, wanted, begin.as_deref()).await?;
    if !first.has_more {
        return Ok(first.list(false));
    }
    let Some(mut span) = Span::new(&first) else {
        let all = Listing::of_all(store.as_ref(), &head, wanted, begin.as_deref());
        return Ok(all.await?.list(false));
    };
    while let Some((place, name)) = span.next_place() {
        let listing = Listing::of_page(store.as_ref(), &head, wanted, Some(&name)).await?;
        if listing.is_enough() && !listing.has_more {
            return Ok(listing.list(true));
        }
        span.narrow(place, &listing);
    }
    let name = span.lowest_name();
    let rest = Listing::of_all(store.as_ref(), &head, wanted, name.as_deref());
    Ok(rest.await?.list(name.is_some()))
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
    let mut found = store.get(&key, SMALL_MAX_BYTES).await?;
    let mut permit = None;
    if matches!(found, Found::TooLarge(_)) {
        permit = LARGE_READS.acquire().await.ok();
        found = store.get(&key, MANIFEST_MAX_BYTES).await?;
    }
    let read = match found {
        Found::Content(text) => ChunkManifest::parse_of(&shard, name, &text),
        Found::TooLarge(bytes) => Err(ChunkManifest::too_large(bytes)),
        Found::Nothing => Err("it is missing".to_owned()),
    };
    drop(permit);
    Ok(read.map_err(|why| format!("{}: {why}", store.place(&key))))
}
