//! The ledgers of the lake.

#[cfg(test)]
pub(super) mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt as _};
use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;

use super::Lake;
use super::cached::{Cached, Seen, View};
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::heads::{LedgerHead, ListedDocument, ReadLedgersError};
use crate::ledger::source_file::FilePrefix;
use crate::ledger::{Ledger, Range};
use crate::output::with_causes;

/// How old a view of the ledgers may be.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a page waits for the first view.
const FIRST_WAIT: Duration = Duration::from_secs(3);

/// What is wrong if a lake has lost all ledgers. Nothing removes one.
pub(super) const GONE: &str = "no ledger is there any more: the lake was moved, renamed or removed; put it back, or start the console with \
                    --lake and where it is now";

/// The ledgers, which are read when a page needs them.
pub(super) struct Ledgers {
    lake: Option<Lake>,
    view: Cached<LedgersView>,
    documents: Arc<tokio::sync::Mutex<KnownDocuments>>,
    pending: Arc<Mutex<PendingRanges>>,
}

/// What is in the ledgers.
#[derive(Clone, Debug, Default)]
pub(super) struct LedgersView {
    /// The ledgers, by their shards. Without a lake, there are none.
    pub(super) ledgers: Vec<Ledger>,
    /// Why documents of ledgers cannot be read. The ledgers of a damaged one are missing; those of one that cannot be read
    /// at the moment are old.
    pub(super) problems: Vec<String>,
}

/// The documents that were read, by their keys.
#[derive(Default)]
struct KnownDocuments(BTreeMap<String, KnownDocument>);

/// A document as it was when it had this tag.
struct KnownDocument {
    tag: String,
    modified_at: i64,
    ledgers: Vec<Ledger>,
}

/// The pending range of each shard that has one, and when the console saw it first.
type PendingRanges = BTreeMap<ShardId, (Range, DateTime<Utc>)>;

impl Ledgers {
    pub(super) fn new(lake: Option<Lake>) -> Self {
        Self {
            lake,
            view: Cached::new(MAX_AGE),
            documents: Arc::default(),
            pending: Arc::default(),
        }
    }

    /// The ledgers.
    pub(super) async fn view(&self) -> View<LedgersView> {
        let read = || {
            let (lake, documents) = (self.lake.clone(), Arc::clone(&self.documents));
            let pending = Arc::clone(&self.pending);
            async move {
                let Some(lake) = lake else {
                    return Ok(LedgersView::default());
                };
                let view = documents.lock().await.read(&lake).await?;
                note_pending(&mut locked(&pending), &view.ledgers, Utc::now());
                Ok(view)
            }
        };
        self.view.view(FIRST_WAIT, read).await
    }

    /// What the ledgers have committed, the one that was changed last first, and why documents cannot be read. This waits
    /// until the ledgers have been read.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) async fn newest_heads(&self) -> anyhow::Result<(Vec<LedgerHead>, Vec<String>)> {
        let view = loop {
            match self.view().await {
                View::Reading => {}
                View::Ready(Seen {
                    value,
                    problem: None,
                    ..
                }) => break value,
                View::Ready(Seen {
                    problem: Some(why), ..
                })
                | View::Failed(why) => anyhow::bail!("cannot read the ledgers: {why}"),
            }
        };
        let mut heads: Vec<_> = view.ledgers.iter().filter_map(LedgerHead::of).collect();
        let documents = self.documents.lock().await;
        let changed_at = documents.changed_at();
        heads.sort_by_key(|head| Reverse(changed_at.get(&head.shard)));
        Ok((heads, view.problems.clone()))
    }

    /// Checks a read of the lake by what the ledgers say: one that finds no commits although the console has seen some has read
    /// a lake that is gone.
    ///
    /// # Errors
    /// The lake is gone.
    pub(super) async fn check_present(&self, has_commits: bool) -> anyhow::Result<()> {
        let known = self.documents.lock().await;
        anyhow::ensure!(has_commits || !known.has_commits(), GONE);
        Ok(())
    }

    /// Since when each shard with a pending range has had it at least: when the console saw it first.
    pub(super) fn pending_since(&self) -> BTreeMap<ShardId, DateTime<Utc>> {
        let pending = locked(&self.pending);
        let since = pending.iter().map(|(shard, (_, at))| (shard.clone(), *at));
        since.collect()
    }
}

/// The records of a file, if all of them are committed. If the file grows, more can follow.
pub(super) fn landed_of_file(ledger: &Ledger) -> Option<u64> {
    ledger.file().filter(|_| ledger.pending().is_none())?;
    let committed = ledger.committed()?;
    let is_all = committed.file.as_ref().is_some_and(FilePrefix::is_all);
    is_all.then_some(committed.records)
}

fn locked(pending: &Mutex<PendingRanges>) -> MutexGuard<'_, PendingRanges> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes which ranges are pending, and keeps the moments of those that were.
fn note_pending(pending: &mut PendingRanges, ledgers: &[Ledger], now: DateTime<Utc>) {
    let before = mem::take(pending);
    for ledger in ledgers {
        let Some(range) = ledger.pending().map(|pending| pending.range) else {
            continue;
        };
        let known = before.get(ledger.shard());
        let known = known.filter(|(known, _)| *known == range);
        let since = known.map_or(now, |(_, since)| *since);
        pending.insert(ledger.shard().clone(), (range, since));
    }
}

/// Reads a document. It takes what it needs, so that many can be read at once.
async fn read_document(
    store: Arc<dyn ObjectStore>,
    document: ListedDocument,
) -> (ListedDocument, Result<Vec<Ledger>, ReadLedgersError>) {
    let ledgers = document.read(store.as_ref()).await;
    (document, ledgers)
}

impl KnownDocuments {
    /// Reads the documents that have changed since the last time.
    ///
    /// # Errors
    /// The lake cannot be listed, or all of its documents are gone.
    async fn read(&mut self, lake: &Lake) -> anyhow::Result<LedgersView> {
        let folder = format!("{METADATA_FOLDER}/ledger/");
        let listed = ListedDocument::list(lake.store.as_ref(), &folder).await?;
        let Self(known) = self;
        anyhow::ensure!(!listed.is_empty() || known.is_empty(), GONE);
        let keys: BTreeSet<String> = listed.iter().map(|listed| listed.key.clone()).collect();
        known.retain(|key, _| keys.contains(key));
        let is_known = |listed: &ListedDocument| {
            let known = known.get(&listed.key);
            known.is_some_and(|known| known.tag == listed.tag && !listed.tag.is_empty())
        };
        let changed = listed.into_iter().filter(|listed| !is_known(listed));
        let reads = changed.map(|document| read_document(Arc::clone(&lake.store), document));
        let reads: Vec<_> = reads.collect();
        let mut reads = stream::iter(reads).buffer_unordered(lake.reads_at_once.max(1));
        let mut problems = Vec::new();
        while let Some((document, ledgers)) = reads.next().await {
            let ListedDocument {
                key,
                tag,
                modified_at,
                ..
            } = document;
            match ledgers {
                Ok(ledgers) => {
                    let document = KnownDocument {
                        tag,
                        modified_at,
                        ledgers,
                    };
                    known.insert(key, document);
                }
                Err(error) => {
                    // One that cannot be read at the moment keeps its ledgers. Its tag is an old one, so it is read again.
                    if matches!(error, ReadLedgersError::Damaged { .. }) {
                        known.remove(&key);
                    }
                    problems.push(with_causes(&error.into()));
                }
            }
        }
        problems.sort_unstable();
        Ok(self.view(lake.store.as_ref(), problems))
    }

    /// When the document of each shard was changed last, milliseconds since the Unix epoch.
    fn changed_at(&self) -> BTreeMap<&ShardId, i64> {
        let Self(known) = self;
        let ledgers = known.values().flat_map(|document| {
            let ledgers = document.ledgers.iter();
            ledgers.map(|ledger| (ledger.shard(), document.modified_at))
        });
        ledgers.collect()
    }

    fn has_commits(&self) -> bool {
        let mut ledgers = self.0.values().flat_map(|document| &document.ledgers);
        ledgers.any(|ledger| ledger.committed().is_some())
    }

    /// The ledgers of all documents. A shard that two of them have is a problem.
    fn view(&self, store: &dyn ObjectStore, mut problems: Vec<String>) -> LedgersView {
        let Self(known) = self;
        let mut ledgers = BTreeMap::<&ShardId, (&Ledger, &str)>::new();
        for (key, document) in known {
            for ledger in &document.ledgers {
                let shard = ledger.shard();
                if let Some((_, other)) = ledgers.get(shard) {
                    let place = store.place(key);
                    let error = ReadLedgersError::in_two_documents(place, shard, other);
                    problems.push(error.to_string());
                } else {
                    ledgers.insert(shard, (ledger, key));
                }
            }
        }
        let ledgers = ledgers.into_values().map(|(ledger, _)| ledger.clone());
        LedgersView {
            ledgers: ledgers.collect(),
            problems,
        }
    }
}
