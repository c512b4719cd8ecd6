//! The consumer in Python, with boto3.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use testkit::{REGION, environment};

use super::expected::Expected;
use super::*;

/// A line of `consumer.py print`.
#[derive(Deserialize)]
struct Row {
    rid: String,
    event: i64,
    partition: String,
    release: String,
    body: String,
}

impl From<Row> for Event {
    fn from(row: Row) -> Self {
        Self {
            rid: row.rid,
            event: row.event,
            partition: row.partition,
            release: row.release,
            body: row.body,
        }
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/consumers")
}

/// Runs a script with the services of a test.
fn python(cloud: &Cloud, script: &Path, args: &[&str]) -> Ran {
    let python = std::env::var_os("SLUICE_READERS_PYTHON");
    let python = python.expect("SLUICE_READERS_PYTHON is the Python of `make readers`");
    let mut command = Command::new(python);
    command.arg(script).args(args);
    command.current_dir(cloud.place.path(""));
    command
        .env("PYTHONPATH", examples())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
        .envs(environment())
        .env("AWS_DEFAULT_REGION", REGION);
    command.env("AWS_ENDPOINT_URL_SQS", &cloud.sqs.endpoint);
    command.env("AWS_ENDPOINT_URL_S3", &cloud.s3.endpoint);
    command.output().unwrap().into()
}

fn url(cloud: &Cloud) -> String {
    let name = cloud.queue.as_deref().unwrap();
    let input = serde_json::json!({ "QueueName": name });
    let found = cloud.sqs.call("GetQueueUrl", &input).unwrap();
    found["QueueUrl"].as_str().unwrap().to_owned()
}

/// Runs `consumer.py sqs` until the queue is empty, and returns what it says.
fn consume_with_boto3(cloud: &Cloud) -> String {
    let script = examples().join("consumer.py");
    let args = ["sqs", &url(cloud), "--exit-when-empty"];
    let ran = python(cloud, &script, &args).succeeded();
    is_empty(cloud);
    ran.stdout.trim_end().to_owned()
}

/// The events that `consumer.py` has kept, in order.
fn kept(cloud: &Cloud) -> Vec<Event> {
    let printed = python(cloud, &examples().join("consumer.py"), &["print"]).succeeded();
    rows(&printed.stdout)
}

fn rows(lines: &str) -> Vec<Event> {
    let rows = lines
        .lines()
        .map(|line| serde_json::from_str::<Row>(line).unwrap());
    rows.map(Event::from).collect()
}

#[test]
#[ignore = "needs boto3: `make readers`"]
fn boto3_reads_all_kinds_of_messages_and_drops_repeats() {
    for (queue, messages, compression) in [
        (STANDARD, "packed", "zstd"),
        (FIFO, "packed", "gzip"),
        (STANDARD, "events", "zstd"),
        (FIFO, "events", "none"),
    ] {
        let cloud = stream(queue);
        cloud.catch_up(&["--bus-messages", messages, "--compression", compression]);
        let expected = Expected::of(&cloud);
        let said = consume_with_boto3(&cloud);
        assert_eq!(said, "304 new events, 0 repeats, 0 messages not handled");
        let found = kept(&cloud);
        expected.is(&found);
        if queue == FIFO {
            expected.is_in_order(&found);
        }
        cloud.sqs.advance(std::time::Duration::from_secs(301));
        let more = ["--bus-messages", messages, "--chunk-records", "37"];
        catch_up_into(&cloud, "s3://bucket/again", &more);
        let said = consume_with_boto3(&cloud);
        assert_eq!(said, "0 new events, 304 repeats, 0 messages not handled");
        assert_eq!(kept(&cloud), found);
    }
}

#[test]
#[ignore = "needs boto3: `make readers`"]
fn boto3_reads_partitions_with_characters_that_sqs_rejects() {
    let cloud = odd_stream();
    cloud.catch_up(&["--bus-messages", "events"]);
    consume_with_boto3(&cloud);
    are_of_odd_stream(&kept(&cloud), &cloud);
}

#[test]
#[ignore = "needs boto3: `make readers`"]
fn boto3_reads_messages_about_objects() {
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--bus-messages", "objects"]);
    consume_with_boto3(&cloud);
    let mut bodies: Vec<_> = kept(&cloud).into_iter().map(|event| event.body).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, crate::support::lake::all_events(&cloud.lake()));
}

/// A function gets messages in batches of ten. One event fails at its first attempt.
#[test]
#[ignore = "needs boto3: `make readers`"]
fn a_function_fails_only_for_messages_that_it_did_not_handle() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consumers/readers/function.py");
    for queue in [STANDARD, FIFO] {
        let cloud = stream(queue);
        cloud.catch_up(&["--bus-messages", "packed"]);
        let expected = Expected::of(&cloud);
        let records = cloud.kinesis.records(STREAM);
        let failing = &records[7];
        let failing = format!("{STREAM}-{}:{}", failing.shard, failing.sequence_number);
        let ran = python(&cloud, &script, &[&url(&cloud), &failing]).succeeded();
        assert!(ran.stderr.contains("was not handled"), "{}", ran.stderr);
        let found = rows(&ran.stdout);
        expected.is(&found);
        if queue == FIFO {
            expected.is_in_order(&found);
        }
        is_empty(&cloud);
    }
}

/// The page says how to read an event that a pointer into Parquet names.
#[test]
#[ignore = "needs boto3: `make readers`"]
fn a_pointer_into_parquet_is_read_as_the_page_says() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/consumers.md"));
    let page = page.unwrap();
    let block = crate::rules::blocks(&page, "python");
    let [block] = block
        .into_iter()
        .filter(|block| block.contains("_line"))
        .collect::<Vec<_>>()[..]
    else {
        panic!("one example that reads Parquet")
    };
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--format", "parquet"]);
    let messages = cloud.sqs.messages(STANDARD);
    let pointers = messages
        .iter()
        .filter(|message| message.attribute("pointer").is_some());
    let pointers: Vec<_> = pointers.collect();
    assert_eq!(pointers.len(), 4);
    for pointer in pointers {
        let place: serde_json::Value = serde_json::from_str(&pointer.body).unwrap();
        let object = place["object"].as_str().unwrap();
        let path = cloud
            .bucket
            .join(object.strip_prefix("s3://bucket/").unwrap());
        let script = format!(
            "{block}\nrow = row_of({:?}, {})\nprint(row['event_uuid'])\n",
            path.display().to_string(),
            place["line"]
        );
        let script = cloud.place.write("row.py", script);
        let ran = python(&cloud, &script, &[]).succeeded();
        let rid = pointer.attribute("rid").unwrap();
        let records = cloud.kinesis.records(STREAM);
        let record = records
            .iter()
            .find(|record| rid == format!("{STREAM}-{}:{}", record.shard, record.sequence_number));
        let uuid = crate::support::cloud::uuid(&record.unwrap().data);
        assert_eq!(ran.stdout.trim_end(), uuid);
    }
}
