//! The ledgers of the lake.

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
use crate::ledger::{Ledger, Range};
use crate::output::with_causes;

/// How old a view of the ledgers may be.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a page waits for the first view.
const FIRST_WAIT: Duration = Duration::from_secs(3);

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

    /// Since when each shard with a pending range has had it at least: when the console saw it first.
    pub(super) fn pending_since(&self) -> BTreeMap<ShardId, DateTime<Utc>> {
        let pending = locked(&self.pending);
        let since = pending.iter().map(|(shard, (_, at))| (shard.clone(), *at));
        since.collect()
    }
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
    /// The lake cannot be listed.
    async fn read(&mut self, lake: &Lake) -> anyhow::Result<LedgersView> {
        let folder = format!("{METADATA_FOLDER}/ledger/");
        let listed = ListedDocument::list(lake.store.as_ref(), &folder).await?;
        let Self(known) = self;
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    use sluice_engine::digest::Digest;
    use sluice_storage::folder::FolderStore;
    use sluice_storage::location::StoreLocation;

    use super::*;
    use crate::ledger::Pending;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;

    fn lake(folder: &Path) -> Lake {
        fs::create_dir_all(folder.join("_sluice/ledger")).unwrap();
        Lake {
            location: StoreLocation::Folder(folder.to_owned()),
            store: Arc::new(FolderStore::shared(folder.to_owned())),
            reads_at_once: 2,
        }
    }

    fn ledger(shard: &str) -> Ledger {
        Ledger::new(ShardId::new(shard).unwrap())
    }

    fn pinned(ledger: &Ledger, first: u64) -> Ledger {
        let pending = Pending {
            range: Range {
                first: first.into(),
                last: (first + 9).into(),
                count: 10,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        };
        ledger.pin(pending).unwrap()
    }

    fn put(lake: &Lake, name: &str, text: &[u8]) {
        let place = lake.store.place(&format!("_sluice/ledger/{name}"));
        fs::write(place, text).unwrap();
    }

    fn put_ledger(lake: &Lake, ledger: &Ledger) {
        let name = format!("{}.json", ledger.shard());
        put(lake, &name, &serde_json::to_vec(ledger).unwrap());
    }

    fn shards(view: &LedgersView) -> Vec<&str> {
        let shards = view.ledgers.iter().map(|ledger| ledger.shard().as_str());
        shards.collect()
    }

    #[tokio::test]
    async fn a_damaged_ledger_is_a_problem_and_the_others_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        put_ledger(&lake, &ledger("b"));
        put_ledger(&lake, &ledger("a"));
        put(&lake, "c.json", b"{}");
        put(&lake, "a.lock", b"");
        let mut known = KnownDocuments::default();
        let view = known.read(&lake).await.unwrap();
        assert_eq!(shards(&view), ["a", "b"]);
        assert_eq!(view.problems.len(), 1);
        let problem = &view.problems[0];
        assert!(
            problem.contains("c.json") && problem.contains("not a valid ledger"),
            "{problem}"
        );
        put_ledger(&lake, &ledger("c"));
        fs::remove_file(lake.store.place("_sluice/ledger/a.json")).unwrap();
        let view = known.read(&lake).await.unwrap();
        assert_eq!(shards(&view), ["b", "c"]);
        assert!(view.problems.is_empty(), "{:?}", view.problems);
    }

    #[tokio::test]
    async fn a_changed_ledger_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        put_ledger(&lake, &ledger("a"));
        let mut known = KnownDocuments::default();
        let before = known.read(&lake).await.unwrap();
        assert_eq!(before.ledgers, [ledger("a")]);
        let changed = pinned(&ledger("a"), 10);
        put_ledger(&lake, &changed);
        let after = known.read(&lake).await.unwrap();
        assert_eq!(after.ledgers, [changed]);
    }

    #[tokio::test]
    async fn without_a_lake_there_are_no_ledgers() {
        let view = Ledgers::new(None).view().await;
        assert!(matches!(view, View::Ready(seen) if seen.value.ledgers.is_empty()));
    }

    #[tokio::test]
    async fn the_ledger_that_was_changed_last_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        for (shard, seconds) in [("a", 1), ("b", 3), ("c", 2)] {
            let pinned = pinned(&ledger(shard), 10);
            let range = pinned.pending().unwrap().range;
            put_ledger(&lake, &pinned.commit(range, Digest::of(b"last")).unwrap());
            let place = lake.store.place(&format!("_sluice/ledger/{shard}.json"));
            let file = fs::File::options().write(true).open(place).unwrap();
            let changed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_modified(changed_at).unwrap();
        }
        put_ledger(&lake, &ledger("without-a-chunk"));
        put(&lake, "d.json", b"{}");
        let read = Ledgers::new(Some(lake)).newest_heads().await;
        let (heads, problems) = read.unwrap();
        assert_eq!(problems.len(), 1);
        let shards: Vec<_> = heads.iter().map(|head| head.shard.as_str()).collect();
        assert_eq!(shards, ["b", "c", "a"]);
    }

    #[test]
    fn a_range_is_pending_since_it_was_seen_first() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let mut pending = PendingRanges::new();
        let since = |pending: &PendingRanges| pending.values().map(|(_, at)| *at).next();
        note_pending(&mut pending, &[pinned(&ledger("a"), 10)], at(1));
        note_pending(&mut pending, &[pinned(&ledger("a"), 10)], at(2));
        assert_eq!(since(&pending), Some(at(1)));
        note_pending(&mut pending, &[pinned(&ledger("a"), 20)], at(3));
        assert_eq!(since(&pending), Some(at(3)));
        note_pending(&mut pending, &[ledger("a")], at(4));
        assert!(pending.is_empty());
    }
}
