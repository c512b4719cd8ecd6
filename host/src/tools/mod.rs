//! The commands for authors and for publishers of transforms, and those of schemas.

pub mod author;
pub mod publisher;
pub mod schema;
