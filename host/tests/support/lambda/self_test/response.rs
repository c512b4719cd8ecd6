use serde_json::{Value, json};

use super::super::{Settings, Then, Verdict};
use super::{SHARD, batches, error, invoked, numbers_of, steps_of, stream};

fn reporting() -> Settings {
    Settings {
        report_batch_item_failures: true,
        maximum_retry_attempts: 0,
        ..Settings::default()
    }
}

/// Lambda's conclusion from this response to a batch of three records.
fn concluded(settings: &Settings, respond: impl Fn(&[String]) -> Value) -> (Verdict, Vec<String>) {
    let (kinesis, numbers) = stream(3);
    let respond = |event: &Value| Ok(respond(&numbers_of(event)));
    let (mut steps, _) = steps_of(&kinesis, settings.clone(), respond);
    assert_eq!(steps.len(), 1);
    let (delivered, then) = invoked(steps.remove(0));
    let passed = delivered.verdict == Verdict::Success;
    assert_eq!(then == Then::Passed, passed, "{then:?}");
    (delivered.verdict, numbers)
}

fn items(identifiers: &[Value]) -> Value {
    let item = |id: &Value| json!({ "itemIdentifier": id });
    json!({ "batchItemFailures": identifiers.iter().map(item).collect::<Vec<_>>() })
}

#[test]
fn nothing_reported_is_a_success() {
    for response in [
        Value::Null,
        json!({}),
        json!({ "batchItemFailures": null }),
        json!({ "batchItemFailures": [] }),
        json!({ "other": 1 }),
    ] {
        let (verdict, _) = concluded(&reporting(), |_| response.clone());
        assert_eq!(verdict, Verdict::Success, "{response}");
    }
}

/// Responses that lose records without an error.
#[test]
fn a_key_with_a_wrong_name_is_a_success_too() {
    for key in ["batchitemfailures", "BatchItemFailures", "batchItemFailure"] {
        let (verdict, _) = concluded(&reporting(), |numbers| {
            let mut response = json!({});
            response[key] = json!([{ "itemIdentifier": numbers[0] }]);
            response
        });
        assert_eq!(verdict, Verdict::Success, "{key}");
    }
}

#[test]
fn the_lowest_reported_record_is_the_checkpoint() {
    for (reported, from) in [
        (vec![2], 2),
        (vec![2, 1], 1),
        (vec![1, 2], 1),
        (vec![0], 0),
        (vec![2, 2, 0, 1], 0),
    ] {
        let (verdict, numbers) = concluded(&reporting(), |numbers| {
            let reported = reported.iter().map(|n: &usize| json!(numbers[*n]));
            items(&reported.collect::<Vec<_>>())
        });
        let expected = Verdict::Partial(numbers[from].clone());
        assert_eq!(verdict, expected, "{reported:?}");
    }
}

#[test]
fn one_item_that_cannot_be_read_fails_the_whole_batch() {
    let unreadable = [
        items(&[json!("")]),
        items(&[Value::Null]),
        items(&[json!(
            "49590338271490256608559692538361571095921575989136588898"
        )]),
        items(&[json!(5)]),
        json!({ "batchItemFailures": [{ "itemidentifier": "1" }] }),
        json!({ "batchItemFailures": ["1"] }),
        json!({ "batchItemFailures": {} }),
        json!({ "batchItemFailures": "1" }),
        json!("no object"),
        json!([]),
        json!(false),
    ];
    for response in unreadable {
        let (verdict, _) = concluded(&reporting(), |_| response.clone());
        assert_eq!(verdict, Verdict::Failure, "{response}");
    }
    let (verdict, _) = concluded(&reporting(), |numbers| {
        items(&[json!(numbers[1]), json!("")])
    });
    assert_eq!(verdict, Verdict::Failure);
}

#[test]
fn without_the_setting_every_response_is_a_success() {
    let settings = Settings::default();
    let (verdict, _) = concluded(&settings, |numbers| items(&[json!(numbers[0])]));
    assert_eq!(verdict, Verdict::Success);
    let (verdict, _) = concluded(&settings, |_| json!("no object"));
    assert_eq!(verdict, Verdict::Success);
}

#[test]
fn an_error_of_the_function_is_a_failure_with_the_setting_or_without() {
    for report_batch_item_failures in [true, false] {
        let settings = Settings {
            report_batch_item_failures,
            ..reporting()
        };
        let (kinesis, _) = stream(3);
        let (mut steps, _) = steps_of(&kinesis, settings, |_| Err(error()));
        assert_eq!(invoked(steps.remove(0)).0.verdict, Verdict::Failure);
    }
}

#[test]
fn records_before_the_checkpoint_are_not_sent_again() {
    let (kinesis, numbers) = stream(5);
    let settings = Settings {
        maximum_retry_attempts: -1,
        ..reporting()
    };
    let mut failures = [1, 3, 3].into_iter();
    let (steps, mapping) = steps_of(&kinesis, settings, |_| {
        let failure = failures.next().map(|n: usize| json!(numbers[n]));
        Ok(items(failure.as_slice()))
    });
    assert_eq!(mapping.checkpoint(SHARD), Some(numbers[4].as_str()));
    let expected = [
        vec![0, 1, 2, 3, 4],
        vec![1, 2, 3, 4],
        vec![3, 4],
        vec![3, 4],
    ];
    assert_eq!(batches(steps, &numbers), expected);
}
