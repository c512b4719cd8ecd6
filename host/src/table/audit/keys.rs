//! Checks the rule for duplicates: no two rows of one key are too near each other, and for each dropped event, there is a row.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context as _;
use sluice_engine::record::ShardId;
use sluice_schema::Schema;

use super::finding::{Findings, Kind, TableFinding};
use crate::format::parquet::TableSchema;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::ChunkName;
use crate::table::duplicates::{Arrival, Choice, DedupeRule, KeyEntry, KeySorter, key_hash};
use crate::table::files::AttemptFolder;

/// The keys in memory before they are written to a local file, bytes.
const MEMORY: u64 = 64 << 20;

/// What a dropped event without a key is listed with: no row has it, as its hash would have to be this number.
const NO_KEY: u128 = u128::MAX;

/// A chunk of the lake.
#[derive(Debug)]
struct KeyChunk {
    shard: ShardId,
    name: ChunkName,
    arrived: Arrival,
}

/// The keys of a table: of its rows, and of the events that were dropped.
#[derive(Debug)]
pub(super) struct KeyAccount {
    rule: DedupeRule,
    /// The position of the column of the key.
    pub(super) position: usize,
    chunks: Vec<KeyChunk>,
    /// The positions of the chunks, by shard and first record, as rows name them.
    positions: HashMap<String, HashMap<String, u32>>,
    sorter: KeySorter,
    /// Removed at the end.
    folder: AttemptFolder,
}

/// The keys of the rows of a data file.
#[derive(Debug, Default)]
pub(super) struct FileKeys {
    /// The positions of the shards and chunks of the rows, as they name them, in the order in which they were met.
    origins: HashMap<String, HashMap<String, u32>>,
    /// Their number.
    origin_count: u32,
    /// The position of the origin, the line and the key of each row that has one.
    rows: Vec<(u32, u64, u128)>,
}

impl FileKeys {
    /// Adds a row.
    pub(super) fn add(&mut self, shard: &str, chunk: &str, line: u64, key: u128) {
        let origin = self.origin(shard, chunk);
        self.rows.push((origin, line, key));
    }

    /// The position of an origin. Rows of the same one need not follow each other.
    fn origin(&mut self, shard: &str, chunk: &str) -> u32 {
        let known = self.origins.get(shard);
        if let Some(known) = known.and_then(|chunks| chunks.get(chunk)) {
            return *known;
        }
        let position = self.origin_count;
        self.origin_count += 1;
        let chunks = self.origins.entry(shard.to_owned()).or_default();
        chunks.insert(chunk.to_owned(), position);
        position
    }
}

impl KeyAccount {
    /// That of a table with a rule, whose local files are in a folder of its own.
    ///
    /// # Errors
    /// The schema does not have the column, or the folder cannot be created.
    pub(super) fn new(rule: DedupeRule, schema: &Schema, folder: PathBuf) -> anyhow::Result<Self> {
        let position = rule.position(schema);
        let position = position.with_context(|| format!("no column {}", rule.key))?;
        let folder = AttemptFolder::create(folder)?;
        Ok(Self {
            rule,
            position,
            chunks: Vec::new(),
            positions: HashMap::new(),
            sorter: KeySorter::new(folder.path().to_owned(), MEMORY),
            folder,
        })
    }

    /// Adds a chunk, and its dropped events: their lines and keys.
    ///
    /// # Errors
    /// A local file cannot be written.
    pub(super) fn add_chunk(
        &mut self,
        manifest: &ChunkManifest,
        dropped: impl IntoIterator<Item = (u64, u128)>,
    ) -> anyhow::Result<()> {
        let arrived = Arrival::of(manifest.arrived_at);
        let position = u32::try_from(self.chunks.len())?;
        self.chunks.push(KeyChunk {
            shard: manifest.shard.clone(),
            name: manifest.name(),
            arrived,
        });
        let shard = self.positions.entry(manifest.shard.as_str().to_owned());
        let first = manifest.range.first.to_string();
        shard.or_default().insert(first, position);
        for (line, key) in dropped {
            self.add(KeyEntry {
                key,
                is_new: true,
                arrived,
                object: position,
                line,
            })?;
        }
        Ok(())
    }

    /// Adds the rows of a data file. Those of a chunk that the lake does not have are findings anyhow.
    ///
    /// # Errors
    /// A local file cannot be written.
    pub(super) fn add_file(&mut self, file: FileKeys) -> anyhow::Result<()> {
        let mut chunks = vec![None; file.origin_count as usize];
        for (shard, origins) in &file.origins {
            let Some(known) = self.positions.get(shard) else {
                continue;
            };
            for (chunk, origin) in origins {
                let position = known.get(chunk).copied();
                chunks[*origin as usize] =
                    position.map(|position| (position, self.chunks[position as usize].arrived));
            }
        }
        for (origin, line, key) in file.rows {
            if let Some((object, arrived)) = chunks[origin as usize] {
                self.add(KeyEntry {
                    key,
                    is_new: false,
                    arrived,
                    object,
                    line,
                })?;
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: KeyEntry) -> anyhow::Result<()> {
        let added = self.sorter.add(entry);
        added.with_context(|| self.folder.path().display().to_string())
    }

    /// Compares the keys.
    ///
    /// # Errors
    /// A local file cannot be read.
    pub(super) fn compare(self, findings: &mut Findings) -> anyhow::Result<()> {
        let (chunks, rule) = (&self.chunks, &self.rule);
        // The rows of a key come first.
        let mut choice = Choice::new(rule.window_ms);
        let compared = self.sorter.finish(|entry| {
            let is_near = choice.is_near_row(entry);
            if !entry.is_new {
                choice.add_row(entry);
            }
            let (kind, why) = match (entry.is_new, is_near) {
                (false, false) | (true, true) => return Ok(()),
                (false, true) => (
                    Kind::DuplicateRow,
                    "it is a row, and another row has its key",
                ),
                (true, false) => (
                    Kind::DroppedWithoutRow,
                    "it was left out as a duplicate, and no row has its key",
                ),
            };
            if let Some(chunk) = chunks.get(entry.object as usize) {
                let why = format!("line {}: {why} and can be near it ({rule})", entry.line);
                findings.add(|| TableFinding::of_chunk(kind, &chunk.shard, chunk.name, &why));
            }
            Ok(())
        });
        compared.with_context(|| self.folder.path().display().to_string())
    }
}

/// The keys of dropped events of an object. An event without a key, which should be a row, has one that no row has.
pub(super) fn keys_of_events<'e>(
    schema: &TableSchema,
    position: usize,
    events: impl Iterator<Item = (u64, &'e [u8])>,
) -> Vec<(u64, u128)> {
    let mapper = schema.mapper();
    let key = |event: &[u8]| {
        let mapped = mapper.map_valid(event).ok()?;
        key_hash(mapped.values.get(position)?.as_ref())
    };
    let keys = events.map(|(line, event)| (line, key(event).unwrap_or(NO_KEY)));
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_event_without_a_key_is_compared_too() {
        let schema = br#"{"version":1,"columns":[{"name":"k","type":"string"}]}"#;
        let schema = TableSchema::new(Schema::parse(schema).unwrap());
        let events: [(u64, &[u8]); 3] = [(1, br#"{"k":"a"}"#), (4, br#"{"k":null}"#), (5, b"1")];
        let keys = keys_of_events(&schema, 0, events.into_iter());
        let [(1, key), (4, NO_KEY), (5, NO_KEY)] = keys[..] else {
            panic!("{keys:?}");
        };
        assert_ne!(key, NO_KEY);
    }

    #[test]
    fn each_origin_of_rows_is_remembered_once() {
        let mut keys = FileKeys::default();
        let rows = [("s", "1"), ("t", "1"), ("s", "1"), ("s", "2"), ("t", "1")];
        for (shard, chunk) in rows {
            keys.add(shard, chunk, 1, 7);
        }
        let origins: Vec<_> = keys.rows.iter().map(|(origin, ..)| *origin).collect();
        assert_eq!(origins, [0, 1, 0, 2, 1]);
        assert_eq!(keys.origin_count, 3);
    }
}
