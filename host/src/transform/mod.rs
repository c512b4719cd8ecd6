//! Transforms: components admitted to a sandbox, and what becomes of the records they are given.

pub mod admit;
pub mod bindings;
pub mod engine;
mod instance;
mod judge;
pub mod limits;
pub mod outcome;
pub mod precompiled;
pub mod registry;
pub mod release;
pub mod sandbox;
pub mod schema;
pub mod state;
pub mod usage;

/// The enrichment component that the program carries in itself, built from `guest-enrich`.
pub const ENRICH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/enrich.wasm"));
