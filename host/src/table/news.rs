//! What is committed in the lake and not in the table yet.
//!
//! ```text
//! list of the ledgers ─▶ changed ledgers ─▶ lists of their manifests ─▶ the oldest chunks, up to a limit
//! ```
//!
//! A ledger is read before the manifests of its shard are listed. So everything that it has committed has a manifest by
//! then, and what a worker commits meanwhile is left for the next time. The same holds for the tag of a ledger: it is that
//! of the list, which is made before the ledger is read. If the ledger has changed in between, it is read once more.

mod error;
mod ledgers;
mod selection;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

pub use self::error::NewsError;
use self::ledgers::{KnownDocuments, NewLedgers};
use self::waiting::WaitingChunks;
use super::watermark::{ShardMark, Watermark};
use crate::layout::chunk_manifest::ChunkManifest;

/// A committed chunk with events that the table does not have.
#[derive(Clone, Debug)]
pub struct NewChunk {
    /// Its manifest.
    pub manifest: Arc<ChunkManifest>,
    /// When the manifest was put, milliseconds since the Unix epoch.
    pub put_at: i64,
}

/// How much is read at once. It is exceeded by the last chunk, and one chunk with events is always read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes of events as lines.
    pub event_bytes: u64,
    /// Objects of events.
    pub objects: u64,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self {
        event_bytes: u64::MAX,
        objects: u64::MAX,
    };
}

/// What is committed in the lake and not in the table.
#[derive(Clone, Debug)]
pub struct News {
    /// The chunks with events, those of a shard in order: the ones that were put first, up to the limit.
    pub chunks: Vec<NewChunk>,
    /// The number of chunks without events before, between and after `chunks`. The marks count them.
    pub empty_chunks: u64,
    /// The marks of all shards when the table has `chunks`, as if each event was a row. Those of shards without news are as
    /// they were.
    pub shards: BTreeMap<ShardId, ShardMark>,
    /// The documents of ledgers in which there is nothing new when the table has `chunks`, by their keys below the lake,
    /// with their tags.
    pub ledgers: BTreeMap<String, String>,
    /// When the first of `chunks` was put, milliseconds since the Unix epoch.
    pub oldest_put_at: Option<i64>,
    /// The bytes of the events of `chunks` as lines.
    pub event_bytes: u64,
    /// The number of the events of `chunks`.
    pub events: u64,
    /// The number of the objects of events of `chunks`.
    pub objects: u64,
    /// Whether nothing else waits; `false` if the limit was reached before.
    pub is_all: bool,
    /// The shards of which something waits, in `chunks` or behind them. The table has all of the others.
    pub waiting: BTreeMap<ShardId, WaitingShard>,
    /// The number of documents of ledgers in the lake. Nothing has landed in a lake without one.
    pub documents: usize,
}

/// What a shard has committed, of which something is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingShard {
    /// The last committed record.
    pub committed: SequenceNumber,
    /// The number of committed records of the shard.
    pub records: u64,
    /// The number of chunks that the table does not have.
    pub chunks: u64,
    /// When the first of these was put, milliseconds since the Unix epoch.
    pub oldest_put_at: i64,
}

/// Reads what is new in a lake. It writes nothing.
///
/// It remembers what it has read, so a builder that follows a lake keeps it: documents of ledgers that have not changed,
/// which manifests wait, and the content of those that it has returned. It notices if a watermark is not the one after
/// that of the last call, and forgets everything.
#[derive(Debug)]
pub struct NewsReader {
    lake: Arc<dyn ObjectStore>,
    reads_at_once: usize,
    documents: KnownDocuments,
    waiting: WaitingChunks,
    /// The marks of the last call. What is remembered holds for these and for later ones.
    marks: BTreeMap<ShardId, ShardMark>,
}

impl NewsReader {
    /// A reader of the lake whose root is `lake`, which does this many reads at once.
    #[must_use]
    pub fn new(lake: Arc<dyn ObjectStore>, reads_at_once: usize) -> Self {
        Self {
            lake,
            reads_at_once: reads_at_once.max(1),
            documents: KnownDocuments::default(),
            waiting: WaitingChunks::default(),
            marks: BTreeMap::new(),
        }
    }

    /// A reader of the same lake that remembers nothing.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::new(self.lake.clone(), self.reads_at_once)
    }

    /// Reads what is committed in the lake after a watermark, up to a limit. Chunks without events do not count for the
    /// limit.
    ///
    /// If a shard of the watermark is gone from a ledger group, this is noticed only if no other group is unchanged: an
    /// unchanged group is not read, and may have the shard.
    ///
    /// # Errors
    /// [`NewsError`]
    pub async fn read(&mut self, since: &Watermark, limit: Limit) -> Result<News, NewsError> {
        self.forget_later_marks(since);
        let ledgers = self.read_ledgers(since).await?;
        self.list_waiting(&ledgers, since).await?;
        self.select(ledgers, since, limit).await
    }

    /// Forgets everything if a mark went back, or a shard is gone: then there is something new in ledgers that had
    /// nothing new.
    fn forget_later_marks(&mut self, since: &Watermark) {
        let went_back = |(shard, mark): (&ShardId, &ShardMark)| {
            let now = since.shards.get(shard);
            now.is_none_or(|now| now.last < mark.last)
        };
        if self.marks.iter().any(went_back) {
            self.documents = KnownDocuments::default();
            self.waiting = WaitingChunks::default();
        }
        self.marks.clone_from(&since.shards);
    }
}

impl News {
    /// No news yet.
    fn none(since: &Watermark, ledgers: &NewLedgers, waiting: &WaitingChunks) -> Self {
        Self {
            chunks: Vec::new(),
            empty_chunks: 0,
            shards: since.shards.clone(),
            ledgers: BTreeMap::new(),
            oldest_put_at: None,
            event_bytes: 0,
            events: 0,
            objects: 0,
            is_all: true,
            waiting: waiting.by_shard(ledgers),
            documents: ledgers.tags.len(),
        }
    }

    /// Whether a limit is reached.
    fn is_full(&self, limit: Limit) -> bool {
        let is_reached = self.event_bytes >= limit.event_bytes || self.objects >= limit.objects;
        is_reached && !self.chunks.is_empty()
    }

    /// Adds the next chunk of its shard.
    fn add(&mut self, manifest: &Arc<ChunkManifest>, put_at: i64) {
        for object in &manifest.objects {
            self.event_bytes = self.event_bytes.saturating_add(object.bytes);
            self.events = self.events.saturating_add(object.lines);
            self.objects += 1;
        }
        let oldest = self.oldest_put_at;
        self.oldest_put_at = Some(oldest.map_or(put_at, |oldest| oldest.min(put_at)));
        self.chunks.push(NewChunk {
            manifest: manifest.clone(),
            put_at,
        });
    }

    /// Moves the mark of a shard behind its next chunk, which has this many events.
    fn move_mark(&mut self, shard: &ShardId, last: SequenceNumber, events: u64) {
        let mark = self.shards.entry(shard.clone()).or_insert(ShardMark {
            last,
            chunks: 0,
            rows: 0,
            dropped: 0,
        });
        mark.last = last;
        mark.chunks += 1;
        mark.rows = mark.rows.saturating_add(events);
    }

    /// Notes the documents of ledgers of whose shards nothing is left.
    fn note_ledgers(&mut self, ledgers: NewLedgers) {
        let NewLedgers { mut tags, heads } = ledgers;
        for (shard, new) in heads {
            let mark = self.shards.get(&shard).map(|mark| mark.last);
            if mark != Some(new.head.last) {
                tags.remove(&new.document);
            }
        }
        // Without a tag, nobody can tell whether the document has changed.
        tags.retain(|_, tag| !tag.is_empty());
        self.ledgers = tags;
    }
}
