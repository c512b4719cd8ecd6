//! What the ledgers of a lake have committed, for those who read a lake and take no step in it.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{ConditionalRead, ListedObject, ObjectStore};
use thiserror::Error;

use super::groups::ledgers_of_group;
use super::{DocumentName, Ledger, Range};

/// What a ledger has committed.
#[derive(Clone, Debug)]
pub struct LedgerHead {
    /// The shard.
    pub shard: ShardId,
    /// The last committed record.
    pub last: SequenceNumber,
    /// The number of committed records.
    pub records: u64,
    /// Whether no record follows.
    pub is_finished: bool,
    given_up: Vec<Range>,
}

impl LedgerHead {
    /// What a ledger has committed; `None` for one that has committed nothing.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Option<Self> {
        let committed = ledger.committed()?;
        Some(Self {
            shard: ledger.shard().clone(),
            last: committed.last,
            records: committed.records,
            is_finished: ledger.is_finished(),
            given_up: ledger.given_up().collect(),
        })
    }

    /// Whether a run has given up the range of these records, so that it is no chunk whatever exists of it.
    #[must_use]
    pub fn has_given_up(&self, first: SequenceNumber, last: SequenceNumber) -> bool {
        let mut ranges = self.given_up.iter();
        ranges.any(|range| (range.first, range.last) == (first, last))
    }
}

/// A document of ledgers in a list.
#[derive(Clone, Debug)]
pub struct ListedDocument {
    /// Its key.
    pub key: String,
    /// Another one after each change.
    pub tag: String,
    /// When it was changed last, milliseconds since the Unix epoch.
    pub modified_at: i64,
    /// Its name in the folder of the ledgers.
    pub name: DocumentName,
}

/// Why the ledgers of a lake cannot be read.
#[derive(Debug, Error)]
pub enum ReadLedgersError {
    /// The lake cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A document of ledgers cannot be used.
    #[error("{place} is not a valid ledger: {why}; restore its latest valid version")]
    Damaged {
        /// The document.
        place: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ReadLedgersError {
    /// A document has the ledger of a shard that another one has too.
    #[must_use]
    pub fn in_two_documents(place: String, shard: &ShardId, other: &str) -> Self {
        let why = format!("it has the ledger of shard {shard}, which {other} has too");
        Self::Damaged { place, why }
    }
}

impl ListedDocument {
    /// Lists the documents in `folder`, which ends with a slash.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list(store: &dyn ObjectStore, folder: &str) -> Result<Vec<Self>, StorageError> {
        let mut listed = Vec::new();
        let mut found = |object: ListedObject<'_>| {
            let name = DocumentName::parse(object.key);
            listed.extend(name.map(|name| Self {
                key: format!("{folder}{}", object.key),
                tag: object.tag,
                modified_at: object.modified_at,
                name,
            }));
        };
        store.list_objects(folder, None, &mut found).await?;
        Ok(listed)
    }

    /// Reads the ledgers in the document.
    ///
    /// # Errors
    /// [`ReadLedgersError`]
    pub async fn read(&self, store: &dyn ObjectStore) -> Result<Vec<Ledger>, ReadLedgersError> {
        let damaged = |why| ReadLedgersError::Damaged {
            place: store.place(&self.key),
            why,
        };
        let found = store.get_if_changed(&self.key, None).await?;
        let ConditionalRead::Content(text, _) = found else {
            return Err(damaged("it is missing".to_owned()));
        };
        let ledgers = match &self.name {
            DocumentName::Group => ledgers_of_group(&text),
            DocumentName::Own(shard) => {
                let ledger = Ledger::parse(&text).and_then(|ledger| ledger.check(shard));
                ledger.map(|ledger| vec![ledger])
            }
        };
        ledgers.map_err(|error| damaged(error.to_string()))
    }
}

/// Reads what all ledgers in `folder`, which ends with a slash, have committed. Each document is read once, this many at
/// once. Those that have committed nothing are left out.
///
/// # Errors
/// [`ReadLedgersError`]
pub async fn read_heads(
    store: &dyn ObjectStore,
    folder: &str,
    reads_at_once: usize,
) -> Result<BTreeMap<ShardId, LedgerHead>, ReadLedgersError> {
    let documents = ListedDocument::list(store, folder).await?;
    let reads = documents.iter().map(async |document| {
        let ledgers = document.read(store).await?;
        Ok::<_, ReadLedgersError>((document, ledgers))
    });
    let reads = stream::iter(reads.collect::<Vec<_>>());
    let mut reads = reads.buffer_unordered(reads_at_once.max(1));
    let mut heads = BTreeMap::<ShardId, (LedgerHead, &str)>::new();
    while let Some((document, ledgers)) = reads.try_next().await? {
        for head in ledgers.iter().filter_map(LedgerHead::of) {
            let shard = head.shard.clone();
            let other = heads.insert(shard.clone(), (head, &document.key));
            if let Some((_, other)) = other {
                let place = store.place(&document.key);
                return Err(ReadLedgersError::in_two_documents(place, &shard, other));
            }
        }
    }
    drop(reads);
    let heads = heads.into_iter().map(|(shard, (head, _))| (shard, head));
    Ok(heads.collect())
}
