//! The errors of groups.

use sluice_storage::error::StorageError;

use crate::ledger::error::StoreError;

/// Why a group cannot be read or written. Several writes can fail by one error.
#[derive(Clone, Debug)]
pub(super) enum GroupError {
    Damaged { place: String, why: String },
    Storage(StorageError),
}

impl From<StorageError> for GroupError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<GroupError> for StoreError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Damaged { place, why } => Self::Damaged { place, why },
            GroupError::Storage(error) => Self::Storage(error),
        }
    }
}
