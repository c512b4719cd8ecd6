//! What a transform sees of a record: the members that it has declared, and nothing else.

use serde_json::{Value, json as expected};

use super::json;
use crate::support::guests::rogue;
use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, limits_of_any_json, obeyed, record_outcomes, shared,
    shared_with,
};

/// What `rogue` sees of a record with the command `seen`: `n`, the kind of `long`, and which reads are
/// repeated.
fn seen(members: &[&str]) -> Vec<Value> {
    let release = shared_with(&rogue().by_fields, "{}", &limits_of_any_json());
    let records: Vec<_> = members
        .iter()
        .map(|members| format!(r#"{{"command":"seen"{members}}}"#))
        .collect();
    let found = obeyed(&release, CallMode::Usual, &records);
    assert_eq!(found, obeyed(&release, CallMode::PerFieldRecord, &records));
    let records = batch(&records);
    let together = release.program().run_fields(&records).unwrap().unwrap();
    assert_eq!(found, record_outcomes(&records, &together));
    found.iter().map(set).collect()
}

/// The member `set` of an event, which has names that not every parser takes.
fn set(result: &RecordOutcome) -> Value {
    let event = json(result)[0].trim_end();
    let (_, set) = event.rsplit_once(r#","set":"#).unwrap();
    serde_json::from_str(&set[..set.len() - 1]).unwrap()
}

#[test]
fn values_are_the_bytes_of_the_record() {
    let records = [
        (r#", "n" : 1.50e+2 "#, expected!("1.50e+2")),
        (r#","n":"a\u0062\"""#, expected!(r#""a\u0062\"""#)),
        (r#","n":[1, {"n":2}]"#, expected!(r#"[1, {"n":2}]"#)),
        (r#","n":{}"#, expected!("{}")),
        (r#","n":null"#, expected!("null")),
        (r#","n":"""#, expected!(r#""""#)),
    ];
    let members: Vec<_> = records.iter().map(|(members, _)| *members).collect();
    for (found, (members, n)) in seen(&members).iter().zip(&records) {
        let expected = expected!({"n": n, "long": "", "repeated": []});
        assert_eq!(*found, expected, "{members}");
    }
}

#[test]
fn names_are_compared_after_their_escapes_are_decoded() {
    let same = [r#","\u006e":5"#, r#","\u006E":5"#];
    let others = [
        r#","N":5"#,
        r#","x":{"n":5}"#,
        r#","n\ud800":5"#,
        r#","\ud800n":5"#,
        r#","\udc00\ud800":5"#,
        r#","n\u0000":5"#,
        r#","\\u006e":5"#,
        r#","":5"#,
        r#","nn":5"#,
    ];
    let found = seen(&[&same[..], &others].concat());
    let ns: Vec<_> = found.iter().map(|seen| &seen["n"]).collect();
    let (found, absent) = ns.split_at(same.len());
    assert!(found.iter().all(|n| **n == "5"), "{ns:?}");
    assert!(absent.iter().all(|n| n.is_null()), "{ns:?}");
}

#[test]
fn a_kind_is_the_first_byte_of_the_value() {
    let values = [
        r#"{"a":1}"#,
        "[]",
        r#""text""#,
        "true",
        "false",
        "null",
        "0",
        "987",
        "-1",
    ];
    let members = values.map(|value| format!(r#","long": {value}"#));
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    for (found, value) in seen(&members).iter().zip(values) {
        assert_eq!(found["long"], value[..1], "{value}");
    }
    assert_eq!(seen(&[""])[0]["long"], "");
}

#[test]
fn of_a_repeated_member_the_first_value_counts() {
    let found = seen(&[
        r#","n":1,"n":2,"n":3"#,
        r#","n":1,"x":{"n":2}"#,
        r#","long":{},"long":1,"\u006e":1,"n":2"#,
        r#","command":"trap""#,
        r#","n":1"#,
    ]);
    let expected = [
        expected!({"n": "1", "long": "", "repeated": ["n"]}),
        expected!({"n": "1", "long": "", "repeated": []}),
        expected!({"n": "1", "long": "{", "repeated": ["n", "long"]}),
        expected!({"n": null, "long": "", "repeated": ["command"]}),
        expected!({"n": "1", "long": "", "repeated": []}),
    ];
    assert_eq!(found, expected);
}

/// What `rogue` sees of the metadata of two records.
fn metadata(config: &str) -> [Value; 2] {
    let release = shared(&rogue().by_fields, config);
    let record = r#"{"command":"metadata"}"#;
    let found = obeyed(&release, CallMode::Usual, &[record, record]);
    let alone = obeyed(&release, CallMode::PerFieldRecord, &[record, record]);
    assert_eq!(found, alone);
    [0, 1].map(|index| set(&found[index]))
}

#[test]
fn metadata_is_given_to_those_that_declare_it() {
    let found = metadata(r#"{"metadata":true}"#);
    let expected = ["0", "23"].map(|sequence| {
        expected!({"key": "key", "sequence": sequence, "arrived_at": 1, "shard": "shard"})
    });
    assert_eq!(found, expected);
    let none = expected!({"key": null, "sequence": null, "arrived_at": null, "shard": ""});
    assert_eq!(metadata("{}"), [none.clone(), none]);
}
