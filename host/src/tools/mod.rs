//! The commands for authors and for publishers of transforms, those of schemas, of quarantine and of tables.

pub mod author;
pub mod publisher;
pub mod quarantine;
pub mod schema;
#[cfg(feature = "table")]
pub mod table;
