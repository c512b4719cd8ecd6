//! The lists and the claims of redrives in a lake.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, NewObject, ObjectStore, Payload};
use thiserror::Error;

use super::claim::Claim;
use super::document::{RedriveDocument, RedriveId};
use super::names::{CLAIMS, LISTS, claim_key};

/// A larger list is not written or read. One of half a million objects has as much.
const LIST_MAX_BYTES: usize = 256 << 20;

/// A larger claim is not read.
pub const CLAIM_MAX_BYTES: usize = 64 << 10;

/// The lists and the claims of a lake.
#[derive(Clone, Debug)]
pub struct RedriveStore {
    store: Arc<dyn ObjectStore>,
    reads_at_once: usize,
}

/// What a lake has of redrives, by the names of its documents.
#[derive(Debug, Default)]
pub struct StoredRedrives {
    /// The redrives with a list.
    pub redrives: BTreeSet<RedriveId>,
    /// The keys of all claims.
    claims: HashSet<String>,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The object belongs to the redrive that asked for it.
    Own,
    /// It belongs to another one.
    ByOther(RedriveId),
}

/// Why lists and claims cannot be read or written.
#[derive(Debug, Error)]
pub enum RedriveStoreError {
    /// The lake cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A document cannot be used.
    #[error("{place} is not a valid document of a redrive: {why}; restore it as it was written")]
    Damaged {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A redrive has a ledger, and its list is gone.
    #[error(
        "{0} does not exist, and the ledger of its redrive does, so nobody knows what it has landed; restore it as it was \
         written"
    )]
    NoList(String),
    /// Another process has just begun a redrive with the same id.
    #[error(
        "another process has just begun the redrive {0}; give --id {0} once more to continue it, or another id"
    )]
    Exists(RedriveId),
    /// A list is too long to be one document.
    #[error(
        "{0} objects of quarantine are too many for one redrive; take a part of them with --reason, --shard, --from \
         or --to, and the others with further redrives"
    )]
    TooLarge(usize),
    /// An object whose name does not say that it is one of quarantine.
    #[error("{0} is not an object of quarantine")]
    NoObject(String),
}

impl StoredRedrives {
    /// Whether there is no redrive and no claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.redrives.is_empty() && self.claims.is_empty()
    }

    /// Whether a redrive has claimed an object of quarantine.
    #[must_use]
    pub fn is_claimed(&self, object: &str) -> bool {
        claim_key(object).is_some_and(|key| self.claims.contains(&key))
    }
}

fn json(bytes: Vec<u8>) -> NewObject<'static> {
    NewObject::plain(Payload {
        bytes: bytes.into(),
        content_type: Some("application/json"),
    })
}

impl RedriveStore {
    /// Those of the lake whose root is `store`. This many claims are read at once.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, reads_at_once: usize) -> Self {
        Self {
            store,
            reads_at_once: reads_at_once.max(1),
        }
    }

    /// The store of the lake.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Lists all redrives and claims, without reading them. Files that Sluice has not written are left out.
    ///
    /// The claims are listed first. A redrive writes its list before it claims anything, so the list of each claim that is
    /// found is found too.
    ///
    /// # Errors
    /// The lake cannot be listed.
    pub async fn list(&self) -> Result<StoredRedrives, StorageError> {
        let mut stored = StoredRedrives::default();
        let claims = format!("{LISTS}{CLAIMS}");
        let mut found = |name: &str| {
            stored.claims.insert(format!("{claims}{name}"));
        };
        self.store.list(&claims, &mut found).await?;
        let mut found = |name: &str| {
            let id = name.strip_suffix(".json");
            stored
                .redrives
                .extend(id.and_then(|id| id.parse::<RedriveId>().ok()));
        };
        self.store.list(LISTS, &mut found).await?;
        Ok(stored)
    }

    /// Reads the list of a redrive; `None` if there is no such redrive.
    ///
    /// # Errors
    /// [`RedriveStoreError::Storage`] and [`RedriveStoreError::Damaged`]
    pub async fn read(&self, id: &RedriveId) -> Result<Option<RedriveDocument>, RedriveStoreError> {
        let key = id.key();
        let text = match self.store.get(&key, LIST_MAX_BYTES).await? {
            Found::Nothing => return Ok(None),
            Found::Content(text) => text,
            Found::TooLarge(bytes) => return Err(self.too_large(&key, bytes, LIST_MAX_BYTES)),
        };
        match RedriveDocument::parse(&text) {
            Ok(document) if document.id == *id => Ok(Some(document)),
            Ok(document) => {
                Err(self.damaged(&key, format!("it is that of the redrive {}", document.id)))
            }
            Err(error) => Err(self.damaged(&key, error.to_string())),
        }
    }

    /// Writes the list of a new redrive.
    ///
    /// # Errors
    /// [`RedriveStoreError::Exists`], [`RedriveStoreError::TooLarge`] and [`RedriveStoreError::Storage`]
    pub async fn create(&self, document: &RedriveDocument) -> Result<(), RedriveStoreError> {
        let text = document.json();
        if text.len() > LIST_MAX_BYTES {
            return Err(RedriveStoreError::TooLarge(document.objects.len()));
        }
        let key = document.id.key();
        let put = self.store.put_if_absent(&key, json(text));
        put.await.map_err(|error| match error.is_conflict() {
            true => RedriveStoreError::Exists(document.id.clone()),
            false => error.into(),
        })
    }

    /// Claims an object of quarantine for a redrive, unless another one has claimed it.
    ///
    /// # Errors
    /// [`RedriveStoreError::Storage`] and [`RedriveStoreError::Damaged`]
    pub async fn claim(&self, id: &RedriveId, object: &str) -> Result<Claimed, RedriveStoreError> {
        let claim = Claim::new(id.clone(), object);
        let key = self.claim_key(object)?;
        match self.store.put_if_absent(&key, json(claim.json())).await {
            Ok(()) => return Ok(Claimed::Own),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
        match self.owner(object).await? {
            Some(owner) if owner == *id => Ok(Claimed::Own),
            Some(owner) => Ok(Claimed::ByOther(owner)),
            None => Err(self.damaged(&key, "it was there a moment ago and is gone".into())),
        }
    }

    /// The redrive that has claimed an object of quarantine.
    ///
    /// # Errors
    /// [`RedriveStoreError::Storage`] and [`RedriveStoreError::Damaged`]
    pub async fn owner(&self, object: &str) -> Result<Option<RedriveId>, RedriveStoreError> {
        let key = self.claim_key(object)?;
        match self.store.get(&key, CLAIM_MAX_BYTES).await? {
            Found::Nothing => Ok(None),
            Found::TooLarge(bytes) => Err(self.too_large(&key, bytes, CLAIM_MAX_BYTES)),
            Found::Content(text) => match Claim::parse_of(object, &text) {
                Ok(claim) => Ok(Some(claim.redrive)),
                Err(error) => Err(self.damaged(&key, error.to_string())),
            },
        }
    }

    /// The redrives that have claimed objects of quarantine, by the keys of the objects. Objects that none has claimed are
    /// left out.
    ///
    /// # Errors
    /// [`RedriveStoreError::Storage`] and [`RedriveStoreError::Damaged`]
    pub async fn owners(
        &self,
        objects: impl IntoIterator<Item = &str>,
    ) -> Result<BTreeMap<String, RedriveId>, RedriveStoreError> {
        let reads = objects.into_iter().map(async |object| {
            let owner = self.owner(object).await?;
            Ok::<_, RedriveStoreError>(owner.map(|owner| (object.to_owned(), owner)))
        });
        let reads = stream::iter(reads.collect::<Vec<_>>());
        let mut reads = reads.buffer_unordered(self.reads_at_once);
        let mut owners = BTreeMap::new();
        while let Some(owner) = reads.try_next().await? {
            owners.extend(owner);
        }
        Ok(owners)
    }

    fn claim_key(&self, object: &str) -> Result<String, RedriveStoreError> {
        let place = || RedriveStoreError::NoObject(self.store.place(object));
        claim_key(object).ok_or_else(place)
    }

    fn damaged(&self, key: &str, why: String) -> RedriveStoreError {
        let place = self.store.place(key);
        RedriveStoreError::Damaged { place, why }
    }

    fn too_large(&self, key: &str, bytes: u64, max: usize) -> RedriveStoreError {
        self.damaged(key, format!("it has {bytes} bytes, at most {max} are read"))
    }
}

#[cfg(test)]
mod tests {
    use sluice_storage::folder::FolderStore;

    use super::*;

    const OBJECT: &str = "_sluice/quarantine/reason=trap/\
                          s-00000000000000000001-00000000000000000009-0123abcd.ndjson.zst";

    fn id(text: &str) -> RedriveId {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_object_belongs_to_the_first_redrive_that_claims_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FolderStore::shared(folder.path().to_owned()));
        let redrives = RedriveStore::new(store, 4);
        assert_eq!(redrives.owner(OBJECT).await.unwrap(), None);
        for _ in 0..2 {
            let claimed = redrives.claim(&id("one"), OBJECT).await.unwrap();
            assert_eq!(claimed, Claimed::Own);
        }
        let claimed = redrives.claim(&id("two"), OBJECT).await.unwrap();
        assert_eq!(claimed, Claimed::ByOther(id("one")));
        let other = OBJECT.replace("trap", "other");
        let owners = redrives.owners([OBJECT, other.as_str()]).await.unwrap();
        assert_eq!(owners, BTreeMap::from([(OBJECT.to_owned(), id("one"))]));
        let stored = redrives.list().await.unwrap();
        assert!(stored.is_claimed(OBJECT) && !stored.is_claimed(&other));
        assert!(stored.redrives.is_empty());
    }

    #[tokio::test]
    async fn a_damaged_claim_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FolderStore::shared(folder.path().to_owned()));
        let key = claim_key(OBJECT).unwrap();
        let wrong = json(b"{}".to_vec());
        store.put_if_absent(&key, wrong).await.unwrap();
        let redrives = RedriveStore::new(store, 4);
        let error = redrives.claim(&id("one"), OBJECT).await.unwrap_err();
        assert!(error.to_string().contains(&key), "{error}");
    }
}
