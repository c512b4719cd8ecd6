//! Where outcomes go. A sink creates what is not there yet and never changes what is: a chunk that is
//! replayed finds its own objects and leaves them, so nothing lands twice.

pub mod directory;
pub mod object_key;
pub mod quarantine;

use crate::partition::PartitionPath;
use crate::transform::outcome::ReasonCode;

/// Where a line of a chunk goes; each is one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Events of a partition of the lake.
    Lake(PartitionPath),
    /// Records in quarantine for one reason.
    Quarantine(ReasonCode),
}
