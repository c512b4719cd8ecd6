//! Reads the manifests of shards whose committed record has moved. What it reads at once is bounded: many shards may have
//! moved, and a shard may have any number of chunks.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;

use super::figures::FlowView;
use crate::console::Lake;
use crate::console::cached::View;
use crate::console::history::{KEPT_SECONDS, Mark, MarkKind};
use crate::console::ledgers::LedgersView;
use crate::console::manifests::{self, ListedManifest, ManifestList, Wanted};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::ledger::Ledger;
use crate::ledger::heads::LedgerHead;
use crate::output::counted;
use crate::redrive::RedriveId;

/// The most shards whose manifests are listed at once.
const SHARDS_MAX: usize = 200;

/// The most manifests of a shard that are read at once.
const OF_SHARD_MAX: usize = 200;

/// The most manifests that are read at once.
const MANIFESTS_MAX: usize = 5_000;

/// How many manifests are in memory at once. A large one has megabytes.
const READS_AT_ONCE: usize = 8;

/// If ledgers were not read for longer, nobody knows when a shard was finished meanwhile.
const GAP_MAX: TimeDelta = TimeDelta::seconds(120);

/// What is said of the figures if ledgers cannot be read.
const UNREAD: &str =
    "the lake cannot be read at the moment, so what it has committed since is not in the figures";

/// Brings the figures up to date.
pub(super) struct FlowReader {
    lake: Lake,
    view: FlowView,
    /// How often ledgers were read, and when last.
    round: u64,
    read_at: Option<DateTime<Utc>>,
    shards: BTreeMap<ShardId, KnownShard>,
    left_out: LeftOut,
}

/// A shard that was seen.
#[derive(Clone, Copy)]
struct KnownShard {
    /// The last record up to which its chunks were read.
    read_to: Option<SequenceNumber>,
    /// The round in which they were.
    round: u64,
    is_finished: bool,
}

/// What was not read although it is of the last hour, and when.
#[derive(Default)]
struct LeftOut {
    shards: u64,
    chunks: u64,
    /// Chunks whose manifests could not be read.
    unread: u64,
    at: DateTime<Utc>,
}

/// A shard whose committed record has moved.
struct MovedShard {
    head: LedgerHead,
    behind: Option<SequenceNumber>,
    round: u64,
}

/// A chunk to be read.
struct FoundChunk {
    shard: ShardId,
    listed: ListedManifest,
}

impl FlowReader {
    pub(super) fn new(lake: Lake, now: DateTime<Utc>) -> Self {
        Self {
            lake,
            view: FlowView::new(now),
            round: 0,
            read_at: None,
            shards: BTreeMap::new(),
            left_out: LeftOut::default(),
        }
    }

    /// The figures; `None` before anything was read.
    pub(super) fn view(&self) -> Option<FlowView> {
        (self.round > 0).then(|| self.view.clone())
    }

    /// Reads the manifests that came since the last round; in the first one, those of the last hour.
    pub(super) async fn read(&mut self, ledgers: &View<LedgersView>, now: DateTime<Utc>) {
        let ledgers = match ledgers {
            View::Reading => return,
            View::Ready(seen) if seen.problem.is_none() => Arc::clone(&seen.value),
            // Each page says why.
            View::Ready(_) | View::Failed(_) => {
                self.view.left_out = Some(UNREAD.to_owned());
                return;
            }
        };
        if self.round == 0 {
            self.view.since = now;
        }
        self.round += 1;
        self.note_finished(&ledgers.ledgers, now);
        let moved = self.choose(&ledgers.ledgers, now);
        let (found, mut problems) = self.list(moved, now).await;
        problems.extend(self.read_found(found, now).await);
        self.forget_old(now);
        self.view.left_out = self.left_out();
        self.view.problem = self.problem(&problems);
    }

    /// The shards to be listed. In the first round, shards beyond the most are left out; later, they wait for the next
    /// rounds.
    fn choose(&mut self, ledgers: &[Ledger], now: DateTime<Utc>) -> Vec<MovedShard> {
        let is_first = self.round == 1;
        let mut moved: Vec<MovedShard> = ledgers
            .iter()
            .filter_map(|ledger| self.moved(ledger))
            .collect();
        moved.sort_by_key(|moved| (moved.round, is_first && moved.head.is_finished));
        let rest = moved.split_off(moved.len().min(SHARDS_MAX));
        if is_first && !rest.is_empty() {
            self.leave_out(rest.len(), 0, now);
            for MovedShard { head, .. } in rest {
                self.set_read(&head);
            }
        }
        moved
    }

    /// Whether the committed record of a shard has moved. What a redrive has committed came long before, and was counted
    /// then.
    fn moved(&self, ledger: &Ledger) -> Option<MovedShard> {
        if RedriveId::of_shard(ledger.shard()).is_some() {
            return None;
        }
        let head = LedgerHead::of(ledger)?;
        let known = self.shards.get(&head.shard);
        let behind = known.and_then(|known| known.read_to);
        let has_moved = behind.is_none_or(|behind| behind < head.last);
        has_moved.then(|| MovedShard {
            round: known.map_or(0, |known| known.round),
            head,
            behind,
        })
    }

    fn set_read(&mut self, head: &LedgerHead) {
        if let Some(known) = self.shards.get_mut(&head.shard) {
            known.read_to = Some(head.last);
            known.round = self.round;
        }
    }

    /// Lists the manifests of shards. Those that cannot be listed are listed again in a later round.
    async fn list(
        &mut self,
        moved: Vec<MovedShard>,
        now: DateTime<Utc>,
    ) -> (Vec<FoundChunk>, Vec<String>) {
        let since = hour_before(now).timestamp_millis();
        let lists = moved.into_iter().map(|moved| {
            let store = Arc::clone(&self.lake.store);
            let wanted = Wanted {
                behind: moved.behind,
                since,
                most: OF_SHARD_MAX,
            };
            async move {
                let listed = manifests::list(store, moved.head.clone(), wanted);
                (moved.head, listed.await)
            }
        });
        let lists: Vec<_> = lists.collect();
        let mut lists = stream::iter(lists).buffer_unordered(self.lake.reads_at_once.max(1));
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        while let Some((head, listed)) = lists.next().await {
            match listed {
                Ok(listed) => {
                    found.extend(self.newest(&head, listed, now));
                    self.set_read(&head);
                }
                Err(error) => problems.push(error.to_string()),
            }
        }
        found.sort_by_key(|found| Reverse(found.listed.put_at));
        let rest = found.split_off(found.len().min(MANIFESTS_MAX));
        self.leave_out(0, rest.len(), now);
        (found, problems)
    }

    /// The newest chunks of a shard of the last hour.
    fn newest(
        &mut self,
        head: &LedgerHead,
        listed: ManifestList,
        now: DateTime<Utc>,
    ) -> Vec<FoundChunk> {
        self.leave_out(0, listed.all - listed.newest.len(), now);
        let newest = listed.newest.into_iter().map(|listed| FoundChunk {
            shard: head.shard.clone(),
            listed,
        });
        newest.collect()
    }

    /// Reads manifests, and returns why some could not be.
    async fn read_found(&mut self, found: Vec<FoundChunk>, now: DateTime<Utc>) -> Vec<String> {
        let reads = found.into_iter().map(|FoundChunk { shard, listed }| {
            let store = Arc::clone(&self.lake.store);
            async move {
                let read = manifests::read(store, shard, listed.name).await;
                (listed.put_at, read)
            }
        });
        let reads: Vec<_> = reads.collect();
        let mut reads = stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        let mut problems = Vec::new();
        while let Some((put_at, read)) = reads.next().await {
            match usable(read) {
                Ok(manifest) => {
                    let put_at = DateTime::from_timestamp_millis(put_at).unwrap_or(now);
                    self.view.add(&manifest, put_at, now);
                }
                Err(why) => problems.push(why),
            }
        }
        if !problems.is_empty() {
            self.left_out.unread += problems.len() as u64;
            self.left_out.at = now;
        }
        problems
    }

    /// Notes which shards are finished. A shard of a stream that was finished since the last round has been split or merged.
    /// If that round was long ago, the plots do not say when.
    fn note_finished(&mut self, ledgers: &[Ledger], now: DateTime<Utc>) {
        let read_at = self.read_at.replace(now);
        let is_timely = read_at.is_some_and(|read_at| now - read_at <= GAP_MAX);
        for ledger in ledgers {
            let is_finished = ledger.is_finished();
            let known = self.shards.entry(ledger.shard().clone());
            let known = known.or_insert(KnownShard {
                read_to: None,
                round: 0,
                is_finished: false,
            });
            let is_new = is_timely && is_finished && !known.is_finished;
            known.is_finished = is_finished;
            if is_new && is_of_stream(ledger) {
                let shard = ledger.shard();
                self.view.reshards.push(Mark {
                    at: now,
                    kind: MarkKind::Reshard,
                    text: format!("{shard} was split or merged, and all of it is committed"),
                });
            }
        }
        let oldest = hour_before(now);
        self.view.reshards.retain(|mark| mark.at >= oldest);
    }

    fn leave_out(&mut self, shards: usize, chunks: usize, now: DateTime<Utc>) {
        if shards + chunks > 0 {
            self.left_out.shards += shards as u64;
            self.left_out.chunks += chunks as u64;
            self.left_out.at = now;
        }
    }

    /// Forgets what was left out more than an hour ago: it is no longer missing.
    fn forget_old(&mut self, now: DateTime<Utc>) {
        if self.left_out.at < hour_before(now) {
            self.left_out = LeftOut::default();
        }
    }

    /// What the limits have left out, in words.
    fn left_out(&self) -> Option<String> {
        let LeftOut { shards, chunks, .. } = self.left_out;
        let mut parts = Vec::new();
        if shards > 0 {
            parts.push(format!(
                "the hour before the first page is read of {SHARDS_MAX} shards only, and left out of {}",
                counted(shards, "shard")
            ));
        }
        if chunks > 0 {
            parts.push(format!(
                "at most {OF_SHARD_MAX} chunks of a shard and {MANIFESTS_MAX} in all are read at once, and at \
                 least {} of the last hour left out",
                counted(chunks, "chunk")
            ));
        }
        joined(&parts)
    }

    /// What could not be read, in words.
    fn problem(&self, problems: &[String]) -> Option<String> {
        let mut parts = Vec::new();
        if self.left_out.unread > 0 {
            parts.push(format!(
                "the figures are without {}, which could not be read",
                counted(self.left_out.unread, "chunk")
            ));
        }
        if let Some(first) = problems.first() {
            let others = match problems.len() - 1 {
                0 => String::new(),
                others => format!(" ({others} more like this)"),
            };
            parts.push(format!("chunk manifests cannot be read: {first}{others}"));
        }
        joined(&parts)
    }
}

fn joined(parts: &[String]) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A manifest that was read, or why it cannot be used.
fn usable(
    read: Result<Result<ChunkManifest, String>, StorageError>,
) -> Result<ChunkManifest, String> {
    read.map_err(|error| error.to_string())?
}

fn hour_before(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::seconds(KEPT_SECONDS)
}

/// Whether a ledger is that of a shard of a stream which a run reads to its end.
fn is_of_stream(ledger: &Ledger) -> bool {
    let is_read = ledger.stream_created_at().is_some() || ledger.began_with().is_some();
    is_read && ledger.replay().is_none() && ledger.file().is_none()
}

#[cfg(test)]
pub(super) mod tests;
