//! The rule for records of an aggregate that belong to another shard; a chunk pins it.

use serde::{Deserialize, Serialize};

/// What to do with records of an aggregate that do not belong to its shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum MisplacedRecords {
    /// Keep them like any other record: their producer may not send them again.
    #[default]
    Keep,
    /// Drop and count them, for producers that send them again. AWS's consumer library drops the whole
    /// aggregate; Sluice keeps the records that do belong.
    Drop,
}

impl MisplacedRecords {
    /// Whether they are kept.
    #[must_use]
    pub fn are_kept(self) -> bool {
        self == Self::Keep
    }
}
