//! Finds the ledgers that have committed more than the table has.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};

use super::{NewsError, NewsReader};
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::heads::{LedgerHead, ListedDocument, ReadLedgersError};
use crate::ledger::{DocumentName, Ledger};
use crate::table::watermark::Watermark;

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

impl NewsReader {
    /// Lists the ledgers, and reads those that have changed.
    ///
    /// # Errors
    /// A ledger cannot be read, or the lake is not that of the table.
    pub(super) async fn read_ledgers(
        &mut self,
        since: &Watermark,
    ) -> Result<NewLedgers, NewsError> {
        let folder = format!("{METADATA_FOLDER}/ledger/");
        let listed = ListedDocument::list(self.lake.as_ref(), &folder).await?;
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
        Ok((document, document.read(self.lake.as_ref()).await?))
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
                    let place = self.lake.place(key);
                    let other = &other.document;
                    return Err(ReadLedgersError::in_two_documents(place, &shard, other).into());
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
