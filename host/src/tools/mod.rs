//! The commands for authors and for publishers of transforms, those of schemas, and those of tables.

pub mod author;
pub mod publisher;
pub mod schema;
#[cfg(feature = "table")]
pub mod table;
