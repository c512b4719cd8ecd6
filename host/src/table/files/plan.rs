//! The objects of the chunks, in the order in which their events become rows.

use std::sync::Arc;

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

use super::error::FilesError;
use crate::format::Format;
use crate::format::parquet::TableSchema;
use crate::layout::chunk_manifest::{ChunkManifest, ManifestObject};
use crate::layout::event_type::event_type_of_folder;
use crate::sink::SchemaStore;
use crate::table::duplicates::Arrival;
use crate::table::news::NewChunk;

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
        match event_type_of_folder(folder) {
            Some(event_type) => Self::EventType(event_type),
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
