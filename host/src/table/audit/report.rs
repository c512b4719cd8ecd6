//! What an audit of a table has found.

use iceberg::table::Table;
use sluice_engine::record::{SequenceNumber, ShardId};

use super::TableAuditSettings;
use super::account::Accounts;
use super::data_files::FileCounts;
use super::finding::{Findings, TableFinding};

/// The report on a table.
#[derive(Clone, Debug)]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// Its snapshot; `None` if it has none.
    pub snapshot: Option<i64>,
    /// Whether no event was compared.
    pub is_quick: bool,
    /// The data files of the snapshot.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// The rows that Sluice has not written.
    pub foreign: u64,
    /// All shards of the watermark, in their order.
    pub shards: Vec<ShardRows>,
    /// The number of findings.
    pub findings: u64,
    /// The first of them.
    pub found: Vec<TableFinding>,
}

/// The rows of a shard.
#[derive(Clone, Debug)]
pub struct ShardRows {
    /// The shard.
    pub shard: ShardId,
    /// The last record of the watermark.
    pub last: SequenceNumber,
    /// The chunks with events up to there.
    pub chunks: u64,
    /// Those of which only the number of rows was compared, since objects of the lake cannot be.
    pub counted: u64,
    /// Their events in the lake that are not dropped.
    pub events: u64,
    /// Their events that are dropped as duplicates.
    pub duplicates: u64,
    /// Their rows in the table.
    pub rows: u64,
}

impl TableReport {
    pub(super) fn new(
        table: &Table,
        settings: TableAuditSettings,
        files: FileCounts,
        accounts: &Accounts,
        findings: Findings,
    ) -> Self {
        let shards = accounts.shards.iter().map(|(shard, account)| ShardRows {
            shard: shard.clone(),
            last: account.mark.last,
            chunks: account.chunks(),
            counted: account.counted(),
            events: account.expected(),
            duplicates: account.dropped(),
            rows: account.found(),
        });
        Self {
            table: table.identifier().to_string(),
            snapshot: table.metadata().current_snapshot_id(),
            is_quick: settings.is_quick,
            files: files.files,
            rows: files.rows,
            foreign: accounts.foreign,
            shards: shards.collect(),
            findings: findings.total,
            found: findings.kept,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.findings == 0
    }

    /// The rows of chunks of the watermark.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.shards.iter().map(|shard| shard.rows).sum()
    }

    /// The events of the lake that are left out as duplicates.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.shards.iter().map(|shard| shard.duplicates).sum()
    }

    /// The chunks with events.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.shards.iter().map(|shard| shard.chunks).sum()
    }

    /// The chunks of which only the number of rows was compared, although a full audit was asked for.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.shards.iter().map(|shard| shard.counted).sum()
    }
}
