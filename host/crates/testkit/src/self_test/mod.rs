//! Tests of the stand-ins themselves, through the real clients.

mod kinesis;
mod program;
mod proxy;
mod rest_catalog;
mod s3;
mod sqs;
mod sqs_receive;
