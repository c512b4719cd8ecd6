//! The quarantined records of a lake.

pub use crate::layout::quarantine_filter::QuarantineFilter;
