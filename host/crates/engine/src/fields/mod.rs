//! Calls by fields: declared members in, edits out. What the host does around a call of `transform-fields`.
//!
//! [`ScannedBatch`] scans each record once, and holds the values for the call. [`lists`] checks that the lists that the
//! call returns fit together, and [`edits`] makes events of them.

mod declared;
mod edits;
mod lists;
mod metadata;
mod scanned;

pub(super) use declared::Declared;
#[cfg(test)]
pub(crate) use declared::NAME_MAX_BYTES;
pub(super) use scanned::ScannedBatch;
