//! Fields in, edits out: what the host does around a call of `transform-fields`.
//!
//! [`ScannedBatch`] reads each record once, and has the values for the call. [`lists`] and [`edits`] validate what the call
//! returns, and make events of it.

mod declared;
mod edits;
mod lists;
mod metadata;
mod scanned;

pub(super) use declared::Declared;
#[cfg(test)]
pub(crate) use declared::NAME_MAX_BYTES;
pub(super) use scanned::ScannedBatch;
