//! A ledger group: one document with the ledgers of many files, so that small files need few requests.
//!
//! Groups are numbered from 1. A group takes new ledgers until it is full, and then the next one is created. A ledger
//! never leaves its group. So whoever has read all groups, and writes the last one only in the version that was read,
//! knows that no other group has got the same ledger meanwhile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;

use super::{DocumentVersion, Ledger, LedgerError, VERSION};

/// The most ledgers of a group: enough to save most requests, and few enough that a write stays small, about 150 kB.
pub(super) const LEDGERS_MAX: usize = 256;

/// The document of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerGroup {
    version: u32,
    /// Whether the group takes no more ledgers, so that the next one may exist.
    is_full: bool,
    ledgers: BTreeMap<ShardId, Box<RawValue>>,
}

/// A ledger as a group holds it.
#[derive(Debug)]
pub(super) struct GroupedLedger {
    text: Box<RawValue>,
    /// The version of the text.
    pub(super) version: String,
}

impl GroupedLedger {
    /// # Errors
    /// [`LedgerError::Document`]
    pub(super) fn of(ledger: &Ledger) -> Result<Self, LedgerError> {
        let text = serde_json::value::to_raw_value(ledger);
        let text = text.map_err(|error| LedgerError::Document(error.to_string()))?;
        Ok(Self {
            version: version_of(&text),
            text,
        })
    }
}

fn version_of(text: &RawValue) -> String {
    Digest::of(text.get().as_bytes()).to_string()
}

impl LedgerGroup {
    /// A group that does not exist yet.
    pub(super) fn new() -> Self {
        Self {
            version: VERSION,
            is_full: false,
            ledgers: BTreeMap::new(),
        }
    }

    /// Parses a document. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// [`LedgerError::Version`] and [`LedgerError::Document`].
    pub(super) fn parse(text: &[u8]) -> Result<Self, LedgerError> {
        let damaged = |error: serde_json::Error| LedgerError::Document(error.to_string());
        let DocumentVersion { version } = serde_json::from_slice(text).map_err(damaged)?;
        if version != VERSION {
            return Err(LedgerError::Version(version));
        }
        let mut group: Self = serde_json::from_slice(text).map_err(damaged)?;
        group.is_full |= group.ledgers.len() >= LEDGERS_MAX;
        Ok(group)
    }

    /// The document. No two versions are the same: a ledger with a lease has the nonce of its last write, and one with a
    /// lock has a single writer.
    ///
    /// # Errors
    /// [`LedgerError::Document`]
    pub(super) fn text(&self) -> Result<Vec<u8>, LedgerError> {
        let mut text =
            serde_json::to_vec(self).map_err(|error| LedgerError::Document(error.to_string()))?;
        text.push(b'\n');
        Ok(text)
    }

    /// The shards whose ledgers it holds.
    pub(super) fn shards(&self) -> impl Iterator<Item = &ShardId> {
        self.ledgers.keys()
    }

    /// Whether it takes no more ledgers.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// How many more ledgers it takes.
    pub(super) fn room(&self) -> usize {
        match self.is_full {
            true => 0,
            false => LEDGERS_MAX.saturating_sub(self.ledgers.len()),
        }
    }

    /// The ledger of a shard with its version, if the group has it.
    ///
    /// # Errors
    /// What is wrong with the ledger.
    pub(super) fn ledger(&self, shard: &ShardId) -> Option<Result<(Ledger, String), LedgerError>> {
        let text = self.ledgers.get(shard)?;
        let ledger = Ledger::parse(text.get().as_bytes()).and_then(|ledger| ledger.check(shard));
        Some(ledger.map(|ledger| (ledger, version_of(text))))
    }

    /// Puts a ledger in, if the group has the version of it that was `seen`, or has none and none was. Returns whether
    /// it did.
    pub(super) fn swap(
        &mut self,
        shard: &ShardId,
        next: &GroupedLedger,
        seen: Option<&str>,
    ) -> bool {
        let version = self.ledgers.get(shard).map(|text| version_of(text));
        let is_seen = version.as_deref() == seen;
        if is_seen {
            self.ledgers.insert(shard.clone(), next.text.clone());
            self.is_full |= self.ledgers.len() >= LEDGERS_MAX;
        }
        is_seen
    }
}
