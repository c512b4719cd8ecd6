//! storage.

pub mod aws;
pub mod files;
pub mod location;
pub mod object_store;
pub mod retry;
