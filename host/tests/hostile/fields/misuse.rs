//! A record that the transform misbehaves on gets its outcome alone, whether its fault is found in one batch or in
//! a batch of its own.

use super::{json, outcome_of};
use crate::support::guests::rogue;
use crate::support::outcomes::{
    CallMode, batch, by_each_call, limits_of_any_json, obeyed, record_outcomes, rogue_by_fields,
    run, shared_with, words,
};

/// Checks the code of a record between two good ones, and that its message has this part.
fn is_quarantined(record: &str, code: &str, part: &str) {
    let outcome = outcome_of(record);
    assert_eq!(outcome.word(), code, "{record}: {outcome:?}");
    assert!(outcome.message().contains(part), "{record}: {outcome:?}");
}

fn command(command: &str) -> String {
    format!(r#"{{"command":"{command}"}}"#)
}

fn command_of(command: &str, n: impl std::fmt::Display) -> String {
    format!(r#"{{"command":"{command}","n":{n}}}"#)
}

/// Values that are not one JSON value. Some would add members, or end the event early.
const NO_VALUES: &[&str] = &[
    "garbage",
    "unclosed",
    "two_values",
    "smuggle",
    "close",
    "close_and_open",
    "comment",
    "blank",
    "bom",
    "not_utf8",
    "raw_break",
    "no_quote",
    "half_escape",
];

#[test]
fn a_value_that_is_not_one_json_value_is_named() {
    for value in NO_VALUES {
        is_quarantined(&command(value), "invalid_output", r#""set""#);
    }
    is_quarantined(
        &command_of("brackets", 100_000),
        "invalid_output",
        r#""set""#,
    );
    is_quarantined(&command("one_bad_event"), "invalid_output", r#""also""#);
}

#[test]
fn a_member_is_set_or_removed() {
    is_quarantined(&command("set_and_remove"), "invalid_output", "");
}

#[test]
fn a_destination_must_obey_the_rules_of_events() {
    is_quarantined(&command("no_route"), "invalid_output", "route");
    is_quarantined(&command("bad_partition"), "invalid_output", "../up");
    is_quarantined(&command("repeated_partition"), "invalid_output", "twice");
    let null = command_of("partition", r#""__HIVE_DEFAULT_PARTITION__""#);
    is_quarantined(&null, "invalid_output", "return an empty value");
    let long = command_of("partition", format!("\"{}\"", "x".repeat(300)));
    is_quarantined(&long, "invalid_output", "place");
}

/// Values, and what readers of a lake fail on.
fn unreadable() -> Vec<(String, &'static str)> {
    vec![
        (command("repeated_name"), "name twice"),
        (command("surrogate"), "surrogate"),
        (command("big_number"), "range of a double"),
        (command("many_digits"), "38"),
        (command_of("deep", 100), "level 101"),
        (command_of("deep", 5_000), "level 101"),
        // A member of the record is in the way, or is read only.
        (r#"{"n":1,"Set":2}"#.to_owned(), "name twice"),
        (r#"{"n":1,"n":2}"#.to_owned(), "name twice"),
        (r#"{"n":1,"x":{"a":1,"\u0061":2}}"#.to_owned(), "name twice"),
        (r#"{"n":"\udfff"}"#.to_owned(), "surrogate"),
        (r#"{"x":"\ud800"}"#.to_owned(), "surrogate"),
        (r#"{"x\ud800":1}"#.to_owned(), "surrogate"),
        (r#"{"x":-1e309}"#.to_owned(), "range of a double"),
    ]
}

#[test]
fn an_event_for_the_lake_must_be_readable() {
    for (record, part) in unreadable() {
        is_quarantined(&record, "not_interoperable", part);
    }
    assert_eq!(json(&outcome_of(command_of("deep", 99))).len(), 1);
    assert_eq!(
        json(&outcome_of(command("repeated_name_on_bus"))),
        [r#"{"command":"repeated_name_on_bus","set":{"a":1,"A":2}}"#]
    );
}

/// What an edit replaces or removes does not matter, and an event from nothing has nothing of its record.
#[test]
fn what_is_cut_need_not_be_readable() {
    for (record, event) in [
        (
            r#"{"set":1e999,"n":1,"set":"\ud800"}"#,
            r#"{"n":1,"set":1}"#,
        ),
        (
            r#"{"command":"remove","gone":{"a":1,"A":2},"gone":3}"#,
            r#"{"command":"remove"}"#,
        ),
        (
            r#"{"command":"empty","n":1,"x":1,"X":1e999}"#,
            r#"{"set":1}"#,
        ),
    ] {
        assert_eq!(json(&outcome_of(record)), [event]);
    }
}

#[test]
fn any_json_may_land_if_the_limits_say_so() {
    let release = shared_with(&rogue().by_fields, "{}", &limits_of_any_json());
    let mut records: Vec<_> = unreadable().into_iter().map(|(record, _)| record).collect();
    records.push(command_of("deep", 20_000));
    let records = batch(&records);
    let found = by_each_call(&release, &records).into_iter();
    let found: Vec<_> = found
        .map(|(call, outcome)| (call, record_outcomes(&records, &outcome.unwrap())))
        .collect();
    for (call, outcomes) in &found {
        assert!(
            words(outcomes).iter().all(|word| *word == "events"),
            "{call}: {outcomes:?}"
        );
        assert!(*outcomes == found[0].1, "{call}");
    }
    assert_eq!(
        json(&found[0].1[0]),
        [r#"{"command":"repeated_name","set":{"b":1,"B":2}}"#]
    );
    let garbage = obeyed(&release, CallMode::Usual, &[command("smuggle")]);
    assert_eq!(words(&garbage), ["invalid_output"]);
}

#[test]
fn a_rejection_keeps_its_code_and_its_message() {
    is_quarantined(&command_of("reject", r#""it""#), "not_wanted", r#""it""#);
    is_quarantined(&command("bad_code"), "invalid_output", "../../etc");
    let long = outcome_of(command_of("reject", format!("\"{}\"", "é".repeat(2_000))));
    assert!(long.message().len() <= 1_024 + "…".len());
}

/// Commands that fail a batch as a whole.
const DYING: &[(&str, &str, &str)] = &[
    ("trap", "trap", "unreachable"),
    ("log_and_trap", "trap", "a last word"),
    ("panic", "trap", "unreachable"),
    ("loop", "out_of_fuel", "fuel"),
    ("allocate", "out_of_memory", ""),
    ("recurse", "stack_overflow", "stack"),
    ("huge", "invalid_output", "out of bounds"),
];

#[test]
fn a_call_that_dies_is_the_fault_of_one_record() {
    for (name, code, part) in DYING {
        is_quarantined(&command(name), code, part);
        let records = batch(&[r#"{"n":1}"#, &command(name)]);
        let together = rogue_by_fields().program().run_fields(&records).unwrap();
        assert_eq!(together, None, "{name}");
    }
}

#[test]
fn several_bad_records_have_their_own_outcomes() {
    let records: Vec<_> = [
        "trap", "smuggle", "keep", "loop", "drop", "huge", "garbage", "keep",
    ]
    .map(command)
    .into();
    let expected = [
        "trap",
        "invalid_output",
        "events",
        "out_of_fuel",
        "dropped",
        "invalid_output",
        "invalid_output",
        "events",
    ];
    for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
        let found = obeyed(rogue_by_fields(), mode, &records);
        assert_eq!(words(&found), expected, "{mode:?}");
    }
}

#[test]
fn the_backtrace_of_a_trap_is_kept_and_names_functions() {
    let records = batch(&[command("trap"), command("recurse"), command("garbage")]);
    for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
        let outcome = run(rogue_by_fields(), &records, mode);
        let quarantined = outcome.quarantined.iter();
        let backtraces: Vec<_> = quarantined
            .map(|quarantined| quarantined.reason.backtrace.as_deref())
            .collect();
        assert!(backtraces[0].unwrap().contains("trap"), "{backtraces:?}");
        assert!(backtraces[1].unwrap().contains("recurse"), "{backtraces:?}");
        assert_eq!(backtraces[2], None);
    }
}

#[test]
fn a_rejected_record_leaves_no_partition() {
    let records = batch(&[
        command_of("many_partitions", 9),
        command("bad_partition"),
        command_of("partition", "\"__HIVE_DEFAULT_PARTITION__\""),
        command_of("partition", 3),
    ]);
    for (call, outcome) in by_each_call(rogue_by_fields(), &records) {
        let outcome = outcome.unwrap();
        let found = record_outcomes(&records, &outcome);
        let expected = ["events", "invalid_output", "invalid_output", "events"];
        assert_eq!(words(&found), expected, "{call}");
        assert_eq!(outcome.partitions.len(), 9, "{call}");
    }
}
