//! The batch call: the same commands. If the configuration says so, the lists of the outcome do not
//! match.

use std::sync::Mutex;

use crate::Component;
use crate::bindings::exports::sluice::transform::batch::{Guest, OutcomeBatch, RecordBatch};
use crate::bindings::exports::sluice::transform::records::{Event, Rejection, Routes};
use crate::{command, misuse, stamp};

/// The value of `batch` in the configuration.
static FAULT: Mutex<String> = Mutex::new(String::new());

pub fn configure(config: &str) {
    let fault = config
        .split_once(r#""batch":""#)
        .and_then(|(_, rest)| rest.split_once('"'));
    *FAULT.lock().unwrap() = fault.map_or(String::new(), |(fault, _)| fault.to_owned());
}

impl Guest for Component {
    fn transform_batch(records: RecordBatch) -> OutcomeBatch {
        let mut batch = empty_batch();
        let numbers = records.sequence_numbers.as_bytes();
        for index in 0..records.data_ends.len() {
            let data = item(&records.data, &records.data_ends, index);
            let number = item(numbers, &records.sequence_number_ends, index);
            let number = std::str::from_utf8(number).unwrap();
            let outcome = stamp::before(data).and_then(|()| command::execute(data, number));
            push(&mut batch, outcome);
        }
        spoil(&mut batch, &FAULT.lock().unwrap());
        batch
    }
}

fn item<'a>(data: &'a [u8], ends: &[u32], index: usize) -> &'a [u8] {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    &data[start as usize..ends[index] as usize]
}

fn push(batch: &mut OutcomeBatch, outcome: Result<Vec<Event>, Rejection>) {
    let events = match outcome {
        Ok(events) => events,
        Err(rejection) => {
            let index = batch.event_counts.len() as u32;
            batch.rejections.push((index, rejection));
            Vec::new()
        }
    };
    batch.event_counts.push(events.len() as u32);
    for event in events {
        batch.data.extend_from_slice(&event.data);
        batch.data_ends.push(batch.data.len() as u32);
        batch.routes.push(event.routes);
        let known = batch.partitions.iter().position(|p| *p == event.partition);
        let index = known.unwrap_or_else(|| {
            batch.partitions.push(event.partition);
            batch.partitions.len() - 1
        });
        batch.partition_indexes.push(index as u32);
    }
}

/// Breaks a rule of the contract. Each fault needs a batch with two events or more; faults of
/// rejections need two rejections.
fn spoil(batch: &mut OutcomeBatch, fault: &str) {
    match fault {
        "" => {}
        "trap" => misuse::trap(),
        "loop" => misuse::run_forever(),
        "wrong_counts" => batch.event_counts[0] += 1,
        "counts_overflow" => batch.event_counts.fill(u32::MAX),
        "too_few_counts" => drop(batch.event_counts.pop()),
        "too_many_counts" => batch.event_counts.push(0),
        "ends_fall" => batch.data_ends.swap(0, 1),
        "end_out_of_range" => *batch.data_ends.last_mut().unwrap() += 1,
        "data_left_over" => batch.data.push(b' '),
        "no_routes" => batch.routes.clear(),
        "too_many_routes" => batch.routes.push(Routes::LAKE),
        "partition_out_of_range" => batch.partition_indexes[1] = u32::MAX,
        "no_partitions" => batch.partitions.clear(),
        "too_few_indexes" => drop(batch.partition_indexes.pop()),
        "rejections_fall" => batch.rejections.reverse(),
        "rejected_twice" => {
            let again = batch.rejections[0].clone();
            batch.rejections.insert(0, again);
        }
        "rejection_out_of_range" => batch.rejections.last_mut().unwrap().0 = u32::MAX,
        "rejected_with_events" => batch.rejections[0].0 = 0,
        "all_empty" => *batch = empty_batch(),
        other => panic!("no such fault: {other}"),
    }
}

fn empty_batch() -> OutcomeBatch {
    OutcomeBatch {
        event_counts: Vec::new(),
        data: Vec::new(),
        data_ends: Vec::new(),
        partitions: Vec::new(),
        partition_indexes: Vec::new(),
        routes: Vec::new(),
        rejections: Vec::new(),
    }
}
