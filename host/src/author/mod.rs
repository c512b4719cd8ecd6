//! The tools of a transform's author: `sluice transform`, one module for each of its commands, and
//! what they share.
//!
//! All of them run a component as `run` does: the same admission, the same sandbox, the usual limits.

pub mod fields;
pub mod inspect;
pub mod results;
pub mod sample;
pub mod subject;
