//! What the newest chunks of the lake have: types of events, and schemas.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sluice_engine::digest::Digest;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{ListedObject, ObjectStore};
use sluice_storage::retry::RetryPolicy;
use tokio::sync::Mutex;

use super::chunks::{ChunkEvents, KnownChunks, NewestChunks, PartitionObject};
use super::columns::{ColumnRow, column_rows};
use super::event_type::PartitionType;
use crate::console::ledgers::Ledgers;
use crate::console::{Lake, RETRY_TIMEOUT};
use crate::format::parquet::TableSchema;
use crate::layout::object_key::METADATA_FOLDER;
use crate::sink::SchemaStore;
use crate::sink::schema_store::{KnownSchemas, SCHEMAS};
use crate::tools::schema::diff::{ChangedColumn, changes};

/// The most schemas that are read, the newest ones.
pub(super) const SCHEMAS_MAX: usize = 20;

/// What was read of the lake before.
#[derive(Default)]
pub(super) struct KnownLake {
    chunks: Mutex<KnownChunks>,
    pub(super) schemas: KnownSchemas,
}

/// What the newest chunks have.
#[derive(Default)]
pub(super) struct RecentLake {
    pub(super) chunks: NewestChunks,
    /// The type with the most events first.
    pub(super) types: Vec<RecentType>,
    /// The one that was stored last first.
    pub(super) schemas: Vec<RecentSchema>,
    /// Older schemas, which are not read.
    pub(super) older_schemas: usize,
    /// Objects of chunks with very many partitions, whose types are not known.
    pub(super) further_objects: usize,
}

/// The events of one type.
pub(super) struct RecentType {
    pub(super) event_type: PartitionType,
    pub(super) counts: EventCounts,
    /// What each partition has.
    pub(super) partitions: Vec<(String, EventCounts)>,
    /// The newest chunk with such events, and its largest object of them.
    pub(super) newest: (Arc<ChunkEvents>, PartitionObject),
    /// The schemas that its chunks pin; `None` for those without columns.
    pub(super) schemas: BTreeSet<Option<Digest>>,
}

/// What objects have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EventCounts {
    pub(super) objects: u64,
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// When the oldest chunk with them was put, of those that were read, milliseconds since the Unix epoch.
    pub(super) oldest: Option<i64>,
    /// When the newest one was.
    pub(super) newest: i64,
}

/// A schema that the lake keeps.
pub(super) struct RecentSchema {
    pub(super) digest: Digest,
    /// When it was stored, just before the first chunk pinned it, milliseconds since the Unix epoch.
    pub(super) stored_at: i64,
    /// How many of the newest chunks pin it.
    pub(super) chunks: u64,
    /// When the newest of them was put.
    pub(super) last_pinned: Option<i64>,
    /// What it has, or why it cannot be read.
    pub(super) content: Result<SchemaContent, String>,
}

/// What a schema has.
pub(super) struct SchemaContent {
    pub(super) columns: Vec<ColumnRow>,
    /// How it differs from the one that was stored before it, if that was read.
    pub(super) changes: Option<Vec<ChangedColumn>>,
}

impl EventCounts {
    fn add(&mut self, object: &PartitionObject, put_at: i64) {
        self.objects += 1;
        self.events = self.events.saturating_add(object.events);
        self.bytes = self.bytes.saturating_add(object.bytes);
        self.oldest = Some(self.oldest.map_or(put_at, |oldest| oldest.min(put_at)));
        self.newest = self.newest.max(put_at);
    }
}

/// Reads what the newest chunks have.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn read(
    lake: Lake,
    ledgers: Arc<Ledgers>,
    known: Arc<KnownLake>,
) -> anyhow::Result<RecentLake> {
    let chunks = known.chunks.lock().await.read(&lake, &ledgers).await?;
    let mut listed = list_schemas(lake.store.as_ref()).await?;
    let older_schemas = listed.len().saturating_sub(SCHEMAS_MAX);
    listed.truncate(SCHEMAS_MAX);
    let schemas = match listed.is_empty() {
        true => Vec::new(),
        false => {
            let store = schema_store(&lake, &known).await?;
            read_schemas(&store, &listed, &chunks.chunks).await
        }
    };
    Ok(RecentLake {
        types: types(&chunks.chunks),
        further_objects: chunks.chunks.iter().map(|chunk| chunk.further).sum(),
        chunks,
        schemas,
        older_schemas,
    })
}

/// The schemas of the lake.
///
/// # Errors
/// AWS is not configured.
pub(super) async fn schema_store(lake: &Lake, known: &KnownLake) -> anyhow::Result<SchemaStore> {
    let folder = lake.location.below(METADATA_FOLDER);
    let store = folder.open(RetryPolicy::new(RETRY_TIMEOUT)).await?;
    Ok(SchemaStore::new(store, Arc::clone(&known.schemas)))
}

/// The schemas that the lake keeps and when each was stored, the newest first.
async fn list_schemas(store: &dyn ObjectStore) -> Result<Vec<(i64, Digest)>, StorageError> {
    let mut listed = Vec::new();
    let mut found = |object: ListedObject<'_>| {
        let digest = object.key.strip_suffix(".json");
        let digest = digest.and_then(|digest| digest.parse::<Digest>().ok());
        listed.extend(digest.map(|digest| (object.modified_at, digest)));
    };
    let folder = format!("{METADATA_FOLDER}/{SCHEMAS}");
    store.list_objects(&folder, None, &mut found).await?;
    listed.sort_unstable_by(|one, other| other.cmp(one));
    Ok(listed)
}

/// Reads schemas, and compares each with the one before.
async fn read_schemas(
    store: &SchemaStore,
    listed: &[(i64, Digest)],
    chunks: &[Arc<ChunkEvents>],
) -> Vec<RecentSchema> {
    let mut pinned: HashMap<Digest, (u64, i64)> = HashMap::new();
    for chunk in chunks {
        if let Some(schema) = chunk.schema {
            let (count, last) = pinned.entry(schema).or_insert((0, chunk.put_at));
            *count += 1;
            *last = chunk.put_at.max(*last);
        }
    }
    let mut schemas = Vec::new();
    let mut before: Option<Arc<TableSchema>> = None;
    for (stored_at, digest) in listed.iter().rev().copied() {
        let read = store.get(digest).await;
        let content = match &read {
            Ok(schema) => Ok(SchemaContent {
                columns: column_rows(schema.schema()),
                changes: before.map(|before| changes(before.schema(), schema.schema())),
            }),
            Err(error) => Err(error.to_string()),
        };
        before = read.ok();
        let of_chunks = pinned.get(&digest);
        schemas.push(RecentSchema {
            digest,
            stored_at,
            chunks: of_chunks.map_or(0, |(count, _)| *count),
            last_pinned: of_chunks.map(|(_, last)| *last),
            content,
        });
    }
    schemas.reverse();
    schemas
}

/// The types of events of chunks, of which the newest is the first one.
pub(super) fn types(chunks: &[Arc<ChunkEvents>]) -> Vec<RecentType> {
    let mut types = BTreeMap::<PartitionType, RecentType>::new();
    let mut partitions = BTreeMap::<(PartitionType, &str), EventCounts>::new();
    for chunk in chunks {
        for object in &chunk.objects {
            let event_type = PartitionType::of_partition(&object.partition);
            let partition = (event_type.clone(), object.partition.as_str());
            let counts = partitions.entry(partition).or_default();
            counts.add(object, chunk.put_at);
            let of_type = types.entry(event_type.clone());
            let of_type = of_type.or_insert_with(|| RecentType {
                event_type,
                counts: EventCounts::default(),
                partitions: Vec::new(),
                newest: (Arc::clone(chunk), object.clone()),
                schemas: BTreeSet::new(),
            });
            of_type.counts.add(object, chunk.put_at);
            of_type.schemas.insert(chunk.schema);
            let (newest, largest) = &of_type.newest;
            if Arc::ptr_eq(newest, chunk) && object.events > largest.events {
                of_type.newest = (Arc::clone(chunk), object.clone());
            }
        }
    }
    for ((event_type, partition), counts) in partitions {
        if let Some(of_type) = types.get_mut(&event_type) {
            of_type.partitions.push((partition.to_owned(), counts));
        }
    }
    let mut types: Vec<_> = types.into_values().collect();
    for of_type in &mut types {
        let newest = |(_, counts): &(String, EventCounts)| std::cmp::Reverse(counts.newest);
        of_type.partitions.sort_by_key(newest);
    }
    types.sort_by_key(|of_type| std::cmp::Reverse(of_type.counts.events));
    types
}

#[cfg(test)]
mod tests {
    use super::super::test_lake::TestLake;
    use super::*;
    use crate::layout::object_key::ShortId;
    use sluice_schema::{Column, ColumnType, Schema};

    #[tokio::test]
    async fn types_have_what_their_partitions_have_and_the_newest_chunk() {
        let mut lake = TestLake::new();
        lake.commit("a", &["event_type=x/date=1", "event_type=y"], 2, None);
        lake.commit("b", &["event_type=x/date=2"], 5, None);
        let known = Arc::new(KnownLake::default());
        let recent = lake.read(&known).await;
        assert_eq!((recent.chunks.chunks.len(), recent.chunks.shards), (2, 2));
        assert!(recent.chunks.are_all && recent.chunks.problems.is_empty());
        assert_eq!(recent.chunks.usual_columns(), ["date", "event_type"]);
        let release = ShortId::of(Digest::of(b"release"));
        assert_eq!(recent.chunks.release(), Some(release));
        let [x, y] = recent.types.as_slice() else {
            panic!("there are two types");
        };
        assert_eq!(x.event_type, PartitionType::Named("x".into()));
        assert_eq!((x.counts.objects, x.counts.events), (2, 7));
        let put_at: Vec<_> = recent
            .chunks
            .chunks
            .iter()
            .map(|chunk| chunk.put_at)
            .collect();
        assert_eq!(x.counts.oldest, put_at.iter().copied().min());
        assert_eq!(Some(x.counts.newest), put_at.iter().copied().max());
        assert_eq!(x.partitions.len(), 2);
        assert_eq!((y.counts.objects, y.counts.events), (1, 2));

        lake.commit("b", &["event_type=z"], 1, None);
        lake.damage_manifest("a");
        let recent = lake.read(&known).await;
        // What was read before is not read again.
        assert_eq!(recent.chunks.chunks.len(), 3);
        assert_eq!(recent.types.len(), 3);
        let recent = lake.read(&Arc::default()).await;
        assert_eq!(recent.chunks.chunks.len(), 2);
        assert_eq!(recent.chunks.problems.len(), 1);
        assert!(!recent.chunks.are_all, "one is missing");
    }

    #[tokio::test]
    async fn schemas_say_since_when_they_are_pinned_and_what_changed() {
        let column = |name: &str| Column::new(name, ColumnType::String);
        let schema = |names: &[&str]| {
            let columns = names.iter().map(|name| column(name)).collect();
            TableSchema::new(Schema::new(columns).unwrap())
        };
        let (old, new) = (schema(&["a"]), schema(&["a", "b"]));
        let mut lake = TestLake::new();
        lake.keep_schema(&old, 1_000);
        lake.keep_schema(&new, 2_000);
        lake.commit("s", &["event_type=x"], 1, Some(new.digest()));
        let recent = lake.read(&Arc::default()).await;
        let [second, first] = recent.schemas.as_slice() else {
            panic!("there are two schemas");
        };
        assert_eq!((first.digest, second.digest), (old.digest(), new.digest()));
        assert_eq!((first.stored_at, second.stored_at), (1_000, 2_000));
        assert_eq!((first.chunks, second.chunks), (0, 1));
        assert!(first.content.as_ref().unwrap().changes.is_none());
        let content = second.content.as_ref().unwrap();
        assert_eq!(content.columns.len(), 2);
        let changed = content.changes.as_deref().unwrap();
        assert_eq!(
            (changed[0].column.as_str(), changed[0].change),
            ("b", "added")
        );
    }

    #[tokio::test]
    async fn a_lake_that_is_empty_has_nothing() {
        let lake = TestLake::new();
        let recent = lake.read(&Arc::default()).await;
        assert!(recent.types.is_empty() && recent.schemas.is_empty());
        assert!(recent.chunks.are_all);
    }
}
