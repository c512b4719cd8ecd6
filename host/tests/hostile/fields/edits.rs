//! What edits make of a record: bytes that no edit names stay as they are.

use sluice_engine::outcome::Routes;

use super::{json, outcome_of, value};
use crate::support::guests::rogue;
use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, by_each_call, obeyed, record_outcomes, rogue_by_fields, shared,
    words,
};

/// Records, and their only event.
const EDITED: &[(&str, &str)] = &[
    // Nothing is edited.
    (r#"{}"#, r#"{}"#),
    (
        r#"{"command":"keep","set":1}"#,
        r#"{"command":"keep","set":1}"#,
    ),
    (
        r#"{ "a" : [ 1 ] , "b":2e0 } "#,
        r#"{ "a" : [ 1 ] , "b":2e0 } "#,
    ),
    // A member is set.
    (r#"{"n":7}"#, r#"{"n":7,"set":7}"#),
    (
        r#"{"n":-1.50E+2,"x":1.0}"#,
        r#"{"n":-1.50E+2,"x":1.0,"set":-1.50E+2}"#,
    ),
    (r#"{"n":7,"set":0,"x":1}"#, r#"{"n":7,"x":1,"set":7}"#),
    (r#"{"set":0,"n":7}"#, r#"{"n":7,"set":7}"#),
    (r#"{"n":7,"set":0}"#, r#"{"n":7,"set":7}"#),
    (
        r#"{"set":0,"n":7,"set":1,"x":2,"s\u0065t":3}"#,
        r#"{"n":7,"x":2,"set":7}"#,
    ),
    (
        r#"{"n":"é\u00e9\"\\"}"#,
        r#"{"n":"é\u00e9\"\\","set":"é\u00e9\"\\"}"#,
    ),
    // In the declared order.
    (
        r#"{"command":"also","also":0,"n":7}"#,
        r#"{"command":"also","n":7,"set":7,"also":"a"}"#,
    ),
    (r#"{"command":"also"}"#, r#"{"command":"also","also":"a"}"#),
    // A member is removed.
    (
        r#"{"command":"remove","gone":{"a":[1,{}]}}"#,
        r#"{"command":"remove"}"#,
    ),
    (
        r#"{"gone":[],"command":"remove"}"#,
        r#"{"command":"remove"}"#,
    ),
    (
        r#"{"gone":1,"gone":2,"command":"remove","go\u006Ee":3,"x":"gone","gone":4}"#,
        r#"{"command":"remove","x":"gone"}"#,
    ),
    (
        r#"{"set":1,"command":"remove_all","also":2,"gone":3}"#,
        r#"{"command":"remove_all"}"#,
    ),
    // Not these.
    (r#"{"command":"remove"}"#, r#"{"command":"remove"}"#),
    (
        r#"{"command":"remove","x":{"gone":1},"Gone":2,"gone ":3}"#,
        r#"{"command":"remove","x":{"gone":1},"Gone":2,"gone ":3}"#,
    ),
    // Events from nothing.
    (r#"{"command":"empty","n":7}"#, r#"{"set":7}"#),
    (r#"{"command":"empty_unchanged","n":7}"#, r#"{}"#),
    (r#"{"command":"empty_and_remove","gone":7}"#, r#"{}"#),
    // Line breaks between tokens.
    (
        "{\n\"n\"\r\n:1\n,\r\"x\":2}",
        "{ \"n\"  :1 , \"x\":2,\"set\":1}",
    ),
    ("{\"n\":[1,\n2]}", "{\"n\":[1, 2],\"set\":[1, 2]}"),
    (
        r#"{"command":"line_breaks"}"#,
        r#"{"command":"line_breaks","set":{  "a": [1, 2]}}"#,
    ),
];

#[test]
fn members_are_set_and_removed_and_the_rest_stays() {
    for (record, event) in EDITED {
        assert_eq!(json(&outcome_of(record)), [*event], "{record}");
    }
}

/// White space where a member was is of no importance, and neither is that around a value.
#[test]
fn white_space_around_a_member_does_no_harm() {
    for record in [
        r#"{ "set" : 0 , "n" : 7 }"#,
        r#"{ "n" : 7 , "set" : 0 }"#,
        "\t{\t\"n\"\t:\t7\t,\t\"set\"\t:\t0\t,\t\"set\"\t:\t1\t}\t",
        "\n{\n\"set\"\n:\n0\n,\n\"n\"\n:\n7\n}\n",
    ] {
        assert_eq!(
            value(&outcome_of(record)),
            serde_json::json!({"n": 7, "set": 7})
        );
    }
}

#[test]
fn a_record_becomes_no_event_or_many() {
    assert_eq!(outcome_of(r#"{"command":"drop"}"#), RecordOutcome::Dropped);
    assert_eq!(
        json(&outcome_of(r#"{"command":"two","gone":0,"also":1}"#)),
        [
            r#"{"command":"two","gone":0,"also":1,"set":1}"#,
            r#"{"command":"two","also":2}"#
        ]
    );
    assert_eq!(
        json(&outcome_of(r#"{"command":"split","n":7,"gone":0}"#)),
        [
            r#"{"command":"split","n":7,"gone":0,"set":7}"#,
            r#"{"also":1}"#,
            r#"{"command":"split","n":7}"#
        ]
    );
    let many = outcome_of(r#"{"command":"many","n":20000}"#);
    let many = json(&many);
    assert_eq!(many.len(), 20_000);
    assert_eq!(many[19_999], r#"{"command":"many","n":20000,"set":19999}"#);
    assert_eq!(
        outcome_of(r#"{"command":"many","n":0}"#),
        RecordOutcome::Dropped
    );
}

#[test]
fn events_go_where_their_destination_says() {
    for (command, lake, bus) in [
        ("keep", true, true),
        ("lake_only", true, false),
        ("bus_only", false, true),
    ] {
        match outcome_of(format!(r#"{{"command":"{command}"}}"#)) {
            RecordOutcome::Events(events) => assert_eq!(events[0].routes, Routes { lake, bus }),
            other => panic!("{command}: {other:?}"),
        }
    }
    for (n, path) in [
        ("../../etc/passwd", "place=..%2F..%2Fetc%2Fpasswd"),
        ("", "place=__HIVE_DEFAULT_PARTITION__"),
        ("Ünïcode", "place=Ünïcode"),
    ] {
        match outcome_of(format!(r#"{{"command":"partition","n":"{n}"}}"#)) {
            RecordOutcome::Events(events) => assert_eq!(events[0].partition, path),
            other => panic!("{n:?}: {other:?}"),
        }
    }
}

/// A member that is read and written is replaced by its first value, even if it is the only one.
#[test]
fn a_member_can_be_set_to_its_own_value() {
    let release = shared(&rogue().by_fields, r#"{"declare":"self"}"#);
    let records = [
        (r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":[1,2],"a":3}"#, r#"{"a":[1,2]}"#),
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        (
            r#"{"b":2,"\u0061":1,"c":3,"a":4}"#,
            r#"{"b":2,"c":3,"a":1}"#,
        ),
        (r#"{"b":2}"#, r#"{"b":2}"#),
        ("{}", "{}"),
    ];
    for (record, event) in records {
        let records = batch(&[record]);
        for (call, outcome) in by_each_call(&release, &records) {
            let found = record_outcomes(&records, &outcome.unwrap());
            assert_eq!(json(&found[0]), [event], "{record} by {call}");
        }
    }
}

/// Names that differ in case are two members to the transform, and one to some readers of a lake.
#[test]
fn members_that_some_readers_take_for_one_are_not_both_in_an_event() {
    let release = shared(&rogue().by_fields, r#"{"declare":"similar"}"#);
    let records = [
        (r#"{"a":1}"#, Some(r#"{"a":1,"x":1}"#)),
        (r#"{"X":0,"b":1}"#, Some(r#"{"b":1,"X":1}"#)),
        (r#"{"x":0,"c":1}"#, Some(r#"{"x":0,"c":1}"#)),
        (r#"{"a":1,"b":2}"#, None),
        (r#"{"X":0,"a":1}"#, None),
        (r#"{"x":0,"b":1}"#, None),
        (r#"{"x":0,"X":1}"#, None),
    ];
    let batch = batch(&records.map(|(record, _)| record));
    for (call, outcome) in by_each_call(&release, &batch) {
        let found = record_outcomes(&batch, &outcome.unwrap());
        for (outcome, (record, event)) in found.iter().zip(records) {
            match event {
                Some(event) => assert_eq!(json(outcome), [event], "{record} by {call}"),
                None => assert_eq!(outcome.word(), "not_interoperable", "{record} by {call}"),
            }
        }
    }
}

/// Records that no transform sees, with the code and the message.
const NO_OBJECTS: &[(&[u8], &str, &str)] = &[
    (b"", "invalid_json", "byte 0: expected a value"),
    (b" ", "invalid_json", "byte 1: expected a value"),
    (br#"{"n":"#, "invalid_json", "byte 5: expected a value"),
    (
        br#"{"n":1"#,
        "invalid_json",
        "byte 6: expected a comma or a closing brace",
    ),
    (
        br#"{"n":1}{}"#,
        "invalid_json",
        "byte 7: expected the end of the text",
    ),
    (
        br#"{"command":"trap","n":01}"#,
        "invalid_json",
        "byte 23: expected a comma or a closing brace",
    ),
    (
        b"{\"n\":\"\xff\"}",
        "invalid_json",
        "byte 6: expected valid UTF-8",
    ),
    (
        b"\xef\xbb\xbf{}",
        "invalid_json",
        "byte 0: expected a value",
    ),
    (
        b"[1",
        "invalid_json",
        "byte 2: expected a comma or a closing bracket",
    ),
    (
        b"[1]",
        "not_an_object",
        "expected a JSON object, found an array",
    ),
    (
        b" null ",
        "not_an_object",
        "expected a JSON object, found null",
    ),
    (
        b"1.5",
        "not_an_object",
        "expected a JSON object, found a number",
    ),
    (
        b"\"{}\"",
        "not_an_object",
        "expected a JSON object, found a string",
    ),
    (
        b"true",
        "not_an_object",
        "expected a JSON object, found a boolean",
    ),
];

#[test]
fn a_record_that_is_not_one_json_object_is_quarantined_by_the_host() {
    for (record, code, message) in NO_OBJECTS {
        let expected = RecordOutcome::Rejected {
            code: (*code).to_owned(),
            message: (*message).to_owned(),
        };
        let record_text = String::from_utf8_lossy(record);
        assert_eq!(outcome_of(record), expected, "{record_text}");
    }
}

#[test]
fn a_batch_may_have_no_record_for_the_transform() {
    for mode in [
        CallMode::Usual,
        CallMode::PerRecord,
        CallMode::PerFieldRecord,
    ] {
        let found = obeyed(rogue_by_fields(), mode, &["{", "[]", ""]);
        let expected = ["invalid_json", "not_an_object", "invalid_json"];
        assert_eq!(words(&found), expected, "{mode:?}");
        assert_eq!(obeyed::<&str>(rogue_by_fields(), mode, &[]), []);
    }
}
