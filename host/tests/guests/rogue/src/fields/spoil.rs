//! Faults of a whole batch, for which no single record is responsible. The value of `fields` in the configuration
//! chooses one.

use crate::bindings::exports::sluice::transform::fields::{EditBatch, Rejection};
use crate::misuse;
use crate::stamp::setting;

/// Breaks a rule of the contract, even in the outcome of one record. Faults of events need two events or more, of
/// which the first sets a member and leaves two as they are; faults of rejections need a rejection.
pub fn spoil(batch: &mut EditBatch) {
    let fault = setting("fields").unwrap_or_default();
    let events = batch.destination_indexes.len() as u32;
    match &*fault {
        "" => {}
        "trap" => misuse::trap(),
        "loop" => misuse::run_forever(),
        "all_empty" => *batch = super::empty_batch(),
        "wrong_counts" => batch.event_counts[0] += 1,
        "counts_overflow" => batch.event_counts.fill(u32::MAX),
        "too_few_counts" => drop(batch.event_counts.pop()),
        "too_many_counts" => batch.event_counts.push(0),
        "no_ends" => batch.ends.clear(),
        "too_few_ends" => drop(batch.ends.pop()),
        "too_many_ends" => batch.ends.push(batch.values.len() as u32),
        "ends_fall" => ends_fall(batch),
        "end_out_of_range" => *batch.ends.last_mut().unwrap() += 1,
        "end_overflows" => *batch.ends.last_mut().unwrap() = u32::MAX,
        "data_left_over" => batch.values.push(b' '),
        "removed_out_of_range" => batch.removed.push(batch.ends.len() as u32),
        "removed_falls" => batch.removed = vec![2, 1],
        "removed_twice" => batch.removed = vec![1, 1],
        "removed_with_value" => batch.removed.insert(0, 0),
        "empty_event_out_of_range" => batch.empty_events.push(events),
        "empty_events_fall" => batch.empty_events = vec![1, 0],
        "empty_event_twice" => batch.empty_events = vec![0, 0],
        "destination_out_of_range" => {
            batch.destination_indexes[1] = batch.destinations.len() as u32;
        }
        "no_destinations" => batch.destinations.clear(),
        "too_few_indexes" => drop(batch.destination_indexes.pop()),
        "too_many_indexes" => batch.destination_indexes.push(0),
        "rejections_fall" => rejections_fall(batch),
        "rejected_twice" => {
            let again = batch.rejections[0].clone();
            batch.rejections.insert(0, again);
        }
        "rejection_out_of_range" => batch.rejections.last_mut().unwrap().0 = u32::MAX,
        "rejected_with_events" => batch.rejections.insert(0, (0, rejection())),
        other => panic!("no such fault: {other}"),
    }
}

/// The last end stays right.
fn ends_fall(batch: &mut EditBatch) {
    let is_rise = |pair: &[u32]| pair[0] < pair[1];
    let rise = batch.ends.windows(2).position(is_rise).unwrap();
    batch.ends.swap(rise, rise + 1);
}

/// The rejection of a single record is there twice.
fn rejections_fall(batch: &mut EditBatch) {
    if batch.rejections.len() == 1 {
        batch.rejections.push((0, rejection()));
    }
    batch.rejections.reverse();
}

fn rejection() -> Rejection {
    Rejection {
        code: "not_wanted".into(),
        message: "in spite of its events".into(),
    }
}
