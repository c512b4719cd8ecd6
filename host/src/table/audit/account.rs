//! The account of a table: what each chunk should have, and what it has.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use sluice_engine::record::{SequenceNumber, ShardId};

use super::finding::{Findings, Kind, TableFinding};
use crate::layout::object_key::ChunkName;
use crate::output::counted;
use crate::table::watermark::ShardMark;

/// The number of chunks that the lake does not have whose rows are counted each.
const UNKNOWN_KEPT: usize = 10_000;

/// Rows in any order: their number, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowSum {
    pub(super) rows: u64,
    pub(super) sum: u128,
}

impl RowSum {
    /// Adds a row.
    pub(super) fn add(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds other rows.
    pub(super) fn absorb(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// What a chunk has in the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedChunk {
    pub(super) name: ChunkName,
    /// Of its events that are not dropped.
    pub(super) rows: RowSum,
    /// The number of its events that are dropped.
    pub(super) dropped: u64,
    /// Whether only the number of its rows is known, since its objects cannot be compared.
    pub(super) is_counted: bool,
}

/// The rows of a data file, by what they say about where they come from.
#[derive(Debug, Default)]
pub(super) struct FileRows {
    /// By shard and the first record of the chunk, as texts. Without a record, the text is empty.
    pub(super) chunks: HashMap<String, HashMap<String, RowSum>>,
    /// The number of rows without a shard: Sluice has not written them.
    pub(super) foreign: u64,
}

impl FileRows {
    /// Adds a row of a chunk.
    pub(super) fn add(&mut self, shard: &str, chunk: &str, hash: u128) {
        if let Some(sum) = self
            .chunks
            .get_mut(shard)
            .and_then(|all| all.get_mut(chunk))
        {
            return sum.add(hash);
        }
        let chunks = self.chunks.entry(shard.to_owned()).or_default();
        chunks.entry(chunk.to_owned()).or_default().add(hash);
    }
}

/// A chunk.
#[derive(Debug)]
struct ChunkAccount {
    name: ChunkName,
    is_counted: bool,
    expected: u64,
    dropped: u64,
    found: u64,
    /// The sum of the lake without that of the table.
    balance: u128,
}

/// A shard.
#[derive(Debug)]
pub(super) struct ShardAccount {
    pub(super) mark: ShardMark,
    /// The chunks with events, in their order.
    chunks: Vec<ChunkAccount>,
}

impl ShardAccount {
    fn chunk(&mut self, first: SequenceNumber) -> Option<&mut ChunkAccount> {
        let found = self
            .chunks
            .binary_search_by_key(&first, |chunk| chunk.name.first);
        self.chunks.get_mut(found.ok()?)
    }

    /// The number of chunks with events.
    pub(super) fn chunks(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// The number of chunks of which only the number of rows was compared, although all were to be.
    pub(super) fn counted(&self) -> u64 {
        self.chunks.iter().filter(|chunk| chunk.is_counted).count() as u64
    }

    /// The events of the lake that are not dropped.
    pub(super) fn expected(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.expected).sum()
    }

    /// The events of the lake that are dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.dropped).sum()
    }

    /// The rows of its chunks.
    pub(super) fn found(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.found).sum()
    }
}

/// All shards of a watermark.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) shards: BTreeMap<ShardId, ShardAccount>,
    /// Rows that Sluice has not written.
    pub(super) foreign: u64,
    /// Rows that name no chunk of `shards`, by shard and chunk.
    unknown: BTreeMap<(String, String), u64>,
    /// Those that are not in `unknown`, which is full.
    unknown_more: u64,
}

impl Accounts {
    /// Accounts without rows.
    pub(super) fn new(marks: &BTreeMap<ShardId, ShardMark>) -> Self {
        let shards = marks.iter().map(|(shard, mark)| {
            let chunks = Vec::new();
            let account = ShardAccount {
                mark: *mark,
                chunks,
            };
            (shard.clone(), account)
        });
        Self {
            shards: shards.collect(),
            foreign: 0,
            unknown: BTreeMap::new(),
            unknown_more: 0,
        }
    }

    /// Whether the table should have a chunk.
    pub(super) fn has(&self, shard: &ShardId, chunk: ChunkName) -> bool {
        let account = self.shards.get(shard);
        account.is_some_and(|account| chunk.last <= account.mark.last)
    }

    /// Whether all shards are read up to their marks.
    pub(super) fn are_reached(&self, read: &BTreeMap<ShardId, ShardMark>) -> bool {
        let mut shards = self.shards.iter();
        shards.all(|(shard, account)| {
            let read = read.get(shard).map(|read| read.last);
            read >= Some(account.mark.last)
        })
    }

    /// Adds the next chunk of a shard.
    pub(super) fn expect(&mut self, shard: &ShardId, chunk: ExpectedChunk) {
        if let Some(account) = self.shards.get_mut(shard) {
            account.chunks.push(ChunkAccount {
                name: chunk.name,
                is_counted: chunk.is_counted,
                expected: chunk.rows.rows,
                dropped: chunk.dropped,
                found: 0,
                balance: chunk.rows.sum,
            });
        }
    }

    /// Adds the rows of a data file.
    pub(super) fn add(&mut self, file: FileRows) {
        self.foreign += file.foreign;
        for (shard, chunks) in file.chunks {
            for (chunk, rows) in chunks {
                if !self.take(&shard, &chunk, rows) {
                    self.add_unknown(shard.clone(), chunk, rows.rows);
                }
            }
        }
    }

    /// Takes rows into the account of their chunk, if there is one.
    fn take(&mut self, shard: &str, chunk: &str, rows: RowSum) -> bool {
        let account = ShardId::new(shard).ok();
        let account = account.and_then(|shard| self.shards.get_mut(&shard));
        let first = record(chunk);
        let found = account.and_then(|account| account.chunk(first?));
        found.is_some_and(|found| {
            found.found += rows.rows;
            found.balance = found.balance.wrapping_sub(rows.sum);
            true
        })
    }

    fn add_unknown(&mut self, shard: String, chunk: String, rows: u64) {
        let is_full = self.unknown.len() >= UNKNOWN_KEPT;
        let key = (shard, chunk);
        match self.unknown.get_mut(&key) {
            Some(known) => *known += rows,
            None if is_full => self.unknown_more += rows,
            None => drop(self.unknown.insert(key, rows)),
        }
    }

    /// Compares what the lake has committed of each shard, and the events of its chunks, with the watermark.
    pub(super) fn compare_marks(
        &self,
        committed: &BTreeMap<ShardId, ShardMark>,
        findings: &mut Findings,
    ) {
        for (shard, account) in &self.shards {
            let (mark, name) = (account.mark, shard.as_str());
            let lake = committed.get(shard).map(|mark| mark.last);
            if lake < Some(mark.last) {
                let only = lake.map_or("nothing".into(), |last| format!("only up to {last}"));
                let why = format!(
                    "the table has the shard {shard} up to {}, and the lake has committed {only} of it: it is another lake, \
                     or an older state of it was restored",
                    mark.last
                );
                findings.add(|| TableFinding::of_shard(Kind::LakeBehind, name, why));
                continue;
            }
            let (events, counts) = (
                account.expected() + account.dropped(),
                mark.rows.saturating_add(mark.dropped),
            );
            if events != counts {
                let why = format!(
                    "the watermark counts {} of the shard {shard} up to {}, and the chunk manifests {events}",
                    counted(counts, "event"),
                    mark.last,
                );
                findings.add(|| TableFinding::of_shard(Kind::WatermarkCount, name, why));
            }
            if account.dropped() != mark.dropped {
                let why = format!(
                    "the watermark counts {} of the shard {shard} that are left out as duplicates, and the lists of its attempts \
                     name {} of the lake",
                    counted(mark.dropped, "event"),
                    account.dropped()
                );
                findings.add(|| TableFinding::of_shard(Kind::DroppedCount, name, why));
            }
        }
    }

    /// Compares the rows of each chunk with its events.
    pub(super) fn compare(&self, is_quick: bool, findings: &mut Findings) {
        for (shard, account) in &self.shards {
            for chunk in &account.chunks {
                if let Some((kind, why)) = chunk.difference(is_quick) {
                    findings.add(|| TableFinding::of_chunk(kind, shard, chunk.name, &why));
                }
            }
        }
        for ((shard, chunk), rows) in &self.unknown {
            findings.add(|| self.unknown_chunk(shard, chunk, *rows));
        }
        if self.unknown_more > 0 {
            let why = format!(
                "{} of further chunks that the lake does not have",
                counted(self.unknown_more, "row")
            );
            findings.add(|| TableFinding::of_shard(Kind::UnknownChunk, "", why));
        }
    }

    fn unknown_chunk(&self, shard: &str, chunk: &str, rows: u64) -> TableFinding {
        let rows = counted(rows, "row");
        let mark = ShardId::new(shard).ok();
        let mark = mark.and_then(|shard| Some(self.shards.get(&shard)?.mark.last));
        match mark {
            Some(last) if record(chunk) > Some(last) => TableFinding::of_shard(
                Kind::BeyondWatermark,
                shard,
                format!(
                    "{rows} of the chunk of {shard} that begins with {chunk}, and the watermark has the shard up to {last}; \
                     `sluice table sync` would write them again"
                ),
            ),
            Some(_) => TableFinding::of_shard(
                Kind::UnknownChunk,
                shard,
                format!(
                    "{rows} of a chunk of {shard} that begins with {chunk:?}; the lake has no such chunk with events"
                ),
            ),
            None => TableFinding::of_shard(
                Kind::UnknownChunk,
                shard,
                format!(
                    "{rows} of the shard {shard:?}, chunk {chunk:?}; the watermark has no such shard"
                ),
            ),
        }
    }
}

impl ChunkAccount {
    fn difference(&self, is_quick: bool) -> Option<(Kind, String)> {
        let (expected, found) = (self.expected, self.found);
        let mut events = counted(expected, "event");
        if self.dropped > 0 {
            events.push_str(" that are no duplicates");
        }
        if found < expected {
            let missing = counted(expected - found, "row");
            return Some((
                Kind::MissingRows,
                format!("{missing} missing: its chunk has {events}, and the table {found}"),
            ));
        }
        if found > expected {
            let extra = counted(found - expected, "row");
            return Some((
                Kind::ExtraRows,
                format!("{extra} too many: its chunk has {events}, and the table {found}"),
            ));
        }
        if self.balance == 0 || self.is_counted {
            return None;
        }
        let why = match is_quick {
            true => {
                "its rows have other places (_line) than its events: one is missing, and another is there twice"
            }
            false => {
                "at least one of its rows is not the event of its object in the lake, or has another place (_line)"
            }
        };
        Some((Kind::ChangedRows, format!("{why}; it has {events}")))
    }
}

/// The record that a row names, in the only notation that Sluice writes.
fn record(text: &str) -> Option<SequenceNumber> {
    let record: SequenceNumber = text.parse().ok()?;
    (record.to_string() == text).then_some(record)
}
