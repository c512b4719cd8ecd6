//! A configuration that cannot work ends a start at once, with one sentence that says what to do.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::services::Services;
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::Kinesis;
use crate::support::program::{Place, Ran};
use testkit::proxy::{Fault, Rule};

/// A start that ends at once takes this long at most; an error that is retried takes the hour that it is given.
const AT_ONCE: Duration = Duration::from_secs(30);

pub(crate) fn ends_at_once(command: &mut Command, parts: &[&str]) {
    let started = Instant::now();
    command.args(["--retry-timeout", "1h"]);
    let ran = Ran::from(command.output().unwrap()).failed(1, parts);
    for debug_output in ["DispatchFailure", "ProviderError", "ConnectorError"] {
        assert!(!ran.stderr.contains(debug_output), "{ran:?}");
    }
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
}

#[test]
fn a_bucket_that_does_not_exist_ends_a_start() {
    let services = Services::new();
    let lake = ["--lake", "s3://nowhere/lake", "--bus", "none"];
    let mut command = services.environment(services.place.command(&Place::landing(&lake)));
    ends_at_once(
        &mut command,
        &[
            "s3://nowhere/lake/",
            "NoSuchBucket",
            "not found",
            "create the bucket",
        ],
    );
}

#[test]
fn a_queue_that_does_not_exist_ends_a_start() {
    let services = Services::new();
    ends_at_once(
        &mut services.command("sqs:nothing"),
        &[
            "look up the queue nothing",
            "NonExistentQueue",
            "create the queue",
        ],
    );
}

#[test]
fn a_stream_that_does_not_exist_ends_the_start_of_a_worker() {
    let cloud = Cloud::new(1);
    ends_at_once(
        &mut cloud.command_on("kinesis:nothing", &[]),
        &[
            "the stream nothing",
            "ResourceNotFoundException",
            "create the stream",
        ],
    );
}

#[test]
fn a_queue_that_does_not_exist_ends_the_start_of_a_worker() {
    let cloud = Cloud::new(1);
    ends_at_once(
        &mut cloud.command(&["--bus", "sqs:nothing"]),
        &["look up the queue nothing", "create the queue"],
    );
}

#[test]
fn a_start_without_a_region_says_where_to_set_it() {
    let services = Services::new();
    let mut command = services.command("none");
    command
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION");
    ends_at_once(&mut command, &["no AWS region", "set AWS_REGION"]);
}

#[test]
fn a_malformed_region_ends_a_start_with_its_name() {
    let parts = ["the AWS region \"eu central\"", "set AWS_REGION"];
    let services = Services::new();
    let mut command = services.command("none");
    ends_at_once(command.env("AWS_REGION", "eu central"), &parts);
    let cloud = Cloud::new(1);
    let mut command = cloud.command(&[]);
    ends_at_once(command.env("AWS_REGION", "eu central"), &parts);
}

#[test]
fn a_start_without_credentials_says_how_to_give_them() {
    let services = Services::new();
    let mut command = services.command("none");
    command.env_remove("AWS_ACCESS_KEY_ID");
    command.env_remove("AWS_SECRET_ACCESS_KEY");
    ends_at_once(
        &mut command,
        &["no AWS credentials", "set AWS_ACCESS_KEY_ID", "a role"],
    );
}

#[test]
fn half_a_key_ends_a_start_with_the_other_half() {
    let services = Services::new();
    let mut command = services.command("none");
    command.env_remove("AWS_SECRET_ACCESS_KEY");
    ends_at_once(
        &mut command,
        &["AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"],
    );
}

#[test]
fn wrong_credentials_end_a_start() {
    let services = Services::new();
    let mut command = services.command("none");
    command.env("AWS_SECRET_ACCESS_KEY", "wrong");
    ends_at_once(
        &mut command,
        &["SignatureDoesNotMatch", "correct the credentials"],
    );
    let cloud = Cloud::new(1);
    let unknown = Rule::new(Fault::json(400, "UnrecognizedClientException"));
    cloud.proxy(Kinesis).add(unknown.always());
    ends_at_once(
        &mut cloud.command(&[]),
        &["UnrecognizedClientException", "correct the credentials"],
    );
}

#[test]
fn an_endpoint_that_is_no_url_ends_a_start() {
    let services = Services::new();
    let mut command = services.command("none");
    command.env("AWS_ENDPOINT_URL_S3", "localhost:9000");
    ends_at_once(
        &mut command,
        &["AWS_ENDPOINT_URL_S3", "localhost:9000", "not a URL"],
    );
}

/// Permissions are eventually consistent, so a denied request is retried for a while.
#[test]
fn a_denied_request_names_the_actions_that_are_missing() {
    let object = "_sluice/ledger/groups/00000001.json";
    for (method, path, actions) in [
        ("GET", "list-type=2", &["s3:ListBucket"][..]),
        ("GET", object, &["s3:GetObject", "s3:ListBucket"]),
        ("PUT", object, &["s3:PutObject"]),
    ] {
        let services = Services::new();
        if path == object && method == "GET" {
            Ran::from(services.command("none").output().unwrap()).succeeded();
        }
        let denied = Rule::new(Fault::s3(403, "AccessDenied")).method(method);
        services.proxy.add(denied.path(path).always());
        let mut command = services.command("none");
        command.args(["--retry-timeout", "1s"]);
        let ran = Ran::from(command.output().unwrap());
        let ran = ran.failed(1, &["s3://bucket/lake/", "access denied"]);
        for action in actions {
            assert!(ran.stderr.contains(action), "{ran:?}");
        }
    }
}
