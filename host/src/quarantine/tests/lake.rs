//! A lake in a folder, with made-up chunks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use sluice_engine::digest::Digest;
use sluice_engine::outcome::{Reason, ReasonCode};
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{Position, Record, SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

use crate::format::Format;
use crate::layout::chunk::{ArrivalTimes, ChunkCounts, ChunkOutline};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::Origin;
use crate::layout::quarantine::push_line;
use crate::layout::{Content, Destination};
use crate::ledger::lost_range::{LossCause, LostRange};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Ledger, Pending, Range};
use crate::redrive::{Claim, RedriveDocument, RedriveId, RedriveObject, RedriveRequest, claim_key};
use crate::test_store::TestStore;

use super::super::QuarantineObject;

/// A quarantined record: its position, and the code of its reason.
pub(crate) type Line<'a> = (&'a str, &'a str);

pub(crate) fn shard(name: &str) -> ShardId {
    ShardId::new(name).unwrap()
}

pub(crate) fn code(code: &str) -> ReasonCode {
    ReasonCode::new(code).unwrap()
}

/// A chunk before it is landed.
pub(crate) struct Chunk<'a> {
    pub(crate) shard: &'a str,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) release: &'a [u8],
    pub(crate) arrived_at: Option<ArrivalTimes>,
    /// Its quarantined records.
    pub(crate) lines: &'a [Line<'a>],
    /// Its events: their partition, and their lines.
    pub(crate) events: &'a [(&'a str, &'a [u8])],
    /// The schema that it pins.
    pub(crate) schema: Option<Digest>,
    /// The shard of these records, if it is not that of the chunk.
    pub(crate) of: Option<&'a str>,
}

impl Default for Chunk<'_> {
    fn default() -> Self {
        Self {
            shard: "s",
            first: 0,
            last: 9,
            release: b"release",
            arrived_at: None,
            lines: &[],
            events: &[],
            schema: None,
            of: None,
        }
    }
}

impl Chunk<'_> {
    pub(crate) fn range(&self) -> Range {
        Range {
            first: self.first.into(),
            last: self.last.into(),
            count: self.last - self.first + 1,
        }
    }
}

/// A partition as a path.
fn path_of(partition: &str) -> PartitionPath {
    let pairs = partition.split('/').filter(|pair| !pair.is_empty());
    let pairs: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap()).collect();
    PartitionPath::from_pairs(&pairs).unwrap()
}

pub(crate) struct Lake {
    folder: tempfile::TempDir,
    ledgers: BTreeMap<ShardId, Ledger>,
}

impl Lake {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            ledgers: BTreeMap::new(),
        }
    }

    pub(crate) fn test_store(&self) -> Arc<TestStore> {
        TestStore::new(self.folder.path(), 0)
    }

    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        self.test_store()
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    pub(crate) fn write(&self, key: &str, content: impl AsRef<[u8]>) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn step(&mut self, shard: &ShardId, step: impl Fn(&Ledger) -> Ledger) {
        let ledger = self.ledgers.entry(shard.clone());
        let ledger = ledger.or_insert_with(|| Ledger::new(shard.clone()));
        *ledger = step(ledger);
        let text = serde_json::to_vec(ledger).unwrap();
        self.write(&format!("_sluice/ledger/{shard}.json"), text);
    }

    /// Pins a chunk and puts its objects.
    pub(crate) fn pin(&mut self, chunk: &Chunk<'_>) -> ChunkManifest {
        let shard = shard(chunk.shard);
        let manifest = self.put_objects(chunk);
        let pending = Pending {
            range: chunk.range(),
            release: manifest.release,
            pins: manifest.pins.clone(),
            resource_faults: ResourceFaults::default(),
        };
        self.step(&shard, |ledger| ledger.pin(pending.clone()).unwrap());
        manifest
    }

    /// Lands a chunk.
    pub(crate) fn commit(&mut self, chunk: &Chunk<'_>) -> ChunkManifest {
        let manifest = self.pin(chunk);
        self.write(&manifest.key(), manifest.json());
        let (range, digest) = (chunk.range(), Digest::of(b"last"));
        self.step(&manifest.shard, |ledger| {
            ledger.commit(range, digest).unwrap()
        });
        manifest
    }

    /// Gives up the pinned chunk.
    pub(crate) fn give_up(&mut self, chunk: &Chunk<'_>) {
        let loss = LostRange {
            cause: LossCause::Expired,
            parent: None,
            after: None,
            before: None,
            pinned: Some(chunk.range()),
            found_at: 1,
            continued: true,
        };
        self.step(&shard(chunk.shard), |ledger| {
            ledger.clone().with_loss(loss.clone(), 1)
        });
    }

    /// Puts the objects of a chunk, and returns its manifest.
    fn put_objects(&self, chunk: &Chunk<'_>) -> ChunkManifest {
        let origin = Origin {
            shard: shard(chunk.shard),
            range: chunk.range(),
            release: Digest::of(chunk.release),
        };
        let of = shard(chunk.of.unwrap_or(chunk.shard));
        let mut objects = BTreeMap::<ReasonCode, Vec<u8>>::new();
        let mut counts = ChunkCounts {
            arrived_at: chunk.arrived_at,
            ..ChunkCounts::default()
        };
        for (position, reason) in chunk.lines {
            let position: Position = position.parse().unwrap();
            let data = format!("data of {position}");
            let record = Record {
                data: data.as_bytes(),
                partition_key: "key",
                position,
                arrived_at: 0,
            };
            let lines = objects.entry(code(reason)).or_default();
            let why = Reason::rejected(reason, "why".into());
            push_line(lines, &of, &record, &why, origin.release);
            lines.push(b'\n');
            *counts.quarantined.entry(code(reason)).or_default() += 1;
        }
        let pins = Pins {
            format: Format::NDJSON,
            schema: chunk.schema,
            ..Pins::default()
        };
        let mut contents = Vec::new();
        for (partition, lines) in chunk.events {
            let destination = Destination::Lake(path_of(partition));
            self.write(&origin.object_key(&destination, pins.format), lines);
            let content = Content::of_lines(lines);
            counts.events += content.lines;
            contents.push((destination, content));
        }
        for (reason, lines) in objects {
            let destination = Destination::Quarantine(reason);
            self.write(&origin.object_key(&destination, pins.format), &lines);
            contents.push((destination, Content::of_quarantine(&lines).unwrap()));
        }
        let outline = ChunkOutline {
            origin,
            pins,
            resource_faults: ResourceFaults::default(),
            counts,
            messages_sent: 0,
        };
        let first = SequenceNumber::from(chunk.first);
        let before = chunk.first.checked_sub(1).map(SequenceNumber::from);
        let after = before.filter(|before| *before < first);
        ChunkManifest::new(outline, after, Digest::of(b"last"), contents)
    }

    /// Begins a redrive of objects.
    pub(crate) fn begin_redrive(&self, id: &str, objects: &[&QuarantineObject]) -> RedriveId {
        let id: RedriveId = id.parse().unwrap();
        let request = RedriveRequest {
            filter: super::super::QuarantineFilter::default(),
            release: Digest::of(b"new"),
        };
        let objects = objects.iter().map(|object| RedriveObject {
            key: object.key.clone(),
            shard: object.shard.clone(),
            reason: object.reason.clone(),
            release: object.release,
            records: object.records,
            bytes: object.bytes,
            digest: object.digest,
            is_undecoded: object.is_undecoded,
        });
        let document = RedriveDocument::new(id.clone(), 1, request, objects.collect());
        self.write(&id.key(), document.json());
        id
    }

    pub(crate) fn claim(&self, id: &RedriveId, object: &QuarantineObject) {
        let claim = Claim::new(id.clone(), &object.key);
        self.write(&claim_key(&object.key).unwrap(), claim.json());
    }
}
