//! Releases: what they consist of, the registry that keeps them, admission, and the rollout that decides
//! which one is active.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod admission;
pub mod bundle;
pub mod cases;
pub mod compare;
mod compiled_components;
mod interfaces;
pub mod loader;
pub mod registry;
pub mod release_switch;
pub mod repeated_member;
pub mod rollback_policy;
pub mod rollout;
pub mod scores;
pub mod shadow;
pub mod signature;
