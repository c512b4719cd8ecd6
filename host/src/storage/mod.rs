//! storage.

pub mod aws;
pub mod files;
pub mod object_store;
pub mod retry;
