//! The ledgers of the lake.

use super::Lake;

/// The ledgers, which are read when a page needs them.
pub(super) struct Ledgers {
    lake: Option<Lake>,
}

impl Ledgers {
    pub(super) fn new(lake: Option<Lake>) -> Self {
        Self { lake }
    }
}
