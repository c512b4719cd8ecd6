//! The newest chunks of the shards that pages show.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;

use super::Lake;
use super::cached::{Cached, View};
use super::latest::Latest;
use super::manifests::{self, Wanted};
use crate::layout::arrival_times::ArrivalTimes;
use crate::layout::chunk_manifest::{ChunkManifest, ManifestCounts};
use crate::ledger::Range;
use crate::ledger::heads::LedgerHead;

/// The chunks of a shard that are shown.
pub(super) const SHOWN_MAX: usize = 50;

/// How old a view of the chunks may be.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a page waits for the first view.
const FIRST_WAIT: Duration = Duration::from_secs(3);

/// The most shards of which chunks are kept.
const SHARDS_MAX: usize = 32;

/// The chunks, which are read when a page needs them.
#[derive(Default)]
pub(super) struct RecentChunks {
    shards: Latest<ShardId, Arc<ChunksOfShard>, SHARDS_MAX>,
}

struct ChunksOfShard {
    view: Cached<ChunksView>,
    known: Arc<tokio::sync::Mutex<ChunksView>>,
}

/// The newest chunks of a shard.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunksView {
    /// The newest comes first. A manifest that cannot be used is an error.
    pub(super) chunks: VecDeque<Result<ChunkSummary, String>>,
    /// How many chunks the shard has, if all were listed.
    pub(super) all: u64,
    /// Whether the shard has older ones, which were not listed.
    pub(super) has_older: bool,
    /// The last record of the newest one.
    pub(super) last: Option<SequenceNumber>,
}

/// What is shown of a chunk.
#[derive(Clone, Debug)]
pub(super) struct ChunkSummary {
    pub(super) range: Range,
    pub(super) arrived_at: Option<ArrivalTimes>,
    pub(super) release: ReleaseId,
    pub(super) counts: ManifestCounts,
    /// The objects of events.
    pub(super) objects: u64,
    /// The objects of quarantined records.
    pub(super) quarantine_objects: u64,
}

impl From<&ChunkManifest> for ChunkSummary {
    fn from(manifest: &ChunkManifest) -> Self {
        Self {
            range: manifest.range,
            arrived_at: manifest.arrived_at,
            release: manifest.release,
            counts: manifest.counts,
            objects: manifest.objects.len() as u64,
            quarantine_objects: manifest.quarantine.len() as u64,
        }
    }
}

impl RecentChunks {
    /// The newest chunks of a shard, up to the last committed record.
    pub(super) async fn view(&self, lake: &Lake, head: &LedgerHead) -> View<ChunksView> {
        let new = || {
            Arc::new(ChunksOfShard {
                view: Cached::new(MAX_AGE),
                known: Arc::default(),
            })
        };
        let chunks = self.shards.get_or_insert_with(&head.shard, new);
        let read = || {
            let (lake, head) = (lake.clone(), head.clone());
            let known = Arc::clone(&chunks.known);
            async move {
                let mut known = known.lock().await;
                known.update(&lake, &head).await?;
                Ok(known.clone())
            }
        };
        chunks.view.view(FIRST_WAIT, read).await
    }
}

impl ChunksView {
    /// Reads the chunks that came since the last time.
    ///
    /// # Errors
    /// The lake cannot be read. Nothing is changed then.
    async fn update(&mut self, lake: &Lake, head: &LedgerHead) -> anyhow::Result<()> {
        if self.last >= Some(head.last) {
            return Ok(());
        }
        let wanted = Wanted {
            behind: self.last,
            since: i64::MIN,
            most: SHOWN_MAX,
        };
        let listed = manifests::list(Arc::clone(&lake.store), head.clone(), wanted).await?;
        let reads = listed.newest.iter().rev().map(|listed| {
            let store = Arc::clone(&lake.store);
            manifests::read(store, head.shard.clone(), listed.name)
        });
        let reads: Vec<_> = reads.collect();
        let mut reads = stream::iter(reads).buffered(lake.reads_at_once.max(1));
        let mut chunks = VecDeque::new();
        while let Some(read) = reads.next().await {
            chunks.push_back(read?.map(|manifest| ChunkSummary::from(&manifest)));
        }
        if listed.has_older {
            // Those that are known do not follow on these.
            self.chunks.clear();
            self.has_older = true;
        }
        chunks.extend(self.chunks.drain(..));
        chunks.truncate(SHOWN_MAX);
        self.chunks = chunks;
        self.all += listed.all as u64;
        self.last = Some(head.last);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sluice_engine::digest::Digest;
    use sluice_storage::folder::FolderStore;
    use sluice_storage::location::StoreLocation;

    use super::*;
    use crate::console::flow::test_manifest;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;
    use crate::ledger::{Ledger, Pending};

    /// What a ledger has committed up to a record.
    fn head(last: u64) -> LedgerHead {
        let ledger = Ledger::new(ShardId::new("s").unwrap());
        let range = Range {
            first: 0.into(),
            last: last.into(),
            count: 10,
        };
        let pending = Pending {
            range,
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        };
        let committed = ledger.pin(pending).unwrap();
        let committed = committed.commit(range, Digest::of(b"last")).unwrap();
        LedgerHead::of(&committed).unwrap()
    }

    #[tokio::test]
    async fn the_newest_chunks_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake {
            location: StoreLocation::Folder(folder.path().to_owned()),
            store: Arc::new(FolderStore::shared(folder.path().to_owned())),
            reads_at_once: 4,
        };
        for number in 0..60 {
            let manifest = test_manifest("s", number * 10, number * 10 + 9, None);
            let place = folder.path().join(manifest.key());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            let text = match number {
                55 => b"{}".to_vec(),
                _ => manifest.json(),
            };
            fs::write(place, text).unwrap();
        }
        let mut view = ChunksView::default();
        let ranges = |view: &ChunksView| {
            let chunks = view.chunks.iter().flatten();
            let firsts = chunks.map(|chunk| chunk.range.first.as_offset().unwrap());
            (firsts.collect::<Vec<_>>(), view.all)
        };
        view.update(&lake, &head(19)).await.unwrap();
        assert_eq!(ranges(&view), (vec![10, 0], 2));
        view.update(&lake, &head(599)).await.unwrap();
        let (firsts, all) = ranges(&view);
        assert_eq!((firsts.len(), all), (SHOWN_MAX - 1, 60));
        assert_eq!(&firsts[..5], [590, 580, 570, 560, 540]);
        let why = view.chunks[4].as_ref().unwrap_err();
        assert!(why.contains("00550-"), "{why}");
        view.update(&lake, &head(599)).await.unwrap();
        assert_eq!(ranges(&view).1, 60);
    }
}
