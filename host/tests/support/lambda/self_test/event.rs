use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::{PAYLOAD_MAX_BYTES, Settings};
use super::{SHARD, STREAM, numbers_of, steps_of, stream};
use testkit::kinesis::Kinesis;

#[test]
fn an_event_has_the_fields_that_lambda_writes() {
    let (kinesis, numbers) = stream(1);
    let arrival_ms = kinesis.records(STREAM)[0].arrival_ms;
    let events = events_of(&kinesis, Settings::default());
    let seconds = format!("{}.{:03}", arrival_ms / 1000, arrival_ms % 1000);
    let expected = json!({ "Records": [{
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": numbers[0],
            "data": STANDARD.encode("0"),
            "approximateArrivalTimestamp": seconds.parse::<f64>().unwrap(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{SHARD}:{}", numbers[0]),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/lambda-role",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    }] });
    assert_eq!(events, [expected]);
}

#[test]
fn a_batch_ends_at_its_count_and_not_before() {
    let (kinesis, _) = stream(7);
    let settings = Settings {
        batch_size: 3,
        ..Settings::default()
    };
    let events = events_of(&kinesis, settings);
    let counts: Vec<_> = events.iter().map(|event| numbers_of(event).len()).collect();
    assert_eq!(counts, [3, 3, 1]);
}

#[test]
fn a_batch_ends_at_six_megabytes_with_base64_and_not_before() {
    let kinesis = Kinesis::start();
    kinesis.create_stream(STREAM, 1);
    let sizes = [1_000_000, 700_001, 999_999, 3, 5_000, 640_002, 8, 1_040_000];
    for size in sizes.into_iter().cycle().take(40) {
        kinesis.put(STREAM, "k", &vec![0; size]);
    }
    let events = events_of(&kinesis, Settings::default());
    let bytes = |value: &Value| value.to_string().len();
    assert!(events.iter().all(|event| bytes(event) <= PAYLOAD_MAX_BYTES));
    for pair in events.windows(2) {
        let with_one_more = bytes(&pair[0]) + ",".len() + bytes(&pair[1]["Records"][0]);
        assert!(with_one_more > PAYLOAD_MAX_BYTES);
    }
    assert!(events.len() > 3, "{}", events.len());
    assert_eq!(events.iter().flat_map(numbers_of).count(), 40);
}

pub(super) fn events_of(kinesis: &Kinesis, settings: Settings) -> Vec<Value> {
    let events = RefCell::new(Vec::new());
    steps_of(kinesis, settings, |event| {
        events.borrow_mut().push(event.clone());
        Ok(Value::Null)
    });
    events.into_inner()
}
