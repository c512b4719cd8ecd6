use crate::testing::{SampleMetadata, Tester};
use crate::{Description, Events, Routes, Transform, Write};

use super::*;

const VALUE: Read = Read::value(0, "value");
const KIND: Read = Read::kind(1, "kind");
const OUT: Write = Write::new(0, "out");

/// Shows what a method of the record returns.
struct Show;

impl Transform for Show {
    fn describe() -> Description {
        Description {
            name: "show",
            version: "1.0.0",
            summary: "Shows what a method returns",
            config_schema: "",
        }
    }

    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn reads(&self) -> Vec<Read> {
        vec![VALUE, KIND]
    }

    fn writes(&self) -> Vec<Write> {
        vec![OUT]
    }

    fn metadata(&self) -> Metadata {
        Metadata::PARTITION_KEY | Metadata::SEQUENCE_NUMBER | Metadata::ARRIVED_AT
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let shown = show(record)?;
        events.empty_event(Routes::LAKE, &[]).set_text(&OUT, &shown);
        Ok(())
    }
}

/// The partition key of the record says which method.
fn show(record: &Record<'_>) -> Result<String, Rejection> {
    Ok(match record.partition_key() {
        "raw" => format!("{:?}", record.raw(&VALUE).map(String::from_utf8_lossy)),
        "kind" => format!("{:?}", record.kind(&KIND)),
        "require" => format!("{:?}", record.require(&KIND, Kind::Array)?),
        "repeated" => record.is_repeated(&KIND).to_string(),
        "text" => record.text(&VALUE)?.into_owned(),
        "raw_text" => String::from_utf8_lossy(record.raw_text(&VALUE)?.as_bytes()).into_owned(),
        "boolean" => record.boolean(&VALUE)?.to_string(),
        "number" => {
            let number = record.number(&VALUE)?;
            let (signed, unsigned) = (number.to_i64(), number.to_u64());
            format!(
                "{} {signed:?} {unsigned:?} {}",
                number.as_str(),
                number.to_f64()
            )
        }
        "time" => String::from_utf8_lossy(record.time(&VALUE)?.as_bytes()).into_owned(),
        "optional_text" => format!("{:?}", record.optional_text(&VALUE)?),
        "optional_raw_text" => format!("{:?}", record.optional_raw_text(&VALUE)?.is_some()),
        "optional_number" => format!("{:?}", record.optional_number(&VALUE)?.is_some()),
        "optional_boolean" => format!("{:?}", record.optional_boolean(&VALUE)?),
        "optional_time" => format!("{:?}", record.optional_time(&VALUE)?.is_some()),
        "arrived_at" => format!("{} {}", record.arrived_at(), record.sequence_number()),
        "shard" => record.shard().to_owned(),
        "kind's value" => format!("{:?}", record.raw(&KIND)),
        "kind's text" => record.text(&KIND)?.into_owned(),
        "undeclared" => format!("{:?}", record.kind(&Read::kind(2, "more"))),
        "wrong number" => record.text(&Read::value(0, "secret"))?.into_owned(),
        "wrong wish" => record.text(&Read::value(1, "kind"))?.into_owned(),
        "repeated wrong number" => record.is_repeated(&Read::value(0, "secret")).to_string(),
        other => panic!("{other}"),
    })
}

fn shown(method: &str, record: &str) -> Result<String, String> {
    let metadata = SampleMetadata {
        partition_key: method.to_owned(),
        ..SampleMetadata::default()
    };
    let tester = Tester::<Show>::new("{}").unwrap();
    match tester.transform_with(record, &metadata) {
        Ok(events) => {
            let value: serde_json::Value = serde_json::from_str(&events[0].json).unwrap();
            Ok(value["out"].as_str().unwrap().to_owned())
        }
        Err(rejection) => Err(format!("{}: {}", rejection.code(), rejection.message())),
    }
}

fn returns(method: &str, record: &str, expected: &str) {
    assert_eq!(
        shown(method, record),
        Ok(expected.to_owned()),
        "{method} {record}"
    );
}

fn rejects(method: &str, record: &str, expected: &str) {
    assert_eq!(
        shown(method, record),
        Err(expected.to_owned()),
        "{method} {record}"
    );
}

#[test]
fn values_are_as_they_are_in_the_record() {
    returns("raw", r#"{ "value" : [ 1.50 ] }"#, r#"Some("[ 1.50 ]")"#);
    returns(
        "raw",
        r#"{"v\u0061lue":"\u0061"}"#,
        r#"Some("\"\\u0061\"")"#,
    );
    returns("raw", r#"{"value":1,"value":2}"#, r#"Some("1")"#);
    returns("raw", r#"{"other":{"value":1}}"#, "None");
    returns("text", r#"{"value":"\u0061\n\ud83d\ude00é"}"#, "a\n😀é");
    returns("text", r#"{"value":""}"#, "");
    returns("raw_text", r#"{"value":"\u0061b"}"#, r"\u0061b");
    returns("boolean", r#"{"value":true}"#, "true");
    returns("boolean", r#"{"value":false}"#, "false");
    returns("number", r#"{"value":12}"#, "12 Some(12) Some(12) 12");
    returns("number", r#"{"value":-1}"#, "-1 Some(-1) None -1");
    returns("number", r#"{"value":1.50}"#, "1.50 None None 1.5");
    returns("number", r#"{"value":1e2}"#, "1e2 None None 100");
    returns("time", r#"{"value":0.50}"#, "1970-01-01T00:00:00.5Z");
}

#[test]
fn kinds_need_no_values() {
    for (value, kind) in [
        ("{}", "Object"),
        ("[1]", "Array"),
        (r#""x""#, "String"),
        ("-1", "Number"),
        ("0", "Number"),
        ("true", "Boolean"),
        ("false", "Boolean"),
        ("null", "Null"),
    ] {
        returns(
            "kind",
            &format!(r#"{{"kind":{value}}}"#),
            &format!("Some({kind})"),
        );
    }
    returns("kind", "{}", "None");
    returns("require", r#"{"kind":[1,2]}"#, "()");
    returns("repeated", r#"{"kind":1}"#, "false");
    returns("repeated", r#"{"kind":1,"value":2,"value":3}"#, "false");
    returns("repeated", r#"{"kind":1,"kind":2}"#, "true");
}

#[test]
fn rejections_name_the_member_and_what_was_found() {
    let text = "invalid_field: value: expected a string, found a number";
    rejects("text", r#"{"value":1}"#, text);
    rejects("raw_text", r#"{"value":1}"#, text);
    let number = "invalid_field: value: expected a number, found null";
    rejects("number", r#"{"value":null}"#, number);
    rejects("time", r#"{"value":null}"#, number);
    let boolean = "invalid_field: value: expected a boolean, found an array";
    rejects("boolean", r#"{"value":[]}"#, boolean);
    let array = "invalid_field: kind: expected an array, found an object";
    rejects("require", r#"{"kind":{}}"#, array);
    let surrogate = "invalid_field: value: expected text, found an unpaired surrogate escape";
    rejects("text", r#"{"value":"a\ud800"}"#, surrogate);
    rejects("raw_text", r#"{"value":"a\ud800"}"#, surrogate);
    rejects("optional_text", r#"{"value":"a\ud800"}"#, surrogate);
}

#[test]
fn a_repeated_member_is_rejected_before_its_kind() {
    for method in ["text", "raw_text", "number", "boolean", "time"] {
        rejects(method, "{}", "missing_field: value: missing");
        let twice = "duplicate_field: value: found more than once";
        rejects(method, r#"{"value":[],"value":{}}"#, twice);
        rejects(
            &format!("optional_{method}"),
            r#"{"value":null,"value":1}"#,
            twice,
        );
    }
}

#[test]
fn an_optional_member_can_be_missing_or_null() {
    returns("optional_text", r#"{"value":"x"}"#, r#"Some("x")"#);
    returns("optional_boolean", r#"{"value":true}"#, "Some(true)");
    returns("optional_number", r#"{"value":1}"#, "true");
    returns("optional_time", r#"{"value":1}"#, "true");
    returns("optional_raw_text", r#"{"value":"x"}"#, "true");
    for record in ["{}", r#"{"value":null}"#] {
        for method in ["optional_text", "optional_boolean"] {
            returns(method, record, "None");
        }
        for method in ["optional_number", "optional_time", "optional_raw_text"] {
            returns(method, record, "false");
        }
    }
    let text = "invalid_field: value: expected a string, found a number";
    rejects("optional_text", r#"{"value":1}"#, text);
}

#[test]
fn a_time_out_of_range_is_rejected() {
    let milliseconds = "invalid_field: value: out of range, it looks like milliseconds; \
                        a number of seconds since 1970 is expected";
    rejects("time", r#"{"value":1700000000000}"#, milliseconds);
    let years = "invalid_field: value: out of range, the years 0000 to 9999 are supported";
    rejects("time", r#"{"value":1e400}"#, years);
}

#[test]
fn metadata_is_that_of_golden_cases() {
    returns("arrived_at", "{}", "1767225600000 0");
}

#[test]
#[should_panic(expected = "`Metadata::SHARD` is read, but `metadata` does not return it")]
fn metadata_that_is_not_declared_is_a_panic() {
    let _ = shown("shard", "{}");
}

#[test]
#[should_panic(expected = "the value of `kind` is read, but only its kind is declared")]
fn the_value_of_a_kind_is_a_panic() {
    let _ = shown("kind's value", r#"{"kind":1}"#);
}

#[test]
#[should_panic(expected = "the value of `kind` is read, but only its kind is declared")]
fn the_text_of_a_kind_is_a_panic() {
    let _ = shown("kind's text", r#"{"kind":"x"}"#);
}

#[test]
#[should_panic(expected = "`more` is read, but is not the item 2 of the list that `reads` returns")]
fn a_read_that_is_not_declared_is_a_panic() {
    let _ = shown("undeclared", "{}");
}

#[test]
#[should_panic(expected = "`secret` is read, but is not the item 0")]
fn a_read_with_the_number_of_another_member_is_a_panic() {
    let _ = shown("wrong number", r#"{"value":"x","secret":"y"}"#);
}

#[test]
#[should_panic(expected = "`secret` is read, but is not the item 0")]
fn a_question_with_the_number_of_another_member_is_a_panic() {
    let _ = shown("repeated wrong number", r#"{"value":"x"}"#);
}

/// The value of the declared read would be its first byte.
#[test]
#[should_panic(expected = "`kind` is read, but is not the item 1")]
fn a_read_of_a_value_that_is_declared_as_a_kind_is_a_panic() {
    let _ = shown("wrong wish", r#"{"kind":"x"}"#);
}
