//! Checks that the lists of an edit batch fit together. They come from a transform, so nothing is certain.

use crate::bindings::exports::sluice::transform::fields::EditBatch;
use crate::record::span;

/// Checks the lists for so many records and writes, with `events_max` events at most.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn check_lists(
    records: usize,
    writes: usize,
    events_max: usize,
    output: &EditBatch,
) -> Result<(), String> {
    let fault = check_events(records, writes, events_max, output)
        .or_else(|| check_changes(output))
        .or_else(|| check_rejections(records, output));
    fault.map_or(Ok(()), |fault| {
        Err(format!(
            "the lists of an edit batch do not fit together: {fault}"
        ))
    })
}

/// The number of events, and what each of them has.
fn check_events(
    records: usize,
    writes: usize,
    events_max: usize,
    output: &EditBatch,
) -> Option<String> {
    let events = output.destination_indexes.len();
    let counted = output.event_counts.iter();
    let counted: u64 = counted.map(|count| u64::from(*count)).sum();
    let last = output.ends.last().copied().unwrap_or(0) as usize;
    let most = output.destination_indexes.iter().max();
    let destinations = output.destinations.len();
    let fault = if output.event_counts.len() != records {
        "`event-counts` does not have one item for each record"
    } else if counted != events as u64 {
        "`event-counts` and `destination-indexes` disagree about the number of events"
    } else if events > events_max {
        return Some(format!("{events} events, at most {events_max} fit a batch"));
    } else if Some(output.ends.len()) != events.checked_mul(writes) {
        "`ends` does not have one item for each event and write"
    } else if !output.ends.is_sorted() {
        "`ends` falls"
    } else if last != output.values.len() {
        "`ends` does not end where `values` does"
    } else if destinations > events {
        "`destinations` has more items than there are events"
    } else if most.is_some_and(|most| *most as usize >= destinations) {
        "`destination-indexes` has an index that is not there"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

/// What is removed, and which events begin with `{}`.
fn check_changes(output: &EditBatch) -> Option<String> {
    let events = output.destination_indexes.len();
    let has_value = |item: &u32| !span(&output.ends, *item as usize).is_empty();
    let fault = if !is_rising_below(&output.removed, output.ends.len()) {
        "`removed` is not in ascending order, or has an item that is not there"
    } else if output.removed.iter().any(has_value) {
        "`removed` has an item that has a value"
    } else if !is_rising_below(&output.empty_events, events) {
        "`empty-events` is not in ascending order, or has an event that is not there"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

fn check_rejections(records: usize, output: &EditBatch) -> Option<String> {
    let rejected = output.rejections.iter().map(|(record, _)| *record);
    let rejected: Vec<u32> = rejected.collect();
    let has_events = |record: &u32| output.event_counts[*record as usize] != 0;
    let fault = if !is_rising_below(&rejected, records) {
        "`rejections` is not in ascending order, or has a record that is not there"
    } else if rejected.iter().any(has_events) {
        "`rejections` has a record with events"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

fn is_rising_below(list: &[u32], bound: usize) -> bool {
    list.windows(2).all(|pair| pair[0] < pair[1])
        && list.last().is_none_or(|last| (*last as usize) < bound)
}
