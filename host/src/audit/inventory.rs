//! The chunks that have landed, by the names of their objects.

use std::collections::{BTreeMap, HashMap};

use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;

use crate::format::Format;
use crate::layout::object_key::{ChunkName, METADATA_FOLDER, ParsedKey};
use crate::sink::Messages;

/// The objects of a lake and the files of a bus, by shard and chunk. A lake of many objects has few
/// folders, so each folder's name is kept once.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    folders: Vec<String>,
    folder_indexes: HashMap<String, u32>,
    shards: BTreeMap<ShardId, Chunks>,
    releases: Vec<ReleaseId>,
    unrecognized: Unrecognized,
}

/// The chunks of a shard.
pub(super) type Chunks = BTreeMap<ChunkName, ChunkObjects>;

/// The objects of a chunk that exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ChunkObjects {
    /// In the lake, quarantine included.
    pub(super) objects: Vec<Place>,
    /// Whether the bus has a file of its messages.
    pub(super) on_bus: bool,
}

/// Where an object of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    folder: u32,
    pub(super) format: Format,
}

/// Files in the lake that Sluice has not written, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unrecognized {
    pub(super) count: u64,
    pub(super) first: Option<String>,
}

impl ChunkObjects {
    /// The number of objects and files.
    #[must_use]
    pub(super) fn count(&self) -> usize {
        self.objects.len() + usize::from(self.on_bus)
    }
}

impl Inventory {
    /// Adds an object of the lake.
    pub(super) fn add(&mut self, key: &str) {
        if let Some(own) = key
            .strip_prefix(METADATA_FOLDER)
            .and_then(|k| k.strip_prefix('/'))
        {
            let release = own.strip_prefix("releases/");
            let release = release.and_then(|name| name.strip_suffix(".json"));
            if let Some(id) = release.and_then(|id| id.parse().ok()) {
                self.releases.push(id);
            }
            if !own.starts_with("quarantine/") {
                return;
            }
        }
        match ParsedKey::parse(key) {
            Some(parsed) => {
                let folder = self.folder_index(parsed.folder);
                let format = parsed.format;
                let present = self.chunk(parsed.shard, parsed.chunk);
                present.objects.push(Place { folder, format });
            }
            None => self.unrecognized.add(key),
        }
    }

    /// Adds a file of a bus whose messages are about `messages`.
    pub(super) fn add_on_bus(&mut self, name: &str, messages: Messages) {
        let suffix = bus_suffix(messages);
        let stem = name.strip_suffix(suffix).filter(|stem| !stem.contains('/'));
        if let Some((shard, chunk)) = stem.and_then(ChunkName::parse) {
            self.chunk(shard, chunk).on_bus = true;
        }
    }

    fn chunk(&mut self, shard: ShardId, chunk: ChunkName) -> &mut ChunkObjects {
        self.shards
            .entry(shard)
            .or_default()
            .entry(chunk)
            .or_default()
    }

    fn folder_index(&mut self, folder: &str) -> u32 {
        if let Some(known) = self.folder_indexes.get(folder) {
            return *known;
        }
        let new = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
        self.folders.push(folder.to_owned());
        self.folder_indexes.insert(folder.to_owned(), new);
        new
    }

    /// The folder of an object.
    #[must_use]
    pub(super) fn folder(&self, place: Place) -> &str {
        &self.folders[place.folder as usize]
    }

    /// Removes and returns the chunks of a shard.
    pub(super) fn take(&mut self, shard: &ShardId) -> Chunks {
        self.shards.remove(shard).unwrap_or_default()
    }

    /// The shards that have not been [taken](Self::take), with the number of their objects.
    pub(super) fn others(&self) -> impl Iterator<Item = (&ShardId, u64)> {
        self.shards.iter().map(|(shard, chunks)| {
            let objects = chunks.values().map(|present| present.objects.len() as u64);
            (shard, objects.sum())
        })
    }

    /// The releases that the lake keeps.
    #[must_use]
    pub(super) fn releases(&self) -> &[ReleaseId] {
        &self.releases
    }

    /// The files that are not objects of Sluice.
    #[must_use]
    pub(super) fn unrecognized(&self) -> &Unrecognized {
        &self.unrecognized
    }
}

impl Unrecognized {
    fn add(&mut self, key: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| key.to_owned());
    }
}

/// The suffix of a file of messages, after the name of its chunk.
#[must_use]
pub(super) fn bus_suffix(messages: Messages) -> &'static str {
    match messages {
        Messages::Objects => ".objects.ndjson",
        Messages::Events => ".ndjson",
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;

    const STEM: &str = "s-00000000000000000000-00000000000000000009-0123abcd";

    #[test]
    fn objects_and_files_are_sorted_by_chunk() {
        let mut inventory = Inventory::default();
        let release = Digest::of(b"release");
        for key in [
            format!("event_type=a/{STEM}.ndjson.zst"),
            format!("event_type=b/{STEM}.ndjson.gz"),
            format!("_sluice/quarantine/reason=trap/{STEM}.ndjson.zst"),
            format!("_sluice/releases/{release}.json"),
            "_sluice/ledger/s.json".into(),
            "_sluice/tmp/s/17".into(),
            "event_type=a/part-0.parquet".into(),
        ] {
            inventory.add(&key);
        }
        inventory.add_on_bus(&format!("{STEM}.ndjson"), Messages::Events);
        inventory.add_on_bus(&format!("{STEM}.objects.ndjson"), Messages::Events);
        inventory.add_on_bus(".tmp/s/1", Messages::Events);
        assert_eq!(inventory.releases(), [release]);
        let unrecognized = inventory.unrecognized();
        assert_eq!(unrecognized.count, 1);
        assert_eq!(
            unrecognized.first.as_deref(),
            Some("event_type=a/part-0.parquet")
        );
        assert_eq!(inventory.others().next().unwrap().1, 3);
        let chunks = inventory.take(&ShardId::new("s").unwrap());
        assert_eq!(chunks.len(), 1);
        let present = chunks.values().next().unwrap();
        assert_eq!((present.objects.len(), present.on_bus), (3, true));
        let folders: Vec<_> = present
            .objects
            .iter()
            .map(|o| inventory.folder(*o))
            .collect();
        let quarantine = "_sluice/quarantine/reason=trap";
        assert_eq!(folders, ["event_type=a", "event_type=b", quarantine]);
        assert_eq!(inventory.others().count(), 0);
    }
}
