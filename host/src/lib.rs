//! Sluice runs sandboxed WebAssembly transforms over a stream of records and lands the result in a
//! data lake and on a bus, each record exactly once.
//!
//! ```text
//! source → chunk → transform (batches, sandbox) → partition → encode → lake + bus + quarantine → ledger
//! ```
//!
//! [`pipeline`] holds that flow on one screen. The modules, in its order:
//!
//! - [`cli`] and [`config`]: settings as users write them, checked.
//! - [`run`]: the modes; each chooses where records come from and where outcomes go.
//! - [`record`]: records, their ids, and batches of them.
//! - [`source`]: shards read into batches.
//! - [`transform`]: the sandbox, and what becomes of a record in it.
//! - [`partition`], [`chunk`], [`encode`]: outcomes sorted by partition and made into objects.
//! - [`sink`]: the lake, the bus and quarantine.
//! - [`ledger`]: what is committed and what is pending.
//! - [`audit`]: reads source and lake back and proves that each record is in one place.
//! - [`progress`], [`health`], [`http`], [`telemetry`]: reports about all that.
//! - [`generate`]: events to try it with.
//! - [`author`]: what the author of a transform tests it with.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod audit;
pub mod author;
pub mod aws;
pub mod chunk;
pub mod cli;
pub mod compute;
pub mod config;
pub mod encode;
pub mod error;
pub mod files;
pub mod generate;
pub mod health;
pub mod http;
pub mod ledger;
pub mod partition;
pub mod pipeline;
pub mod progress;
pub mod publisher;
pub mod record;
pub mod retry;
pub mod run;
pub mod sink;
pub mod source;
pub mod telemetry;
pub mod transform;
