//! Tests of the stand-in itself: the Runtime API through AWS's own client and by hand, and the
//! mapping with functions in the test.

mod event;
mod fixtures;
mod function;
mod process;
mod response;
mod retries;
mod runtime;
mod shards;

use serde_json::Value;

use super::{Delivered, FunctionError, Mapping, Settings, Step, Target, Then};
use testkit::kinesis::Kinesis;

const STREAM: &str = "s";
const SHARD: &str = "shardId-000000000000";

/// A stream of one shard with records that contain their positions, and their sequence numbers.
fn stream(records: usize) -> (Kinesis, Vec<String>) {
    let kinesis = Kinesis::start();
    kinesis.create_stream(STREAM, 1);
    let put = |n: usize| kinesis.put(STREAM, "k", n.to_string().as_bytes()).1;
    let numbers = (0..records).map(put).collect();
    (kinesis, numbers)
}

fn error() -> FunctionError {
    FunctionError::new("Oops", "it failed")
}

/// The sequence numbers in an event.
fn numbers_of(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().unwrap().iter();
    let number = |record: &Value| record["kinesis"]["sequenceNumber"].as_str().unwrap().into();
    records.map(number).collect()
}

/// What a mapping of the stream does until it is idle.
fn steps_of<'a>(
    kinesis: &'a Kinesis,
    settings: Settings,
    function: impl FnMut(&Value) -> Result<Value, FunctionError> + 'a,
) -> (Vec<Step>, Mapping<'a>) {
    let mut mapping = Mapping::new(kinesis, STREAM, Target::closure(function), settings);
    (mapping.run_until_idle(), mapping)
}

fn invoked(step: Step) -> (Delivered, Then) {
    match step {
        Step::Invoked(delivered, then) => (delivered, then),
        step => panic!("{step:?}"),
    }
}

/// Each batch that the function got, as positions in the stream.
fn batches(steps: Vec<Step>, numbers: &[String]) -> Vec<Vec<usize>> {
    let position = |number: &String| numbers.iter().position(|known| known == number).unwrap();
    let positions = |step| {
        let (delivered, _) = invoked(step);
        delivered.sequence_numbers.iter().map(position).collect()
    };
    steps.into_iter().map(positions).collect()
}
