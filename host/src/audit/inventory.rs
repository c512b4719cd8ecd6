//! What a lake and a bus have, by the names of objects and files.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;
use sluice_storage::folder::TEMPORARY;
use sluice_storage::location::StoreLocation;

use super::report::Report;
use crate::format::Format;
use crate::layout::object_key::{ChunkName, MANIFESTS, METADATA_FOLDER, ParsedKey};
use crate::ledger::messages::Messages;
use crate::redrive::{CLAIMS, LISTS, RedriveId};
use crate::sink::schema_store::SCHEMAS;

/// The objects of a lake and the files of a bus, by shard and chunk. A lake of many objects has few
/// folders, so each folder's name is kept once.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    folders: Vec<String>,
    folder_indexes: HashMap<String, u32>,
    shards: BTreeMap<ShardId, Chunks>,
    unrecognized: Unrecognized,
    /// Files that a process has not finished and not removed.
    temporary: Unrecognized,
    unrecognized_manifests: Vec<String>,
    /// Files that a query over the lake reads although they are none of Sluice's.
    intruders: Vec<String>,
    /// Those of Parquet, which queries read only if the lake has Parquet.
    parquet_intruders: Vec<String>,
    has_parquet: bool,
    /// The releases that the lake keeps.
    releases: HashSet<ReleaseId>,
    /// The schemas that the lake keeps.
    schemas: HashSet<Digest>,
    /// The redrives that have a list.
    lists: BTreeSet<RedriveId>,
    /// The keys of the files between the claims.
    claims: Vec<String>,
    has_files: bool,
    has_ledgers: bool,
}

/// The chunks of a shard.
pub(super) type Chunks = BTreeMap<ChunkName, ChunkObjects>;

/// What exists of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ChunkObjects {
    /// Its objects in the lake, quarantine included.
    pub(super) objects: Vec<Place>,
    /// Its files of messages on the bus.
    pub(super) on_bus: Vec<Messages>,
    /// Whether it has a manifest.
    pub(super) has_manifest: bool,
}

/// Where an object of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    folder: u32,
    pub(super) format: Format,
}

/// Files in the lake that are no objects of it, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unrecognized {
    pub(super) count: u64,
    pub(super) first: Option<String>,
}

impl ChunkObjects {
    /// The number of objects and files.
    #[must_use]
    pub(super) fn count(&self) -> u64 {
        let count = self.objects.len() + self.on_bus.len() + usize::from(self.has_manifest);
        count as u64
    }
}

impl Inventory {
    /// Adds an object of the lake.
    pub(super) fn add(&mut self, key: &str) {
        self.has_files = true;
        if key.split('/').next() == Some(TEMPORARY) {
            self.temporary.add(key);
            return;
        }
        let own = key.strip_prefix(METADATA_FOLDER);
        if let Some(own) = own.and_then(|own| own.strip_prefix('/')) {
            if let Some(manifest) = own.strip_prefix(MANIFESTS) {
                self.add_manifest(manifest, key);
                return;
            }
            if let Some(name) = key.strip_prefix(LISTS) {
                self.add_of_redrive(name, key);
                return;
            }
            self.has_ledgers |= own.starts_with("ledger/") && own.ends_with(".json");
            let release = own.strip_prefix("releases/");
            let release = release.and_then(|name| name.strip_suffix(".json"));
            self.releases
                .extend(release.and_then(|id| id.parse::<ReleaseId>().ok()));
            let schema = own.strip_prefix(SCHEMAS);
            let schema = schema.and_then(|name| name.strip_suffix(".json"));
            self.schemas
                .extend(schema.and_then(|digest| digest.parse::<Digest>().ok()));
            if !own.starts_with("quarantine/") {
                return;
            }
        }
        match ParsedKey::parse(key) {
            Some(parsed) => {
                let folder = self.folder_index(parsed.folder);
                let format = parsed.format;
                self.has_parquet |= format == Format::PARQUET;
                let present = self.chunk(parsed.shard, parsed.chunk);
                present.objects.push(Place { folder, format });
            }
            None => match format_for_queries(key) {
                Some(format) if format == Format::PARQUET => {
                    self.parquet_intruders.push(key.to_owned());
                }
                Some(_) => self.intruders.push(key.to_owned()),
                None => self.unrecognized.add(key),
            },
        }
    }

    /// Whether the lake keeps a release.
    #[must_use]
    pub(super) fn has_release(&self, release: ReleaseId) -> bool {
        self.releases.contains(&release)
    }

    /// Whether the lake keeps a schema.
    #[must_use]
    pub(super) fn has_schema(&self, schema: Digest) -> bool {
        self.schemas.contains(&schema)
    }

    /// Checks that a run has written to the lake. Nothing is proven by one without ledgers, such as a lake with a
    /// mistyped name, unless there is something to report about it; then a note says so.
    ///
    /// # Errors
    /// The lake has no files, or none of a shard.
    pub(super) fn check_written(
        &self,
        lake: &StoreLocation,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        if !self.has_files {
            anyhow::bail!(
                "{lake} is empty or does not exist; give the lake that `run` has written"
            );
        }
        if !self.has_shards() {
            let why = format!(
                "{lake} has no ledger, so no run has landed anything there; give the lake that `run` has written"
            );
            if report.findings.total() == 0 {
                anyhow::bail!(why);
            }
            report.notes.push(why);
        }
        Ok(())
    }

    /// Whether the lake has a ledger, readable or not, or anything of a shard.
    fn has_shards(&self) -> bool {
        self.has_ledgers || !self.shards.is_empty()
    }

    /// The keys of files that a query over the lake reads although they are none of Sluice's.
    pub(super) fn intruders(&self) -> impl Iterator<Item = &String> {
        let parquet = self.parquet_intruders.iter().filter(|_| self.has_parquet);
        self.intruders.iter().chain(parquet)
    }

    /// The redrives that have a list.
    #[must_use]
    pub(super) fn lists(&self) -> &BTreeSet<RedriveId> {
        &self.lists
    }

    /// The keys of the files between the claims.
    #[must_use]
    pub(super) fn claims(&self) -> &[String] {
        &self.claims
    }

    /// The shards that have not been [taken](Self::take) and are those of redrives.
    pub(super) fn redrive_shards(&self) -> impl Iterator<Item = &ShardId> {
        let shards = self.shards.keys();
        shards.filter(|shard| RedriveId::of_shard(shard).is_some())
    }

    /// The chunks of a shard that has not been [taken](Self::take) which have a chunk manifest.
    pub(super) fn chunks_with_manifest(&self, shard: &ShardId) -> impl Iterator<Item = ChunkName> {
        let chunks = self.shards.get(shard).into_iter().flatten();
        let with_manifest = chunks.filter(|(_, present)| present.has_manifest);
        with_manifest.map(|(name, _)| *name)
    }

    fn add_of_redrive(&mut self, name: &str, key: &str) {
        let id = name.strip_suffix(".json").map(str::parse);
        match id {
            _ if name.starts_with(CLAIMS) => self.claims.push(key.to_owned()),
            Some(Ok(id)) => {
                self.lists.insert(id);
            }
            _ => self.unrecognized.add(key),
        }
    }

    fn add_manifest(&mut self, name: &str, key: &str) {
        match ChunkName::parse_manifest(name) {
            Some((shard, chunk)) => self.chunk(shard, chunk).has_manifest = true,
            None => self.unrecognized_manifests.push(key.to_owned()),
        }
    }

    /// Adds a file of a bus.
    pub(super) fn add_on_bus(&mut self, name: &str) {
        for messages in [Messages::Objects, Messages::Packed, Messages::Events] {
            let stem = name.strip_suffix(bus_suffix(messages));
            let stem = stem.filter(|stem| !stem.contains('/'));
            if let Some((shard, chunk)) = stem.and_then(ChunkName::parse) {
                self.chunk(shard, chunk).on_bus.push(messages);
                return;
            }
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

    /// The key of an object.
    #[must_use]
    pub(super) fn key(&self, shard: &ShardId, chunk: ChunkName, place: Place) -> String {
        chunk.object_key(shard, self.folder(place), place.format)
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

    /// The files that are not objects of Sluice.
    #[must_use]
    pub(super) fn unrecognized(&self) -> Unrecognized {
        let mut all = self.unrecognized.clone();
        let parquet = self.parquet_intruders.iter().filter(|_| !self.has_parquet);
        parquet.for_each(|key| all.add(key));
        all
    }

    /// The files that processes write before they name them. A process that was killed leaves some.
    #[must_use]
    pub(super) fn temporary(&self) -> &Unrecognized {
        &self.temporary
    }

    /// The keys of files between the chunk manifests that are none by their names.
    #[must_use]
    pub(super) fn unrecognized_manifests(&self) -> &[String] {
        &self.unrecognized_manifests
    }
}

impl Unrecognized {
    fn add(&mut self, key: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| key.to_owned());
    }
}

/// The format of objects whose extension a file that is none of Sluice's has. Query engines skip what starts with an
/// underscore or a dot, except for quarantine, which is queried by its name.
fn format_for_queries(key: &str) -> Option<Format> {
    let has_extension = |format: &Format| {
        let stem = key.strip_suffix(format.extension());
        stem.is_some_and(|stem| stem.ends_with('.'))
    };
    let is_hidden = |part: &str| part.starts_with(['_', '.']);
    let path = key.strip_prefix("_sluice/quarantine/").unwrap_or(key);
    let format = Format::ALL.into_iter().find(has_extension);
    format.filter(|_| !path.split('/').any(is_hidden))
}

/// The suffix of a file of messages, after the name of its chunk.
#[must_use]
pub(super) fn bus_suffix(messages: Messages) -> &'static str {
    match messages {
        Messages::Objects => ".objects.ndjson",
        Messages::Packed => ".packed.ndjson",
        Messages::Events => ".ndjson",
    }
}

/// A file of messages in a report.
#[must_use]
pub(super) fn bus_key(shard: &ShardId, chunk: ChunkName, messages: Messages) -> String {
    format!("bus:{}{}", chunk.stem(shard), bus_suffix(messages))
}
