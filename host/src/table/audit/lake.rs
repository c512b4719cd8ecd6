//! What the lake has of each chunk up to the watermark.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::content_digest::ContentDigest;
use sluice_schema::EventHasher;
use sluice_storage::object_store::{Found, ObjectStore};
use tokio::task::spawn_blocking;

use super::TableAuditSettings;
use super::account::{Accounts, ExpectedChunk, RowSum};
use super::dropped::DroppedEvents;
use super::finding::{Findings, Kind, TableFinding};
use super::keys::{KeyAccount, keys_of_events};
use crate::format::decode;
use crate::format::parquet::{RowOrigin, TableSchema};
use crate::layout::chunk_manifest::{ChunkManifest, ManifestObject};
use crate::output::counted;
use crate::sink::SchemaStore;
use crate::sink::schema_store::SchemaStoreError;
use crate::table::news::{Limit, NewsReader};
use crate::table::watermark::Watermark;

/// The manifests in memory at once have about this many objects.
const ROUND: Limit = Limit {
    event_bytes: u64::MAX,
    objects: 10_000,
};

/// If keys are compared, those of the dropped events are in memory too: of about this many bytes of events at once.
const ROUND_WITH_KEYS: Limit = Limit {
    event_bytes: 1 << 30,
    ..ROUND
};

/// The events of a lake.
pub(super) struct LakeEvents {
    pub(super) lake: Arc<dyn ObjectStore>,
    pub(super) schemas: SchemaStore,
    pub(super) reads_at_once: usize,
    pub(super) settings: TableAuditSettings,
    pub(super) dropped: DroppedEvents,
    /// The columns of the table, and the position of the key of its rule, if keys are compared.
    pub(super) key: Option<(Arc<TableSchema>, usize)>,
}

/// An object of events.
enum ReadObject {
    /// It is as its manifest says: its events that are not dropped, and the lines and keys of those that are.
    Right(RowSum, Vec<(u64, u128)>),
    /// It does not exist, and its records arrived long ago.
    Expired,
    /// It is not as its manifest says.
    Wrong(Kind, String),
}

impl LakeEvents {
    /// Reads the events of all chunks of the accounts.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn read(
        &self,
        accounts: &mut Accounts,
        mut keys: Option<&mut KeyAccount>,
        findings: &mut Findings,
        progress: &dyn Fn(String),
    ) -> anyhow::Result<()> {
        let mut reader = NewsReader::new(self.lake.clone(), self.reads_at_once);
        let (mut since, mut chunks) = (Watermark::default(), 0);
        let limit = match keys {
            Some(_) => ROUND_WITH_KEYS,
            None => ROUND,
        };
        while !accounts.are_reached(&since.shards) {
            let news = reader.read(&since, limit).await?;
            let manifests = news.chunks.iter().map(|chunk| &chunk.manifest);
            let manifests =
                manifests.filter(|manifest| accounts.has(&manifest.shard, manifest.name()));
            let manifests: Vec<_> = manifests.cloned().collect();
            chunks += manifests.len() as u64;
            let expected = self.read_chunks(&manifests, findings).await?;
            for (manifest, (expected, dropped)) in manifests.iter().zip(expected) {
                accounts.expect(&manifest.shard, expected);
                if let Some(keys) = &mut keys {
                    keys.add_chunk(manifest, dropped)?;
                }
            }
            progress(format!("{} of the lake read", counted(chunks, "chunk")));
            since.shards = news.shards;
            since.ledgers = news.ledgers;
            if news.is_all {
                break;
            }
        }
        accounts.compare_marks(&since.shards, findings);
        Ok(())
    }

    /// Reads the events of chunks, or counts them. Returns the keys of those that are dropped too.
    async fn read_chunks(
        &self,
        manifests: &[Arc<ChunkManifest>],
        findings: &mut Findings,
    ) -> anyhow::Result<Vec<ReadChunk>> {
        let new = |manifest: &Arc<ChunkManifest>| {
            let chunk = ExpectedChunk {
                name: manifest.name(),
                rows: RowSum::default(),
                dropped: 0,
                is_counted: false,
            };
            (chunk, Vec::new())
        };
        let mut chunks: Vec<_> = manifests.iter().map(new).collect();
        let objects = manifests.iter().enumerate().flat_map(|(chunk, manifest)| {
            let objects = 0..manifest.objects.len();
            objects.map(move |object| (chunk, object))
        });
        let reads = stream::iter(objects).map(async |(chunk, object)| {
            let read = self.read_object(&manifests[chunk], object).await?;
            anyhow::Ok((chunk, object, read))
        });
        let mut reads = Box::pin(reads.buffered(self.reads_at_once));
        while let Some((chunk, object, read)) = reads.try_next().await? {
            let manifest = &manifests[chunk];
            let object = &manifest.objects[object];
            let dropped = self.dropped_of(object).len() as u64;
            add_object(
                &mut chunks[chunk],
                manifest,
                object,
                dropped,
                read,
                findings,
            );
        }
        Ok(chunks)
    }

    async fn read_object(
        &self,
        manifest: &Arc<ChunkManifest>,
        object: usize,
    ) -> anyhow::Result<ReadObject> {
        let named = &manifest.objects[object];
        let (key, dropped) = (&named.key, self.dropped_of(named));
        if self.settings.is_quick {
            return Ok(ReadObject::Right(places(named.lines, dropped), Vec::new()));
        }
        let Found::Content(bytes) = self.lake.get(key, usize::MAX).await? else {
            return Ok(match self.has_expired(manifest) {
                true => ReadObject::Expired,
                false => ReadObject::Wrong(
                    Kind::MissingObject,
                    "it does not exist, and its chunk manifest names it".into(),
                ),
            });
        };
        let schema = match manifest.pins.schema {
            Some(digest) if !manifest.pins.format.has_lines() => {
                match self.schemas.get(digest).await {
                    Ok(schema) => Some(schema),
                    Err(SchemaStoreError::Storage(error)) => return Err(error.into()),
                    Err(error) => {
                        let why = format!("its schema cannot be used: {error}");
                        return Ok(ReadObject::Wrong(Kind::DamagedObject, why));
                    }
                }
            }
            _ => None,
        };
        let (manifest, dropped) = (manifest.clone(), dropped.to_vec());
        let wanted = Wanted {
            dropped,
            key: self.key.clone(),
        };
        let read = move || {
            read_object(
                &manifest,
                &manifest.objects[object],
                schema,
                &wanted,
                &bytes,
            )
        };
        Ok(spawn_blocking(read).await?)
    }

    /// The lines of an object that are dropped.
    fn dropped_of(&self, object: &ManifestObject) -> &[u64] {
        let lines = self.dropped.of(&object.key);
        &lines[..lines.partition_point(|line| *line <= object.lines)]
    }

    /// Whether the objects of a chunk may have expired from the lake.
    fn has_expired(&self, manifest: &ChunkManifest) -> bool {
        let arrived = manifest.arrived_at.map(|times| times.max);
        let before = self.settings.expired_before;
        before.is_some_and(|before| arrived.is_some_and(|arrived| arrived < before))
    }
}

/// What a chunk has, and the lines and keys of its dropped events.
type ReadChunk = (ExpectedChunk, Vec<(u64, u128)>);

/// What is wanted of the events of an object.
struct Wanted {
    /// The lines that are dropped.
    dropped: Vec<u64>,
    /// The columns of the table, and the position of the key of its rule, if keys are compared.
    key: Option<(Arc<TableSchema>, usize)>,
}

/// Adds an object to what is expected of its chunk.
fn add_object(
    (chunk, keys): &mut ReadChunk,
    manifest: &ChunkManifest,
    object: &ManifestObject,
    dropped: u64,
    read: ReadObject,
    findings: &mut Findings,
) {
    let counted_rows = |rows| RowSum { rows, sum: 0 };
    chunk.is_counted |= !matches!(read, ReadObject::Right(..));
    chunk.dropped += dropped;
    let rows = match read {
        ReadObject::Right(rows, of_object) => {
            keys.extend(of_object);
            rows
        }
        ReadObject::Expired => counted_rows(object.lines - dropped),
        ReadObject::Wrong(kind, why) => {
            let why = format!("{why}; of its chunk, only the number of rows is compared");
            findings.add(|| TableFinding::of_object(kind, &manifest.shard, &object.key, &why));
            counted_rows(object.lines - dropped)
        }
    };
    chunk.rows.absorb(rows);
}

/// The sum of the places of rows, without their events.
fn places(lines: u64, dropped: &[u64]) -> RowSum {
    let (mut hasher, mut sum) = (EventHasher::default(), RowSum::default());
    let rows = (1..=lines).filter(|line| dropped.binary_search(line).is_err());
    rows.for_each(|line| sum.add(hasher.hash(line, b"")));
    sum
}

fn read_object(
    manifest: &ChunkManifest,
    object: &ManifestObject,
    schema: Option<Arc<TableSchema>>,
    wanted: &Wanted,
    bytes: &[u8],
) -> ReadObject {
    let format = manifest.pins.format;
    let content = match schema {
        None => decode(format, bytes),
        Some(schema) => {
            let origin = RowOrigin {
                shard: manifest.shard.as_str(),
                chunk: manifest.range.first,
            };
            schema.decode(bytes, origin)
        }
    };
    let content = match content {
        Ok(content) => content,
        Err(error) => {
            return ReadObject::Wrong(
                Kind::DamagedObject,
                format!("it cannot be decoded: {error}"),
            );
        }
    };
    // The events of a Parquet object are put together again in other words.
    if format.has_lines() && ContentDigest::of(&content) != object.digest {
        let why = "its content does not have the digest of its chunk manifest".into();
        return ReadObject::Wrong(Kind::ChangedObject, why);
    }
    let (mut hasher, mut sum) = (EventHasher::default(), RowSum::default());
    let (mut lines, mut dropped) = (0, Vec::new());
    for (number, line) in (1..).zip(content.split_inclusive(|byte| *byte == b'\n')) {
        let event = line.strip_suffix(b"\n").unwrap_or(line);
        match wanted.dropped.binary_search(&number) {
            Ok(_) => dropped.push((number, event)),
            Err(_) => sum.add(hasher.hash(number, event)),
        }
        lines = number;
    }
    match lines == object.lines {
        true => {
            let keys = wanted.key.as_ref();
            let keys = keys.map(|(schema, key)| keys_of_events(schema, *key, dropped.into_iter()));
            ReadObject::Right(sum, keys.unwrap_or_default())
        }
        false => {
            let (found, lines) = (counted(lines, "event"), object.lines);
            let why = format!("it has {found}, and its chunk manifest says {lines}");
            ReadObject::Wrong(Kind::ChangedObject, why)
        }
    }
}
