//! A lake in a folder, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_engine::digest::Digest;
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::ShardId;
use sluice_storage::folder::FolderStore;
use sluice_storage::location::StoreLocation;

use super::recent::{self, KnownLake, RecentLake};
use crate::console::Lake;
use crate::console::ledgers::Ledgers;
use crate::format::Format;
use crate::format::parquet::TableSchema;
use crate::layout::chunk::{ChunkCounts, ChunkOutline};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::Origin;
use crate::layout::{Content, Destination};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Ledger, Pending, Range};

/// The records of a chunk.
const RECORDS: u64 = 10;

/// A lake with chunks of ten records.
pub(super) struct TestLake {
    folder: tempfile::TempDir,
    ledgers: BTreeMap<String, Ledger>,
    /// The key of the last manifest of each shard.
    manifests: BTreeMap<String, String>,
}

impl TestLake {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            ledgers: BTreeMap::new(),
            manifests: BTreeMap::new(),
        }
    }

    pub(super) fn lake(&self) -> Lake {
        let folder = self.folder.path().to_owned();
        Lake {
            location: StoreLocation::Folder(folder.clone()),
            store: Arc::new(FolderStore::shared(folder)),
            reads_at_once: 2,
        }
    }

    /// Reads it as the page does.
    pub(super) async fn read(&self, known: &Arc<KnownLake>) -> RecentLake {
        let ledgers = Arc::new(Ledgers::new(Some(self.lake())));
        let read = recent::read(self.lake(), ledgers, Arc::clone(known));
        read.await.unwrap()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    fn write(&self, key: &str, content: &[u8]) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits a chunk with this many events, `{"n":0}` and so on, in each partition.
    pub(super) fn commit(
        &mut self,
        shard: &str,
        partitions: &[&str],
        events: u64,
        schema: Option<Digest>,
    ) {
        let lines: String = (0..events).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        self.commit_lines(shard, partitions, lines.as_bytes(), schema);
    }

    /// Commits a chunk with these lines in each partition.
    pub(super) fn commit_lines(
        &mut self,
        shard: &str,
        partitions: &[&str],
        lines: &[u8],
        schema: Option<Digest>,
    ) {
        let id = ShardId::new(shard).unwrap();
        let ledger = self.ledgers.get(shard).cloned();
        let ledger = ledger.unwrap_or_else(|| Ledger::new(id.clone()));
        let after = ledger.committed().map(|committed| committed.last);
        let first = ledger.committed().map_or(0, |committed| committed.records);
        let range = Range {
            first: first.into(),
            last: (first + RECORDS - 1).into(),
            count: RECORDS,
        };
        let pins = Pins {
            format: Format::NDJSON,
            schema,
            ..Pins::default()
        };
        let origin = Origin {
            shard: id,
            range,
            release: Digest::of(b"release"),
        };
        let mut contents = Vec::new();
        for partition in partitions {
            let destination = Destination::Lake(path_of(partition));
            self.write(&origin.object_key(&destination, Format::NDJSON), lines);
            contents.push((destination, Content::of_lines(lines)));
        }
        let events = contents.iter().map(|(_, content)| content.lines).sum();
        let counts = ChunkCounts {
            events,
            ..ChunkCounts::default()
        };
        let release = origin.release;
        let outline = ChunkOutline {
            origin,
            pins: pins.clone(),
            resource_faults: ResourceFaults::default(),
            counts,
            messages_sent: 0,
        };
        let last = Digest::of(b"last");
        let manifest = ChunkManifest::new(outline, after, last, contents);
        self.write(&manifest.key(), &manifest.json());
        self.manifests.insert(shard.to_owned(), manifest.key());
        let pending = Pending {
            range,
            release,
            pins,
            resource_faults: ResourceFaults::default(),
        };
        let ledger = ledger.pin(pending).unwrap().commit(range, last).unwrap();
        let text = serde_json::to_vec(&ledger).unwrap();
        self.write(&format!("_sluice/ledger/{shard}.json"), &text);
        self.ledgers.insert(shard.to_owned(), ledger);
    }

    /// Stores a schema at a moment in milliseconds since the Unix epoch.
    pub(super) fn keep_schema(&self, schema: &TableSchema, stored_at: u64) {
        let key = format!("_sluice/schemas/{}.json", schema.digest());
        self.write(&key, schema.document().as_bytes());
        let stored_at = SystemTime::UNIX_EPOCH + Duration::from_millis(stored_at);
        let file = fs::File::options().write(true).open(self.path(&key));
        file.unwrap().set_modified(stored_at).unwrap();
    }

    /// Damages the last manifest of a shard.
    pub(super) fn damage_manifest(&self, shard: &str) {
        fs::write(self.path(&self.manifests[shard]), "{}").unwrap();
    }

    /// Removes all objects of events.
    pub(super) fn remove_events(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name() != Some(Path::new("_sluice").as_os_str()) {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }
}

/// A partition as a path.
fn path_of(partition: &str) -> PartitionPath {
    let pairs = partition.split('/').filter(|pair| !pair.is_empty());
    let pairs: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap()).collect();
    PartitionPath::from_pairs(&pairs).unwrap()
}
