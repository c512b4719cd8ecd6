//! The engine: compiles a component, runs batches of records in its sandbox under limits, and validates what
//! it returns. It knows no network and no file of a lake.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod bindings;
pub mod compiler_process;
pub mod content_digest;
pub mod digest;
mod drive;
mod fields;
mod instance;
mod interfaces;
pub mod limits;
pub mod log_budget;
pub mod native;
pub mod outcome;
pub mod output_validation;
pub mod partition;
pub mod precompiled;
pub mod reason_code;
pub mod record;
pub mod runtime;
pub mod sandbox;
pub mod sandbox_error;
pub mod sanitize;
pub mod schema;
pub mod state;
pub mod usage;
