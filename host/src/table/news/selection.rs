//! Reads the chunks that wait, the oldest first, and checks that they follow each other.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::{Found, ObjectStore};

use super::ledgers::NewLedgers;
use super::waiting::{ReadManifest, WaitingChunk, WaitingChunks};
use super::{Limit, News, NewsError, NewsReader};
use crate::layout::chunk_manifest::{ChunkManifest, MANIFEST_MAX_BYTES};
use crate::layout::object_key::ChunkName;
use crate::table::watermark::Watermark;

/// A shard and the chunks of it that wait.
type WaitingOfShard<'a> = (&'a ShardId, &'a VecDeque<WaitingChunk>);

/// The chunks that wait, as the indexes of a shard and of a chunk of it: next is always the oldest of the first ones of
/// all shards. So chunks of a shard are in order, and no shard waits for the newer chunks of others.
struct OldestFirst<'a> {
    shards: &'a [WaitingOfShard<'a>],
    next: BinaryHeap<Reverse<(i64, usize, usize)>>,
}

impl<'a> OldestFirst<'a> {
    fn new(shards: &'a [WaitingOfShard<'a>]) -> Self {
        let mut all = Self {
            shards,
            next: BinaryHeap::new(),
        };
        for shard in 0..shards.len() {
            all.push(shard, 0);
        }
        all
    }

    fn push(&mut self, shard: usize, chunk: usize) {
        if let Some(waiting) = self.shards[shard].1.get(chunk) {
            self.next.push(Reverse((waiting.put_at, shard, chunk)));
        }
    }
}

impl Iterator for OldestFirst<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, shard, chunk)) = self.next.pop()?;
        self.push(shard, chunk + 1);
        Some((shard, chunk))
    }
}

impl ReadManifest {
    fn of(manifest: ChunkManifest) -> Self {
        match manifest.objects.is_empty() {
            true => Self::Empty {
                after: manifest.after,
            },
            false => Self::Events(Arc::new(manifest)),
        }
    }

    /// The last record of the chunk before.
    fn after(&self) -> Option<SequenceNumber> {
        match self {
            Self::Empty { after } => *after,
            Self::Events(manifest) => manifest.after,
        }
    }
}

impl NewsReader {
    /// Reads the chunks that wait, up to a limit, and remembers what it has read.
    ///
    /// # Errors
    /// A manifest cannot be used, or one is missing.
    pub(super) async fn select(
        &mut self,
        ledgers: NewLedgers,
        since: &Watermark,
        limit: Limit,
    ) -> Result<News, NewsError> {
        let mut news = News::none(since, &ledgers, &self.waiting);
        let shards: Vec<_> = self.waiting.0.iter().collect();
        let reads = stream::iter(OldestFirst::new(&shards)).map(async |(shard, chunk)| {
            let (id, waiting) = shards[shard];
            let manifest = self.read_manifest(id, &waiting[chunk]).await?;
            Ok::<_, NewsError>((shard, chunk, manifest))
        });
        let mut reads = Box::pin(reads.buffered(self.reads_at_once));
        let mut read = Vec::new();
        while let Some((shard, chunk, manifest)) = reads.try_next().await? {
            if news.is_full(limit) {
                news.is_all = false;
                break;
            }
            let (id, waiting) = shards[shard];
            news.take(self.lake.as_ref(), id, &waiting[chunk], &manifest)?;
            read.push((id.clone(), chunk, manifest));
        }
        drop(reads);
        for (shard, chunk, manifest) in read {
            let WaitingChunks(waiting) = &mut self.waiting;
            let chunk = waiting.get_mut(&shard).and_then(|all| all.get_mut(chunk));
            if let Some(chunk) = chunk {
                chunk.read = Some(manifest);
            }
        }
        news.note_ledgers(ledgers);
        Ok(news)
    }

    /// Reads the manifest of a chunk, if it is not known.
    async fn read_manifest(
        &self,
        shard: &ShardId,
        chunk: &WaitingChunk,
    ) -> Result<ReadManifest, NewsError> {
        if let Some(known) = &chunk.read {
            return Ok(known.clone());
        }
        let (name, key) = (chunk.name, chunk.name.manifest_key(shard));
        let manifest = match self.lake.get(&key, MANIFEST_MAX_BYTES).await? {
            Found::Content(text) => ChunkManifest::parse_of(shard, name, &text),
            Found::TooLarge(bytes) => Err(ChunkManifest::too_large(bytes)),
            Found::Nothing => Err("it was removed".to_owned()),
        };
        manifest
            .map(ReadManifest::of)
            .map_err(|why| NewsError::Manifest {
                place: self.lake.place(&key),
                why,
            })
    }
}

impl News {
    /// Takes the next chunk of a shard.
    ///
    /// # Errors
    /// It does not follow what came before.
    fn take(
        &mut self,
        lake: &dyn ObjectStore,
        shard: &ShardId,
        chunk: &WaitingChunk,
        manifest: &ReadManifest,
    ) -> Result<(), NewsError> {
        let end = self.shards.get(shard).map(|mark| mark.last);
        check_order(lake, shard, end, chunk, manifest.after())?;
        let before = self.events;
        match manifest {
            ReadManifest::Empty { .. } => self.empty_chunks += 1,
            ReadManifest::Events(manifest) => self.add(manifest, chunk.put_at),
        }
        self.move_mark(shard, chunk.name.last, self.events - before);
        Ok(())
    }
}

/// Checks that a chunk of a shard, which says that it follows the record `after`, follows the record `end`. Records that
/// the stream has lost between the two are no gap: the chunk follows the last committed record nevertheless.
///
/// # Errors
/// It does not.
fn check_order(
    lake: &dyn ObjectStore,
    shard: &ShardId,
    end: Option<SequenceNumber>,
    chunk: &WaitingChunk,
    after: Option<SequenceNumber>,
) -> Result<(), NewsError> {
    let name = chunk.name;
    let place = || lake.place(&name.manifest_key(shard));
    let words = |record: Option<SequenceNumber>| match record {
        Some(record) => format!("the record {record}"),
        None => "no record".into(),
    };
    match after {
        _ if Some(name.first) <= end => Err(NewsError::Overlap {
            place: place(),
            first: name.first,
            last: name.last,
            why: format!("another chunk has records up to {}", words(end)),
        }),
        after if after == end => Ok(()),
        Some(last) if after > end => Err(NewsError::MissingManifest {
            shard: shard.clone(),
            folder: lake.place(&ChunkName::manifest_folder(shard)),
            after: end,
            last,
        }),
        after => Err(NewsError::Manifest {
            place: place(),
            why: format!(
                "it says that its chunk follows {}, and the chunk before it ends with {}",
                words(after),
                words(end)
            ),
        }),
    }
}
