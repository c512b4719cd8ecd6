//! Calls by fields with many records have the results of calls with one record each.

use proptest::prelude::*;

use super::written;
use crate::support::outcomes::{
    CallMode, batch, by_each_call, record_outcomes, rogue_by_fields, run,
};

/// Records with these commands and with other members.
fn simple(commands: &'static [&'static str]) -> impl Strategy<Value = String> {
    let n = prop_oneof![
        Just(String::new()),
        "[1-9][0-9]{0,3}".prop_map(|n| format!(r#","n":{n}"#)),
        "[a-c/=é]{0,3}".prop_map(|n| format!(r#","n":"{n}""#)),
        Just(",\"n\":[1,\r\n{\"n\":2}]".to_owned()),
        Just(r#","n":1,"n":2"#.to_owned()),
    ];
    let others = prop::sample::select(vec![
        "",
        r#","set":0"#,
        r#","also":[{}],"set":{"set":1},"gone":2"#,
        r#","gone":1,"x":2,"g\u006fne":3"#,
        r#", "long" : "text" , "Set" : 1 "#,
        ",\n\"long\"\n:\n{\n}\n",
    ]);
    (prop::sample::select(commands), n, others)
        .prop_map(|(command, n, others)| format!(r#"{{"command":"{command}"{n}{others}}}"#))
}

fn good() -> impl Strategy<Value = String> {
    let commands = simple(&[
        "",
        "keep",
        "also",
        "remove",
        "remove_all",
        "two",
        "empty",
        "split",
        "drop",
        "seen",
        "metadata",
        "lake_only",
        "bus_only",
        "partition",
        "line_breaks",
        "padded",
        "reject",
    ]);
    prop_oneof![
        6 => commands,
        1 => (0..6_u32).prop_map(|n| format!(r#"{{"command":"many","n":{n}}}"#)),
        1 => (0..120_u32).prop_map(|n| format!(r#"{{"command":"deep","n":{n}}}"#)),
        1 => (0..300_u32).prop_map(|n| format!(r#"{{"command":"big","n":{n}}}"#)),
    ]
}

fn invalid() -> impl Strategy<Value = String> {
    let commands = simple(&[
        "garbage",
        "unclosed",
        "two_values",
        "smuggle",
        "close",
        "close_and_open",
        "blank",
        "not_utf8",
        "raw_break",
        "half_escape",
        "repeated_name",
        "surrogate",
        "big_number",
        "one_bad_event",
        "no_route",
        "bad_partition",
        "repeated_partition",
        "bad_code",
    ]);
    let records = prop::sample::select(vec![
        "",
        "{",
        "[1]",
        "null",
        r#"{"n":01}"#,
        "{}x",
        "\u{feff}{}",
    ]);
    prop_oneof![4 => commands, 1 => records.prop_map(str::to_owned)]
}

fn dying() -> impl Strategy<Value = String> {
    simple(&["trap", "recurse", "allocate", "huge", "set_and_remove"])
}

/// Batches without traps are transformed by one call. The others are repeated record by record.
fn commands() -> impl Strategy<Value = Vec<String>> {
    let calm = prop_oneof![8 => good(), 1 => invalid()];
    let wild = prop_oneof![6 => good(), 2 => invalid(), 1 => dying()];
    prop_oneof![
        2 => prop::collection::vec(calm, 0..40),
        1 => prop::collection::vec(wild, 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_field_batch_has_the_results_of_its_records_alone(commands in commands()) {
        let records = batch(&commands);
        let alone = run(rogue_by_fields(), &records, CallMode::PerFieldRecord);
        let alone = record_outcomes(&records, &alone);
        for (call, outcome) in by_each_call(rogue_by_fields(), &records) {
            if let Some(outcome) = outcome {
                prop_assert_eq!(&record_outcomes(&records, &outcome), &alone, "{}", call);
            } else {
                prop_assert_eq!(call, "fields");
            }
        }
    }

    /// A chunk can be started in one call mode and finished in the other, if a record ran out of
    /// time.
    #[test]
    fn a_chunk_writes_the_same_bytes_in_either_call_mode_of_fields(commands in commands()) {
        let records = batch(&commands);
        let expected = written(rogue_by_fields(), &records, CallMode::PerFieldRecord);
        prop_assert_eq!(&written(rogue_by_fields(), &records, CallMode::Usual), &expected);
    }
}

/// Only a record that fails a call as a whole may cost the others their batch.
#[test]
fn good_records_are_transformed_by_one_call() {
    let commands = [
        r#"{"n":1}"#,
        r#"{"command":"two","gone":1}"#,
        r#"{"command":"reject"}"#,
        r#"{"command":"drop"}"#,
        "not JSON",
        "[]",
    ];
    let records = batch(&commands);
    let together = rogue_by_fields().program().run_fields(&records).unwrap();
    let alone = run(rogue_by_fields(), &records, CallMode::PerFieldRecord);
    let together = record_outcomes(&records, &together.unwrap());
    assert_eq!(together, record_outcomes(&records, &alone));
}
