//! Credentials from profiles. Those that cannot be loaded end a start, with what to do.

use hyper::Response;
use serde_json::json;
use testkit::http::{Server, full};
use testkit::{KEY_ID, SECRET_KEY};

use super::with_profile;
use crate::misconfiguration::ends_at_once;
use crate::services::Services;
use crate::support::program::Ran;

const SSO: &str = "
[sso-session team]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1

[profile sso]
sso_session = team
sso_account_id = 123456789012
sso_role_name = Dev
";

/// Where the AWS CLI keeps the sign-in of the session `team`: the file is named after the SHA-1 of its name.
const SSO_TOKEN: &str = ".aws/sso/cache/d25187dc137f35c88bc80ec8c3ffbdb17b5eb873.json";

#[test]
fn a_process_gives_credentials() {
    let services = Services::new();
    let config = format!(
        "[profile process]\ncredential_process = echo \
         '{{\"Version\":1,\"AccessKeyId\":\"{KEY_ID}\",\"SecretAccessKey\":\"{SECRET_KEY}\"}}'\n"
    );
    let mut command = services.command("none");
    with_profile(&services.place, &mut command, "process", &config);
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("records"), 300);
}

#[test]
fn a_process_that_fails_ends_a_start_with_what_it_says() {
    let services = Services::new();
    let script = "echo the vault is locked >&2\nexit 3\n";
    services.place.write("vault.sh", script);
    let config = "[profile process]\ncredential_process = sh vault.sh\n";
    let mut command = services.command("none");
    with_profile(&services.place, &mut command, "process", config);
    ends_at_once(
        &mut command,
        &[
            "the vault is locked",
            "run the credential_process of the profile",
        ],
    );
}

#[test]
fn a_sign_in_with_sso_gives_credentials() {
    let services = Services::new();
    let sso = Server::start(|request| async move {
        let token = request.headers().get("x-amz-sso_bearer_token");
        let status = match token {
            Some(token) if token == "signed-in" => 200,
            _ => 401,
        };
        let credentials = json!({ "roleCredentials": {
            "accessKeyId": KEY_ID,
            "secretAccessKey": SECRET_KEY,
            "expiration": 4_102_444_800_000_u64,
        }});
        let response = Response::builder().status(status);
        Ok(response.body(full(credentials.to_string()))?)
    });
    let token = json!({ "accessToken": "signed-in", "expiresAt": "2099-01-01T00:00:00Z" });
    services.place.write(SSO_TOKEN, token.to_string());
    let mut command = services.command("none");
    with_profile(&services.place, &mut command, "sso", SSO);
    command.env("HOME", services.place.path("."));
    command.env("AWS_ENDPOINT_URL_SSO", sso.endpoint());
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("records"), 300);
}

#[test]
fn a_missing_sign_in_with_sso_ends_a_start() {
    let services = Services::new();
    let mut command = services.command("none");
    with_profile(&services.place, &mut command, "sso", SSO);
    command.env("HOME", services.place.path("."));
    ends_at_once(&mut command, &["SSO token", "sign in again: aws sso login"]);
}

#[test]
fn a_login_session_ends_a_start_with_the_profiles_that_work() {
    let services = Services::new();
    let config = "[profile login]\nlogin_session = arn:aws:iam::123456789012:user/Admin\n";
    let mut command = services.command("none");
    with_profile(&services.place, &mut command, "login", config);
    ends_at_once(
        &mut command,
        &[
            "login_session",
            "credential_process = aws configure export-credentials",
        ],
    );
}

#[test]
fn a_profile_that_does_not_exist_ends_a_start() {
    let services = Services::new();
    let mut command = services.command("none");
    with_profile(&services.place, &mut command, "nobody", "[profile other]\n");
    ends_at_once(
        &mut command,
        &[
            "no AWS credentials",
            "the profile \"nobody\" of AWS_PROFILE does not exist",
        ],
    );
}
