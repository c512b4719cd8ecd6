//! The recipes for producers: each command of the page lands what the producer writes, byte for byte as it writes it.

mod page;
mod recipe;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sluice::source::aggregate::Aggregator;

use self::recipe::Recipe;
use crate::rules::blocks;
use crate::support::cloud::{STREAM, events, uuid};
use crate::support::lake;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

const COUNTS: [&str; 4] = ["records", "events", "quarantined", "dropped"];

/// Lines of a file, each with its line feed: an object, one that `LOGTOJSON` made, one with a carriage return, an empty
/// line, and text.
#[test]
fn kinesis_agent() {
    let converted = r#"{"host":"192.0.2.1","ident":null,"authuser":null,"datetime":"01/Jan/2026:00:00:00 +0000","request":"GET / HTTP/1.1","response":"200","bytes":"2326"}"#;
    let recipe = Recipe::new(
        "Kinesis Agent",
        &[
            "{\"level\":\"info\",\"n\":1.50}\n".to_owned(),
            format!("{converted}\n"),
            "{\"level\": \"debug\"}\r\n".to_owned(),
            "\n".to_owned(),
            "no JSON\n".to_owned(),
        ],
    );
    assert_eq!(recipe.land().counts(COUNTS), [5, 3, 1, 1]);
    recipe.holds(&[
        ("", r#"{"level":"info","n":1.50}"#),
        ("", converted),
        ("", r#"{"level": "debug"}"#),
    ]);
    assert_eq!(
        recipe.quarantined(),
        [("invalid_json".to_owned(), b"no JSON".to_vec())]
    );
    let [agent] = blocks(&recipe.section, "json")[..] else {
        panic!("one configuration")
    };
    let agent: Value = serde_json::from_str(agent).unwrap();
    assert_eq!(agent["flows"][0]["kinesisStream"], STREAM);
}

#[test]
fn kinesis_producer_library() {
    let all = events(90, 61);
    let mut records: Vec<_> = all[..80]
        .chunks(20)
        .map(|part| {
            let mut aggregator = Aggregator::new(50_000);
            for event in part {
                aggregator.push(&uuid(event), event);
            }
            aggregator.finish().unwrap().1
        })
        .collect();
    records.extend_from_slice(&all[80..]);
    let recipe = Recipe::new("Kinesis Producer Library", &records);
    assert_eq!(recipe.land().counts(COUNTS), [90, 90, 0, 0]);
    let found = lake::all_events(&recipe.lake);
    let mut found: Vec<_> = found.iter().map(|event| uuid(event.as_bytes())).collect();
    let mut expected: Vec<_> = all.iter().map(|event| uuid(event)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// Objects with a line feed each: several in a record with `simple_aggregation`, compressed or not yet.
#[test]
fn fluent_bit() {
    let line =
        |n| format!(r#"{{"log":"line {n}","stream":"stdout","time":"2026-01-01T00:00:00"}}"#);
    let lines: Vec<String> = (0..9).map(line).collect();
    let record = |lines: &[String]| (lines.join("\n") + "\n").into_bytes();
    let recipe = Recipe::new(
        "Fluent Bit",
        &[
            gzip(&record(&lines[..3])),
            gzip(&record(&lines[3..4])),
            record(&lines[4..6]),
            zstd::encode_all(&record(&lines[6..])[..], 1).unwrap(),
        ],
    );
    assert_eq!(recipe.land().counts(COUNTS), [9, 9, 0, 0]);
    let expected: Vec<_> = lines.iter().map(|line| ("", line.as_str())).collect();
    recipe.holds(&expected);
}

/// An envelope of a subscription filter, with the messages of its log events.
fn envelope(kind: &str, group: &str, messages: &[&str]) -> Vec<u8> {
    let log_events: Vec<_> = messages
        .iter()
        .zip(0..)
        .map(|(message, n)| {
            let timestamp = 1_767_225_600_250_u64 + n;
            json!({"id": format!("id-{n}"), "timestamp": timestamp, "message": message})
        })
        .collect();
    let envelope = json!({
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "s",
        "subscriptionFilters": ["sluice"],
        "logEvents": log_events,
    });
    envelope.to_string().into_bytes()
}

#[test]
fn cloudwatch_logs() {
    let checks = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream.";
    let messages = [
        "START RequestId: 6a9e\n",
        "{\"level\":\"info\",\"total\":12.50}\n",
        "{cut off",
    ];
    // Readers fail on one of two messages.
    let unreadable = envelope("DATA_MESSAGE", "g", &["fine", r#"{"a":1,"A":2}"#]);
    let recipe = Recipe::new(
        "CloudWatch Logs",
        &[
            gzip(&envelope("CONTROL_MESSAGE", "", &[checks])),
            gzip(&envelope("DATA_MESSAGE", "/aws/lambda/shop", &messages)),
            gzip(&unreadable),
            b"{}".to_vec(),
        ],
    );
    assert_eq!(recipe.land().counts(COUNTS), [4, 3, 2, 1]);
    let partition = "log_group=%2Faws%2Flambda%2Fshop";
    recipe.holds(&[
        (
            partition,
            r#"{"message":"START RequestId: 6a9e\n","event_id":"id-0","time":"2026-01-01T00:00:00.25Z","log_group":"/aws/lambda/shop","log_stream":"s"}"#,
        ),
        (
            partition,
            r#"{"level":"info","total":12.50,"event_id":"id-1","time":"2026-01-01T00:00:00.251Z","log_group":"/aws/lambda/shop","log_stream":"s"}"#,
        ),
        (
            partition,
            r#"{"message":"{cut off","event_id":"id-2","time":"2026-01-01T00:00:00.252Z","log_group":"/aws/lambda/shop","log_stream":"s"}"#,
        ),
    ]);
    assert_eq!(
        recipe.quarantined(),
        [
            ("not_interoperable".to_owned(), unreadable),
            ("undecodable".to_owned(), b"{}".to_vec()),
        ]
    );
}

/// The limits of the command are enough for an envelope that exceeds the default ones.
#[test]
fn cloudwatch_logs_in_a_large_envelope() {
    let message = r#"{"level":"info","request":"6a9e0d3c","message":"order placed","items":[{"sku":"a","count":2},{"sku":"b","count":1}]}"#;
    let messages = [message; 2_500];
    let envelope = gzip(&envelope("DATA_MESSAGE", "g", &messages));
    let recipe = Recipe::new("CloudWatch Logs", &[envelope]);
    assert_eq!(recipe.land().counts(COUNTS), [1, 2_500, 0, 0]);
}

/// A change of an item, with the members that `DynamoDB` writes.
fn change(name: &str, change: &Value) -> Vec<u8> {
    let change = json!({
        "awsRegion": "eu-central-1",
        "eventID": "6a9e",
        "eventName": name,
        "userIdentity": null,
        "recordFormat": "application/json",
        "tableName": "orders",
        "dynamodb": change,
        "eventSource": "aws:dynamodb",
    });
    change.to_string().into_bytes()
}

#[test]
fn dynamodb() {
    let keys = json!({"id": {"S": "o-1"}});
    let (old, new) = (
        json!({"id": {"S": "o-1"}, "total": {"N": "12.50"}}),
        json!({"id": {"S": "o-1"}, "items": {"L": [{"M": {"n": {"N": "1"}}}, {"NULL": true}]}, "total": {"N": "0.10"}}),
    );
    let no_change = br#"{"eventName":"INSERT"}"#.to_vec();
    let recipe = Recipe::new(
        "DynamoDB",
        &[
            change(
                "INSERT",
                &json!({"ApproximateCreationDateTime": 1_767_225_600_250_u64, "Keys": keys, "NewImage": old, "SizeBytes": 20}),
            ),
            change(
                "MODIFY",
                &json!({"ApproximateCreationDateTime": 1_767_225_600_250_001_u64, "ApproximateCreationDateTimePrecision": "MICROSECOND",
                    "Keys": keys, "NewImage": new, "OldImage": old, "SizeBytes": 60}),
            ),
            change(
                "REMOVE",
                &json!({"ApproximateCreationDateTime": 1_767_225_601_000_u64, "Keys": keys, "OldImage": new, "SizeBytes": 40}),
            ),
            no_change.clone(),
        ],
    );
    assert_eq!(recipe.land().counts(COUNTS), [4, 3, 1, 0]);
    let old = r#"{"id":"o-1","total":12.50}"#;
    let new = r#"{"id":"o-1","items":[{"n":1},null],"total":0.10}"#;
    let event = |name: &str, time: &str, old: &str, new: &str| {
        format!(
            r#"{{"event_id":"6a9e","event_type":"{name}","table":"orders","time":"{time}","keys":{{"id":"o-1"}},"old":{old},"new":{new}}}"#
        )
    };
    recipe.holds(&[
        (
            "table=orders/event_type=insert",
            &event("insert", "2026-01-01T00:00:00.25Z", "null", old),
        ),
        (
            "table=orders/event_type=modify",
            &event("modify", "2026-01-01T00:00:00.250001Z", old, new),
        ),
        (
            "table=orders/event_type=remove",
            &event("remove", "2026-01-01T00:00:01Z", new, "null"),
        ),
    ]);
    assert_eq!(recipe.quarantined(), [("no_change".to_owned(), no_change)]);
}

#[test]
fn self_describing_events() {
    let no_schema = r#"{"schema":"order_placed","data":{}}"#;
    let recipe = Recipe::new(
        "Self-describing events",
        &[
            r#"{"schema":"iglu:com.example/order_placed/jsonschema/1-0-2","data":{"order":"o-1","total":12.50}}"#,
            r#"{"schema":"iglu:com.example/signed_up/jsonschema/2-0-0","data":{"user":9007199254740993}}"#,
            no_schema,
        ],
    );
    assert_eq!(recipe.land().counts(COUNTS), [3, 2, 1, 0]);
    recipe.holds(&[
        (
            "event_type=order_placed",
            r#"{"order":"o-1","total":12.50,"event_type":"order_placed","schema_vendor":"com.example","schema_version":"1-0-2"}"#,
        ),
        (
            "event_type=signed_up",
            r#"{"user":9007199254740993,"event_type":"signed_up","schema_vendor":"com.example","schema_version":"2-0-0"}"#,
        ),
    ]);
    assert_eq!(
        recipe.quarantined(),
        [("no_schema".to_owned(), no_schema.as_bytes().to_vec())]
    );
}
