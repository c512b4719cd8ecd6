//! The transform `copy` has the same outcomes by each call, for records with members of any kind.

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::select;
use sluice::builtin::Builtin;
use sluice_release::admission::Release;

use super::{outcomes_by_call, written};
use crate::support::outcomes::{CallMode, RecordOutcome, batch, shared, words};

/// Partitioned by two members.
fn copy() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    let config = r#"{"partition_by":["a",{"column":"b_column","member":"é b"}]}"#;
    RELEASE.get_or_init(|| shared(Builtin::Copy.component(), config))
}

/// The JSON text of a value.
fn value() -> impl Strategy<Value = String> {
    let fixed = select(vec![
        "1",
        "-1.50e2",
        "true",
        "false",
        "null",
        "[]",
        "{\"a\":1}",
        "\"\"",
        "\"x\"",
        "\"x/=\\u00e9\"",
        "\"__HIVE_DEFAULT_PARTITION__\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "[\r\n1 ]",
    ]);
    let long = (80..260_usize).prop_map(|length| format!("\"{}\"", "y".repeat(length)));
    let encoded = (80..90_usize).prop_map(|length| format!("\"{}\"", "/".repeat(length)));
    prop_oneof![8 => fixed.prop_map(str::to_owned), 1 => long, 1 => encoded]
}

/// A record with some members, some of them repeated.
fn record() -> impl Strategy<Value = String> {
    let names = select(vec!["a", "\\u0061", "é b", "\\u00e9 b", "A", "c"]);
    let members = (names, value()).prop_map(|(name, value)| format!("\"{name}\": {value}"));
    let usual = (value(), value()).prop_map(|(a, b)| format!("{{\"a\":{a}, \"é b\" :{b} }}"));
    let object = prop::collection::vec(members, 0..4);
    let object = object.prop_map(|members| format!("{{{}}}", members.join(",")));
    let others = select(vec!["", "{", "[1]", "null", "{}x", "{\"a\":01}"]);
    prop_oneof![6 => usual, 4 => object, 1 => others.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn copy_is_the_same_by_each_call(records in prop::collection::vec(record(), 1..40)) {
        let records = batch(&records);
        let calls = outcomes_by_call(copy(), &records);
        prop_assert_eq!(calls.len(), 5);
        for (call, found) in &calls {
            prop_assert_eq!(found, &calls[0].1, "{}", call);
        }
        // Whether a value can be a partition is decided by the transform, so that it is a fault of the record.
        prop_assert!(!words(&calls[0].1).contains(&"invalid_output"));
        let bytes = |mode| written(copy(), &records, mode);
        prop_assert_eq!(bytes(CallMode::Usual), bytes(CallMode::PerRecord));
    }
}

#[test]
fn without_columns_copy_reads_nothing_and_lands_everything() {
    let release = shared(Builtin::Copy.component(), "{}");
    let records = batch(&[r#"{"a":1}"#, "{}", "[]", "{"]);
    for (call, found) in outcomes_by_call(&release, &records) {
        let expected = ["events", "events", "not_an_object", "invalid_json"];
        assert_eq!(words(&found), expected, "{call}");
        let RecordOutcome::Events(events) = &found[0] else {
            panic!("{call}: {found:?}")
        };
        let [event] = &events[..] else {
            panic!("{call}: {events:?}")
        };
        assert_eq!(
            (event.json.as_str(), event.partition.as_str()),
            (r#"{"a":1}"#, "")
        );
    }
}
