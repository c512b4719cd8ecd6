//! The ledger groups of a lake: the ledgers of files, many in one document.
//!
//! Each ledger is changed by compare-and-swap, as one with a document of its own is. Writes that come while a document
//! is being written are collected, and the next write takes all of them. If another process has written the document,
//! it is read again, and each collected write holds or fails by its own ledger.

mod documents;
mod error;
mod known;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use sluice_engine::record::ShardId;
use sluice_storage::error::{ErrorKind, Operation, RequestError, StorageError};
use sluice_storage::object_store::ObjectStore;
use tokio::sync::oneshot;
use tokio::time::sleep;

use self::error::GroupError;
use self::known::{Document, KnownGroups};
use super::error::StoreError;
use super::group::{GroupedLedger, LedgerGroup};
use super::lease::Versioned;
use super::{Ledger, LedgerError};

/// The folder of the groups, below that of the ledgers.
pub const GROUPS: &str = "groups/";

/// The number of groups that are read at once.
const READS_AT_ONCE: usize = 16;

/// The ledger groups of a lake, as this process knows them.
#[derive(Debug)]
pub struct LedgerGroups {
    /// The folder of the ledgers.
    store: Arc<dyn ObjectStore>,
    known: Mutex<KnownGroups>,
    queue: Mutex<Vec<QueuedWrite>>,
    /// Only one task writes.
    writer: tokio::sync::Mutex<()>,
    /// Only one task reads a document that is not kept, so that no two read the same one.
    reader: tokio::sync::Mutex<()>,
}

/// The longest pause after the first conflict, and after any.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Waits after a conflict, the longer the more there were: the parts of a replay write one group at the same time.
async fn pause(conflicts: u32) {
    let longest = FIRST_PAUSE.saturating_mul(conflicts).min(LONGEST_PAUSE);
    sleep(longest.mul_f64(rand::random())).await;
}

/// A write of one ledger that waits for the next write of its group.
#[derive(Debug)]
struct QueuedWrite {
    shard: ShardId,
    next: GroupedLedger,
    seen: Option<String>,
    answer: oneshot::Sender<Result<(), GroupError>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ledgers in the document of a group.
///
/// # Errors
/// It is no valid group, or one of its ledgers is damaged.
pub fn ledgers_of_group(text: &[u8]) -> Result<Vec<Ledger>, LedgerError> {
    let group = LedgerGroup::parse(text)?;
    let ledgers = group.shards().filter_map(|shard| group.ledger(shard));
    ledgers
        .map(|found| found.map(|(ledger, _)| ledger))
        .collect()
}

/// The key of the group at an index.
fn key(at: usize) -> String {
    format!("{GROUPS}{:08}.json", at + 1)
}

/// The index of the group with a key.
fn index(key: &str) -> Option<usize> {
    let number = key.strip_prefix(GROUPS)?.strip_suffix(".json")?;
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// Whether a group has this key.
pub(super) fn is_group(name: &str) -> bool {
    index(name).is_some_and(|at| key(at) == name)
}

impl LedgerGroups {
    /// Reads the groups of a lake. `store` is the folder of its ledgers, and `names` are the names in there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`]
    pub async fn open<'a>(
        store: Arc<dyn ObjectStore>,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Arc<Self>, StoreError> {
        let last = names.filter_map(index).max();
        let groups = Self {
            store,
            known: Mutex::default(),
            queue: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
            reader: tokio::sync::Mutex::default(),
        };
        let reads = stream::iter(0..last.map_or(0, |last| last + 1));
        let reads = reads.map(|at| groups.read_existing(at));
        let mut reads = reads.buffered(READS_AT_ONCE).enumerate();
        while let Some((at, document)) = reads.next().await {
            let document = document?;
            groups.check_only_one(at, &document)?;
            locked(&groups.known).set(at, document);
        }
        drop(reads);
        Ok(Arc::new(groups))
    }

    /// Whether a group has the ledger of a shard.
    #[must_use]
    pub fn has(&self, shard: &ShardId) -> bool {
        locked(&self.known).by_shard.contains_key(shard)
    }

    /// The shards whose ledgers the groups have.
    #[must_use]
    pub fn shards(&self) -> Vec<ShardId> {
        locked(&self.known).by_shard.keys().cloned().collect()
    }

    /// The ledgers of all groups, each with its shard. Each group is read once more at most.
    ///
    /// # Errors
    /// A group cannot be read. What is wrong with a single ledger is among the result.
    pub async fn ledgers(&self) -> Result<Vec<(ShardId, Result<Ledger, StoreError>)>, StoreError> {
        let groups = locked(&self.known).groups.len();
        let mut ledgers = Vec::new();
        for at in 0..groups {
            let Document { group, .. } = self.document(at).await?;
            for shard in group.shards() {
                let found = group.ledger(shard).into_iter();
                let found = found.map(|found| match found {
                    Ok((ledger, _)) => Ok(ledger),
                    Err(error) => Err(self.damaged_ledger(at, shard, &error).into()),
                });
                ledgers.extend(found.map(|ledger| (shard.clone(), ledger)));
            }
        }
        Ok(ledgers)
    }

    /// Reads the ledger of a shard, which is new if no group has it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub(super) async fn read(&self, shard: &ShardId) -> Result<Versioned, StoreError> {
        let at = locked(&self.known).by_shard.get(shard).copied();
        let found = match at {
            Some(at) => {
                let Document { group, .. } = self.document(at).await?;
                let found = group.ledger(shard).transpose();
                found.map_err(|error| self.damaged_ledger(at, shard, &error))?
            }
            None => None,
        };
        let found = found.map(|(ledger, version)| Versioned {
            ledger,
            etag: Some(version),
        });
        Ok(found.unwrap_or_else(|| Versioned {
            ledger: Ledger::new(shard.clone()),
            etag: None,
        }))
    }

    /// Reads the group of a shard again, and all that are newer; if no group has the shard, the last one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub async fn refresh(&self, shard: &ShardId) -> Result<(), StoreError> {
        let at = {
            let known = locked(&self.known);
            let last = known.groups.len().saturating_sub(1);
            known.by_shard.get(shard).copied().unwrap_or(last)
        };
        if let Some(document) = self.read_document(at).await? {
            locked(&self.known).set(at, document);
            self.read_newer().await?;
        }
        Ok(())
    }

    /// Writes a ledger if its group still has the version `seen` of it. Returns its new version.
    ///
    /// # Errors
    /// A conflict if it has changed, [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub(super) async fn write(
        self: &Arc<Self>,
        next: &Ledger,
        seen: Option<&str>,
    ) -> Result<String, StoreError> {
        let shard = next.shard().clone();
        let next = GroupedLedger::of(next)?;
        let version = next.version.clone();
        let (answer, answered) = oneshot::channel();
        locked(&self.queue).push(QueuedWrite {
            shard: shard.clone(),
            next,
            seen: seen.map(str::to_owned),
            answer,
        });
        // A task of its own, so that a shard that is cancelled does not take the writes of others with it.
        let groups = self.clone();
        tokio::spawn(async move { groups.write_queued().await });
        match answered.await {
            Ok(written) => written.map(|()| version).map_err(StoreError::from),
            Err(_) => Err(self
                .write_error(&shard, ErrorKind::Other, "the program is ending")
                .into()),
        }
    }

    async fn write_queued(&self) {
        let _only_one = self.writer.lock().await;
        let mut queued = std::mem::take(&mut *locked(&self.queue));
        while let Some(first) = queued.first() {
            let at = locked(&self.known).place_of(&first.shard);
            queued = self.write_group(at, queued).await;
        }
    }

    /// Writes those ledgers whose place is the group at `at`, and returns the others.
    async fn write_group(&self, at: usize, mut queued: Vec<QueuedWrite>) -> Vec<QueuedWrite> {
        let mut others = Vec::new();
        for conflicts in 1.. {
            let document = match self.document(at).await {
                Ok(document) => document,
                Err(error) => return self.fail(at, queued, &error),
            };
            let mut group = LedgerGroup::clone(&document.group);
            let (writes, elsewhere) = self.apply(at, &mut group, queued);
            others.extend(elsewhere);
            if writes.is_empty() {
                return others;
            }
            match self.swap(at, group, document.version).await {
                Ok(document) => {
                    locked(&self.known).set(at, document);
                    writes.into_iter().for_each(|write| write.answer(Ok(())));
                    return others;
                }
                Err(GroupError::Storage(error)) if error.is_conflict() => {
                    pause(conflicts).await;
                    if let Err(error) = self.read_again(at).await {
                        others.extend(self.fail(at, writes, &error));
                        return others;
                    }
                    queued = writes;
                }
                Err(error) => {
                    // The write may have succeeded.
                    locked(&self.known).forget(at);
                    others.extend(self.fail(at, writes, &error));
                    return others;
                }
            }
        }
        others
    }

    /// Applies writes to a group. Returns those that hold, and those of other groups; the rest is answered.
    fn apply(
        &self,
        at: usize,
        group: &mut LedgerGroup,
        queued: Vec<QueuedWrite>,
    ) -> (Vec<QueuedWrite>, Vec<QueuedWrite>) {
        let (mut writes, mut others) = (Vec::new(), Vec::new());
        let known = locked(&self.known);
        for write in queued {
            let is_new = !known.by_shard.contains_key(&write.shard);
            let is_here = known.place_of(&write.shard) == at && !(is_new && group.room() == 0);
            if !is_here {
                others.push(write);
            } else if group.swap(&write.shard, &write.next, write.seen.as_deref()) {
                writes.push(write);
            } else {
                let why = "another process has written the ledger";
                let error = self.write_error(&write.shard, ErrorKind::Conflict, why);
                write.answer(Err(error.into()));
            }
        }
        (writes, others)
    }

    /// Answers the writes of the group at `at` with an error, and returns the others.
    fn fail(&self, at: usize, queued: Vec<QueuedWrite>, error: &GroupError) -> Vec<QueuedWrite> {
        let known = locked(&self.known);
        let (failed, others): (Vec<_>, _) = queued
            .into_iter()
            .partition(|write| known.place_of(&write.shard) == at);
        drop(known);
        for write in failed {
            write.answer(Err(error.clone()));
        }
        others
    }

    fn write_error(&self, shard: &ShardId, kind: ErrorKind, why: &str) -> StorageError {
        StorageError {
            operation: Operation::Write,
            place: format!("{} (shard {shard})", self.store.place(GROUPS)),
            cause: RequestError::new(kind, why),
        }
    }
}

impl QueuedWrite {
    fn answer(self, written: Result<(), GroupError>) {
        let _nobody_waits = self.answer.send(written);
    }
}
