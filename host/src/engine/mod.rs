//! The engine: compiles a component, runs batches of records in its sandbox under limits, and validates what
//! it returns. It knows no network and no file of a lake.

pub mod bindings;
pub mod compiler_process;
pub mod digest;
mod drive;
mod instance;
pub mod limits;
pub mod outcome;
pub mod output_validation;
pub mod partition;
pub mod precompiled;
pub mod record;
pub mod runtime;
pub mod sandbox;
pub mod sandbox_error;
pub mod sanitize;
pub mod schema;
pub mod state;
pub mod usage;

/// The built-in enrichment component, built from `guest-enrich`.
pub const ENRICH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/enrich.wasm"));
