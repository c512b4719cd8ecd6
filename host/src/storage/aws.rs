//! Clients of AWS with the standard configuration: environment, profile, container or instance role,
//! `AWS_ENDPOINT_URL…` for anything that stands in for AWS.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The timeout of one attempt: even the largest object takes only seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// Loads the configuration that all clients share.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await
}

/// A client of S3. A custom endpoint has no bucket in its host name.
#[must_use]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let custom = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let builder = aws_sdk_s3::config::Builder::from(config).force_path_style(custom);
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// The full message of an SDK error with all its causes.
pub fn why<E: std::error::Error>(error: &E) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
