//! Why a registry cannot be used.

use sluice_storage::error::{ErrorKind, StorageError};
use thiserror::Error;

use super::ACTIVE;
use crate::bundle::{ReleaseId, ReleasePrefix};
use crate::rollout::RolloutError;

/// Why a registry cannot be read or written.
#[derive(Clone, Debug, Error)]
pub enum RegistryError {
    /// An object cannot be written or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file of the release is missing.
    #[error("release {id}: {file} is missing; restore it")]
    Missing {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
    },
    /// A file of the release is too large.
    #[error("release {id}: {file} has {bytes} bytes, at most {max} are allowed")]
    Size {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The maximum size.
        max: usize,
    },
    /// A file of the release is not what its name says.
    #[error("release {id}: {file} {what}")]
    Damaged {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// `active.json` is invalid.
    #[error("{ACTIVE} {0}")]
    Active(String),
    /// `active.json` was changed concurrently.
    #[error("{ACTIVE} was changed concurrently; read it again")]
    Conflict,
    /// No release has this id, or an id that begins so.
    #[error("the registry has no release {0}; run `sluice transform list`")]
    Unknown(ReleasePrefix),
    /// Several releases have ids that begin so.
    #[error("{name} is ambiguous: it may be {} or {}", .ids[0], .ids[1])]
    Ambiguous {
        /// What was given.
        name: ReleasePrefix,
        /// Two of the releases.
        ids: [ReleaseId; 2],
    },
    /// The state of the rollout does not allow the change.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
}

impl RegistryError {
    /// Whether the fault is one of the registry and not of the release, so that a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Storage(_))
    }

    /// The kind of the error of a file system or a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Storage(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// The step of admission that fails with this error.
    #[must_use]
    pub fn step(&self) -> &'static str {
        match self {
            Self::Size { .. } => "size",
            Self::Damaged { .. } => "digest",
            _ => "fetch",
        }
    }
}
