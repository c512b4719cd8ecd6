use std::env;
use std::process::Command;

use aws_config::BehaviorVersion;

use super::super::environment;
use super::super::kinesis::Kinesis;
use super::super::proxy::Proxy;
use super::super::s3::S3;
use super::super::sqs::Sqs;

#[test]
fn another_program_finds_the_stand_ins_by_its_environment() {
    let (s3, kinesis, sqs) = (S3::start(), Kinesis::start(), Sqs::start());
    s3.bucket("lake");
    kinesis.create_stream("stream", 1);
    sqs.create_queue("bus", 1024);
    let proxy = Proxy::start(&sqs.endpoint);
    let name = concat!(module_path!(), "::the_other_program");
    let name = name.split_once("::").unwrap().1;
    let run = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored"])
        .envs(environment())
        .env("AWS_ENDPOINT_URL_S3", &s3.endpoint)
        .env("AWS_ENDPOINT_URL_KINESIS", &kinesis.endpoint)
        .env("AWS_ENDPOINT_URL_SQS", &proxy.endpoint)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    assert_eq!(kinesis.calls("ListShards"), 1);
    assert_eq!((sqs.calls("GetQueueUrl"), proxy.untouched()), (1, 1));
}

#[tokio::test]
#[ignore = "runs as another program"]
async fn the_other_program() {
    if env::var_os("AWS_ENDPOINT_URL_S3").is_none() {
        return;
    }
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
    let s3 = aws_sdk_s3::Client::from_conf(s3.build());
    s3.list_objects_v2().bucket("lake").send().await.unwrap();
    let kinesis = aws_sdk_kinesis::Client::new(&config);
    kinesis
        .list_shards()
        .stream_name("stream")
        .send()
        .await
        .unwrap();
    let sqs = aws_sdk_sqs::Client::new(&config);
    sqs.get_queue_url().queue_name("bus").send().await.unwrap();
}
