//! Finds the ledgers that have committed more than the table has.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::{ConditionalRead, ListedObject};

use super::{NewsError, NewsReader};
use crate::layout::object_key::{ChunkName, METADATA_FOLDER};
use crate::ledger::groups::ledgers_of_group;
use crate::ledger::{DocumentName, Ledger, Range};
use crate::table::watermark::Watermark;

/// What a ledger has committed.
#[derive(Clone, Debug)]
pub(super) struct LedgerHead {
    pub(super) shard: ShardId,
    /// The last committed record.
    pub(super) last: SequenceNumber,
    /// The number of committed records.
    pub(super) records: u64,
    given_up: Vec<Range>,
}

/// A ledger with news.
#[derive(Debug)]
pub(super) struct NewLedger {
    pub(super) head: LedgerHead,
    /// The key of its document below the lake.
    pub(super) document: String,
}

/// The ledgers of a lake.
#[derive(Debug)]
pub(super) struct NewLedgers {
    /// The tags of all documents, by their keys below the lake.
    pub(super) tags: BTreeMap<String, String>,
    /// The ledgers with news.
    pub(super) heads: BTreeMap<ShardId, NewLedger>,
}

/// The documents that were read, by their keys below the lake.
pub(super) type KnownDocuments = HashMap<String, KnownDocument>;

/// A document that was read.
#[derive(Debug)]
pub(super) struct KnownDocument {
    tag: String,
    /// Its ledgers that had news.
    heads: Vec<LedgerHead>,
}

/// A document in the list.
#[derive(Debug)]
struct ListedDocument {
    key: String,
    tag: String,
    name: DocumentName,
}

impl LedgerHead {
    fn of(ledger: &Ledger) -> Option<Self> {
        let committed = ledger.committed()?;
        Some(Self {
            shard: ledger.shard().clone(),
            last: committed.last,
            records: committed.records,
            given_up: ledger.given_up().collect(),
        })
    }

    /// Whether a run has given up the range of this name, so that it is no chunk whatever exists of it.
    #[must_use]
    pub(super) fn has_given_up(&self, name: ChunkName) -> bool {
        let mut ranges = self.given_up.iter();
        ranges.any(|range| (range.first, range.last) == (name.first, name.last))
    }
}

impl NewsReader {
    /// Lists the ledgers, and reads those that have changed.
    ///
    /// # Errors
    /// A ledger cannot be read, or the lake is not that of the table.
    pub(super) async fn read_ledgers(
        &mut self,
        since: &Watermark,
    ) -> Result<NewLedgers, NewsError> {
        let listed = self.list_documents().await?;
        let tags: BTreeMap<_, _> = listed
            .iter()
            .map(|document| (document.key.clone(), document.tag.clone()))
            .collect();
        if let Some(missing) = since.ledgers.keys().find(|key| !tags.contains_key(*key)) {
            let place = self.lake.place(missing);
            return Err(NewsError::MissingLedger { place });
        }
        // Those of which the watermark says that there is nothing new in them.
        let (done, others): (Vec<_>, Vec<_>) = listed
            .iter()
            .partition(|document| is_tag(since.ledgers.get(&document.key), &document.tag));
        let (known, unread): (Vec<_>, Vec<_>) = others.iter().copied().partition(|document| {
            let known = self.documents.get(&document.key);
            is_tag(known.map(|known| &known.tag), &document.tag)
        });
        let grouped = self.read_documents(&unread, since).await?;
        let mut unchanged = done.iter().chain(&known);
        if !unchanged.any(|document| document.name == DocumentName::Group) {
            check_shards(since, &listed, &grouped)?;
        }
        self.documents.retain(|key, _| tags.contains_key(key));
        let heads = self.heads(&others, since)?;
        Ok(NewLedgers { tags, heads })
    }

    async fn list_documents(&self) -> Result<Vec<ListedDocument>, NewsError> {
        let folder = format!("{METADATA_FOLDER}/ledger/");
        let mut listed = Vec::new();
        let mut found = |object: ListedObject<'_>| {
            let name = DocumentName::parse(object.key);
            listed.extend(name.map(|name| ListedDocument {
                key: format!("{folder}{}", object.key),
                tag: object.tag,
                name,
            }));
        };
        self.lake.list_objects(&folder, None, &mut found).await?;
        Ok(listed)
    }

    /// Reads documents, and remembers their ledgers with news. Returns the shards of the groups among them.
    async fn read_documents(
        &mut self,
        documents: &[&ListedDocument],
        since: &Watermark,
    ) -> Result<HashSet<ShardId>, NewsError> {
        let (mut grouped, mut known) = (HashSet::new(), Vec::new());
        let reads = documents.iter().map(|document| self.ledgers_of(document));
        let reads = stream::iter(reads.collect::<Vec<_>>());
        let mut reads = reads.buffered(self.reads_at_once);
        while let Some((document, ledgers)) = reads.try_next().await? {
            let mut heads = Vec::new();
            for ledger in &ledgers {
                let committed = ledger.committed().map(|committed| committed.last);
                if is_news(since, ledger.shard(), committed)? {
                    heads.extend(LedgerHead::of(ledger));
                }
            }
            let tag = document.tag.clone();
            known.push((document.key.clone(), KnownDocument { tag, heads }));
            if document.name == DocumentName::Group {
                grouped.extend(ledgers.iter().map(|ledger| ledger.shard().clone()));
            }
        }
        drop(reads);
        self.documents.extend(known);
        Ok(grouped)
    }

    /// Reads the ledgers in a document.
    async fn ledgers_of<'a>(
        &self,
        document: &'a ListedDocument,
    ) -> Result<(&'a ListedDocument, Vec<Ledger>), NewsError> {
        let damaged = |why| NewsError::Ledger {
            place: self.lake.place(&document.key),
            why,
        };
        let found = self.lake.get_if_changed(&document.key, None).await?;
        let ConditionalRead::Content(text, _) = found else {
            return Err(damaged("it is missing".to_owned()));
        };
        let ledgers = match &document.name {
            DocumentName::Group => ledgers_of_group(&text),
            DocumentName::Own(shard) => {
                let ledger = Ledger::parse(&text).and_then(|ledger| ledger.check(shard));
                ledger.map(|ledger| vec![ledger])
            }
        };
        let ledgers = ledgers.map_err(|error| damaged(error.to_string()))?;
        Ok((document, ledgers))
    }

    /// The ledgers with news in documents that have been read.
    fn heads(
        &self,
        documents: &[&ListedDocument],
        since: &Watermark,
    ) -> Result<BTreeMap<ShardId, NewLedger>, NewsError> {
        let mut heads = BTreeMap::<ShardId, NewLedger>::new();
        for ListedDocument { key, .. } in documents {
            let known = self.documents.get(key).into_iter();
            for head in known.flat_map(|known| &known.heads) {
                if !is_news(since, &head.shard, Some(head.last))? {
                    continue;
                }
                let (head, document) = (head.clone(), key.clone());
                let shard = head.shard.clone();
                let other = heads.insert(shard.clone(), NewLedger { head, document });
                if let Some(other) = other {
                    return Err(NewsError::Ledger {
                        place: self.lake.place(key),
                        why: format!(
                            "it has the ledger of shard {shard}, which {} has too",
                            other.document
                        ),
                    });
                }
            }
        }
        Ok(heads)
    }
}

/// Whether a document still has a tag.
fn is_tag(known: Option<&String>, listed: &String) -> bool {
    known == Some(listed) && !listed.is_empty()
}

/// Whether a ledger has committed more than the table has.
///
/// # Errors
/// It has committed less.
fn is_news(
    since: &Watermark,
    shard: &ShardId,
    committed: Option<SequenceNumber>,
) -> Result<bool, NewsError> {
    let mark = since.shards.get(shard).map(|mark| mark.last);
    match mark {
        Some(mark) if committed < Some(mark) => Err(NewsError::Behind {
            shard: shard.clone(),
            mark,
            committed,
        }),
        mark => Ok(committed > mark),
    }
}

/// Checks that the lake has a ledger of each shard of the table. `grouped` are the shards of all groups.
///
/// # Errors
/// It has none.
fn check_shards(
    since: &Watermark,
    listed: &[ListedDocument],
    grouped: &HashSet<ShardId>,
) -> Result<(), NewsError> {
    let own = listed.iter().filter_map(|document| match &document.name {
        DocumentName::Own(shard) => Some(shard),
        DocumentName::Group => None,
    });
    let own: HashSet<_> = own.collect();
    let mut shards = since.shards.keys();
    let gone = shards.find(|shard| !own.contains(shard) && !grouped.contains(*shard));
    gone.map_or(Ok(()), |shard| {
        let shard = shard.clone();
        Err(NewsError::UnknownShard { shard })
    })
}
