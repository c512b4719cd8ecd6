use std::time::{Duration, Instant};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::primitives::ByteStream;

use super::super::kinesis::{self, Kinesis};
use super::super::proxy::{Fault, Proxy, Rule};
use super::super::s3::{self, S3};
use super::super::sdk_config_once;

const TIMEOUT: Duration = Duration::from_secs(20);

/// An S3 with a bucket, a proxy in front of it, and a client that makes one attempt.
fn start() -> (S3, Proxy, Client) {
    let s3 = S3::start();
    s3.bucket("lake");
    let proxy = Proxy::start(&s3.endpoint);
    let config = aws_sdk_s3::config::Builder::from(&sdk_config_once(&proxy.endpoint));
    let client = Client::from_conf(config.force_path_style(true).build());
    (s3, proxy, client)
}

async fn put(client: &Client, key: &str) -> Result<(), aws_sdk_s3::Error> {
    let put = client
        .put_object()
        .bucket("lake")
        .key(key)
        .if_none_match("*");
    put.body(ByteStream::from_static(&[7; 1000])).send().await?;
    Ok(())
}

async fn get(
    client: &Client,
    key: &str,
) -> Result<Vec<u8>, aws_sdk_s3::primitives::ByteStreamError> {
    let got = client.get_object().bucket("lake").key(key).send().await;
    Ok(got.unwrap().body.collect().await?.to_vec())
}

#[tokio::test]
async fn forwards_what_is_signed() {
    let (s3, proxy, client) = start();
    put(&client, "a b/ü=1").await.unwrap();
    assert_eq!(get(&client, "a b/ü=1").await.unwrap(), [7; 1000]);
    let head = client
        .head_object()
        .bucket("lake")
        .key("a b/ü=1")
        .send()
        .await;
    assert_eq!(head.unwrap().content_length(), Some(1000));
    assert_eq!(proxy.untouched(), 3);
    let seen = &proxy.seen()[0];
    assert_eq!(
        (seen.method.as_str(), &seen.action, &seen.fault),
        ("PUT", &None, &None)
    );
    assert!(s3.root.join("lake/a b/ü=1").exists());
}

#[tokio::test]
async fn answers_in_place_of_the_service() {
    let (_s3, proxy, client) = start();
    put(&client, "k").await.unwrap();
    let faults = [
        (503, "SlowDown"),
        (500, "InternalError"),
        (403, "AccessDenied"),
        (429, "Busy"),
    ];
    for (status, code) in faults {
        let rule = proxy.add(Rule::new(Fault::s3(status, code)).method("GET").path("/k"));
        let failed = client
            .get_object()
            .bucket("lake")
            .key("k")
            .send()
            .await
            .unwrap_err();
        assert_eq!(failed.raw_response().unwrap().status().as_u16(), status);
        assert_eq!((failed.code(), proxy.hits(rule)), (Some(code), 1));
        assert_eq!(get(&client, "k").await.unwrap().len(), 1000);
    }
}

#[tokio::test]
async fn loses_requests_and_answers() {
    let (s3, proxy, client) = start();
    proxy.add(Rule::new(Fault::ResetBefore).path("lost"));
    put(&client, "lost").await.unwrap_err();
    assert!(!s3.root.join("lake/lost").exists());
    proxy.add(Rule::new(Fault::ResetAfter).path("taken"));
    put(&client, "taken").await.unwrap_err();
    assert!(s3.root.join("lake/taken").exists());
    // A client that sends the put again gets a conflict with its own first attempt.
    proxy.add(Rule::new(Fault::ResetAfter).path("twice"));
    let again = put(&s3::client(&proxy.endpoint), "twice")
        .await
        .unwrap_err();
    assert_eq!(again.code(), Some("PreconditionFailed"));
}

#[tokio::test]
async fn hangs() {
    let (s3, proxy, client) = start();
    let rule = proxy.add(Rule::new(Fault::Hang(Duration::from_secs(3600))));
    let config = client.config().to_builder();
    let timeout = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(100));
    let hasty = Client::from_conf(config.timeout_config(timeout.build()).build());
    let late = hasty.put_object().bucket("lake").key("k").send().await;
    assert!(matches!(late.unwrap_err(), SdkError::TimeoutError(_)));
    assert!(proxy.wait_for_hits(rule, 1, TIMEOUT));
    assert!(!s3.root.join("lake/k").exists());
    let pause = Duration::from_millis(50);
    let rule = proxy.add(Rule::new(Fault::Hang(pause)));
    let begun = Instant::now();
    put(&client, "k").await.unwrap();
    assert!(begun.elapsed() >= pause && proxy.hits(rule) == 1);
}

#[tokio::test]
async fn slows_and_breaks_bodies() {
    let (_s3, proxy, client) = start();
    put(&client, "k").await.unwrap();
    let pause = Duration::from_millis(10);
    proxy.add(Rule::new(Fault::SlowBody { bytes: 100, pause }).method("GET"));
    let begun = Instant::now();
    assert_eq!(get(&client, "k").await.unwrap(), [7; 1000]);
    assert!(begun.elapsed() >= pause * 10);
    for bytes in [0, 400] {
        proxy.add(Rule::new(Fault::TruncateBody(bytes)).method("GET"));
        get(&client, "k").await.unwrap_err();
    }
    assert_eq!(get(&client, "k").await.unwrap(), [7; 1000]);
}

#[tokio::test]
async fn damages_a_body_so_that_its_checksum_tells() {
    let (_s3, proxy, client) = start();
    put(&client, "k").await.unwrap();
    let rule = proxy.add(Rule::new(Fault::DamageBody).method("GET"));
    let damaged = get(&client, "k").await.unwrap_err();
    assert!(format!("{damaged:?}").contains("hecksum"), "{damaged:?}");
    assert_eq!(proxy.hits(rule), 1);
    assert_eq!(get(&client, "k").await.unwrap(), [7; 1000]);
}

#[tokio::test]
async fn applies_rules_to_matching_calls_only() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 1);
    let proxy = Proxy::start(&kinesis.endpoint);
    let client = aws_sdk_kinesis::Client::new(&sdk_config_once(&proxy.endpoint));
    let fault = Fault::json(400, kinesis::THROTTLED);
    let some = proxy.add(
        Rule::new(fault.clone())
            .action("ListShards")
            .nth(2)
            .times(2),
    );
    let list = || async { client.list_shards().stream_name("s").send().await.is_ok() };
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(list().await);
    }
    assert_eq!(taken, [true, false, false, true, true]);
    let all = proxy.add(Rule::new(Fault::ResetBefore).always());
    assert!(!list().await && !list().await);
    proxy.remove_rules();
    assert!(list().await);
    assert_eq!(
        (proxy.hits(some), proxy.hits(all), proxy.untouched()),
        (2, 2, 4)
    );
    assert_eq!(proxy.seen()[1].fault, Some(fault));
    assert_eq!(kinesis.calls("ListShards"), 4);
    // A client with retries does not notice.
    let trouble = proxy.add(Rule::new(Fault::ResetAfter));
    let client = kinesis::client(&proxy.endpoint);
    client.list_shards().stream_name("s").send().await.unwrap();
    assert_eq!((proxy.hits(trouble), kinesis.calls("ListShards")), (1, 6));
}
