//! What the holder of a ledger makes of the answers of the store that keeps it. Nothing here talks to a
//! store, so that every course of answers can be gone through: by the unit tests beside it, and by the
//! model in `tests/model`, which drives this code through all of them.

#[cfg(test)]
mod tests;

use super::{Ledger, LedgerError};

/// A ledger and the version of the object that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// What the ledger says.
    pub ledger: Ledger,
    /// The object's `ETag`; none where there is no object yet.
    pub etag: Option<String>,
}

/// A write that the store does only where the object still is what was seen. It may be sent again as
/// it stands while its answer is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// What is to be written.
    pub next: Ledger,
    /// The version that was seen; none where there was no object.
    pub seen: Option<String>,
}

/// Another write came between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overtaken {
    /// What the object says now.
    pub found: Box<Versioned>,
}

impl Overtaken {
    /// Who holds the shard now.
    #[must_use]
    pub fn by(&self) -> &str {
        self.found.ledger.owner().unwrap_or("nobody")
    }
}

impl Swap {
    /// A write of `next` in place of what was seen. `nonce` tells it from every other write.
    #[must_use]
    pub fn new(next: Ledger, seen: Option<String>, nonce: String) -> Self {
        let next = next.with_nonce(nonce);
        Self { next, seen }
    }

    /// The ledger after the store has done it.
    #[must_use]
    pub fn done(self, etag: Option<String>) -> Versioned {
        Versioned {
            ledger: self.next,
            etag,
        }
    }

    /// The ledger after the store has denied it, and answered what it has in its place: what this write made,
    /// where it was an earlier attempt that was done and whose answer was lost.
    ///
    /// # Errors
    /// [`Overtaken`] where another has written.
    pub fn settle(&self, found: Versioned) -> Result<Versioned, Overtaken> {
        if found.ledger == self.next {
            Ok(found)
        } else {
            let found = Box::new(found);
            Err(Overtaken { found })
        }
    }
}

/// What came of a step that the store refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It had been done; the answer was lost.
    Done,
    /// The shard is still held, but somebody has left a note in its ledger, such as a wish to have the
    /// shard: the step is to be taken again from there.
    TakeAgain,
}

/// A ledger as its holder knows it.
#[derive(Clone, Debug)]
pub struct Holding {
    owner: String,
    known: Versioned,
}

impl Holding {
    /// The ledger of a shard that `owner` has taken.
    #[must_use]
    pub fn taken(owner: &str, known: Versioned) -> Self {
        let owner = owner.to_owned();
        Self { owner, known }
    }

    /// The ledger as it was found, which `owner` takes with the first step, and only if it has not
    /// changed until then.
    #[must_use]
    pub fn assumed(owner: &str, found: Versioned) -> Self {
        let known = Versioned {
            ledger: found.ledger.taken_by(owner),
            etag: found.etag,
        };
        Self::taken(owner, known)
    }

    /// What is known of the ledger.
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

    /// Takes note that the store has done a write.
    pub fn done(&mut self, swap: Swap, etag: Option<String>) {
        self.known = swap.done(etag);
    }

    /// Takes note that the store has refused a write, and of what it has in its place.
    ///
    /// # Errors
    /// [`Overtaken`] where another holds the shard now, or nobody.
    pub fn refused(&mut self, swap: &Swap, found: Versioned) -> Result<Settled, Overtaken> {
        let (settled, known) = match swap.settle(found) {
            Ok(written) => (Settled::Done, written),
            Err(overtaken) if overtaken.by() == self.owner => {
                (Settled::TakeAgain, *overtaken.found)
            }
            Err(overtaken) => return Err(overtaken),
        };
        self.known = known;
        Ok(settled)
    }
}
