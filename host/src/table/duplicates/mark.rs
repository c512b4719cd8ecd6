//! Which attempts have left keys, as a watermark names them.

use serde::{Deserialize, Serialize};

use super::arrival::Arrival;
use super::rule::DedupeRule;

/// So many attempts are named by a watermark itself. If there are more, they are moved to a document of their own.
const ATTEMPTS_MAX: usize = 256;

/// What a watermark says about keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysMark {
    /// The rule that holds from the first commit of the table on.
    pub rule: DedupeRule,
    /// Attempts that have left keys or have dropped events, the oldest first.
    pub attempts: Vec<AttemptKeys>,
    /// Those before them.
    pub sealed: Vec<SealedAttempts>,
}

/// What a committed attempt has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptKeys {
    /// The attempt.
    pub attempt: String,
    /// When its events arrived.
    pub arrived_at: Vec<Arrival>,
    /// The number of its rows that have a key.
    pub keys: u64,
    /// The number of events that it has dropped.
    pub dropped: u64,
}

/// Attempts that are named by a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedAttempts {
    /// The attempt that has the document.
    pub attempt: String,
    /// When their events arrived.
    pub arrived_at: Vec<Arrival>,
    /// The number of events that they have dropped.
    pub dropped: u64,
}

impl KeysMark {
    /// That of a table without rows.
    #[must_use]
    pub fn new(rule: DedupeRule) -> Self {
        Self {
            rule,
            attempts: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Adds what an attempt leaves. Returns the attempts that its document must name, if there is one.
    pub fn add(&mut self, keys: AttemptKeys) -> Option<Vec<AttemptKeys>> {
        let is_full = self.attempts.len() >= ATTEMPTS_MAX;
        let sealed = is_full.then(|| std::mem::take(&mut self.attempts));
        if let Some(attempts) = &sealed {
            let arrived = attempts.iter().flat_map(|keys| keys.arrived_at.clone());
            self.sealed.push(SealedAttempts {
                attempt: keys.attempt.clone(),
                arrived_at: Arrival::joined(arrived.collect(), self.rule.window_ms),
                dropped: attempts.iter().map(|keys| keys.dropped).sum(),
            });
        }
        if keys.keys > 0 || keys.dropped > 0 {
            self.attempts.push(keys);
        }
        sealed
    }

    /// The number of all events that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let attempts = self.attempts.iter().map(|keys| keys.dropped);
        let sealed = self.sealed.iter().map(|keys| keys.dropped);
        attempts.chain(sealed).sum()
    }
}
