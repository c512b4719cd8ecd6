//! A lake in a folder, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_engine::digest::Digest;
use sluice_storage::location::StoreLocation;

use super::recent::{self, KnownLake, RecentLake};
use crate::console::Lake;
use crate::console::ledgers::Ledgers;
use crate::format::parquet::TableSchema;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::quarantine::tests::lake::{self, Chunk};

/// The records of a chunk.
const RECORDS: u64 = 10;

/// A lake with chunks of ten records.
pub(super) struct TestLake {
    lake: lake::Lake,
    /// The manifest of the last chunk of each shard.
    manifests: BTreeMap<String, ChunkManifest>,
}

impl TestLake {
    pub(super) fn new() -> Self {
        Self {
            lake: lake::Lake::new(),
            manifests: BTreeMap::new(),
        }
    }

    pub(super) fn lake(&self) -> Lake {
        Lake {
            location: StoreLocation::Folder(self.lake.path("")),
            store: self.lake.store(),
            reads_at_once: 2,
        }
    }

    /// Reads it as the page does.
    pub(super) async fn read(&self, known: &Arc<KnownLake>) -> RecentLake {
        let ledgers = Arc::new(Ledgers::new(Some(self.lake())));
        let read = recent::read(self.lake(), ledgers, Arc::clone(known));
        read.await.unwrap()
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
        let last = self.manifests.get(shard).map(|before| before.range.last);
        let first = last.map_or(0, |last| last.as_offset().unwrap() + 1);
        let events = partitions.iter().map(|partition| (*partition, lines));
        let manifest = self.lake.commit(&Chunk {
            shard,
            first,
            last: first + RECORDS - 1,
            events: &events.collect::<Vec<_>>(),
            schema,
            ..Chunk::default()
        });
        self.manifests.insert(shard.to_owned(), manifest);
    }

    /// Stores a schema at a moment in milliseconds since the Unix epoch.
    pub(super) fn keep_schema(&self, schema: &TableSchema, stored_at: u64) {
        let key = format!("_sluice/schemas/{}.json", schema.digest());
        self.lake.write(&key, schema.document());
        let stored_at = SystemTime::UNIX_EPOCH + Duration::from_millis(stored_at);
        let file = fs::File::options().write(true).open(self.lake.path(&key));
        file.unwrap().set_modified(stored_at).unwrap();
    }

    /// Damages the last manifest of a shard.
    pub(super) fn damage_manifest(&self, shard: &str) {
        self.lake.write(&self.manifests[shard].key(), "{}");
    }

    /// Puts other content in the place of an object.
    pub(super) fn write(&self, key: &str, content: &str) {
        self.lake.write(key, content);
    }

    /// Removes all objects of events.
    pub(super) fn remove_events(&self) {
        for entry in fs::read_dir(self.lake.path("")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name() != Some(Path::new("_sluice").as_os_str()) {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }
}
