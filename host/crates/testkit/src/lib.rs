//! Stand-ins for AWS and for an Iceberg catalog: HTTP servers on this machine that the real clients talk to.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "only tests, demos and benches use it, and may panic"
)]

pub mod http;
pub mod kinesis;
pub mod proxy;
pub mod rest_catalog;
pub mod rpc;
pub mod s3;
#[cfg(test)]
mod self_test;
pub mod sqs;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

/// The credentials that the S3 stand-in accepts; the others accept any.
pub const KEY_ID: &str = "test";
pub const SECRET_KEY: &str = "test";

/// The region and the account of the stand-ins.
pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "000000000000";

/// The configuration of a client of a stand-in at this URL, with the default number of attempts.
pub fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(KEY_ID, SECRET_KEY, None, None, "stand-in");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

/// The configuration of a client that makes one attempt.
pub fn sdk_config_once(endpoint: &str) -> SdkConfig {
    let config = sdk_config(endpoint).into_builder();
    config.retry_config(RetryConfig::disabled()).build()
}

/// The environment of a program that uses stand-ins, independent of the settings of the machine. It
/// does not include the URLs, such as `AWS_ENDPOINT_URL_S3`.
pub fn environment() -> [(&'static str, &'static str); 6] {
    [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]
}
