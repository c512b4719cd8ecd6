//! The bus of Sluice: reads its messages, and drops repeats.

pub(crate) mod events;
pub(crate) mod folder;
pub(crate) mod lake;
pub(crate) mod queue;
pub(crate) mod seen;

/// What came of the messages of a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Events that were handled.
    pub(crate) new: u64,
    /// Events that were dropped as repeats.
    pub(crate) repeats: u64,
    /// Messages that were not handled: they come again.
    pub(crate) failed: u64,
}
