//! Limits: each affects the record that exceeds it, and no other.

use std::time::Duration;

use sluice_engine::limits::Limits;
use sluice_engine::outcome::{Fault, ResourceFault};

use crate::support::guests::rogue;
use crate::support::outcomes::{
    CallMode, admitted, batch, chunk, contents, limits, obeyed, record_outcomes, rogue_by_batch,
    run, words,
};

fn under(limits: &Limits, mode: CallMode, commands: &[&str]) -> Vec<String> {
    let release = admitted(&rogue().by_batch, "{}", limits);
    let results = obeyed(&release, mode, commands);
    words(&results).into_iter().map(Into::into).collect()
}

#[test]
fn a_loop_with_enough_fuel_runs_out_of_time() {
    let limits = Limits {
        fuel: 1 << 60,
        time: Duration::from_millis(300),
        ..limits()
    };
    let release = admitted(&rogue().by_batch, "{}", &limits);
    for mode in CallMode::BOTH {
        let records = batch(&["first", "loop", "last"]);
        let outcome = run(&release, &records, mode);
        let results = record_outcomes(&records, &outcome);
        assert_eq!(words(&results), ["events", "out_of_time", "events"]);
        assert!(results[1].message().contains("limits.time"), "{results:?}");
        assert_eq!(outcome.resource_faults, [fault(1, Fault::OutOfTime)]);
    }
}

fn fault(record: u32, fault: Fault) -> ResourceFault {
    ResourceFault { record, fault }
}

#[test]
fn a_record_with_a_known_fault_is_not_transformed_again() {
    let faults = [
        fault(1, Fault::OutOfTime),
        fault(3, Fault::OutOfFuel),
        fault(4, Fault::OutOfMemory),
    ];
    let records = batch(&["first", "second", "third", "fourth", "fifth", "last"]);
    let outcome = rogue_by_batch().run(&records, &faults).unwrap();
    let results = record_outcomes(&records, &outcome);
    let expected = [
        "events",
        "out_of_time",
        "events",
        "out_of_fuel",
        "out_of_memory",
        "events",
    ];
    assert_eq!(words(&results), expected);
    assert_eq!(outcome.resource_faults, faults);
}

#[test]
fn a_record_over_the_size_limit_is_not_transformed() {
    let limits = Limits {
        record_bytes: 100,
        ..limits()
    };
    let (fits, too_large) = ("x".repeat(100), "x".repeat(101));
    for mode in CallMode::BOTH {
        let commands = [fits.as_str(), too_large.as_str(), "last"];
        let words = under(&limits, mode, &commands);
        assert_eq!(words, ["events", "record_too_large", "events"]);
    }
}

#[test]
fn the_events_of_a_record_are_bounded_together() {
    let limits = Limits {
        output_bytes: 1_000,
        ..limits()
    };
    for mode in CallMode::BOTH {
        let commands = ["big_output 1000", "big_output 1001", "many_events 200"];
        let words = under(&limits, mode, &commands);
        assert_eq!(words, ["events", "invalid_output", "invalid_output"]);
    }
}

#[test]
fn memory_is_bounded_as_the_limits_say() {
    let limits = Limits {
        memory_bytes: 4 << 20,
        ..limits()
    };
    for mode in CallMode::BOTH {
        let commands = ["first", "big_output 8000000", "last"];
        assert_eq!(
            under(&limits, mode, &commands),
            ["events", "out_of_memory", "events"]
        );
        let commands = ["big_output 1000000"];
        assert_eq!(under(&limits, mode, &commands), ["events"]);
    }
}

/// A batch call has the budget of one record. If the batch needs more, no record must be affected.
#[test]
fn records_that_pass_alone_pass_in_a_batch() {
    let limits = Limits {
        fuel: 300_000,
        ..limits()
    };
    let commands = vec!["an ordinary record"; 1_000];
    for mode in CallMode::BOTH {
        let words = under(&limits, mode, &commands);
        assert!(words.iter().all(|word| word == "events"), "{words:?}");
    }
    let words = under(&limits, CallMode::Usual, &["first", "big_output 9000000"]);
    assert_eq!(words, ["events", "out_of_fuel"]);
}

#[test]
fn a_chunk_opens_no_more_partitions_than_it_may() {
    let mut commands: Vec<_> = (0..5).map(|n| format!("partition {n}")).collect();
    commands.extend((0..5).map(|n| format!("partition {n}")));
    commands.push("bus_only".into());
    for mode in CallMode::BOTH {
        let records = batch(&commands);
        let mut chunk = chunk(3);
        chunk.absorb(&records, run(rogue_by_batch(), &records, mode));
        chunk.absorb(&records, run(rogue_by_batch(), &records, mode));
        let contents = contents(&chunk);
        let objects: Vec<_> = contents
            .iter()
            .map(|(_, text)| text.lines().count())
            .collect();
        assert_eq!(objects, [4, 4, 4, 8], "three partitions and quarantine");
        assert_eq!(chunk.counts().quarantined_records(), 8);
        assert_eq!(chunk.counts().events, 14);
    }
}
