//! Sluice runs sandboxed WebAssembly transforms over a stream of records and lands the result in a
//! data lake and on a bus, each record exactly once.
//!
//! ```text
//! source → chunk → transform (batches, sandbox) → partition → encode → lake + bus + quarantine → chunk manifest →
//! ledger
//! ```
//!
//! [`pipeline`] holds that flow on one screen. These are the layers, the lowest first. A
//! layer imports only from layers that come before it: the compiler or a test checks it.
//!
//! - [`sluice_engine`]: records and batches, the sandbox, and the result of each record in it.
//! - [`sluice_storage`]: folders and buckets, and the retry policy.
//! - [`sluice_release`]: releases, their registry, admission and rollout.
//! - [`builtin`]: the transforms that are part of the program.
//! - [`output`]: standard output and standard error.
//! - [`mod@format`]: the encoding of objects: containers and codecs.
//! - [`ledger`]: which records of a shard are committed and which are pending, and what a chunk pins.
//! - [`layout`]: chunks, partitions, object keys, quarantine lines and chunk manifests.
//! - [`redrive`]: the lists and the claims of redrives.
//! - [`quarantine`]: the quarantined records of a lake.
//! - [`source`]: shards read into batches.
//! - [`sink`]: the lake, the bus and quarantine.
//! - [`config`]: the settings, validated.
//! - [`observe`]: counts, health, metrics and logs.
//! - [`pipeline`]: read, transform, land.
//! - [`generate`]: sample events.
//! - [`table`]: the lake as a table, built from chunk manifests.
//! - [`modes`]: files, a worker on a stream, a Lambda function.
//! - [`audit`]: proves that each record of the source is in exactly one place.
//! - [`tools`]: the commands of authors and publishers, those of schemas, and those of tables.
//! - [`console`]: pages that show a pipeline and try rules.
//! - [`cli`]: the command line.

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
pub mod builtin;
pub mod cli;
pub mod config;
#[cfg(feature = "console")]
pub mod console;
pub mod format;
pub mod generate;
pub mod layout;
pub mod ledger;
pub mod modes;
pub mod observe;
pub mod output;
pub mod pipeline;
pub mod quarantine;
pub mod redrive;
pub mod sink;
pub mod source;
#[cfg(feature = "table")]
pub mod table;
#[cfg(test)]
mod test_store;
pub mod tools;

pub use self::builtin::ENRICH;
