//! Streams and queues of other accounts and regions, by their ARN or URL.

use std::time::Duration;

use testkit::environment;
use testkit::proxy::{Fault, Proxy, Rule, RuleId, Seen};

use crate::support::cloud::{Cloud, STREAM, Service, events};
use crate::support::program::{Place, Ran};

const STREAM_ARN: &str = "kinesis:arn:aws:kinesis:eu-west-1:123456789012:stream/events";

/// What requests about that stream have in their body.
const IN_REQUESTS: &str = "\"arn:aws:kinesis:eu-west-1:123456789012:stream";

/// A rule that only counts the calls of an action with this text.
fn counter(proxy: &Proxy, action: &str, text: &str) -> RuleId {
    let forward = Fault::Hang(Duration::ZERO);
    proxy.add(Rule::new(forward).action(action).body(text).always())
}

fn is_signed_for(seen: &[Seen], region: &str) {
    let right = |seen: &Seen| seen.region.as_deref() == Some(region);
    assert!(!seen.is_empty() && seen.iter().all(right), "{seen:?}");
}

#[test]
fn a_worker_reads_the_stream_of_another_account_by_its_arn() {
    let cloud = Cloud::new(2);
    let records = events(40, 1);
    cloud.put_all(&records);
    let kinesis = cloud.proxy(Service::Kinesis);
    let actions = ["ListShards", "GetShardIterator", "GetRecords"];
    let by_arn = actions.map(|action| (action, counter(kinesis, action, IN_REQUESTS)));
    let mut command = cloud.command_on(STREAM_ARN, &["--exit-when-caught-up"]);
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("records"), 40);
    cloud.holds_exactly(&records);
    let seen = kinesis.seen();
    for (action, counter) in by_arn {
        let calls = seen.iter().filter(|s| s.action.as_deref() == Some(action));
        assert_eq!(kinesis.hits(counter), calls.count(), "{action}");
        assert!(kinesis.hits(counter) > 0, "{action}");
    }
    is_signed_for(&seen, "eu-west-1");
    is_signed_for(&cloud.proxy(Service::S3).seen(), testkit::REGION);
}

#[test]
fn a_stream_has_the_same_ledgers_by_its_name_and_by_its_arn() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(20, 1));
    let mut command = cloud.command_on(STREAM_ARN, &["--exit-when-caught-up"]);
    let summary = Ran::from(command.output().unwrap()).summary();
    assert_eq!(summary.count("records"), 20);
    assert_eq!(cloud.catch_up(&[]).count("records"), 0);
}

#[test]
fn events_are_generated_into_a_stream_by_its_arn() {
    let cloud = Cloud::new(1);
    let kinesis = cloud.proxy(Service::Kinesis);
    let by_arn = counter(kinesis, "PutRecords", IN_REQUESTS);
    let args = ["generate", "--events", "50", "--to", STREAM_ARN];
    let mut command = cloud.place.command(&args);
    command.envs(environment());
    command.env("AWS_ENDPOINT_URL_KINESIS", &kinesis.endpoint);
    Ran::from(command.output().unwrap()).succeeded();
    assert_eq!(cloud.kinesis.records(STREAM).len(), 50);
    assert!(kinesis.hits(by_arn) > 0);
    is_signed_for(&kinesis.seen(), "eu-west-1");
}

#[test]
fn the_region_of_a_queue_comes_from_its_arn_or_url() {
    for (queue, region) in [
        ("messages", testkit::REGION),
        ("arn:aws:sqs:eu-west-1:123456789012:messages", "eu-west-1"),
        (
            "https://sqs.eu-central-1.amazonaws.com/123456789012/messages",
            "eu-central-1",
        ),
    ] {
        let cloud = Cloud::new(1);
        cloud.sqs.create_queue("messages", 256 << 10);
        cloud.put_all(&events(20, 1));
        let sqs = cloud.proxy(Service::Sqs);
        let of_account = counter(sqs, "GetQueueUrl", "\"123456789012\"");
        let bus = format!("sqs:{queue}");
        assert_eq!(cloud.catch_up(&["--bus", &bus]).count("records"), 20);
        assert_eq!(cloud.sqs.messages("messages").len(), 20);
        is_signed_for(&sqs.seen(), region);
        let is_arn = queue.starts_with("arn:");
        assert_eq!(sqs.hits(of_account), usize::from(is_arn), "{queue}");
    }
}

#[test]
fn a_wrong_arn_is_refused_with_what_is_wrong() {
    let place = Place::new();
    let lake = ["--lake", "s3://bucket/lake"];
    for (source, bus, parts) in [
        (
            "kinesis:arn:aws:kinesis:eu-west-1:1234:stream/events",
            "none",
            ["source: ", "its account \"1234\" is not 12 digits"],
        ),
        (
            "kinesis:arn:aws-cn:kinesis:eu-west-1:123456789012:stream/events",
            "none",
            ["source: ", "does not belong to its partition"],
        ),
        (
            "kinesis:events",
            "sqs:arn:aws:sns:eu-west-1:123456789012:messages",
            ["bus: ", "its service is \"sns\", not \"sqs\""],
        ),
    ] {
        let args = [&["run", "--source", source, "--bus", bus][..], &lake].concat();
        place.run(&args).failed(2, &parts);
    }
    let to = "kinesis:arn:aws:kinesis:eu-west-1:123456789012:events";
    let ran = place.run(&["generate", "--events", "1", "--to", to]);
    ran.failed(2, &["to: ", "is not stream/NAME"]);
}
