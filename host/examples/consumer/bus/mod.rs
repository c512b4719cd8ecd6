//! The bus of Sluice: reads its messages, and drops repeats.

pub(crate) mod events;
pub(crate) mod lake;
pub(crate) mod queue;
pub(crate) mod seen;
