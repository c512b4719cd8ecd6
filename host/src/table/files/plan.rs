//! The objects of the chunks, in the order in which their events become rows.

use std::sync::Arc;

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

use super::error::FilesError;
use crate::format::Format;
use crate::format::parquet::TableSchema;
use crate::layout::chunk_manifest::{ChunkManifest, ManifestObject};
use crate::sink::SchemaStore;
use crate::table::duplicates::Arrival;
use crate::table::news::NewChunk;

/// What comes before the type of events in the name of a folder.
const EVENT_TYPE: &str = "event_type=";

/// What readers take for no value of a partition.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// An object to read, and what its manifest says.
#[derive(Debug)]
pub(super) struct PlannedObject {
    pub(super) key: String,
    pub(super) shard: ShardId,
    /// The first record of its chunk.
    pub(super) chunk: SequenceNumber,
    pub(super) format: Format,
    /// The schema of its rows, if it has columns.
    pub(super) schema: Option<Arc<TableSchema>>,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) digest: ContentDigest,
    /// When the records of its chunk arrived.
    pub(super) arrived: Arrival,
    /// The position of its partition in the plan.
    pub(super) partition: u32,
}

/// All objects, in the order of their partitions, then of their shards and chunks.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) objects: Vec<PlannedObject>,
    partitions: Vec<LakePartition>,
}

/// A partition of the lake, as objects are ordered by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LakePartition {
    /// The type of its events; empty if they have none.
    EventType(String),
    /// Its folder, which does not say the type of its events.
    Folder(String),
}

impl LakePartition {
    fn of(folder: &str) -> Self {
        let mut folders = folder.split('/');
        match folders.find_map(|folder| folder.strip_prefix(EVENT_TYPE)) {
            Some(NO_VALUE) => Self::EventType(String::new()),
            Some(value) => Self::EventType(decode_value(value)),
            None => Self::Folder(folder.to_owned()),
        }
    }
}

impl Plan {
    /// Orders the objects of chunks, and reads the schemas of those that have columns.
    ///
    /// # Errors
    /// A schema cannot be read.
    pub(super) async fn new(
        lake: &dyn ObjectStore,
        schemas: &SchemaStore,
        chunks: &[NewChunk],
    ) -> Result<Self, FilesError> {
        let mut ordered = Vec::new();
        for NewChunk { manifest, .. } in chunks {
            let schema = schema_of(lake, schemas, manifest).await?;
            let objects = manifest.objects.iter().map(|object| {
                let partition = LakePartition::of(&object.partition);
                (partition, planned(manifest, object, schema.clone()))
            });
            ordered.extend(objects);
        }
        let place = |object: &PlannedObject| (object.shard.clone(), object.chunk);
        ordered.sort_by_cached_key(|(partition, object)| {
            (partition.clone(), place(object), object.key.clone())
        });
        let mut plan = Self {
            objects: Vec::with_capacity(ordered.len()),
            partitions: Vec::new(),
        };
        for (partition, object) in ordered {
            plan.push(partition, object);
        }
        Ok(plan)
    }

    fn push(&mut self, partition: LakePartition, object: PlannedObject) {
        if self.partitions.last() != Some(&partition) {
            self.partitions.push(partition);
        }
        let partition = u32::try_from(self.partitions.len() - 1).unwrap_or(u32::MAX);
        self.objects.push(PlannedObject {
            partition,
            ..object
        });
    }

    /// The object at a position.
    pub(super) fn object(&self, position: u32) -> &PlannedObject {
        &self.objects[position as usize]
    }

    /// The type of the events of a partition of the lake; `None` if its name does not say it.
    pub(super) fn event_type(&self, partition: u32) -> Option<&str> {
        match self.partitions.get(partition as usize)? {
            LakePartition::EventType(value) => Some(value),
            LakePartition::Folder(_) => None,
        }
    }

    /// The number of all events.
    pub(super) fn lines(&self) -> u64 {
        self.objects.iter().map(|object| object.lines).sum()
    }

    /// The bytes of all events as lines.
    pub(super) fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }
}

fn planned(
    manifest: &ChunkManifest,
    object: &ManifestObject,
    schema: Option<Arc<TableSchema>>,
) -> PlannedObject {
    PlannedObject {
        key: object.key.clone(),
        shard: manifest.shard.clone(),
        chunk: manifest.range.first,
        format: manifest.pins.format,
        schema,
        lines: object.lines,
        bytes: object.bytes,
        digest: object.digest,
        arrived: Arrival::of(manifest.arrived_at),
        partition: 0,
    }
}

/// The schema of the objects of a chunk; `None` if they have lines, or if there are none.
async fn schema_of(
    lake: &dyn ObjectStore,
    schemas: &SchemaStore,
    manifest: &ChunkManifest,
) -> Result<Option<Arc<TableSchema>>, FilesError> {
    if manifest.pins.format.has_lines() || manifest.objects.is_empty() {
        return Ok(None);
    }
    let place = lake.place(&manifest.key());
    let Some(digest) = manifest.pins.schema else {
        let why = "it names no schema for objects of columns".into();
        return Err(FilesError::Damaged { place, why });
    };
    match schemas.get(digest).await {
        Ok(schema) => Ok(Some(schema)),
        Err(source) => Err(FilesError::Schema { place, source }),
    }
}

/// Decodes the value of a partition, in which some characters are `%` and two hexadecimal digits.
fn decode_value(value: &str) -> String {
    let mut parts = value.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).map(|digits| u8::from_str_radix(digits, 16));
        if let Some(Ok(byte)) = byte {
            decoded.push(byte);
            decoded.extend_from_slice(&part.as_bytes()[2..]);
        } else {
            decoded.push(b'%');
            decoded.extend_from_slice(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_an_object_says_the_type_of_its_events() {
        let of_type = |text: &str| LakePartition::EventType(text.to_owned());
        for (folder, expected) in [
            ("event_type=lesson", of_type("lesson")),
            ("date=2026-01-01/event_type=a%2Fb%25 c", of_type("a/b% c")),
            ("event_type=__HIVE_DEFAULT_PARTITION__", of_type("")),
            ("event_type=50%", of_type("50%")),
            ("event_type=%zz%C3%A9", of_type("%zzé")),
            (
                "date=2026-01-01",
                LakePartition::Folder("date=2026-01-01".into()),
            ),
            ("", LakePartition::Folder(String::new())),
        ] {
            assert_eq!(LakePartition::of(folder), expected, "{folder}");
        }
    }
}
