//! Sluice runs sandboxed WebAssembly transforms over a stream of records and lands the result in a
//! data lake and on a bus, each record exactly once.
//!
//! ```text
//! source → chunk → transform (batches, sandbox) → partition → encode → lake + bus + quarantine → ledger
//! ```
//!
//! [`pipeline`] holds that flow on one screen. The modules, in its order:
//!
//! - [`cli`] and [`config`]: the commands, and the settings, validated.
//! - [`run`]: the modes (files, a worker on a stream, a Lambda function).
//! - [`record`]: records, their ids, and batches of them.
//! - [`source`]: shards read into batches.
//! - [`transform`]: the sandbox, and the result of each record in it.
//! - [`partition`], [`chunk`], [`encode`]: events sorted by partition and encoded into objects.
//! - [`sink`]: the lake, the bus and quarantine.
//! - [`ledger`]: which records of a shard are committed and which are pending.
//! - [`audit`]: proves that each record of the source is in exactly one place.
//! - [`progress`], [`health`], [`http`], [`telemetry`]: counts, health, metrics and logs.
//! - [`generate`]: sample events.
//! - [`author`]: the commands of a transform's author.

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
pub mod cli;
pub mod config;
pub mod engine;
pub mod format;
pub mod generate;
pub mod layout;
pub mod ledger;
pub mod modes;
pub mod observe;
pub mod pipeline;
pub mod release;
pub mod sink;
pub mod source;
pub mod storage;
pub mod tools;
