//! Credentials that cannot be loaded end a start, with what to do about it.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;

use super::errors::why;
use super::variable;
use crate::error::RequestError;

/// The variable that selects a profile.
pub(super) const PROFILE: &str = "AWS_PROFILE";

/// Loads the credentials once. The provider has retried transient errors itself.
///
/// # Errors
/// There are no credentials, or they cannot be loaded. The advice depends on where they come from.
pub async fn check_credentials(config: &SdkConfig) -> Result<(), RequestError> {
    let Some(provider) = config.credentials_provider() else {
        return Err(no_credentials("no provider is configured"));
    };
    match provider.provide_credentials().await {
        Ok(_credentials) => Ok(()),
        Err(error) => Err(explain(&error)),
    }
}

fn explain(error: &CredentialsError) -> RequestError {
    let why = on_one_line(&why(error));
    // The provider gives its reasons as text only.
    if why.contains("credentials-login") {
        return login_session();
    }
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return no_credentials(&why_not_found(&why, variable));
    }
    let advice = if why.contains("external process") {
        "run the credential_process of the profile by hand, and correct it"
    } else if why.contains("SSO") || why.contains("/sso/") {
        "sign in again: aws sso login --profile NAME"
    } else {
        "correct the profile, the role or the service that gives them (if they come from SSO, sign in again: \
         aws sso login --profile NAME), and start again"
    };
    RequestError::invalid(
        format!("the AWS credentials cannot be loaded: {why}"),
        advice,
    )
}

fn no_credentials(why: &str) -> RequestError {
    RequestError::invalid(
        format!("there are no AWS credentials: {why}"),
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine, the container \
         or the function a role",
    )
}

/// Why no source has credentials. What the client says lists all sources, mostly those that nobody has meant.
fn why_not_found(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match KEYS.map(|name| variable(name).is_some()) {
        [true, false] => return half_a_key(KEYS[0], KEYS[1]),
        [false, true] => return half_a_key(KEYS[1], KEYS[0]),
        _ => {}
    }
    let selected = variable(PROFILE);
    match (missing_profile(text), selected) {
        (Some(name), Some(selected)) if name == selected => {
            format!("the profile {name:?} of {PROFILE} does not exist")
        }
        (Some(name), _) if name != "default" => format!("the profile {name:?} does not exist"),
        (_, Some(name)) => {
            format!("the profile {name:?} of {PROFILE} does not exist or has no credentials")
        }
        (_, None) => "none are in the environment or in a profile, and no role gives some".into(),
    }
}

fn half_a_key(set: &str, missing: &str) -> String {
    format!("{set} is set, but {missing} is not")
}

/// The profile that does not exist, if the client says so.
fn missing_profile(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("could not find source profile ")?;
    rest.split_once(" referenced from").map(|(name, _)| name)
}

/// A session of `aws login` needs P-256 keys in software: 24 more crates for what the AWS CLI exports.
fn login_session() -> RequestError {
    RequestError::invalid(
        "the AWS profile has a login_session, which cannot be used",
        "use a profile with keys, credential_process, SSO, role_arn or web_identity_token_file; one with \
         `credential_process = aws configure export-credentials --profile NAME --format process` uses the login \
         session of the profile NAME",
    )
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_depends_on_where_the_credentials_come_from() {
        for (error, advice) in [
            (
                CredentialsError::not_loaded("no credentials found in chain"),
                "set AWS_ACCESS_KEY_ID",
            ),
            (
                CredentialsError::invalid_configuration("cargo feature(s): credentials-login"),
                "aws configure export-credentials",
            ),
            (
                CredentialsError::provider_error("external process exited with code 1"),
                "credential_process",
            ),
            (
                CredentialsError::provider_error("failed to load the cached SSO token"),
                "aws sso login",
            ),
            (
                CredentialsError::provider_error("AccessDenied: sts:AssumeRole"),
                "correct the profile, the role",
            ),
        ] {
            let explained = explain(&error).to_string();
            assert!(explained.contains(advice), "{explained}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let key_id = ("AWS_ACCESS_KEY_ID", "a");
        let secret = ("AWS_SECRET_ACCESS_KEY", "b");
        let missing = "could not find source profile nope referenced from the root profile, other";
        for (text, set, expected) in [
            (
                "",
                &[key_id][..],
                "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not",
            ),
            (
                "",
                &[secret],
                "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not",
            ),
            (
                missing,
                &[(PROFILE, "nope")],
                "the profile \"nope\" of AWS_PROFILE does not exist",
            ),
            (
                missing,
                &[(PROFILE, "derived")],
                "the profile \"nope\" does not exist",
            ),
            (
                "no credentials found in chain",
                &[(PROFILE, "empty")],
                "the profile \"empty\" of AWS_PROFILE does not exist or has no credentials",
            ),
            (
                "no credentials found in chain. Attempted: and so on",
                &[],
                "none are in the environment or in a profile, and no role gives some",
            ),
        ] {
            let variable = |name: &str| {
                let found = set.iter().find(|(set, _)| *set == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(why_not_found(text, variable), expected);
        }
    }

    #[test]
    fn an_error_is_one_line() {
        let error = CredentialsError::not_loaded("Attempted:\n  Profile: no\n  Environment: no");
        assert!(!explain(&error).to_string().contains('\n'));
    }
}
