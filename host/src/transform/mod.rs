//! Transforms: components admitted to a sandbox, and what becomes of the records they are given.

pub mod admission;
pub mod admit;
pub mod bindings;
pub mod cases;
pub mod compare;
pub mod compiler_process;
mod drive;
pub mod engine;
pub mod guard;
mod instance;
pub mod judge;
pub mod limits;
pub mod outcome;
pub mod precompiled;
pub mod registry;
pub mod release;
pub mod release_switch;
pub mod rollout;
pub mod sandbox;
mod sanitize;
pub mod schema;
pub mod scores;
pub mod shadow;
pub mod signature;
pub mod state;
pub mod usage;

/// The enrichment component that the program carries in itself, built from `guest-enrich`.
pub const ENRICH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/enrich.wasm"));
