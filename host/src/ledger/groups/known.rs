//! The groups as this process knows them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::Version;

use crate::ledger::group::LedgerGroup;

/// The groups whose documents are kept in memory, some megabytes. The others are read again when they are needed.
pub(super) const GROUPS_KEPT: usize = 64;

/// The groups by their index, which is their number less one.
#[derive(Debug, Default)]
pub(super) struct KnownGroups {
    pub(super) groups: Vec<KnownGroup>,
    pub(super) by_shard: HashMap<ShardId, usize>,
    /// The indexes of groups in memory, the oldest first.
    pub(super) kept: VecDeque<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct KnownGroup {
    pub(super) is_full: bool,
    /// The document, if it is kept.
    pub(super) document: Option<Document>,
}

/// A group in one version; a group that does not exist yet has none.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) group: Arc<LedgerGroup>,
    pub(super) version: Option<Version>,
}

impl KnownGroups {
    /// The group that has the ledger of a shard, or gets it if it is new: the last one, or the next if that is full.
    pub(super) fn place_of(&self, shard: &ShardId) -> usize {
        let after_full = |groups: &[KnownGroup]| match groups.last() {
            Some(last) if !last.is_full => groups.len() - 1,
            _ => groups.len(),
        };
        let known = self.by_shard.get(shard).copied();
        known.unwrap_or_else(|| after_full(&self.groups))
    }

    pub(super) fn set(&mut self, at: usize, document: Document) {
        for shard in document.group.shards() {
            self.by_shard.entry(shard.clone()).or_insert(at);
        }
        let known = KnownGroup {
            is_full: document.group.is_full(),
            document: Some(document),
        };
        match self.groups.get_mut(at) {
            Some(group) => *group = known,
            None => self.groups.push(known),
        }
        self.kept.retain(|kept| *kept != at);
        self.kept.push_back(at);
        if self.kept.len() > GROUPS_KEPT {
            let oldest = self.kept.pop_front();
            oldest.into_iter().for_each(|oldest| self.forget(oldest));
        }
    }

    /// Keeps a document that was read, unless another one is kept by now, which may be newer. Returns what is kept.
    pub(super) fn set_if_forgotten(&mut self, at: usize, document: Document) -> Document {
        let kept = self.groups.get(at).and_then(|group| group.document.clone());
        kept.unwrap_or_else(|| {
            self.set(at, document.clone());
            document
        })
    }

    /// Reads the document again when it is needed.
    pub(super) fn forget(&mut self, at: usize) {
        if let Some(group) = self.groups.get_mut(at) {
            group.document = None;
        }
    }
}
