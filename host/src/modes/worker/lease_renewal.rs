//! The renewal of a lease while its shard is worked on. It also says how far the shard is committed, so
//! that other workers know without reading the shard.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval_at};

use super::POLLS_PER_LEASE;
use crate::ledger::Ledger;
use crate::ledger::s3::S3Ledger;
use crate::ledger::store::{LedgerStore, StoreError};
use crate::source::read_meter::ReadMeter;

/// Renews the lease of one shard. A ledger in a folder has a lock instead, which needs no renewal.
pub(super) struct LeaseRenewal {
    ledger: Option<Arc<S3Ledger>>,
    duration: Duration,
    /// Which worker has requested the shard, and since when.
    request: Option<(String, Instant)>,
    meter: ReadMeter,
}

impl LeaseRenewal {
    pub(super) fn new(ledger: &LedgerStore, duration: Duration, meter: ReadMeter) -> Self {
        Self {
            ledger: match ledger {
                LedgerStore::S3(ledger) => Some(ledger.clone()),
                LedgerStore::File(_) => None,
            },
            duration,
            request: None,
            meter,
        }
    }

    /// Renews the lease until that fails, and returns why.
    pub(super) async fn run(mut self) -> StoreError {
        let Some(ledger) = self.ledger.take() else {
            return pending().await;
        };
        let every = self.duration / POLLS_PER_LEASE;
        let mut renewals = interval_at(tokio::time::Instant::now() + every, every);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            renewals.tick().await;
            let stale = self.has_stale_request(&ledger.ledger().await);
            let renew = |ledger: &Ledger| {
                let renewed = if stale {
                    ledger.without_request()
                } else {
                    ledger.clone()
                };
                Ok(renewed.with_caught_up_to(self.meter.caught_up_to(ledger)))
            };
            if let Err(error) = ledger.step(renew).await {
                return error;
            }
        }
    }

    /// Whether the request is older than a lease: the worker that made it may have ended.
    fn has_stale_request(&mut self, ledger: &Ledger) -> bool {
        let requester = ledger.lease().and_then(|lease| lease.requested_by.clone());
        match (&self.request, requester) {
            (Some((known, since)), Some(requester)) if *known == requester => {
                since.elapsed() >= self.duration
            }
            (_, requester) => {
                self.request = requester.map(|requester| (requester, Instant::now()));
                false
            }
        }
    }
}
