//! What a table has, and how far it is behind its lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iceberg::TableIdent;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

use super::duplicates::DedupeRule;
use super::manage::Tables;
use super::news::{Limit, News, NewsReader};
use super::state::TableState;
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
    /// The columns of its schema.
    pub columns: u64,
    /// How its files are divided.
    pub layout: String,
    /// Its rule for duplicates, if it has one.
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
    /// When the oldest of them was put, milliseconds since the Unix epoch.
    pub oldest: Option<i64>,
    /// The values of its events that no column has.
    pub unmapped: UnmappedValues,
    /// The files of attempts that were given up, by their keys in the warehouse.
    pub removable: Vec<String>,
    /// All shards, in their order.
    pub shards: Vec<ShardLag>,
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
    /// Reads the status of a table and its lake.
    ///
    /// # Errors
    /// What cannot be read.
    pub async fn read(
        tables: &Tables,
        table: &TableIdent,
        lake: Arc<dyn ObjectStore>,
    ) -> anyhow::Result<Self> {
        let state = TableState::read(tables.load(table).await?, &tables.warehouse).await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let reads_at_once = lake.operations_at_once(cores);
        let mut reader = NewsReader::new(lake, reads_at_once);
        let news = reader.read(&state.watermark, Limit::NONE).await?;
        let shards = shards(&state.watermark, &news);
        let removable = removable(&state, tables).await?;
        let metadata = state.table.metadata();
        let snapshot = metadata.current_snapshot();
        let total = |name: &str| {
            let summary = snapshot.map(|snapshot| &snapshot.summary().additional_properties);
            let total = summary.and_then(|summary| summary.get(name)?.parse().ok());
            total.unwrap_or(0)
        };
        Ok(Self {
            table: table.to_string(),
            location: metadata.location().to_owned(),
            schema: sluice_engine::digest::Digest::of(state.schema.document().as_bytes())
                .to_string(),
            columns: state.schema.columns().len() as u64,
            layout: state.layout.to_string(),
            dedupe: state.dedupe.clone(),
            events: total("total-records"),
            duplicates: state.watermark.dropped(),
            files: total("total-data-files"),
            file_bytes: total("total-files-size"),
            snapshot: metadata.current_snapshot_id().unwrap_or(0),
            snapshots: metadata.snapshots().len() as u64,
            committed_at: snapshot.map(|snapshot| snapshot.timestamp_ms()),
            oldest: news.oldest_put_at,
            unmapped: state.watermark.unmapped.clone(),
            removable,
            shards,
        })
    }
}

/// The files that are listed for removal and still exist.
async fn removable(state: &TableState, tables: &Tables) -> anyhow::Result<Vec<String>> {
    let mut folders = BTreeSet::new();
    for void in state.documents.void().await? {
        let keys = void.keys.iter();
        let of_keys = keys.filter_map(|key| Some(format!("{}/", key.rsplit_once('/')?.0)));
        folders.extend(of_keys);
    }
    let mut removable = Vec::new();
    for folder in folders {
        let mut found = |name: &str| removable.push(format!("{folder}{name}"));
        tables.warehouse.store().list(&folder, &mut found).await?;
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
fn shards(watermark: &Watermark, news: &News) -> Vec<ShardLag> {
    let mut shards: BTreeMap<&ShardId, ShardLag> = BTreeMap::new();
    for (shard, mark) in &watermark.shards {
        let lag = ShardLag {
            table: Some(mark.last),
            lake: Some(mark.last),
            events: mark.rows,
            duplicates: mark.dropped,
            ..ShardLag::new(shard)
        };
        shards.insert(shard, lag);
    }
    for (shard, waiting) in &news.waiting {
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
