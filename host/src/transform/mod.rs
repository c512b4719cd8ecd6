//! Transforms: validated components in a sandbox, the releases that they belong to, and their outcomes.

pub mod bindings;
pub mod cases;
pub mod compare;
pub mod compiler_process;
mod drive;
pub mod engine;
mod instance;
pub mod limits;
pub mod loader;
pub mod outcome;
pub mod output_validation;
pub mod precompiled;
pub mod registry;
pub mod release;
pub mod release_switch;
pub mod rollback_policy;
pub mod rollout;
pub mod sandbox;
mod sanitize;
pub mod schema;
pub mod scores;
pub mod shadow;
pub mod signature;
pub mod state;
pub mod usage;
pub mod validate;

/// The built-in enrichment component, built from `guest-enrich`.
pub const ENRICH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/enrich.wasm"));
