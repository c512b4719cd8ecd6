//! The outcomes of records under the default limits.

use sluice_engine::outcome::Routes;

use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, obeyed, record_outcomes, rogue_by_batch, rogue_by_record, run,
    words,
};

/// The outcome of a record between two good ones, which must be the same in both call modes.
fn outcome_of(command: &str) -> RecordOutcome {
    let commands = ["first", command, "last"];
    let mut results = [
        obeyed(rogue_by_batch(), CallMode::Usual, &commands),
        obeyed(rogue_by_batch(), CallMode::PerRecord, &commands),
        obeyed(rogue_by_record(), CallMode::Usual, &commands),
    ];
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    let [first, result, last] = results[0].as_mut_slice() else {
        panic!("three records, three outcomes");
    };
    assert_eq!(json(first), [r#"{"echo":"first","sequence":"0"}"#]);
    let sequence = "first".len() + command.len() + 2;
    let echo = format!(r#"{{"echo":"last","sequence":"{sequence}"}}"#);
    assert_eq!(json(last), [echo]);
    result.clone()
}

fn json(result: &RecordOutcome) -> Vec<&str> {
    match result {
        RecordOutcome::Events(events) => events.iter().map(|event| event.json.as_str()).collect(),
        other => panic!("no events but {other:?}"),
    }
}

#[test]
fn a_rejection_keeps_its_code_and_its_message() {
    let expected = RecordOutcome::Rejected {
        code: "not_wanted".into(),
        message: "for this reason".into(),
    };
    assert_eq!(outcome_of("reject for this reason"), expected);
}

#[test]
fn a_long_message_is_cut() {
    let long = outcome_of(&format!("reject {}", "é".repeat(2_000)));
    assert!(long.message().len() <= 1_024 + "…".len());
    assert!(long.message().ends_with("é…"));
}

#[test]
fn a_record_can_be_dropped_or_become_many_events() {
    assert_eq!(outcome_of("drop"), RecordOutcome::Dropped);
    assert_eq!(
        json(&outcome_of("many_events 3")),
        [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#]
    );
    assert_eq!(json(&outcome_of("many_events 20000")).len(), 20_000);
}

#[test]
fn a_rejected_record_leaves_no_partition() {
    let records = batch(&["spoiled 7", "spoiled 8", "many_partitions 9"]);
    let by_batch = run(rogue_by_batch(), &records, CallMode::Usual);
    let by_record = run(rogue_by_record(), &records, CallMode::Usual);
    let found = record_outcomes(&records, &by_record);
    assert_eq!(
        words(&found),
        ["invalid_output", "invalid_output", "events"]
    );
    assert_eq!(found, record_outcomes(&records, &by_batch));
    assert_eq!(by_record.partitions.len(), 9);
}

#[test]
fn line_breaks_of_an_event_become_spaces() {
    assert_eq!(json(&outcome_of("line_breaks")), [r#"{  "a": 1}"#]);
}

#[test]
fn an_event_for_the_lake_must_be_readable() {
    for (command, message) in [
        (
            "repeated_name",
            "at $.a[0].B: the object has this name twice",
        ),
        ("no_object", "at $: the value is not an object"),
    ] {
        let outcome = outcome_of(command);
        assert_eq!(outcome.word(), "not_interoperable");
        assert!(outcome.message().contains(message), "{outcome:?}");
    }
    let on_bus = outcome_of("repeated_name_on_bus");
    assert_eq!(json(&on_bus), [r#"{"a":1,"A":2}"#]);
}

#[test]
fn a_value_that_no_path_holds_is_encoded() {
    for (command, path) in [
        ("partition ../../etc/passwd", "place=..%2F..%2Fetc%2Fpasswd"),
        ("partition ", "place=__HIVE_DEFAULT_PARTITION__"),
        ("partition a\0b\nc", "place=a%00b%0Ac"),
        ("partition Ünïcode", "place=Ünïcode"),
    ] {
        match outcome_of(command) {
            RecordOutcome::Events(events) => assert_eq!(events[0].partition, path),
            other => panic!("{command:?}: {other:?}"),
        }
    }
}

#[test]
fn routes_are_kept() {
    for (command, lake, bus) in [("lake_only", true, false), ("bus_only", false, true)] {
        match outcome_of(command) {
            RecordOutcome::Events(events) => assert_eq!(events[0].routes, Routes { lake, bus }),
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[test]
fn the_backtrace_of_a_trap_is_kept_and_names_functions() {
    for (release, mode) in [
        (rogue_by_batch(), CallMode::Usual),
        (rogue_by_batch(), CallMode::PerRecord),
        (rogue_by_record(), CallMode::Usual),
    ] {
        let outcome = run(release, &batch(&["trap", "recurse", "garbage"]), mode);
        let backtraces: Vec<_> = outcome
            .quarantined
            .iter()
            .map(|quarantined| quarantined.reason.backtrace.as_deref())
            .collect();
        assert!(backtraces[0].unwrap().contains("trap"), "{backtraces:?}");
        assert!(backtraces[1].unwrap().contains("recurse"), "{backtraces:?}");
        assert_eq!(backtraces[2], None);
    }
}

#[test]
fn a_batch_of_one_bad_record_is_that_record() {
    for command in ["trap", "garbage", "huge"] {
        let usual = obeyed(rogue_by_batch(), CallMode::Usual, &[command]);
        assert_eq!(
            usual,
            obeyed(rogue_by_batch(), CallMode::PerRecord, &[command])
        );
    }
}

#[test]
fn an_empty_batch_is_nothing() {
    for mode in CallMode::BOTH {
        let results = obeyed::<&str>(rogue_by_batch(), mode, &[]);
        assert_eq!(results, []);
    }
}
