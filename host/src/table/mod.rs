//! The lake as a table: the events of committed chunks in large Parquet files, each event once.
//!
//! ```text
//! ledgers + chunk manifests ─▶ news ─▶ files ─▶ one commit: the files and the watermark
//! ```
//!
//! The [watermark] says how far the table has each shard of the lake. [`news`] reads what is committed and not in the
//! table yet. [`files`] writes its events as Parquet. The [builder] does all of it in order, and [`commit`] makes it hold
//! at most once.

mod attempt_keys;
pub mod audit;
pub mod build;
pub mod builder;
pub mod catalog;
mod columns;
pub mod command_line;
pub mod commit;
mod data_file;
mod documents;
pub mod duplicates;
mod evolve;
pub mod files;
pub mod follow;
pub mod known_keys;
pub mod layout;
pub mod lease;
mod leftovers;
pub mod location;
pub mod manage;
pub mod news;
mod outside;
mod process;
pub mod progress;
pub mod rebuild;
mod renewed_lease;
pub mod room;
mod round;
mod scratch;
pub mod state;
pub mod status;
#[cfg(test)]
mod test_catalog;
mod upload;
pub mod warehouse;
mod warehouse_files;
pub mod watermark;
