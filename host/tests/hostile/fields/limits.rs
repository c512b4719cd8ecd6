//! Limits: each affects the record that exceeds it, and no other.

use std::time::Duration;

use sluice_engine::limits::Limits;
use sluice_engine::outcome::{Fault, ResourceFault};

use crate::support::guests::rogue;
use crate::support::outcomes::{
    CallMode, admitted, batch, limits, obeyed, record_outcomes, rogue_by_fields, run, words,
};

const MODES: [CallMode; 2] = [CallMode::Usual, CallMode::PerFieldRecord];

/// The codes of records, which are the same in both modes.
fn under(limits: &Limits, records: &[String]) -> Vec<String> {
    let release = admitted(&rogue().by_fields, "{}", limits);
    let [usual, alone] = MODES.map(|mode| {
        let found = obeyed(&release, mode, records);
        words(&found).into_iter().map(Into::into).collect()
    });
    assert_eq!(usual, alone);
    usual
}

fn records<const N: usize>(records: [&str; N]) -> Vec<String> {
    records.map(str::to_owned).into()
}

#[test]
fn the_events_of_a_record_are_bounded_together() {
    let limits = Limits {
        output_bytes: 1_000,
        ..limits()
    };
    // The whole record counts for each of its events, though it is not in the result of the transform.
    let many = r#"{"command":"many","n":20}"#;
    let more = r#"{"command":"many","n":40}"#;
    let big = r#"{"command":"big","n":900}"#;
    let bigger = r#"{"command":"big","n":1000}"#;
    let words = under(&limits, &records([many, more, big, bigger, many]));
    let expected = [
        "events",
        "invalid_output",
        "events",
        "invalid_output",
        "events",
    ];
    assert_eq!(words, expected);
    let release = admitted(&rogue().by_fields, "{}", &limits);
    for mode in MODES {
        let found = obeyed(&release, mode, &[more]);
        assert!(
            found[0].message().contains("limits.output_bytes"),
            "{found:?}"
        );
    }
}

/// The transform returns a few bytes for each event, and the host would need gigabytes for all.
#[test]
fn a_large_record_cannot_be_multiplied_without_end() {
    let long = "x".repeat(1 << 20);
    let record = |n: usize| format!(r#"{{"command":"many","n":{n},"long":"{long}"}}"#);
    for mode in MODES {
        let commands = [r#"{"n":1}"#.to_owned(), record(5_000), record(15)];
        let found = obeyed(rogue_by_fields(), mode, &commands);
        assert_eq!(
            words(&found),
            ["events", "invalid_output", "events"],
            "{mode:?}"
        );
        assert!(found[1].message().contains("limits.output_bytes"));
    }
}

#[test]
fn a_record_over_the_size_limit_is_not_transformed() {
    let limits = Limits {
        record_bytes: 100,
        ..limits()
    };
    let long = |length: usize| format!(r#"{{"long":"{}"}}"#, "x".repeat(length - 11));
    let words = under(&limits, &[long(100), long(101), "{}".to_owned()]);
    assert_eq!(words, ["events", "record_too_large", "events"]);
}

#[test]
fn a_loop_with_enough_fuel_runs_out_of_time() {
    let limits = Limits {
        fuel: 1 << 60,
        time: Duration::from_millis(300),
        ..limits()
    };
    let release = admitted(&rogue().by_fields, "{}", &limits);
    let records = batch(&[r#"{"n":1}"#, r#"{"command":"loop"}"#, r#"{"n":3}"#]);
    for mode in MODES {
        let outcome = run(&release, &records, mode);
        let found = record_outcomes(&records, &outcome);
        assert_eq!(words(&found), ["events", "out_of_time", "events"]);
        assert!(found[1].message().contains("limits.time"), "{found:?}");
        assert_eq!(outcome.resource_faults, [fault(1, Fault::OutOfTime)]);
    }
}

fn fault(record: u32, fault: Fault) -> ResourceFault {
    ResourceFault { record, fault }
}

#[test]
fn a_record_with_a_known_fault_is_not_transformed_again() {
    let faults = [fault(1, Fault::OutOfTime), fault(2, Fault::OutOfFuel)];
    let records = batch(&[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, "{", r#"{"n":5}"#]);
    let outcome = rogue_by_fields().run(&records, &faults).unwrap();
    let found = record_outcomes(&records, &outcome);
    let expected = [
        "events",
        "out_of_time",
        "out_of_fuel",
        "invalid_json",
        "events",
    ];
    assert_eq!(words(&found), expected);
    assert_eq!(outcome.resource_faults, faults);
}

/// A call by fields has the budget of one record. If it needs more, no record must be affected.
#[test]
fn records_that_pass_alone_pass_in_a_batch() {
    let limits = Limits {
        fuel: 300_000,
        ..limits()
    };
    let commands = vec![r#"{"n":1}"#.to_owned(); 1_000];
    let words = under(&limits, &commands);
    assert!(words.iter().all(|word| word == "events"), "{words:?}");
}
