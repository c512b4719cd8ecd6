//! The lake as a table: the events of committed chunks in large Parquet files, each event once.
//!
//! ```text
//! ledgers + chunk manifests ─▶ news ─▶ files ─▶ one commit: the files and the watermark
//! ```
//!
//! The [watermark] says how far the table has each shard of the lake. [`news`] reads what is committed and not in the
//! table yet. [`files`] writes its events as Parquet.

pub mod files;
pub mod news;
pub mod watermark;
