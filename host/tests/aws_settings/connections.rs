//! `sluice config check --connect` says for each connection what is fine or what it lacks.

use std::fs;
use std::process::Command;

use testkit::environment;
use testkit::proxy::{Fault, Rule};

use crate::support::cloud::{Cloud, Service, events};
use crate::support::program::{Place, Ran};

const SOURCE: &str = "kinesis:events";
const LAKE: &str = "s3://bucket/lake";
const BUS: &str = "sqs:messages";

fn cloud() -> Cloud {
    let cloud = Cloud::new(2).with_queue("messages", 256 << 10);
    cloud.put_all(&events(5, 1));
    cloud
}

fn check(cloud: &Cloud, [source, lake, bus]: [&str; 3]) -> Command {
    let mut args = vec!["config", "check", "--connect", "--retry-timeout", "1h"];
    args.extend(["--source", source, "--lake", lake, "--bus", bus]);
    args.extend(["--registry", "s3://bucket/registry"]);
    let mut command = cloud.place.command(&args);
    command.envs(environment());
    command.env("SLUICE_ALLOW_EMPTY_REGISTRY", "true");
    let services = [Service::S3, Service::Kinesis, Service::Sqs];
    for (service, name) in services.into_iter().zip(["S3", "KINESIS", "SQS"]) {
        let endpoint = &cloud.proxy(service).endpoint;
        command.env(format!("AWS_ENDPOINT_URL_{name}"), endpoint);
    }
    command
}

fn ran(mut command: Command) -> Ran {
    command.output().unwrap().into()
}

/// Asserts the lines: their first two words, and what the rest contains.
fn says(ran: &Ran, lines: &[(&str, &str, &str)]) {
    let found: Vec<_> = ran.stdout.lines().skip(1).collect();
    assert_eq!(found.len(), lines.len(), "{ran:#?}");
    for (found, (word, what, part)) in found.iter().zip(lines) {
        let mut words = found.split_whitespace();
        assert_eq!((words.next(), words.next()), (Some(*word), Some(*what)));
        assert!(found.contains(part), "{part:?} is not in {found:?}");
    }
}

fn bucket_is_empty(cloud: &Cloud) {
    let bucket = fs::read_dir(cloud.s3.root.join("bucket")).unwrap();
    assert_eq!(bucket.count(), 0);
}

#[test]
fn what_works_is_fine_and_nothing_is_written() {
    let cloud = cloud();
    let ran = ran(check(&cloud, [SOURCE, LAKE, BUS])).succeeded();
    says(
        &ran,
        &[
            ("ok", "region", testkit::REGION),
            ("ok", "credentials", "can be loaded"),
            (
                "ok",
                "source",
                "the stream events can be read; its shards: 2",
            ),
            (
                "ok",
                "lake",
                "s3://bucket/lake/ can be listed, read and written",
            ),
            ("ok", "bus", "the queue messages exists"),
            ("ok", "registry", "s3://bucket/registry/ can be read"),
        ],
    );
    bucket_is_empty(&cloud);
    assert!(cloud.sqs.messages("messages").is_empty());
}

#[test]
fn a_registry_in_which_nothing_was_published_fails_as_a_run_does() {
    let cloud = cloud();
    let mut command = check(&cloud, [SOURCE, LAKE, BUS]);
    command.env("SLUICE_ALLOW_EMPTY_REGISTRY", "false");
    let ran = ran(command).failed(1, &["1 of 6 checks failed"]);
    let why = "no release was ever published";
    assert!(ran.stdout.contains(why), "{ran:#?}");
}

#[test]
fn what_does_not_exist_says_what_to_do() {
    let cloud = cloud();
    let wrong = ["kinesis:nothing", "s3://nowhere/lake", "sqs:nobody"];
    let ran = ran(check(&cloud, wrong)).failed(1, &["3 of 6 checks failed"]);
    says(
        &ran,
        &[
            ("ok", "region", testkit::REGION),
            ("ok", "credentials", ""),
            ("failed", "source", "create the stream"),
            ("failed", "lake", "create the bucket"),
            ("failed", "bus", "create the queue"),
            ("ok", "registry", "can be read"),
        ],
    );
}

#[test]
fn without_credentials_or_a_region_the_services_are_not_tried() {
    let cloud = cloud();
    let mut command = check(&cloud, [SOURCE, LAKE, BUS]);
    command.env_remove("AWS_ACCESS_KEY_ID");
    command.env_remove("AWS_SECRET_ACCESS_KEY");
    let skipped = ["source", "lake", "bus", "registry"].map(|what| ("skipped", what, ""));
    let mut lines = vec![
        ("ok", "region", testkit::REGION),
        ("failed", "credentials", "set AWS_ACCESS_KEY_ID"),
    ];
    lines.extend(skipped);
    says(&ran(command).failed(1, &["1 of 2 checks failed"]), &lines);

    let mut command = check(&cloud, [SOURCE, LAKE, BUS]);
    command.env_remove("AWS_REGION");
    command.env_remove("AWS_DEFAULT_REGION");
    let mut lines = vec![("failed", "region", "set AWS_REGION")];
    lines.extend(skipped);
    says(&ran(command).failed(1, &["1 of 1 check failed"]), &lines);
    for service in [Service::S3, Service::Kinesis, Service::Sqs] {
        assert!(cloud.proxy(service).seen().is_empty());
    }
}

#[test]
fn a_missing_permission_is_named_at_once() {
    for (service, rule, actions) in [
        (
            Service::S3,
            Rule::new(Fault::s3(403, "AccessDenied")).method("PUT"),
            "s3:PutObject",
        ),
        (
            Service::Kinesis,
            Rule::new(Fault::json(400, "AccessDeniedException")).action("GetRecords"),
            "kinesis:GetRecords",
        ),
        (
            Service::Kinesis,
            Rule::new(Fault::json(400, "AccessDeniedException")).action("DescribeStreamSummary"),
            "kinesis:DescribeStreamSummary",
        ),
        (
            Service::Sqs,
            Rule::new(Fault::json(403, "AccessDenied")),
            "sqs:GetQueueAttributes",
        ),
    ] {
        let cloud = cloud();
        cloud.proxy(service).add(rule.always());
        let ran = ran(check(&cloud, [SOURCE, LAKE, BUS])).failed(1, &["1 of 6 checks failed"]);
        let failed = ran.stdout.lines().find(|line| line.starts_with("failed"));
        let failed = failed.unwrap();
        assert!(failed.contains("access denied"), "{failed}");
        assert!(failed.contains(&format!("allow {actions}")) || failed.contains(actions));
        bucket_is_empty(&cloud);
    }
}

#[test]
fn secrets_are_not_printed() {
    const SECRET: &str = "wrong-and-secret";
    let cloud = cloud();
    let mut command = check(&cloud, [SOURCE, LAKE, BUS]);
    command.env("AWS_SECRET_ACCESS_KEY", SECRET);
    let ran = ran(command).failed(1, &["2 of 6 checks failed"]);
    assert!(ran.stdout.contains("correct the credentials"), "{ran:#?}");
    assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET));
}

#[test]
fn files_and_folders_need_no_services() {
    let place = Place::new();
    place.write("events.ndjson", "{}\n");
    let args = [
        "config",
        "check",
        "--connect",
        "--source",
        "file:events.ndjson",
    ];
    let args = [&args[..], &["--lake", "file:lake", "--bus", "file:bus"]].concat();
    let ran = place.run(&args).succeeded();
    says(
        &ran,
        &[
            ("skipped", "lake", "is a folder"),
            ("skipped", "bus", "is a folder"),
        ],
    );
    assert!(!place.lake().exists() && !place.bus().exists());
}
