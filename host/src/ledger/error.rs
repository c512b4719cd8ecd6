//! The errors of a ledger and of its store.

use std::path::PathBuf;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::{
    ErrorKind, MORE_HANDLES, RequestError, StorageError, is_out_of_handles,
};
use thiserror::Error;

use super::VERSION;
use super::lease::Conflict;

/// A step that the ledger does not allow: a bug, or an edited document.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LedgerError {
    /// The document has another format version.
    #[error(
        "it has format version {0} and this program reads version {VERSION}; finish or discard it with the \
         program that wrote it"
    )]
    Version(u32),
    /// The text is not a ledger.
    #[error("{0}")]
    Document(String),
    /// The document belongs to another shard.
    #[error("it belongs to shard {0}; restore the ledger of this shard")]
    Shard(ShardId),
    /// A range is pinned that does not follow what is committed.
    #[error("range {first}..{last} does not follow what is committed")]
    Order {
        /// The range's first record.
        first: SequenceNumber,
        /// The range's last record.
        last: SequenceNumber,
    },
    /// Another range is pending.
    #[error("range {first}..{last} is pending as it was pinned and has to be finished first")]
    Pending {
        /// The pending range's first record.
        first: SequenceNumber,
        /// The pending range's last record.
        last: SequenceNumber,
    },
    /// The lake is for another part of the shard, or for the whole shard.
    #[error("this lake belongs to {lake}, and {wanted} needs a lake of its own")]
    Replay {
        /// What the lake is for.
        lake: String,
        /// What it was opened for.
        wanted: String,
    },
    /// A commit of a range that is not pinned.
    #[error("no such range is pending, so it cannot be committed")]
    Nothing,
}

/// What to do if a file cannot be locked.
fn if_not_locked(source: &std::io::Error) -> &'static str {
    match is_out_of_handles(source) {
        true => MORE_HANDLES,
        false => "make sure that the process can write there",
    }
}

/// The former owner, for messages, if the shard has none now.
const RETURNED: &str = "another worker, which has given it back";

/// Why a ledger cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has locked the shard.
    #[error("another run is working on shard {0} of this lake; wait for it or stop it")]
    Locked(ShardId),
    /// Another process has taken over the shard.
    #[error("shard {shard} was taken over by {by}")]
    Lost {
        /// The shard.
        shard: ShardId,
        /// Its owner now.
        by: String,
    },
    /// The document is not a ledger of this shard.
    #[error("{place} is not a valid ledger: {why}; restore its latest valid version")]
    Damaged {
        /// The file or object.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A step that the ledger does not allow.
    #[error(transparent)]
    Step(#[from] LedgerError),
    /// A ledger in a folder cannot be locked.
    #[error("cannot lock {path}: {source}; {}", if_not_locked(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// AWS is not configured.
    #[error(transparent)]
    Configuration(#[from] RequestError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl StoreError {
    /// Whether another process has written the ledger.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == Some(ErrorKind::Conflict)
    }

    /// The kind of the error of a file system or a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Configuration(error) => Some(error.kind()),
            Self::Storage(error) => Some(error.kind()),
            Self::Locked(_)
            | Self::Lost { .. }
            | Self::Damaged { .. }
            | Self::Step(_)
            | Self::Io { .. } => None,
        }
    }
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Lost {
            shard: conflict.found.ledger.shard().clone(),
            by: conflict.owner().unwrap_or(RETURNED).to_owned(),
        }
    }
}
