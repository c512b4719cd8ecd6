//! The lease of a shard that a worker holds.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval_at};

use super::LOOKS_PER_LEASE;
use crate::ledger::Ledger;
use crate::ledger::s3::S3Ledger;
use crate::ledger::store::{LedgerStore, StoreError};

/// A lease that its holder renews. A ledger in a folder has none.
pub(super) struct Lease {
    ledger: Option<Arc<S3Ledger>>,
    duration: Duration,
    /// Who has asked for the shard, and since when.
    wish: Option<(String, Instant)>,
}

impl Lease {
    /// The lease in a ledger that is held.
    pub(super) fn new(ledger: &LedgerStore, duration: Duration) -> Self {
        Self {
            ledger: match ledger {
                LedgerStore::S3(ledger) => Some(ledger.clone()),
                LedgerStore::File(_) => None,
            },
            duration,
            wish: None,
        }
    }

    /// Shows the other workers that the shard is worked on; returns only when that cannot be done any
    /// more, and why.
    pub(super) async fn keep(mut self) -> StoreError {
        let Some(ledger) = self.ledger.take() else {
            return pending().await;
        };
        let every = self.duration / LOOKS_PER_LEASE;
        let mut renewals = interval_at(tokio::time::Instant::now() + every, every);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            renewals.tick().await;
            let stale = self.has_stale_wish(&ledger.ledger().await);
            let renew = |ledger: &Ledger| {
                Ok(if stale {
                    ledger.unwanted()
                } else {
                    ledger.clone()
                })
            };
            if let Err(error) = ledger.step(renew).await {
                return error;
            }
        }
    }

    /// Whether who asked for the shard did so longer than a lease ago, and may be gone.
    fn has_stale_wish(&mut self, ledger: &Ledger) -> bool {
        let asker = ledger.lease().and_then(|lease| lease.requested_by.clone());
        match (&self.wish, asker) {
            (Some((known, since)), Some(asker)) if *known == asker => {
                since.elapsed() >= self.duration
            }
            (_, asker) => {
                self.wish = asker.map(|asker| (asker, Instant::now()));
                false
            }
        }
    }
}
