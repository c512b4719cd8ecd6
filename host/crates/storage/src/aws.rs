//! Clients of AWS with the standard configuration: environment, profile, container or instance role,
//! `AWS_ENDPOINT_URL…` for anything that stands in for AWS. A configuration that cannot work is rejected
//! before the first request.

mod credentials;
pub mod errors;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use hyper::Uri;

pub use self::credentials::check_credentials;
use crate::error::RequestError;

/// The timeout of one attempt: even the largest object takes only seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// The variable that replaces the endpoint of every service; with `_` and a service's name behind it, of one
/// ("Service-specific endpoints").
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Loads the configuration that all clients share.
///
/// # Errors
/// There is no region, an endpoint is not a URL, or the credentials cannot be loaded.
pub async fn sdk_config() -> Result<SdkConfig, RequestError> {
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with(ENDPOINT) {
            check_endpoint(&name, Some(value.to_string_lossy().into_owned()))?;
        }
    }
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await;
    let endpoint = config.endpoint_url().map(ToOwned::to_owned);
    check_endpoint("endpoint_url of the profile", endpoint)?;
    if config.region().is_none() {
        return Err(no_region());
    }
    check_credentials(&config).await?;
    Ok(config)
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

fn check_endpoint(name: &str, value: Option<String>) -> Result<(), RequestError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let url = value.parse::<Uri>().ok();
    let scheme = url.as_ref().and_then(Uri::scheme_str);
    let has_host = url.as_ref().and_then(Uri::host).is_some();
    if has_host && matches!(scheme, Some("http" | "https")) {
        return Ok(());
    }
    Err(RequestError::invalid(
        format!("{name} is {value:?}, which is not a URL"),
        "set it to a URL such as https://s3.eu-central-1.amazonaws.com, or remove it",
    ))
}

fn no_region() -> RequestError {
    RequestError::invalid(
        "there is no AWS region",
        "set AWS_REGION, or a region in the profile",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_endpoint_must_be_a_url() {
        for right in ["", "http://127.0.0.1:9000", "https://s3.amazonaws.com/"] {
            assert_eq!(check_endpoint("E", Some(right.into())), Ok(()), "{right}");
        }
        assert_eq!(check_endpoint("E", None), Ok(()));
        for wrong in ["localhost:9000", "ftp://host", "http://", "no url", "/path"] {
            let error = check_endpoint("E", Some(wrong.into())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{wrong}");
            assert!(error.to_string().contains(wrong), "{error}");
        }
    }
}
