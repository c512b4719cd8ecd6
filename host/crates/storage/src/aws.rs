//! Clients of AWS with the standard configuration: environment, profile, container or instance role,
//! `AWS_ENDPOINT_URL…` for anything that stands in for AWS. A configuration that cannot work is rejected
//! before the first request.

pub mod arn;
mod credentials;
mod endpoint;
pub mod errors;
mod region;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_types::origin::Origin;

pub use self::credentials::check_credentials;
pub use self::endpoint::check_all as check_endpoints;
pub use self::region::check_region;
use crate::error::RequestError;

/// The timeout of one attempt: even the largest object takes only seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// Loads the configuration that all clients share, and the credentials once.
///
/// # Errors
/// There is no region, its name is malformed, an endpoint is not a URL, or the credentials cannot be loaded.
pub async fn sdk_config() -> Result<SdkConfig, RequestError> {
    let config = load_config().await?;
    check_credentials(&config).await?;
    Ok(config)
}

/// Loads the configuration that all clients share.
///
/// # Errors
/// There is no region, its name is malformed, or an endpoint is not a URL.
pub async fn load_config() -> Result<SdkConfig, RequestError> {
    let config = load_unchecked().await;
    check_endpoints(&config)?;
    check_region(&config)?;
    Ok(config)
}

/// Loads the configuration that all clients share, whatever is wrong with it.
pub async fn load_unchecked() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await
}

/// The configuration for the client of one service, named by its id in the AWS SDKs: with the endpoint that is
/// configured for it, and in `region` instead of the default one.
#[must_use]
pub fn service_config(config: &SdkConfig, service: &str, region: Option<&str>) -> SdkConfig {
    let mut builder = config.to_builder();
    builder.set_endpoint_url(endpoint::of_service(config, service));
    // Otherwise, the client reads the endpoint from the environment and the profile again.
    builder.insert_origin("endpoint_url", Origin::shared_config());
    if let Some(region) = region {
        builder.set_region(Region::new(region.to_owned()));
    }
    builder.build()
}

/// A variable of the environment that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A client of S3. A custom endpoint has no bucket in its host name.
#[must_use]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    s3_in(config, None)
}

/// A client of S3 in `region` instead of the default one.
#[must_use]
pub fn s3_in(config: &SdkConfig, region: Option<&str>) -> aws_sdk_s3::Client {
    let config = service_config(config, "S3", region);
    let is_custom = config.endpoint_url().is_some();
    let builder = aws_sdk_s3::config::Builder::from(&config).force_path_style(is_custom);
    aws_sdk_s3::Client::from_conf(builder.build())
}
