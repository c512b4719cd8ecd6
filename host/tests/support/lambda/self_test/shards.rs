use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{Mapping, Settings, StartingPosition, Step, Target, Verdict};
use super::{SHARD, STREAM, batches, error, invoked, numbers_of, steps_of, stream};
use testkit::kinesis::Kinesis;

fn shard(number: usize) -> String {
    format!("shardId-{number:012}")
}

#[test]
fn children_wait_for_their_parents() {
    let (kinesis, _) = stream(2);
    kinesis.split(STREAM, SHARD);
    let child = kinesis.put(STREAM, "k", b"2").0;
    let function = Target::closure(|_| Ok(Value::Null));
    let settings = Settings {
        batch_size: 1,
        ..Settings::default()
    };
    let mut mapping = Mapping::new(&kinesis, STREAM, function, settings);
    for _ in 0..2 {
        assert!(matches!(mapping.step(&child), Step::Waiting));
        invoked(mapping.step(SHARD));
    }
    invoked(mapping.step(&child));
    assert!(matches!(mapping.step(SHARD), Step::Finished));
    assert!(matches!(mapping.step(&child), Step::Idle));
}

#[test]
fn children_of_a_shard_without_records_wait_for_its_parents() {
    let (kinesis, _) = stream(1);
    kinesis.split(STREAM, SHARD);
    kinesis.merge(STREAM, &shard(1), &shard(2));
    let grandchild = kinesis.put(STREAM, "k", b"1").0;
    assert_eq!(grandchild, shard(3));
    let function = Target::closure(|_| Ok(Value::Null));
    let mut mapping = Mapping::new(&kinesis, STREAM, function, Settings::default());
    assert!(matches!(mapping.step(&grandchild), Step::Waiting));
    assert!(matches!(mapping.step(&shard(1)), Step::Waiting));
    invoked(mapping.step(SHARD));
    invoked(mapping.step(&grandchild));
}

#[test]
fn children_wait_for_retries_of_their_parent() {
    let (kinesis, _) = stream(1);
    kinesis.split(STREAM, SHARD);
    let child = kinesis.put(STREAM, "k", b"1").0;
    let mut failures = 1;
    let function = Target::closure(move |_| match failures {
        0 => Ok(Value::Null),
        _ => {
            failures -= 1;
            Err(error())
        }
    });
    let mut mapping = Mapping::new(&kinesis, STREAM, function, Settings::default());
    invoked(mapping.step(SHARD));
    assert!(matches!(mapping.step(&child), Step::Waiting));
    invoked(mapping.step(SHARD));
    invoked(mapping.step(&child));
}

#[test]
fn every_key_keeps_its_order_over_splits_and_merges() {
    let kinesis = Kinesis::start();
    kinesis.create_stream(STREAM, 2);
    kinesis.shards_per_page(2);
    for n in 0..60 {
        kinesis.put(STREAM, &format!("k{}", n % 7), n.to_string().as_bytes());
        match n {
            20 => kinesis.split(STREAM, SHARD),
            40 => kinesis.merge(STREAM, &shard(3), &shard(1)),
            _ => {}
        }
    }
    let seen: RefCell<BTreeMap<String, Vec<String>>> = RefCell::default();
    let settings = Settings {
        batch_size: 3,
        ..Settings::default()
    };
    steps_of(&kinesis, settings, |event| {
        let records = event["Records"].as_array().unwrap();
        let key = |record: &Value| record["kinesis"]["partitionKey"].to_string();
        for (record, number) in records.iter().zip(numbers_of(event)) {
            seen.borrow_mut()
                .entry(key(record))
                .or_default()
                .push(number);
        }
        Ok(Value::Null)
    });
    let seen = seen.into_inner();
    assert!(seen.values().all(|of_key| of_key.is_sorted()));
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 60);
}

#[test]
fn a_mapping_begins_with_the_oldest_record_or_with_the_next() {
    for (starting_position, expected) in [
        (StartingPosition::TrimHorizon, vec![0, 1, 2]),
        (StartingPosition::Latest, vec![2]),
    ] {
        let (kinesis, mut numbers) = stream(2);
        let settings = Settings {
            starting_position,
            ..Settings::default()
        };
        let function = Target::closure(|_| Ok(Value::Null));
        let mut mapping = Mapping::new(&kinesis, STREAM, function, settings);
        numbers.push(kinesis.put(STREAM, "k", b"2").1);
        assert_eq!(batches(mapping.run_until_idle(), &numbers), [expected]);
    }
}

#[test]
fn the_latest_record_of_a_shard_that_is_split_later_comes_from_the_child() {
    let (kinesis, mut numbers) = stream(2);
    let settings = Settings {
        starting_position: StartingPosition::Latest,
        ..Settings::default()
    };
    let function = Target::closure(|_| Ok(Value::Null));
    let mut mapping = Mapping::new(&kinesis, STREAM, function, settings);
    kinesis.split(STREAM, SHARD);
    numbers.push(kinesis.put(STREAM, "k", b"2").1);
    assert_eq!(batches(mapping.run_until_idle(), &numbers), [vec![2]]);
}

#[test]
fn an_empty_read_is_not_the_end_of_a_shard() {
    let (kinesis, numbers) = stream(2);
    kinesis.empty_reads(1);
    let (steps, _) = steps_of(&kinesis, Settings::default(), |_| Ok(Value::Null));
    assert_eq!(batches(steps, &numbers), [vec![0, 1]]);
}

#[test]
fn a_test_can_send_batches_of_any_shape_and_the_mapping_resumes() {
    let (kinesis, numbers) = stream(6);
    let settings = Settings {
        batch_size: 3,
        ..Settings::default()
    };
    let given = RefCell::new(Vec::new());
    let function = |event: &Value| {
        given.borrow_mut().push(numbers_of(event));
        match given.borrow().len() {
            1 => Err(error()),
            _ => Ok(Value::Null),
        }
    };
    let mut mapping = Mapping::new(&kinesis, STREAM, Target::closure(function), settings);
    let shapes = [0..3, 0..3, 0..2, 0..5, 0..2, 2..5, 4..6];
    let delivered = mapping.deliver(SHARD, &shapes);
    let verdicts: Vec<_> = delivered.iter().map(|d| d.verdict.clone()).collect();
    assert_eq!(verdicts[0], Verdict::Failure);
    assert!(verdicts[1..].iter().all(|v| *v == Verdict::Success));
    let shaped = shapes.map(|range| numbers[range].to_vec());
    assert_eq!(*given.borrow(), shaped);
    assert_eq!(mapping.checkpoint(SHARD), None);
    let steps = mapping.run_until_idle();
    assert_eq!(batches(steps, &numbers), [vec![0, 1, 2], vec![3, 4, 5]]);
}

#[test]
#[should_panic(expected = "never gets any further")]
fn a_function_that_never_succeeds_fails_the_test() {
    let (kinesis, _) = stream(1);
    steps_of(&kinesis, Settings::default(), |_| Err(error()));
}
