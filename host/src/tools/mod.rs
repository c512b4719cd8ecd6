//! tools.

pub mod author;
pub mod publisher;
