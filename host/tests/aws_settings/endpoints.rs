//! Endpoints that take the place of those of AWS.

use super::with_profile;
use crate::misconfiguration::ends_at_once;
use crate::services::Services;
use crate::support::cloud::{Cloud, Service, events};
use crate::support::program::Ran;

/// The services, as variables and profiles name them, each with a path.
const PATHS: [(Service, &str, &str); 3] = [
    (Service::S3, "s3", "/storage/v1/s3"),
    (Service::Kinesis, "kinesis", "/kinesis/v1"),
    (Service::Sqs, "sqs", "/sqs"),
];

fn cloud_with_records() -> (Cloud, Vec<Vec<u8>>) {
    let cloud = Cloud::new(1).with_queue("messages", 256 << 10);
    let records = events(20, 1);
    cloud.put_all(&records);
    (cloud, records)
}

#[test]
fn requests_are_sent_below_the_path_of_an_endpoint() {
    let (cloud, _records) = cloud_with_records();
    // To the stand-in, the first part of the path is the bucket.
    let storage = cloud.s3.bucket("storage");
    let mut command = cloud.command(&["--exit-when-caught-up"]);
    for (service, name, path) in PATHS {
        let url = format!("{}{path}", cloud.proxy(service).endpoint);
        command.env(format!("AWS_ENDPOINT_URL_{}", name.to_uppercase()), url);
    }
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("records"), 20);
    for (service, _, path) in PATHS {
        let seen = cloud.proxy(service).seen();
        let below = |seen: &testkit::proxy::Seen| seen.path.starts_with(&format!("{path}/"));
        assert!(!seen.is_empty() && seen.iter().all(below), "{seen:?}");
    }
    let lake = storage.join("v1/s3/bucket/lake");
    assert!(lake.join("_sluice/ledger").is_dir(), "{storage:?}");
}

#[test]
fn endpoints_come_from_the_services_of_a_profile() {
    let (cloud, records) = cloud_with_records();
    let mut config = String::from(
        "[profile stand-ins]\nregion = us-east-1\naws_access_key_id = test\n\
         aws_secret_access_key = test\nservices = local\n\n[services local]\n",
    );
    let mut command = cloud.command(&["--exit-when-caught-up"]);
    for (service, name, path) in PATHS {
        let endpoint = &cloud.proxy(service).endpoint;
        // The stand-in for S3 would take a path for a bucket.
        let path = if service == Service::S3 { "" } else { path };
        config += &format!("{name} =\n  endpoint_url = {endpoint}{path}\n");
        command.env_remove(format!("AWS_ENDPOINT_URL_{}", name.to_uppercase()));
    }
    with_profile(&cloud.place, &mut command, "stand-ins", &config);
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("records"), 20);
    cloud.holds_exactly(&records);
    let seen = cloud.proxy(Service::Kinesis).seen();
    assert!(seen.iter().all(|seen| seen.path == "/kinesis/v1/"));
    assert_eq!(cloud.sqs.messages("messages").len(), 20);
}

#[test]
fn an_endpoint_of_a_profile_that_is_no_url_ends_a_start() {
    let services = Services::new();
    let config = "[profile wrong]\naws_access_key_id = test\naws_secret_access_key = test\n\
                  services = local\n\n[services local]\ns3 =\n  endpoint_url = localhost:9000\n";
    let mut command = services.command("none");
    command.env_remove("AWS_ENDPOINT_URL_S3");
    with_profile(&services.place, &mut command, "wrong", config);
    ends_at_once(
        &mut command,
        &["endpoint_url of S3", "localhost:9000", "not a URL"],
    );
}
