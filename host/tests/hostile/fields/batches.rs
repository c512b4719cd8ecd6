//! Results for which no single record is responsible. The host transforms the records one by one. If a batch of one
//! record has the fault too, the record gets it as its outcome.

use sluice_release::admission::Release;

use super::json;
use crate::support::guests::rogue;
use crate::support::outcomes::{
    CallMode, batch, by_each_call, obeyed, record_outcomes, shared, words,
};

/// Events that each fault of events applies to.
const EVENTS: &str = r#"{"command":"two"}"#;
/// A record that each fault of rejections applies to.
const REJECTED: &str = r#"{"command":"reject","n":"it"}"#;

/// Every fault that `rogue` can put into the result of a call by fields, see its `fields/spoil.rs`; a record that it
/// applies to; and what the message names.
const FAULTS: &[(&str, &str, &str)] = &[
    ("all_empty", EVENTS, "count"),
    ("wrong_counts", EVENTS, "count"),
    ("counts_overflow", EVENTS, "count"),
    ("too_few_counts", EVENTS, "count"),
    ("too_many_counts", EVENTS, "count"),
    ("no_ends", EVENTS, "end"),
    ("too_few_ends", EVENTS, "end"),
    ("too_many_ends", EVENTS, "end"),
    ("ends_fall", EVENTS, "end"),
    ("end_out_of_range", EVENTS, "end"),
    ("end_overflows", EVENTS, "end"),
    ("data_left_over", EVENTS, "values"),
    ("removed_out_of_range", EVENTS, "removed"),
    ("removed_falls", EVENTS, "removed"),
    ("removed_twice", EVENTS, "removed"),
    ("removed_with_value", EVENTS, "removed"),
    ("empty_event_out_of_range", EVENTS, "empty"),
    ("empty_events_fall", EVENTS, "empty"),
    ("empty_event_twice", EVENTS, "empty"),
    ("destination_out_of_range", EVENTS, "destination"),
    ("no_destinations", EVENTS, "destination"),
    ("too_few_indexes", EVENTS, "destination"),
    ("too_many_indexes", EVENTS, "destination"),
    ("rejections_fall", REJECTED, "reject"),
    ("rejected_twice", REJECTED, "reject"),
    ("rejection_out_of_range", REJECTED, "reject"),
    ("rejected_with_events", EVENTS, "reject"),
];

fn with_fault(component: &[u8], fault: &str) -> Release {
    shared(component, &format!(r#"{{"fields":"{fault}"}}"#))
}

#[test]
fn a_fault_of_a_batch_is_found_again_in_each_record() {
    for (fault, record, part) in FAULTS {
        let release = with_fault(&rogue().by_fields, fault);
        let records = batch(&[record; 3]);
        let together = release.program().run_fields(&records).unwrap();
        assert_eq!(together, None, "{fault}");
        let usual = obeyed(&release, CallMode::Usual, &[record; 3]);
        let alone = obeyed(&release, CallMode::PerFieldRecord, &[record; 3]);
        assert_eq!(usual, alone, "{fault}");
        for outcome in usual {
            assert_eq!(outcome.word(), "invalid_output", "{fault}: {outcome:?}");
            let message = outcome.message().to_lowercase();
            assert!(message.contains(part), "{fault}: {message}");
        }
    }
}

/// The host finds its own faults of a record, whatever the transform returns for the others.
#[test]
fn a_fault_of_a_batch_does_not_affect_records_that_the_transform_does_not_see() {
    let release = with_fault(&rogue().by_fields, "wrong_counts");
    for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
        let found = obeyed(&release, mode, &["{", EVENTS, "[]"]);
        let expected = ["invalid_json", "invalid_output", "not_an_object"];
        assert_eq!(words(&found), expected, "{mode:?}");
    }
}

#[test]
fn a_call_that_always_dies_gives_each_record_its_reason() {
    for (fault, code) in [("trap", "trap"), ("loop", "out_of_fuel")] {
        let release = with_fault(&rogue().by_fields, fault);
        for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
            let found = obeyed(&release, mode, &[EVENTS, REJECTED]);
            assert_eq!(words(&found), [code, code], "{mode:?}");
        }
    }
}

/// The component of all interfaces: its `fields` set a member, and its other interfaces echo the record, so the
/// outcome shows which of them the host has called.
#[test]
fn the_host_calls_fields_if_it_can() {
    let release = shared(&rogue().by_all, "{}");
    let record = r#"{"n":1}"#;
    let records = batch(&[record]);
    let echo = r#"{"echo":"{\"n\":1}","sequence":"0"}"#;
    let edited = r#"{"n":1,"set":1}"#;
    let found = by_each_call(&release, &records).into_iter();
    let found: Vec<_> = found
        .map(|(call, outcome)| {
            let found = record_outcomes(&records, &outcome.unwrap());
            (call, json(&found[0])[0].to_owned())
        })
        .collect();
    let expected = [
        ("usual", edited),
        ("per record", echo),
        ("batch", echo),
        ("fields", edited),
        ("fields per record", edited),
    ]
    .map(|(call, event)| (call, event.to_owned()));
    assert_eq!(found, expected);
}

/// All interfaces must give the same, but if they do not, the outcome of a record does not depend on the others of
/// its batch.
#[test]
fn if_fields_fail_as_a_whole_each_record_is_still_called_by_fields() {
    for (fault, code) in [("trap", "trap"), ("wrong_counts", "invalid_output")] {
        let release = with_fault(&rogue().by_all, fault);
        let found = obeyed(&release, CallMode::Usual, &[EVENTS, REJECTED]);
        assert_eq!(words(&found), [code; 2], "{fault}");
        let records = obeyed(&release, CallMode::PerRecord, &[EVENTS, REJECTED]);
        assert_eq!(words(&records), ["events"; 2], "{fault}");
    }
}
