use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Settings, Step, Then};
use super::{SHARD, STREAM, batches, error, invoked, numbers_of, steps_of, stream};

fn trying(maximum_retry_attempts: i64) -> Settings {
    Settings {
        maximum_retry_attempts,
        ..Settings::default()
    }
}

fn from(number: &str) -> Value {
    json!({ "batchItemFailures": [{ "itemIdentifier": number }] })
}

#[test]
fn a_batch_that_fails_comes_again_whole() {
    let (kinesis, numbers) = stream(4);
    let mut failures = 2;
    let settings = Settings {
        batch_size: 3,
        ..trying(-1)
    };
    let (steps, mapping) = steps_of(&kinesis, settings, |_| {
        if failures == 0 {
            return Ok(Value::Null);
        }
        failures -= 1;
        Err(error())
    });
    assert_eq!(mapping.checkpoint(SHARD), Some(numbers[3].as_str()));
    let first = vec![0, 1, 2];
    let expected = [first.clone(), first.clone(), first, vec![3]];
    assert_eq!(batches(steps, &numbers), expected);
}

#[test]
fn a_batch_is_discarded_after_its_retries_and_reported() {
    let (kinesis, numbers) = stream(5);
    let settings = Settings {
        batch_size: 3,
        ..trying(2)
    };
    let first = numbers[0].clone();
    let (steps, mapping) = steps_of(&kinesis, settings, move |event| {
        match numbers_of(event).contains(&first) {
            true => Err(error()),
            false => Ok(Value::Null),
        }
    });
    let [record] = mapping.discarded() else {
        panic!("{:?}", mapping.discarded());
    };
    let arrivals: Vec<_> = kinesis
        .records(STREAM)
        .iter()
        .map(|record| chrono::DateTime::from_timestamp_millis(record.arrival_ms.cast_signed()))
        .map(|time| time.unwrap().format("%FT%T%.3fZ").to_string())
        .collect();
    let expected = json!({
        "requestContext": {
            "requestId": "00000000-0000-4000-8000-000000000000",
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:sluice",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": record["timestamp"],
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[2],
            "approximateArrivalOfFirstRecord": arrivals[0],
            "approximateArrivalOfLastRecord": arrivals[2],
            "batchSize": 3,
            "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
        },
    });
    assert_eq!(*record, expected);
    assert!(record["timestamp"].is_string());
    let first = vec![0, 1, 2];
    let expected = [first.clone(), first.clone(), first, vec![3, 4]];
    assert_eq!(batches(steps, &numbers), expected);
}

#[test]
fn the_rest_after_a_partial_success_keeps_the_attempts_of_the_batch() {
    let (kinesis, numbers) = stream(4);
    let settings = Settings {
        report_batch_item_failures: true,
        ..trying(2)
    };
    let (steps, mapping) = steps_of(&kinesis, settings, |event| Ok(from(&numbers_of(event)[1])));
    let record = &mapping.discarded()[0];
    assert_eq!(
        record["KinesisBatchInfo"]["startSequenceNumber"],
        numbers[3]
    );
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["responseContext"].get("functionError"), None);
    let expected = [vec![0, 1, 2, 3], vec![1, 2, 3], vec![2, 3]];
    assert_eq!(batches(steps, &numbers), expected);
}

#[test]
fn bisecting_finds_the_record_that_fails_and_takes_no_attempts() {
    let (kinesis, numbers) = stream(8);
    let settings = Settings {
        bisect_batch_on_function_error: true,
        ..trying(1)
    };
    let bad = numbers[5].clone();
    let (steps, mapping) = steps_of(&kinesis, settings, move |event| {
        match numbers_of(event).contains(&bad) {
            true => Err(error()),
            false => Ok(Value::Null),
        }
    });
    let expected = [
        (0..8).collect(),
        (0..4).collect(),
        (4..8).collect(),
        vec![4, 5],
        vec![4],
        vec![5],
        vec![5],
        vec![6, 7],
    ];
    assert_eq!(batches(steps, &numbers), expected);
    let [record] = mapping.discarded() else {
        panic!("{:?}", mapping.discarded());
    };
    assert_eq!(record["KinesisBatchInfo"]["batchSize"], 1);
    assert_eq!(
        record["KinesisBatchInfo"]["startSequenceNumber"],
        numbers[5]
    );
    assert_eq!(mapping.checkpoint(SHARD), Some(numbers[7].as_str()));
}

#[test]
fn with_reports_a_batch_is_cut_where_the_report_says_and_nowhere_else() {
    let (kinesis, numbers) = stream(6);
    let settings = Settings {
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        ..trying(1)
    };
    let bad = &numbers[3];
    let report = |_: &Value| Ok(from(bad));
    let mut mapping =
        super::Mapping::new(&kinesis, STREAM, super::Target::closure(report), settings);
    let again = Then::Again(bad.clone());
    assert_eq!(invoked(mapping.step(SHARD)).1, again);
    assert_eq!(mapping.checkpoint(SHARD), Some(numbers[2].as_str()));
    // The split consumed no retry, so there are two more.
    let (delivered, then) = invoked(mapping.step(SHARD));
    assert_eq!(
        (delivered.sequence_numbers, then),
        (numbers[3..].into(), again)
    );
    let (delivered, then) = invoked(mapping.step(SHARD));
    assert_eq!(delivered.sequence_numbers, numbers[3..]);
    assert!(matches!(then, Then::Discarded(_)));
    assert!(matches!(mapping.step(SHARD), Step::Idle));
}

#[test]
fn with_reports_an_error_halves_a_batch_all_the_same() {
    let (kinesis, numbers) = stream(2);
    let settings = Settings {
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        ..trying(0)
    };
    let (steps, _) = steps_of(&kinesis, settings.clone(), |_| Err(error()));
    assert_eq!(batches(steps, &numbers), [vec![0, 1], vec![0], vec![1]]);
    let (mut steps, _) = steps_of(&kinesis, settings, |_| Ok(from("")));
    assert_eq!(invoked(steps.remove(0)).1, Then::Halved);
}

#[test]
fn expired_records_are_discarded_before_the_function_gets_them() {
    let (kinesis, numbers) = stream(2);
    kinesis.advance(Duration::from_secs(120));
    let young = kinesis.put(STREAM, "k", b"2").1;
    let settings = Settings {
        maximum_record_age_in_seconds: 60,
        ..Settings::default()
    };
    let (mut steps, mapping) = steps_of(&kinesis, settings, |_| Ok(Value::Null));
    assert_eq!(steps.len(), 2);
    let (delivered, _) = invoked(steps.remove(1));
    assert_eq!(delivered.sequence_numbers, [young]);
    let Step::TooOld(record) = &steps[0] else {
        panic!("{steps:?}");
    };
    assert_eq!(record["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record.get("responseContext"), None);
    assert_eq!(record["KinesisBatchInfo"]["endSequenceNumber"], numbers[1]);
    assert_eq!(mapping.discarded(), std::slice::from_ref(record));
}

#[test]
fn records_expire_while_they_fail() {
    let (kinesis, numbers) = stream(2);
    let settings = Settings {
        maximum_record_age_in_seconds: 60,
        ..Settings::default()
    };
    let (steps, mapping) = steps_of(&kinesis, settings, |_| {
        kinesis.advance(Duration::from_secs(25));
        Err(error())
    });
    let records: Vec<_> = steps
        .iter()
        .map(|step| matches!(step, Step::TooOld(_)))
        .collect();
    assert_eq!(records, [false, false, false, true]);
    let record = &mapping.discarded()[0];
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    assert_eq!(mapping.checkpoint(SHARD), Some(numbers[1].as_str()));
}
