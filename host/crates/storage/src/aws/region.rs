//! The region of the clients. A malformed one ends a start, because no host name can be made of it.

use aws_config::SdkConfig;

use super::credentials::PROFILE;
use super::variable;
use crate::error::RequestError;

/// Checks that there is a region, and that its name can be one.
///
/// # Errors
/// There is no region, or its name is malformed.
pub fn check_region(config: &SdkConfig) -> Result<(), RequestError> {
    match config.region() {
        Some(region) => check(region.as_ref()),
        None => Err(RequestError::invalid(
            no_region(variable(PROFILE)),
            "set AWS_REGION, or a region in the profile",
        )),
    }
}

fn no_region(profile: Option<String>) -> String {
    match profile {
        Some(name) => format!(
            "there is no AWS region: the profile {name:?} of {PROFILE} does not exist or has none"
        ),
        None => "there is no AWS region".into(),
    }
}

fn check(region: &str) -> Result<(), RequestError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !region.is_empty() && region.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(RequestError::invalid(
        format!("the AWS region {region:?} is not a name of letters, digits and hyphens"),
        "set AWS_REGION, or the region of the profile, to one such as eu-central-1",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_letters_digits_and_hyphens() {
        for right in ["eu-central-1", "us-gov-west-1", "local"] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "eu central",
            "eu-central-1 ",
            "eu_central_1",
            "https://x",
        ] {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
            assert!(error.contains("set AWS_REGION"), "{error}");
        }
    }
}
