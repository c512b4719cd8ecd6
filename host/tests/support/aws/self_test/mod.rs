//! The stand-ins themselves, through the real clients.

mod s3;
