//! What one list of the manifests of a shard has.

use sluice_storage::error::StorageError;
use sluice_storage::object_store::{ListedObject, ObjectStore};

use super::{ListedManifest, ManifestList, Wanted};
use crate::layout::object_key::ChunkName;
use crate::ledger::heads::LedgerHead;

/// The manifests of committed chunks that a list has.
pub(super) struct Listing<'a> {
    pub(super) head: &'a LedgerHead,
    pub(super) wanted: Wanted,
    /// Twice the wanted ones at most.
    newest: Vec<ListedManifest>,
    pub(super) oldest: Option<ListedManifest>,
    pub(super) count: usize,
    /// Those that were put recently enough.
    recent: usize,
    /// Whether there are names behind those that were listed.
    pub(super) has_more: bool,
}

impl<'a> Listing<'a> {
    pub(super) fn new(head: &'a LedgerHead, wanted: Wanted) -> Self {
        Self {
            head,
            wanted,
            newest: Vec::new(),
            oldest: None,
            count: 0,
            recent: 0,
            has_more: false,
        }
    }

    /// Lists the first names behind one, with one request.
    pub(super) async fn of_page(
        store: &dyn ObjectStore,
        head: &'a LedgerHead,
        wanted: Wanted,
        after: Option<&str>,
    ) -> Result<Self, StorageError> {
        let mut listing = Self::new(head, wanted);
        let folder = ChunkName::manifest_folder(&head.shard);
        let mut found = |object: ListedObject<'_>| listing.add_object(&object);
        let has_more = store.list_page(&folder, after, &mut found).await?;
        listing.has_more = has_more;
        listing.keep_newest();
        Ok(listing)
    }

    /// Lists all names behind one.
    pub(super) async fn of_all(
        store: &dyn ObjectStore,
        head: &'a LedgerHead,
        wanted: Wanted,
        after: Option<&str>,
    ) -> Result<Self, StorageError> {
        let mut listing = Self::new(head, wanted);
        let folder = ChunkName::manifest_folder(&head.shard);
        let mut found = |object: ListedObject<'_>| listing.add_object(&object);
        store.list_objects(&folder, after, &mut found).await?;
        listing.keep_newest();
        Ok(listing)
    }

    fn add_object(&mut self, object: &ListedObject<'_>) {
        let head = self.head;
        let parsed = ChunkName::parse_manifest(&format!("{}/{}", head.shard, object.key));
        let Some((_, name)) = parsed else {
            return;
        };
        let behind = self.wanted.behind;
        let is_behind = behind.is_none_or(|behind| name.first > behind);
        let is_committed = name.last <= head.last && !head.has_given_up(name.first, name.last);
        if is_behind && is_committed {
            let put_at = object.modified_at;
            self.add(ListedManifest { name, put_at });
        }
    }

    pub(super) fn add(&mut self, listed: ListedManifest) {
        self.count += 1;
        self.recent += usize::from(listed.put_at >= self.wanted.since);
        let oldest = self.oldest.as_ref();
        if oldest.is_none_or(|oldest| listed.name < oldest.name) {
            self.oldest = Some(listed.clone());
        }
        self.newest.push(listed);
        if self.newest.len() > 2 * self.wanted.most {
            self.keep_newest();
        }
    }

    fn keep_newest(&mut self) {
        self.newest.sort_unstable_by_key(|listed| listed.name);
        let excess = self.newest.len().saturating_sub(self.wanted.most);
        self.newest.drain(..excess);
    }

    /// The oldest and the newest of the newest ones, as many as are wanted at most.
    pub(super) fn ends_of_newest(&self) -> Option<(ChunkName, ChunkName)> {
        Some((self.newest.first()?.name, self.newest.last()?.name))
    }

    /// Whether no older manifest is wanted.
    pub(super) fn is_enough(&self) -> bool {
        let oldest = self.oldest.as_ref();
        let begins_before = oldest.is_some_and(|oldest| oldest.put_at < self.wanted.since);
        begins_before || self.count >= self.wanted.most
    }

    /// What it has of those that are wanted.
    pub(super) fn list(mut self, has_older: bool) -> ManifestList {
        self.keep_newest();
        let since = self.wanted.since;
        self.newest.retain(|listed| listed.put_at >= since);
        ManifestList {
            newest: self.newest,
            all: self.recent,
            has_older,
        }
    }
}
