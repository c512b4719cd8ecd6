//! The enrichment transform: gives a JSON event its time in ISO 8601, its type and its subtype.
//!
//! [`enrich`] holds the rules as a function of bytes, independent of the component model, so that they can
//! be tested natively. It reads an event once, validates all of it, and copies everything that it does not
//! replace byte for byte: numbers keep their digits, and keys their order and spacing.
//!
//! [`batch::transform_batch`] applies such a function to many records in one call; [`enrich_batch`] does that
//! with these rules.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod batch;
mod bytes;
#[cfg(target_arch = "wasm32")]
mod component;
mod config;
mod enrich;
mod enrich_batch;
mod rejection;
mod timestamp;

pub use config::Config;
pub use enrich::{Enriched, enrich};
pub use enrich_batch::enrich_batch;
pub use rejection::{Code, Rejection};
pub use timestamp::{OutOfRange, Timestamp};
