//! Endpoints that take the place of those of AWS: from the environment, or from the profile.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use hyper::Uri;

use super::variable;
use crate::error::RequestError;

/// The variable that replaces the endpoint of every service; with `_` and a service's name behind it, of one
/// ("Service-specific endpoints").
const VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The key of a profile, and of a service in its `services` section, that does the same.
const KEY: &str = "endpoint_url";

/// The ids of the services that Sluice uses, as the AWS SDKs name them.
const SERVICES: [&str; 5] = ["S3", "Kinesis", "SQS", "Glue", "S3Tables"];

/// Checks all endpoints that are configured.
///
/// # Errors
/// One is not a URL.
pub fn check_all(config: &SdkConfig) -> Result<(), RequestError> {
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with(VARIABLE) {
            check(&name, &value.to_string_lossy())?;
        }
    }
    if let Some(url) = config.endpoint_url() {
        check("endpoint_url of the profile", url)?;
    }
    for service in SERVICES {
        if let Some(url) = of_service_only(config, service) {
            let name = format!("endpoint_url of {service} in the profile's services");
            check(&name, &url)?;
        }
    }
    Ok(())
}

/// The endpoint of a service; `None` for that of AWS.
pub(super) fn of_service(config: &SdkConfig, service: &str) -> Option<String> {
    let own = of_service_only(config, service).filter(|url| !url.is_empty());
    let url = own.or_else(|| config.endpoint_url().map(str::to_owned));
    url.filter(|url| !url.is_empty()).map(with_slash)
}

/// The host and the port of the endpoint that the environment sets for a service, named as in its variable.
pub(super) fn host_in_environment(service: &str) -> Option<String> {
    let own = variable(&format!("{VARIABLE}_{service}"));
    let url: Uri = own.or_else(|| variable(VARIABLE))?.parse().ok()?;
    // Credentials in a URL are not for a message.
    let host = url.host()?;
    Some(
        url.port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

fn of_service_only(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service);
    let key = key.env(VARIABLE).profile(KEY).build().ok()?;
    config.service_config()?.load_config(key)
}

/// A path gets a slash at its end: the client of S3 joins path and bucket without one.
fn with_slash(url: String) -> String {
    let needs_slash = |url: &Uri| !url.path().ends_with('/') && url.query().is_none();
    if url.parse::<Uri>().is_ok_and(|url| needs_slash(&url)) {
        return format!("{url}/");
    }
    url
}

fn check(name: &str, value: &str) -> Result<(), RequestError> {
    if value.is_empty() {
        return Ok(());
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_endpoint_must_be_a_url() {
        for right in ["", "http://127.0.0.1:9000", "https://s3.amazonaws.com/"] {
            assert_eq!(check("E", right), Ok(()), "{right}");
        }
        for wrong in ["localhost:9000", "ftp://host", "http://", "no url", "/path"] {
            let error = check("E", wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{wrong}");
            assert!(error.to_string().contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_path_ends_with_a_slash() {
        for (given, used) in [
            ("http://host/storage/v1/s3", "http://host/storage/v1/s3/"),
            ("http://host/storage/v1/s3/", "http://host/storage/v1/s3/"),
            ("http://host:9000/", "http://host:9000/"),
            ("http://host:9000", "http://host:9000"),
            ("no url", "no url"),
        ] {
            assert_eq!(with_slash(given.into()), used);
        }
    }
}
