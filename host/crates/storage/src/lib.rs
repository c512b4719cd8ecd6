//! Where documents and objects are kept, a folder or a prefix of a bucket, and the retries around it.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod aws;
pub mod calls;
pub mod error;
pub mod files;
pub mod folder;
pub mod location;
pub mod object_store;
pub mod retry;
pub mod s3;
