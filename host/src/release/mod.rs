//! release.

pub mod admission;
pub mod bundle;
pub mod cases;
pub mod compare;
pub mod loader;
pub mod registry;
pub mod release_switch;
pub mod rollback_policy;
pub mod rollout;
pub mod scores;
pub mod shadow;
pub mod signature;
