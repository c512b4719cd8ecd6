//! A lake in a folder, written as a run writes it, and a table that is only a watermark.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::folder::FolderStore;

use super::super::*;
use crate::layout::chunk::{ChunkCounts, ChunkOutline};
use crate::layout::object_key::Origin;
use crate::layout::{Content, Destination};
use crate::ledger::file::LedgerFile;
use crate::ledger::groups::LedgerGroups;
use crate::ledger::lost_range::{LossCause, LostRange};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Ledger, LedgerError, Pending, Range};
use crate::test_store::TestStore;

/// The records of each chunk.
pub(super) const RECORDS: u64 = 3;

/// The bytes of each event.
pub(super) const EVENT_BYTES: u64 = 10;

/// What a run knows of a shard.
#[derive(Default)]
struct ShardState {
    /// The first record that no chunk has.
    next: u128,
    is_grouped: bool,
    pending: Option<(Pending, ChunkManifest)>,
    committed: Vec<ChunkManifest>,
}

/// A lake.
pub(super) struct Lake {
    folder: tempfile::TempDir,
    shards: BTreeMap<ShardId, ShardState>,
    /// The time of the last write, seconds since the Unix epoch: another one for each, so that tags do not depend on the
    /// ticks of the file system.
    time: u64,
}

pub(super) fn shard(name: &str) -> ShardId {
    ShardId::new(name).unwrap()
}

pub(super) fn sequence(number: u128) -> SequenceNumber {
    number.to_string().parse().unwrap()
}

impl Lake {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            shards: BTreeMap::new(),
            time: 1_700_000_000,
        }
    }

    /// Adds a shard that begins with this record. The ledger of a grouped one is in a group.
    pub(super) fn add_shard(&mut self, name: &str, first: u128, is_grouped: bool) -> ShardId {
        let state = ShardState {
            next: first,
            is_grouped,
            ..ShardState::default()
        };
        self.shards.insert(shard(name), state);
        shard(name)
    }

    pub(super) fn store(&self) -> Arc<TestStore> {
        TestStore::new(self.folder.path(), 0)
    }

    pub(super) fn reader(&self) -> NewsReader {
        NewsReader::new(self.store(), 4)
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    /// The document of the ledger of a shard.
    pub(super) fn document(&self, shard: &ShardId) -> String {
        match self.shards[shard].is_grouped {
            true => "_sluice/ledger/groups/00000001.json".to_owned(),
            false => format!("_sluice/ledger/{shard}.json"),
        }
    }

    /// The committed chunks of each shard, in order.
    pub(super) fn committed(&self) -> BTreeMap<ShardId, Vec<ChunkManifest>> {
        let committed = self.shards.iter();
        let committed = committed.map(|(shard, state)| (shard.clone(), state.committed.clone()));
        committed.filter(|(_, chunks)| !chunks.is_empty()).collect()
    }

    pub(super) fn has_pending(&self, shard: &ShardId) -> bool {
        self.shards[shard].pending.is_some()
    }

    fn set_time(&mut self, key: &str) {
        self.time += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.time);
        let file = File::open(self.path(key)).unwrap();
        file.set_modified(time).unwrap();
    }

    /// Writes the ledger that a step makes, as a run does, under its lock.
    async fn step(
        &mut self,
        shard: &ShardId,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Ledger {
        let folder = self.path("_sluice/ledger");
        let groups = if self.shards[shard].is_grouped {
            let store = Arc::new(FolderStore::shared(folder.clone()));
            let name = "groups/00000001.json";
            let names = folder.join(name).exists().then_some(name);
            Some(LedgerGroups::open(store, names.into_iter()).await.unwrap())
        } else {
            None
        };
        let scratch = self.path("_sluice/tmp").join(shard.as_str());
        let opened = LedgerFile::open(&folder, shard, scratch, groups).await;
        let mut ledger = opened.unwrap();
        ledger.step(step).await.unwrap();
        let after = ledger.ledger().clone();
        drop(ledger);
        self.set_time(&self.document(shard));
        after
    }

    /// Pins the next chunk, with objects of these numbers of events.
    pub(super) async fn pin(&mut self, shard: &ShardId, objects: &[u64]) {
        let first = self.shards[shard].next;
        let last = first + u128::from(RECORDS) - 1;
        let range = Range {
            first: sequence(first),
            last: sequence(last),
            count: RECORDS,
        };
        let pending = Pending {
            range,
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        };
        let pin = |ledger: &Ledger| ledger.pin(pending.clone());
        let ledger = self.step(shard, pin).await;
        let after = ledger.committed().map(|committed| committed.last);
        let manifest = manifest(shard, range, after, objects);
        let state = self.shards.get_mut(shard).unwrap();
        // Sequence numbers of a stream have gaps.
        state.next = last + 5;
        state.pending = Some((pending, manifest));
    }

    /// Puts the manifest of the pinned chunk.
    pub(super) fn put_manifest(&mut self, shard: &ShardId) {
        let (_, manifest) = self.shards[shard].pending.clone().unwrap();
        self.write_manifest(&manifest);
    }

    /// Puts a manifest, which is not there or the same.
    pub(super) fn write_manifest(&mut self, manifest: &ChunkManifest) {
        let path = self.path(&manifest.key());
        if !path.exists() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, manifest.json()).unwrap();
            self.set_time(&manifest.key());
        }
    }

    /// Puts the manifest of the pinned chunk, and commits it.
    pub(super) async fn commit_pending(&mut self, shard: &ShardId) {
        self.put_manifest(shard);
        let state = self.shards.get_mut(shard).unwrap();
        let (pending, manifest) = state.pending.take().unwrap();
        state.committed.push(manifest);
        let commit = |ledger: &Ledger| ledger.commit(pending.range, Digest::of(b"last"));
        self.step(shard, commit).await;
    }

    /// Commits the next chunk.
    pub(super) async fn commit(&mut self, shard: &ShardId, objects: &[u64]) {
        if !self.has_pending(shard) {
            self.pin(shard, objects).await;
        }
        self.commit_pending(shard).await;
    }

    /// Goes on behind records that the stream has lost, with the pinned chunk if there is one.
    pub(super) async fn lose(&mut self, shard: &ShardId) {
        let state = self.shards.get_mut(shard).unwrap();
        state.pending = None;
        state.next += 40;
        let lose = |ledger: &Ledger| {
            let loss = LostRange {
                cause: LossCause::Expired,
                parent: None,
                after: ledger.committed().map(|committed| committed.last),
                before: None,
                pinned: ledger.pending().map(|pending| pending.range),
                found_at: 1,
                continued: true,
            };
            Ok(ledger.clone().with_loss(loss, 1))
        };
        self.step(shard, lose).await;
    }
}

/// The manifest of a chunk with objects of these numbers of events.
pub(super) fn manifest(
    shard: &ShardId,
    range: Range,
    after: Option<SequenceNumber>,
    objects: &[u64],
) -> ChunkManifest {
    let contents = objects.iter().enumerate().map(|(number, lines)| {
        let value = format!("type-{number}");
        let path = PartitionPath::from_pairs(&[("event_type", value.as_str())]).unwrap();
        let content = Content {
            lines: *lines,
            bytes: lines * EVENT_BYTES,
            digest: ContentDigest::of(b"events"),
        };
        (Destination::Lake(path), content)
    });
    let outline = ChunkOutline {
        origin: Origin {
            shard: shard.clone(),
            range,
            release: Digest::of(b"release"),
        },
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
        counts: ChunkCounts {
            records: range.count,
            events: objects.iter().sum(),
            ..ChunkCounts::default()
        },
        messages_sent: 0,
    };
    ChunkManifest::new(outline, after, Digest::of(b"last"), contents.collect())
}

/// A table: how far it has the lake, and which chunks it got.
#[derive(Default)]
pub(super) struct Table {
    pub(super) watermark: Watermark,
    pub(super) chunks: BTreeMap<ShardId, Vec<ChunkManifest>>,
}

impl Table {
    /// Commits news.
    pub(super) fn commit(&mut self, news: News) {
        for chunk in news.chunks {
            let manifest = ChunkManifest::clone(&chunk.manifest);
            let chunks = self.chunks.entry(manifest.shard.clone()).or_default();
            chunks.push(manifest);
        }
        self.watermark.shards = news.shards;
        self.watermark.ledgers = news.ledgers;
    }

    /// Checks that the table has all of the lake, once and in order.
    pub(super) fn assert_has_all(&self, lake: &Lake) {
        let committed = lake.committed();
        let marks: BTreeMap<_, _> = committed
            .iter()
            .map(|(shard, chunks)| (shard.clone(), mark(chunks)))
            .collect();
        assert_eq!(self.watermark.shards, marks);
        let mut with_events = committed;
        for chunks in with_events.values_mut() {
            chunks.retain(|chunk| !chunk.objects.is_empty());
        }
        with_events.retain(|_, chunks| !chunks.is_empty());
        assert_eq!(self.chunks, with_events);
    }
}

/// The mark behind chunks.
fn mark(chunks: &[ChunkManifest]) -> ShardMark {
    let objects = chunks.iter().flat_map(|chunk| &chunk.objects);
    ShardMark {
        last: chunks.last().unwrap().range.last,
        chunks: chunks.len() as u64,
        rows: objects.map(|object| object.lines).sum(),
        dropped: 0,
    }
}
