//! A ledger that is owned through a lease in itself and changed only by compare-and-swap. Every write
//! carries a nonce: if the answer to a write was lost, reading the object back tells whether the write
//! succeeded.

use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;
use tokio::sync::Mutex;

use super::document::LedgerDocument;
use super::error::StoreError;
use super::groups::LedgerGroups;
use super::lease::{Lease, Resolved, Swap, Versioned};
use super::{Ledger, LedgerError};

/// The location of a ledger that is owned through a lease.
#[derive(Clone, Debug)]
pub struct LedgerLocation(LedgerDocument);

/// The ledger of one shard that this process owns until another process takes it.
#[derive(Debug)]
pub struct S3Ledger {
    location: LedgerLocation,
    lease: Mutex<Lease>,
}

/// The answer to a conditional write.
enum Answer {
    /// It succeeded, with this `ETag`.
    Done(String),
    /// The precondition failed: the object is another version, this one.
    Conflict(Box<Versioned>),
}

impl S3Ledger {
    /// Takes the shard. Its previous owner is fenced out: it cannot take a step any more.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if another process took it at the same moment.
    pub async fn take(
        location: LedgerLocation,
        shard: &ShardId,
        owner: &str,
    ) -> Result<Self, StoreError> {
        let found = location.read(shard).await?;
        Self::take_from(location, owner, found).await
    }

    /// Takes the shard if its ledger still is the version that was found.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if it has changed since.
    pub async fn take_from(
        location: LedgerLocation,
        owner: &str,
        found: Versioned,
    ) -> Result<Self, StoreError> {
        let assigned = found.ledger.assign_to(owner);
        let known = location.swap(assigned, found.etag).await?;
        Ok(Self {
            location,
            lease: Mutex::new(Lease::new(owner, known)),
        })
    }

    /// Opens the ledger without a write. The first step takes the shard, and only if the ledger has not
    /// changed since it was found.
    #[must_use]
    pub fn acquire(location: LedgerLocation, owner: &str, found: Versioned) -> Self {
        Self {
            location,
            lease: Mutex::new(Lease::acquire(owner, found)),
        }
    }

    /// The last known ledger.
    pub async fn ledger(&self) -> Ledger {
        self.lease.lock().await.known().ledger.clone()
    }

    /// Writes the ledger that `step` makes of the last known one.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if another process has taken over the shard.
    pub async fn step(
        &self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Result<(), StoreError> {
        let mut lease = self.lease.lock().await;
        loop {
            let swap = lease.swap(&step, nonce())?;
            match self.location.write(&swap).await? {
                Answer::Done(etag) => {
                    lease.done(swap, Some(etag));
                    return Ok(());
                }
                Answer::Conflict(found) => match lease.resolve_conflict(&swap, *found)? {
                    Resolved::Done => return Ok(()),
                    Resolved::Retry => {}
                },
            }
        }
    }
}

impl LedgerLocation {
    /// The ledger at `key` of a store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, key: String) -> Self {
        Self(LedgerDocument::Own { store, key })
    }

    /// The ledger in the groups of a lake.
    #[must_use]
    pub fn in_groups(groups: Arc<LedgerGroups>) -> Self {
        Self(LedgerDocument::Grouped(groups))
    }

    /// Reads the ledger of `shard`, which is new if there is no object.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub async fn read(&self, shard: &ShardId) -> Result<Versioned, StoreError> {
        self.0.read(shard).await
    }

    /// Writes `next` if the object still is the version `etag`.
    ///
    /// # Errors
    /// [`StoreError::Lost`] and [`StoreError::Storage`].
    pub async fn swap(&self, next: Ledger, etag: Option<String>) -> Result<Versioned, StoreError> {
        let swap = Swap::new(next, etag, nonce());
        match self.write(&swap).await? {
            Answer::Done(etag) => Ok(swap.done(Some(etag))),
            Answer::Conflict(found) => Ok(swap.resolve(*found)?),
        }
    }

    async fn write(&self, swap: &Swap) -> Result<Answer, StoreError> {
        match self.0.write(&swap.next, swap.seen.as_deref()).await {
            Ok(etag) => Ok(Answer::Done(etag)),
            Err(error) if error.is_conflict() => {
                let found = self.read(swap.next.shard()).await?;
                Ok(Answer::Conflict(Box::new(found)))
            }
            Err(error) => Err(error),
        }
    }
}

fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}
