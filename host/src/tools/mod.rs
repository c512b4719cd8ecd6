//! The commands of those who write transforms and of those who publish them.

pub mod author;
pub mod publisher;
