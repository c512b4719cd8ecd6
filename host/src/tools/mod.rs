//! The commands for authors and for publishers of transforms.

pub mod author;
pub mod publisher;
