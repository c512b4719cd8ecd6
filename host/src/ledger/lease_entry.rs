//! The lease in a ledger: which process owns the shard, and which one requests it.

use serde::{Deserialize, Serialize};

use super::Ledger;

/// The lease of a shard, in a ledger that is changed by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseEntry {
    /// The process that owns the shard; `None` after it was given back.
    pub owner: Option<String>,
    /// The fencing token: it increases each time that a process takes the shard.
    pub fence: u64,
    /// Different after every write. A lease whose nonce stays the same is not being renewed.
    pub nonce: String,
    /// A process that has too few shards and requests this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// All records that arrived before this moment are committed, as an owner has found by reading:
    /// milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_to: Option<i64>,
}

impl Ledger {
    /// The owner of the shard.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.lease.as_ref()?.owner.as_deref()
    }

    /// The lease, if the ledger has one.
    #[must_use]
    pub fn lease(&self) -> Option<&LeaseEntry> {
        self.lease.as_ref()
    }

    /// The ledger with another owner and the next fencing token.
    #[must_use]
    pub fn assign_to(&self, owner: &str) -> Self {
        self.with_lease(Some(owner.to_owned()), 1)
    }

    /// The ledger without an owner; a request for the shard is kept.
    #[must_use]
    pub fn give_back(&self) -> Self {
        let mut ledger = self.with_lease(None, 0);
        if let (Some(now), Some(before)) = (&mut ledger.lease, &self.lease) {
            now.requested_by.clone_from(&before.requested_by);
        }
        ledger
    }

    /// The ledger with a request of another process for the shard.
    #[must_use]
    pub fn request_for(&self, process: &str) -> Self {
        let mut ledger = self.clone();
        if let Some(lease) = &mut ledger.lease {
            lease.requested_by = Some(process.to_owned());
        }
        ledger
    }

    /// The ledger without a request of another process.
    #[must_use]
    pub fn without_request(&self) -> Self {
        let mut ledger = self.clone();
        if let Some(lease) = &mut ledger.lease {
            lease.requested_by = None;
        }
        ledger
    }

    /// The moment before which all records that arrived are committed, milliseconds since the Unix epoch;
    /// `None` if no owner has found out.
    #[must_use]
    pub fn caught_up_to(&self) -> Option<i64> {
        self.lease.as_ref()?.caught_up_to
    }

    /// The ledger after its owner has found that all records which arrived before `moment` are committed.
    #[must_use]
    pub fn with_caught_up_to(mut self, moment: Option<i64>) -> Self {
        if let Some(lease) = &mut self.lease {
            lease.caught_up_to = lease.caught_up_to.max(moment);
        }
        self
    }

    /// The ledger with the nonce of one write.
    #[must_use]
    pub fn with_nonce(mut self, nonce: String) -> Self {
        if let Some(lease) = &mut self.lease {
            lease.nonce = nonce;
        }
        self
    }

    fn with_lease(&self, owner: Option<String>, increment: u64) -> Self {
        let fence = self.lease.as_ref().map_or(0, |lease| lease.fence);
        let fence = fence.saturating_add(increment);
        Self {
            lease: Some(LeaseEntry {
                owner,
                fence,
                nonce: String::new(),
                requested_by: None,
                caught_up_to: self.caught_up_to(),
            }),
            ..self.clone()
        }
    }
}
