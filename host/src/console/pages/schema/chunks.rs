//! The newest chunks of the lake, by their manifests.
//!
//! ```text
//! the ledgers that changed last ─▶ lists of the newest manifests of their shards ─▶ the newest of these
//! ```
//!
//! What has not changed is not read again: the manifests that are listed already, and manifests themselves, which never
//! change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use sluice_engine::digest::Digest;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::ObjectStore;

use crate::console::Lake;
use crate::console::ledgers::Ledgers;
use crate::console::manifests::{self, Wanted};
use crate::format::Format;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, ShortId};
use crate::layout::partition_columns::partition_columns;
use crate::ledger::heads::LedgerHead;

/// The most shards whose manifests are listed: those whose ledgers changed last.
const SHARDS_MAX: usize = 100;

/// The most manifests that are read.
const CHUNKS_MAX: usize = 300;

/// The most partitions of a chunk that are told apart.
pub(super) const PARTITIONS_MAX: usize = 2_000;

/// The most manifests that are in memory as they are at once.
const READS_MAX: usize = 8;

/// What is kept of a chunk manifest.
#[derive(Clone, Debug)]
pub(super) struct ChunkEvents {
    pub(super) shard: ShardId,
    pub(super) name: ChunkName,
    pub(super) release: ReleaseId,
    pub(super) records: u64,
    pub(super) quarantined: u64,
    /// When its manifest was put, milliseconds since the Unix epoch.
    pub(super) put_at: i64,
    pub(super) format: Format,
    /// The schema that it pins, if its objects have columns.
    pub(super) schema: Option<Digest>,
    /// Its objects of events.
    pub(super) objects: Vec<PartitionObject>,
    /// The number of its objects that are not among these.
    pub(super) further: usize,
}

/// An object of events.
#[derive(Clone, Debug)]
pub(super) struct PartitionObject {
    pub(super) partition: String,
    pub(super) events: u64,
    /// The bytes of its events as lines.
    pub(super) bytes: u64,
}

/// The newest chunks.
#[derive(Debug, Default)]
pub(super) struct NewestChunks {
    /// The newest one first.
    pub(super) chunks: Vec<Arc<ChunkEvents>>,
    /// Whether these are all chunks of the lake, and all of them could be read.
    pub(super) are_all: bool,
    /// The shards whose manifests were listed.
    pub(super) shards: usize,
    /// What cannot be read of them.
    pub(super) problems: Vec<String>,
}

impl NewestChunks {
    /// The release of the newest one.
    pub(super) fn release(&self) -> Option<ShortId> {
        self.chunks.first().map(|chunk| chunk.name.release)
    }

    /// The columns that most events are partitioned by.
    pub(super) fn usual_columns(&self) -> Vec<String> {
        let (mut events, mut with_column) = (0, BTreeMap::<String, u64>::new());
        for object in self.chunks.iter().flat_map(|chunk| &chunk.objects) {
            events += object.events;
            let columns = partition_columns(&object.partition);
            for column in columns.split('/').filter(|column| !column.is_empty()) {
                *with_column.entry(column.to_owned()).or_default() += object.events;
            }
        }
        with_column.retain(|_, with| *with > events / 2);
        with_column.into_keys().collect()
    }
}

/// What was read before.
#[derive(Debug, Default)]
pub(super) struct KnownChunks {
    shards: HashMap<ShardId, KnownShard>,
    chunks: HashMap<(ShardId, ChunkName), Arc<ChunkEvents>>,
}

/// The newest chunks of a shard.
#[derive(Debug)]
struct KnownShard {
    /// The last committed record when they were listed.
    until: SequenceNumber,
    /// When the manifest of each was put.
    chunks: BTreeMap<ChunkName, i64>,
    /// Whether there are older ones.
    has_older: bool,
}

impl KnownShard {
    fn new(until: SequenceNumber) -> Self {
        let chunks = BTreeMap::new();
        Self {
            until,
            chunks,
            has_older: false,
        }
    }

    fn add(&mut self, name: ChunkName, put_at: i64) {
        self.chunks.insert(name, put_at);
        if self.chunks.len() > CHUNKS_MAX {
            self.chunks.pop_first();
            self.has_older = true;
        }
    }
}

impl ChunkEvents {
    fn of(manifest: ChunkManifest, put_at: i64) -> Self {
        let further = manifest.objects.len().saturating_sub(PARTITIONS_MAX);
        let name = manifest.name();
        let objects = manifest.objects.into_iter().take(PARTITIONS_MAX);
        let objects = objects.map(|object| PartitionObject {
            partition: object.partition,
            events: object.lines,
            bytes: object.bytes,
        });
        Self {
            objects: objects.collect(),
            name,
            put_at,
            release: manifest.release,
            records: manifest.range.count,
            quarantined: manifest.counts.quarantined,
            format: manifest.pins.format,
            schema: manifest.pins.schema,
            shard: manifest.shard,
            further,
        }
    }

    /// The key of one of its objects in the lake.
    pub(super) fn key(&self, object: &PartitionObject) -> String {
        self.name
            .object_key(&self.shard, &object.partition, self.format)
    }
}

impl KnownChunks {
    /// Reads the newest chunks.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn read(
        &mut self,
        lake: &Lake,
        ledgers: &Ledgers,
    ) -> anyhow::Result<NewestChunks> {
        let (mut heads, problems) = ledgers.newest_heads().await?;
        let mut recent = NewestChunks {
            are_all: heads.len() <= SHARDS_MAX,
            problems,
            ..NewestChunks::default()
        };
        heads.truncate(SHARDS_MAX);
        let shards: HashSet<_> = heads.iter().map(|head| &head.shard).collect();
        self.shards.retain(|shard, _| shards.contains(shard));
        self.list_chunks(lake, &heads).await?;
        recent.shards = heads.len();
        let mut newest: Vec<(i64, ShardId, ChunkName)> = Vec::new();
        for (shard, known) in &self.shards {
            recent.are_all &= !known.has_older;
            let chunks = known.chunks.iter();
            newest.extend(chunks.map(|(name, put_at)| (*put_at, shard.clone(), *name)));
        }
        newest.sort_unstable_by(|one, other| other.cmp(one));
        recent.are_all &= newest.len() <= CHUNKS_MAX;
        newest.truncate(CHUNKS_MAX);
        self.read_manifests(lake, newest, &mut recent).await?;
        recent.are_all &= recent.problems.is_empty();
        Ok(recent)
    }

    /// Lists the chunks of the shards whose ledgers have committed something since.
    async fn list_chunks(&mut self, lake: &Lake, heads: &[LedgerHead]) -> Result<(), StorageError> {
        let mut lists = Vec::new();
        for head in heads {
            let known = self.shards.remove(&head.shard);
            let known = known.unwrap_or_else(|| KnownShard::new(head.last));
            if known.until == head.last && !known.chunks.is_empty() {
                self.shards.insert(head.shard.clone(), known);
            } else {
                lists.push(list_chunks(Arc::clone(&lake.store), head.clone(), known));
            }
        }
        let mut lists = stream::iter(lists).buffer_unordered(lake.reads_at_once.max(1));
        while let Some(listed) = lists.next().await {
            let (shard, known) = listed?;
            self.shards.insert(shard, known);
        }
        Ok(())
    }

    /// Reads the manifests of these chunks that are not known, and forgets all others.
    async fn read_manifests(
        &mut self,
        lake: &Lake,
        newest: Vec<(i64, ShardId, ChunkName)>,
        recent: &mut NewestChunks,
    ) -> Result<(), StorageError> {
        let mut before = std::mem::take(&mut self.chunks);
        let mut reads = Vec::new();
        for (put_at, shard, name) in newest {
            let id = (shard, name);
            match before.remove(&id) {
                Some(known) => drop(self.chunks.insert(id, known)),
                None => reads.push(read_manifest(Arc::clone(&lake.store), id, put_at)),
            }
        }
        let at_once = lake.reads_at_once.clamp(1, READS_MAX);
        let mut reads = stream::iter(reads).buffer_unordered(at_once);
        while let Some(read) = reads.next().await {
            match read? {
                Ok(chunk) => {
                    let id = (chunk.shard.clone(), chunk.name);
                    self.chunks.insert(id, Arc::new(chunk));
                }
                Err(problem) => recent.problems.push(problem),
            }
        }
        recent.chunks = self.chunks.values().cloned().collect();
        let order = |chunk: &Arc<ChunkEvents>| (chunk.put_at, chunk.shard.clone(), chunk.name);
        recent
            .chunks
            .sort_unstable_by_key(|chunk| std::cmp::Reverse(order(chunk)));
        recent.problems.sort_unstable();
        Ok(())
    }
}

/// Lists the committed chunks of a shard that come after those that are known.
async fn list_chunks(
    store: Arc<dyn ObjectStore>,
    head: LedgerHead,
    mut known: KnownShard,
) -> Result<(ShardId, KnownShard), StorageError> {
    let (shard, until) = (head.shard.clone(), head.last);
    let last = known.chunks.keys().next_back();
    let wanted = Wanted {
        behind: last.map(|name| name.last),
        since: i64::MIN,
        most: CHUNKS_MAX,
    };
    let listed = manifests::list(store, head, wanted).await?;
    if listed.has_older {
        // Those that are known do not follow on these.
        known.chunks.clear();
    }
    known.has_older |= listed.has_older || listed.all > listed.newest.len();
    for listed in listed.newest {
        known.add(listed.name, listed.put_at);
    }
    known.until = until;
    Ok((shard, known))
}

/// Reads the manifest of a chunk. The inner error is what is wrong with it.
async fn read_manifest(
    store: Arc<dyn ObjectStore>,
    (shard, name): (ShardId, ChunkName),
    put_at: i64,
) -> Result<Result<ChunkEvents, String>, StorageError> {
    let manifest = manifests::read(store, shard, name).await?;
    Ok(manifest.map(|manifest| ChunkEvents::of(manifest, put_at)))
}
