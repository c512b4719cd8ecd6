//! Reads and writes the documents of groups.

use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::{ConditionalRead, Payload, Version};

use super::error::GroupError;
use super::known::Document;
use super::{LedgerGroups, key, locked};
use crate::ledger::LedgerError;
use crate::ledger::group::LedgerGroup;

impl LedgerGroups {
    /// The document of the group at an index: as it is known, or as it is read.
    pub(super) async fn document(&self, at: usize) -> Result<Document, GroupError> {
        let known = || locked(&self.known).groups.get(at).cloned();
        let Some(group) = known() else {
            return Ok(Document {
                group: Arc::new(LedgerGroup::new()),
                version: None,
            });
        };
        if let Some(document) = group.document {
            return Ok(document);
        }
        let _only_one = self.reader.lock().await;
        if let Some(document) = known().and_then(|group| group.document) {
            return Ok(document);
        }
        let document = self.read_existing(at).await?;
        Ok(locked(&self.known).set_if_forgotten(at, document))
    }

    /// Reads the group at an index again, and all that are newer, after another process has written it.
    pub(super) async fn read_again(&self, at: usize) -> Result<(), GroupError> {
        let document = self.read_existing(at).await?;
        locked(&self.known).set(at, document);
        self.read_newer().await
    }

    pub(super) async fn read_newer(&self) -> Result<(), GroupError> {
        loop {
            let next = locked(&self.known).groups.len();
            let Some(document) = self.read_document(next).await? else {
                return Ok(());
            };
            locked(&self.known).set(next, document);
        }
    }

    /// Checks that no earlier group has a ledger of a group that was read.
    pub(super) fn check_only_one(&self, at: usize, document: &Document) -> Result<(), GroupError> {
        let known = locked(&self.known);
        let mut shards = document.group.shards();
        let twice = shards.find_map(|shard| {
            let earlier = known
                .by_shard
                .get(shard)
                .filter(|earlier| **earlier != at)?;
            Some((shard, *earlier))
        });
        twice.map_or(Ok(()), |(shard, earlier)| {
            Err(GroupError::Damaged {
                place: self.store.place(&key(at)),
                why: format!(
                    "it has the ledger of shard {shard}, which {} has too; the store has not kept the condition of a \
                     write, or a document was copied",
                    key(earlier)
                ),
            })
        })
    }

    pub(super) async fn read_existing(&self, at: usize) -> Result<Document, GroupError> {
        let found = self.read_document(at).await?;
        found.ok_or_else(|| GroupError::Damaged {
            place: self.store.place(&key(at)),
            why: "it is missing".to_owned(),
        })
    }

    pub(super) async fn read_document(&self, at: usize) -> Result<Option<Document>, GroupError> {
        match self.store.get_if_changed(&key(at), None).await? {
            ConditionalRead::Content(text, version) => {
                let group = LedgerGroup::parse(&text);
                let group = group.map_err(|error| self.damaged(at, &error))?;
                Ok(Some(Document {
                    group: Arc::new(group),
                    version: Some(version),
                }))
            }
            ConditionalRead::Nothing | ConditionalRead::Unchanged => Ok(None),
        }
    }

    pub(super) async fn swap(
        &self,
        at: usize,
        group: LedgerGroup,
        seen: Option<Version>,
    ) -> Result<Document, GroupError> {
        let text = group.text().map_err(|error| self.damaged(at, &error))?;
        let payload = Payload {
            bytes: text.into(),
            content_type: Some("application/json"),
        };
        let key = key(at);
        let swapped = self.store.compare_and_swap(&key, payload, seen.as_ref());
        Ok(Document {
            version: Some(swapped.await?),
            group: Arc::new(group),
        })
    }

    pub(super) fn damaged(&self, at: usize, error: &LedgerError) -> GroupError {
        GroupError::Damaged {
            place: self.store.place(&key(at)),
            why: error.to_string(),
        }
    }

    pub(super) fn damaged_ledger(
        &self,
        at: usize,
        shard: &ShardId,
        error: &LedgerError,
    ) -> GroupError {
        GroupError::Damaged {
            place: self.store.place(&key(at)),
            why: format!("the ledger of shard {shard}: {error}"),
        }
    }
}
