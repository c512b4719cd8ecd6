//! The quick way in: the same commands, and slabs that do not fit together when the configuration asks.

use std::sync::Mutex;

use crate::Component;
use crate::bindings::exports::sluice::transform::rules::{Event, Rejection, Routes};
use crate::bindings::exports::sluice::transform::slice::{Guest, OutcomeSlab, RecordSlab};
use crate::{command, stamp};

/// What the configuration says under `slab`.
static FAULT: Mutex<String> = Mutex::new(String::new());

pub fn configure(config: &str) {
    let fault = config
        .split_once(r#""slab":""#)
        .and_then(|(_, rest)| rest.split_once('"'));
    *FAULT.lock().unwrap() = fault.map_or(String::new(), |(fault, _)| fault.to_owned());
}

impl Guest for Component {
    fn transform_slice(records: RecordSlab) -> OutcomeSlab {
        let mut slab = empty_slab();
        let numbers = records.sequence_numbers.as_bytes();
        for index in 0..records.data_ends.len() {
            let data = item(&records.data, &records.data_ends, index);
            let number = item(numbers, &records.sequence_number_ends, index);
            let number = std::str::from_utf8(number).unwrap();
            let outcome = stamp::before(data).and_then(|()| command::obey(data, number));
            push(&mut slab, outcome);
        }
        spoil(&mut slab, &FAULT.lock().unwrap());
        slab
    }
}

fn item<'a>(data: &'a [u8], ends: &[u32], index: usize) -> &'a [u8] {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    &data[start as usize..ends[index] as usize]
}

fn push(slab: &mut OutcomeSlab, outcome: Result<Vec<Event>, Rejection>) {
    let events = match outcome {
        Ok(events) => events,
        Err(rejection) => {
            let index = slab.event_counts.len() as u32;
            slab.rejections.push((index, rejection));
            Vec::new()
        }
    };
    slab.event_counts.push(events.len() as u32);
    for event in events {
        slab.data.extend_from_slice(&event.data);
        slab.data_ends.push(slab.data.len() as u32);
        slab.routes.push(event.routes);
        let known = slab.partitions.iter().position(|p| *p == event.partition);
        let index = known.unwrap_or_else(|| {
            slab.partitions.push(event.partition);
            slab.partitions.len() - 1
        });
        slab.partition_indexes.push(index as u32);
    }
}

/// Breaks what has to fit together. Each fault wants a slab with two events at least and, where it
/// is about rejections, two of them.
fn spoil(slab: &mut OutcomeSlab, fault: &str) {
    match fault {
        "" => {}
        "trap" => command::trap(),
        "loop" => command::run_forever(),
        "wrong_counts" => slab.event_counts[0] += 1,
        "counts_overflow" => slab.event_counts.fill(u32::MAX),
        "too_few_counts" => drop(slab.event_counts.pop()),
        "too_many_counts" => slab.event_counts.push(0),
        "ends_fall" => slab.data_ends.swap(0, 1),
        "end_out_of_range" => *slab.data_ends.last_mut().unwrap() += 1,
        "data_left_over" => slab.data.push(b' '),
        "no_routes" => slab.routes.clear(),
        "too_many_routes" => slab.routes.push(Routes::LAKE),
        "partition_out_of_range" => slab.partition_indexes[1] = u32::MAX,
        "no_partitions" => slab.partitions.clear(),
        "too_few_indexes" => drop(slab.partition_indexes.pop()),
        "rejections_fall" => slab.rejections.reverse(),
        "rejected_twice" => {
            let again = slab.rejections[0].clone();
            slab.rejections.insert(0, again);
        }
        "rejection_out_of_range" => slab.rejections.last_mut().unwrap().0 = u32::MAX,
        "rejected_with_events" => slab.rejections[0].0 = 0,
        "all_empty" => *slab = empty_slab(),
        other => panic!("no such fault: {other}"),
    }
}

fn empty_slab() -> OutcomeSlab {
    OutcomeSlab {
        event_counts: Vec::new(),
        data: Vec::new(),
        data_ends: Vec::new(),
        partitions: Vec::new(),
        partition_indexes: Vec::new(),
        routes: Vec::new(),
        rejections: Vec::new(),
    }
}
