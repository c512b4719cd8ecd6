//! What a table has, and how far it is behind its lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iceberg::TableIdent;
use iceberg::spec::SnapshotRef;
use iceberg::table::Table;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::ObjectStore;

use super::documents::TableDocuments;
use super::duplicates::DedupeRule;
use super::manage::Tables;
use super::news::{Limit, News, NewsError, NewsReader};
use super::state::{TableParts, attempt, check_complete, last_commit, schema_digest};
use super::watermark::Watermark;
use crate::format::parquet::UnmappedValues;

/// A table at one moment.
#[derive(Clone, Debug)]
pub struct TableStatus {
    /// Its name.
    pub table: String,
    /// The URI of its folder.
    pub location: String,
    /// The digest of its schema.
    pub schema: String,
    /// The columns of its schema, if it can be read.
    pub columns: Option<u64>,
    /// How its files are divided, if Sluice has divided them.
    pub layout: Option<String>,
    /// Its rule for duplicates, if it has one that holds.
    pub dedupe: Option<DedupeRule>,
    /// Its rows, whoever has written them.
    pub events: u64,
    /// The events that it does not have, because they are duplicates.
    pub duplicates: u64,
    /// Its files.
    pub files: u64,
    /// Their size.
    pub file_bytes: u64,
    /// The present snapshot; 0 for none.
    pub snapshot: i64,
    /// The snapshots that are kept.
    pub snapshots: u64,
    /// When the present snapshot was made, milliseconds since the Unix epoch.
    pub committed_at: Option<i64>,
    /// The last commit of Sluice, unless there is none.
    pub last_commit: Option<LastCommit>,
    /// Why no builder can go on with the table, and what to do; `None` if it can.
    pub problem: Option<String>,
    /// The ledgers of the lake, each of up to 256 shards; `None` if it could not be compared with the table, so that it is
    /// not known what waits.
    pub ledgers: Option<u64>,
    /// When the oldest chunk that waits was put, milliseconds since the Unix epoch.
    pub oldest: Option<i64>,
    /// The values of its events that no column has.
    pub unmapped: UnmappedValues,
    /// The files of attempts that were given up, by their keys in the warehouse, or their URIs if they are outside of it.
    pub removable: Vec<String>,
    /// The tables that had its name before they were rebuilt, and are kept.
    pub kept: Vec<TableIdent>,
    /// All shards, in their order.
    pub shards: Vec<ShardLag>,
}

/// The last commit of Sluice.
#[derive(Clone, Debug)]
pub struct LastCommit {
    /// The attempt that has made it.
    pub attempt: String,
    /// Its snapshot, and when it was made in milliseconds since the Unix epoch; `None` if it has expired.
    pub snapshot: Option<(i64, i64)>,
}

/// How far a table has a shard.
#[derive(Clone, Debug)]
pub struct ShardLag {
    /// The shard.
    pub shard: ShardId,
    /// The last record of the table.
    pub table: Option<SequenceNumber>,
    /// The last record that the lake has committed.
    pub lake: Option<SequenceNumber>,
    /// The events of the shard in the table.
    pub events: u64,
    /// Those that were dropped as duplicates.
    pub duplicates: u64,
    /// The chunks that wait.
    pub chunks: u64,
    /// When the oldest of them was put, milliseconds since the Unix epoch.
    pub oldest: Option<i64>,
}

impl TableStatus {
    /// Reads the status of a table and its lake, also of a table that no builder can go on with.
    ///
    /// # Errors
    /// What cannot be read, and a table that another program has created.
    pub async fn read(
        tables: &Tables,
        table: &TableIdent,
        lake: Arc<dyn ObjectStore>,
    ) -> anyhow::Result<Self> {
        let loaded = tables.load(table).await?;
        let parts = TableParts::read(&loaded, &tables.warehouse).await?;
        let removable = removable(&parts.documents, tables).await?;
        let kept = tables.kept(table).await?;
        let mut problem = FirstProblem(None);
        let schema = problem.noted(parts.schema);
        let layout = problem.noted(parts.layout);
        let _is_part = problem.noted(parts.history);
        let watermark = problem.noted(parts.watermark);
        let _are_named = problem.noted(parts.columns);
        if let Some(schema) = &schema {
            let _are_there = problem.noted(check_complete(&loaded, schema));
        }
        let dedupe = problem.noted(parts.dedupe).flatten();
        let news = match &watermark {
            Some(watermark) => read_news(lake, watermark, &mut problem).await?,
            None => None,
        };
        let watermark = watermark.unwrap_or_default();
        let metadata = loaded.metadata();
        let snapshot = metadata.current_snapshot();
        Ok(Self {
            table: table.to_string(),
            location: metadata.location().to_owned(),
            schema: schema_digest(&loaded)?.to_owned(),
            columns: schema.map(|schema| schema.columns().len() as u64),
            layout: layout.map(|layout| layout.to_string()),
            dedupe,
            events: total(snapshot, "total-records"),
            duplicates: watermark.dropped(),
            files: total(snapshot, "total-data-files"),
            file_bytes: total(snapshot, "total-files-size"),
            snapshot: metadata.current_snapshot_id().unwrap_or(0),
            snapshots: metadata.snapshots().len() as u64,
            committed_at: snapshot.map(|snapshot| snapshot.timestamp_ms()),
            last_commit: LastCommit::of(&loaded),
            problem: problem.0,
            ledgers: news.as_ref().map(|news| news.documents as u64),
            oldest: news.as_ref().and_then(|news| news.oldest_put_at),
            shards: shards(&watermark, news.as_ref()),
            unmapped: watermark.unmapped,
            removable,
            kept,
        })
    }
}

/// The first problem of those that were found: the one with which a builder ends.
struct FirstProblem(Option<String>);

impl FirstProblem {
    fn noted<T, E: ToString>(&mut self, read: Result<T, E>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.0.get_or_insert_with(|| error.to_string());
                None
            }
        }
    }
}

impl LastCommit {
    fn of(table: &Table) -> Option<Self> {
        let attempt = attempt(table);
        let snapshot = last_commit(table);
        (!attempt.is_empty()).then(|| Self {
            attempt: attempt.to_owned(),
            snapshot: snapshot.map(|last| (last.snapshot_id(), last.timestamp_ms())),
        })
    }
}

/// Reads what waits in the lake; `None` if the lake is not as the table needs it.
async fn read_news(
    lake: Arc<dyn ObjectStore>,
    watermark: &Watermark,
    problem: &mut FirstProblem,
) -> Result<Option<News>, StorageError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let reads_at_once = lake.operations_at_once(cores);
    let mut reader = NewsReader::new(lake, reads_at_once);
    match reader.read(watermark, Limit::NONE).await {
        Err(NewsError::Storage(error)) => Err(error),
        news => Ok(problem.noted(news)),
    }
}

/// A total that the summary of a snapshot has; 0 if there is none.
fn total(snapshot: Option<&SnapshotRef>, name: &str) -> u64 {
    let summary = snapshot.map(|snapshot| &snapshot.summary().additional_properties);
    let total = summary.and_then(|summary| summary.get(name)?.parse().ok());
    total.unwrap_or(0)
}

/// The files that are listed for removal and still exist.
async fn removable(documents: &TableDocuments, tables: &Tables) -> anyhow::Result<Vec<String>> {
    let mut folders = BTreeSet::new();
    for void in documents.void().await? {
        let of_keys = void.keys.iter().filter_map(|key| key.rsplit_once('/'));
        folders.extend(of_keys.map(|(folder, _)| tables.warehouse.uri_of(folder)));
    }
    let mut removable = Vec::new();
    for folder in folders {
        removable.extend(tables.warehouse.names(&folder).await?);
    }
    removable.sort_unstable();
    Ok(removable)
}

impl TableStatus {
    /// The chunks that wait.
    #[must_use]
    pub fn waiting_chunks(&self) -> u64 {
        self.shards.iter().map(|shard| shard.chunks).sum()
    }
}

/// The shards that the table has or that have something new.
fn shards(watermark: &Watermark, news: Option<&News>) -> Vec<ShardLag> {
    let mut shards: BTreeMap<&ShardId, ShardLag> = BTreeMap::new();
    for (shard, mark) in &watermark.shards {
        let lag = ShardLag {
            table: Some(mark.last),
            // Nothing is new in it, unless the lake cannot be compared.
            lake: news.map(|_| mark.last),
            events: mark.rows,
            duplicates: mark.dropped,
            ..ShardLag::new(shard)
        };
        shards.insert(shard, lag);
    }
    for (shard, waiting) in news.into_iter().flat_map(|news| &news.waiting) {
        let lag = shards.entry(shard).or_insert_with(|| ShardLag::new(shard));
        lag.lake = Some(waiting.committed);
        lag.chunks = waiting.chunks;
        lag.oldest = Some(waiting.oldest_put_at);
    }
    shards.into_values().collect()
}

impl ShardLag {
    fn new(shard: &ShardId) -> Self {
        Self {
            shard: shard.clone(),
            table: None,
            lake: None,
            events: 0,
            duplicates: 0,
            chunks: 0,
            oldest: None,
        }
    }
}
