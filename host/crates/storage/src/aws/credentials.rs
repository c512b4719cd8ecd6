//! Credentials that cannot be loaded end a start, with what to do about it.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;

use super::errors::why;
use crate::error::RequestError;

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
        return no_credentials(&why);
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
    fn an_error_is_one_line() {
        let error = CredentialsError::not_loaded("Attempted:\n  Profile: no\n  Environment: no");
        assert!(!explain(&error).to_string().contains('\n'));
    }
}
