//! Finds the chunks that wait, by the names of their manifests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::{ListedObject, ObjectStore};

use super::ledgers::NewLedgers;
use super::{NewsError, NewsReader, WaitingShard};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, MANIFESTS, METADATA_FOLDER};
use crate::ledger::heads::LedgerHead;
use crate::table::watermark::Watermark;

/// The keys of a page of a list: the most that S3 returns.
const PAGE_KEYS: u64 = 1_000;

/// A committed chunk that the table does not have.
#[derive(Debug)]
pub(super) struct WaitingChunk {
    pub(super) name: ChunkName,
    /// When its manifest was put, milliseconds since the Unix epoch.
    pub(super) put_at: i64,
    /// What is kept of its manifest, once it was read.
    pub(super) read: Option<ReadManifest>,
}

/// What is kept of a manifest.
#[derive(Clone, Debug)]
pub(super) enum ReadManifest {
    /// Its chunk has no events.
    Empty {
        /// The last record of the chunk before.
        after: Option<SequenceNumber>,
    },
    /// Its chunk has events.
    Events(Arc<ChunkManifest>),
}

/// The chunks that wait, those of a shard in order.
#[derive(Debug, Default)]
pub(super) struct WaitingChunks(pub(super) BTreeMap<ShardId, VecDeque<WaitingChunk>>);

/// The names of the manifests of a shard, as they are listed.
struct ManifestList<'a> {
    head: &'a LedgerHead,
    /// The last record of the last chunk that is known or in the table.
    from: Option<SequenceNumber>,
    found: Vec<WaitingChunk>,
    /// A chunk with records that are committed, and records that are not.
    crossing: Option<ChunkName>,
}

impl WaitingChunks {
    /// Removes what the table has, and shards without news or with an older ledger than before.
    fn remove_done(&mut self, ledgers: &NewLedgers, since: &Watermark) {
        let Self(waiting) = self;
        waiting.retain(|shard, chunks| {
            let last = ledgers.heads.get(shard).map(|new| new.head.last);
            chunks.back().map(|chunk| chunk.name.last) <= last
        });
        for (shard, chunks) in waiting {
            let mark = since.shards.get(shard).map(|mark| mark.last);
            while chunks
                .pop_front_if(|chunk| Some(chunk.name.last) <= mark)
                .is_some()
            {}
        }
    }

    /// What waits, by shard.
    #[must_use]
    pub(super) fn by_shard(&self, ledgers: &NewLedgers) -> BTreeMap<ShardId, WaitingShard> {
        let Self(waiting) = self;
        let by_shard = waiting.iter().filter_map(|(shard, chunks)| {
            let head = &ledgers.heads.get(shard)?.head;
            let waiting = WaitingShard {
                committed: head.last,
                records: head.records,
                chunks: chunks.len() as u64,
                oldest_put_at: chunks.iter().map(|chunk| chunk.put_at).min()?,
            };
            Some((shard.clone(), waiting))
        });
        by_shard.collect()
    }
}

impl<'a> ManifestList<'a> {
    fn new(head: &'a LedgerHead, from: Option<SequenceNumber>) -> Self {
        Self {
            head,
            from,
            found: Vec::new(),
            crossing: None,
        }
    }

    /// The name in the folder of the shard after which the list begins; `None` for the whole folder.
    fn begin(&self) -> Option<String> {
        ChunkName::manifests_after(&self.head.shard, self.from?, self.head.last)
    }

    /// Adds a chunk by its name, if it is committed and not known.
    fn add(&mut self, name: ChunkName, put_at: i64) {
        let is_known = self.from.is_some_and(|from| name.first <= from);
        if is_known || name.first > self.head.last || self.head.has_given_up(name.first, name.last)
        {
            return;
        }
        if name.last > self.head.last {
            self.crossing = Some(name);
            return;
        }
        self.found.push(WaitingChunk {
            name,
            put_at,
            read: None,
        });
    }

    /// The chunks in order, up to the last committed record.
    ///
    /// # Errors
    /// The last one is missing, or one contradicts the ledger.
    fn finish(mut self, lake: &dyn ObjectStore) -> Result<Vec<WaitingChunk>, NewsError> {
        let LedgerHead { shard, last, .. } = self.head;
        if let Some(name) = self.crossing {
            return Err(NewsError::Overlap {
                place: lake.place(&name.manifest_key(shard)),
                first: name.first,
                last: name.last,
                why: format!("the ledger has committed the records up to {last} only"),
            });
        }
        self.found.sort_unstable_by_key(|chunk| chunk.name);
        let end = self.found.iter().map(|chunk| chunk.name.last).max();
        if end != Some(*last) {
            return Err(NewsError::MissingManifest {
                shard: shard.clone(),
                folder: lake.place(&ChunkName::manifest_folder(shard)),
                after: end.or(self.from),
                last: *last,
            });
        }
        Ok(self.found)
    }
}

impl NewsReader {
    /// Lists the manifests that wait, as far as they are not known. If more shards have some than a list of all manifests
    /// of the lake has pages, this one list is made.
    ///
    /// # Errors
    /// The lake cannot be listed, or a manifest is missing.
    pub(super) async fn list_waiting(
        &mut self,
        ledgers: &NewLedgers,
        since: &Watermark,
    ) -> Result<(), NewsError> {
        self.waiting.remove_done(ledgers, since);
        let WaitingChunks(waiting) = &self.waiting;
        let mut lists = BTreeMap::new();
        for (shard, new) in &ledgers.heads {
            let known = waiting.get(shard).and_then(VecDeque::back);
            let mark = since.shards.get(shard).map(|mark| mark.last);
            let from = known.map(|known| known.name.last).or(mark);
            if from != Some(new.head.last) {
                lists.insert(shard, ManifestList::new(&new.head, from));
            }
        }
        let in_table = since.shards.values().map(|mark| mark.chunks);
        let at_least = in_table.sum::<u64>() + lists.len() as u64;
        if lists.len() as u64 > at_least / PAGE_KEYS + 1 {
            self.list_all(&mut lists).await?;
        } else {
            lists = self.list_each(lists).await?;
        }
        for (shard, list) in lists {
            let found = list.finish(self.lake.as_ref())?;
            let WaitingChunks(waiting) = &mut self.waiting;
            waiting.entry(shard.clone()).or_default().extend(found);
        }
        Ok(())
    }

    async fn list_all(
        &self,
        lists: &mut BTreeMap<&ShardId, ManifestList<'_>>,
    ) -> Result<(), NewsError> {
        let mut found = |object: ListedObject<'_>| {
            if let Some((shard, name)) = ChunkName::parse_manifest(object.key)
                && let Some(list) = lists.get_mut(&shard)
            {
                list.add(name, object.modified_at);
            }
        };
        let folder = format!("{METADATA_FOLDER}/{MANIFESTS}");
        self.lake.list_objects(&folder, None, &mut found).await?;
        Ok(())
    }

    async fn list_each<'a>(
        &self,
        lists: BTreeMap<&'a ShardId, ManifestList<'a>>,
    ) -> Result<BTreeMap<&'a ShardId, ManifestList<'a>>, NewsError> {
        let lists = lists.into_values().map(|list| self.list_shard(list));
        let lists = stream::iter(lists.collect::<Vec<_>>());
        let lists = lists.buffer_unordered(self.reads_at_once);
        let lists: Vec<_> = lists.try_collect().await?;
        let lists = lists.into_iter();
        Ok(lists.map(|list| (&list.head.shard, list)).collect())
    }

    async fn list_shard<'a>(
        &self,
        mut list: ManifestList<'a>,
    ) -> Result<ManifestList<'a>, NewsError> {
        let (shard, begin) = (&list.head.shard, list.begin());
        let folder = ChunkName::manifest_folder(shard);
        let mut found = |object: ListedObject<'_>| {
            let name = ChunkName::parse_manifest(&format!("{shard}/{}", object.key));
            if let Some((_, name)) = name {
                list.add(name, object.modified_at);
            }
        };
        let listed = self
            .lake
            .list_objects(&folder, begin.as_deref(), &mut found);
        listed.await?;
        Ok(list)
    }
}
