//! The state machine of a lease: what a worker knows of its ledger, and how it resolves conflicting
//! writes. It does no I/O, so that the unit tests and the model in `tests/model` can drive it through
//! every order of answers.

#[cfg(test)]
mod tests;

use super::{Ledger, LedgerError};

/// A ledger, and the version of the object that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The ledger in that version.
    pub ledger: Ledger,
    /// The object's `ETag`; `None` where there is no object yet.
    pub etag: Option<String>,
}

/// A compare-and-swap: the store writes `next` only if the object still is the version `seen`. It may
/// be sent again unchanged while its answer is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The ledger to write.
    pub next: Ledger,
    /// The expected `ETag`; `None` where there was no object.
    pub seen: Option<String>,
}

/// Another process has written since the ledger was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The ledger now.
    pub found: Box<Versioned>,
}

impl Conflict {
    /// The owner of the shard now, if it has one.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.found.ledger.owner()
    }
}

impl Swap {
    /// A write of `next` over the version `seen`. `nonce` makes it different from every other write.
    #[must_use]
    pub fn new(next: Ledger, seen: Option<String>, nonce: String) -> Self {
        let next = next.with_nonce(nonce);
        Self { next, seen }
    }

    /// The ledger after the write succeeded.
    #[must_use]
    pub fn done(self, etag: Option<String>) -> Versioned {
        Versioned {
            ledger: self.next,
            etag,
        }
    }

    /// Resolves a failed write with the ledger that was found in its place: if that is what this write
    /// made, an earlier attempt succeeded and its answer was lost.
    ///
    /// # Errors
    /// [`Conflict`] if another process has written.
    pub fn resolve(&self, found: Versioned) -> Result<Versioned, Conflict> {
        if found.ledger == self.next {
            Ok(found)
        } else {
            let found = Box::new(found);
            Err(Conflict { found })
        }
    }
}

/// How a conflict was resolved without losing the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The step had succeeded; its answer was lost.
    Done,
    /// The shard is still owned, but another process has changed the ledger without taking it, such as
    /// with a request for the shard: the step must be retried from there.
    Retry,
}

/// A shard's ledger as its owner knows it.
#[derive(Clone, Debug)]
pub struct Lease {
    owner: String,
    known: Versioned,
}

impl Lease {
    /// The lease of `owner`, who owns the shard already.
    #[must_use]
    pub fn new(owner: &str, known: Versioned) -> Self {
        let owner = owner.to_owned();
        Self { owner, known }
    }

    /// The lease that `owner` takes with the first step, and only if the ledger has not changed since
    /// it was found.
    #[must_use]
    pub fn acquire(owner: &str, found: Versioned) -> Self {
        let known = Versioned {
            ledger: found.ledger.assign_to(owner),
            etag: found.etag,
        };
        Self::new(owner, known)
    }

    /// The last known ledger.
    #[must_use]
    pub fn known(&self) -> &Versioned {
        &self.known
    }

    /// The write that takes a step.
    ///
    /// # Errors
    /// What the ledger does not allow.
    pub fn swap(
        &self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
        nonce: String,
    ) -> Result<Swap, LedgerError> {
        let next = step(&self.known.ledger)?;
        Ok(Swap::new(next, self.known.etag.clone(), nonce))
    }

    /// Notes that a write succeeded.
    pub fn done(&mut self, swap: Swap, etag: Option<String>) {
        self.known = swap.done(etag);
    }

    /// Resolves a write that the store rejected, with the ledger that it has in its place.
    ///
    /// # Errors
    /// [`Conflict`] if another process owns the shard now, or none does.
    pub fn resolve_conflict(
        &mut self,
        swap: &Swap,
        found: Versioned,
    ) -> Result<Resolved, Conflict> {
        let (resolved, known) = match swap.resolve(found) {
            Ok(written) => (Resolved::Done, written),
            Err(conflict) if conflict.owner() == Some(&self.owner) => {
                (Resolved::Retry, *conflict.found)
            }
            Err(conflict) => return Err(conflict),
        };
        self.known = known;
        Ok(resolved)
    }
}
