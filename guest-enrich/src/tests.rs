use std::sync::LazyLock;

use sluice_transform::batch::transform_record;
use sluice_transform::testing::TestEvent;
use sluice_transform::{Configured, MetadataLists};

use super::*;

const ADDED: &str =
    r#","created_datetime":"2023-11-14T22:13:20Z","event_type":"a","event_subtype":"b""#;
const READ: &str = r#""event_uuid":"u","event_name":"a:b","created_at":1700000000"#;

static RULES: LazyLock<Configured<Enrichment>> = LazyLock::new(|| Configured::new("{}").unwrap());

/// The event before the host has checked it and written it, with all its bytes and its value as it is.
fn event(input: impl AsRef<[u8]>) -> Result<TestEvent, Rejection> {
    let events = transform_record(&RULES, input.as_ref(), &MetadataLists::default())?;
    let [event] = events.try_into().unwrap();
    let [(column, value)] = event.destination.partition.try_into().unwrap();
    let routes = event.destination.routes;
    assert_eq!(routes, Routes::LAKE | Routes::BUS);
    Ok(TestEvent {
        json: String::from_utf8(event.data).unwrap(),
        partition: format!("{column}={value}"),
        routes,
    })
}

fn enriched(input: &str) -> String {
    event(input).unwrap().json
}

fn rejected(input: impl AsRef<[u8]>) -> (String, String) {
    let rejection = event(input).unwrap_err();
    rejection.into_parts()
}

fn rejection(code: &str, message: impl Into<String>) -> (String, String) {
    (code.to_owned(), message.into())
}

/// The event with another name, only its new fields, and the value that it is partitioned by.
fn named(name: &str) -> (String, String) {
    let input = format!(r#"{{"event_uuid":"u","created_at":0,"event_name":"{name}"}}"#);
    let event = event(input).unwrap();
    let added = event.json.split(r#""event_type":"#).nth(1).unwrap();
    let value = event.partition.strip_prefix("event_type=").unwrap();
    (added.trim_end_matches('}').to_owned(), value.to_owned())
}

#[test]
fn appends_three_fields() {
    assert_eq!(
        enriched(&format!("{{{READ}}}")),
        format!("{{{READ}{ADDED}}}")
    );
}

#[test]
fn keeps_every_other_byte() {
    for (ahead, behind) in [
        ("{", "}"),
        (" \r\n{ \"n\" : 9007199254740993 ,\t", "\n}\n "),
        (
            r#"{"n":1.0e+400,"z":-0,"a":1E5,"x":0.10,"#,
            r#","t":[ 1,2 ,{"k" : null}] }"#,
        ),
        (r#"{"dup":1,"dup":2,"#, r#","dup":{"dup":3}}"#),
        (
            r#"{"o":{"event_type":1,"created_at":"x","event_uuid":2,"event_type":3},"#,
            "}",
        ),
        (
            r#"{"\ud800":"\udfff lone","é":"\u00e9 \/ 😀","#,
            r#","":""}"#,
        ),
    ] {
        let end = behind.rfind('}').unwrap();
        let space = behind[..end].trim_end().len();
        let input = format!("{ahead}{READ}{behind}");
        let (kept, closing) = behind.split_at(space);
        assert_eq!(
            enriched(&input),
            format!("{ahead}{READ}{kept}{ADDED}{closing}")
        );
    }
}

#[test]
fn keeps_deep_nesting() {
    for depth in [10_000, 100_000] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        let input = format!(r#"{{"deep":{deep},{READ}}}"#);
        assert_eq!(
            enriched(&input),
            format!(r#"{{"deep":{deep},{READ}{ADDED}}}"#)
        );
    }
}

#[test]
fn replaces_existing_members() {
    let plain = format!("{{{READ}{ADDED}}}");
    for input in [
        format!(r#"{{{READ},"event_type":1}}"#),
        format!(r#"{{"event_type":1,{READ}}}"#),
        format!(r#"{{"event_subtype":{{"a":[]}},"created_datetime":"x","event_type":1,{READ}}}"#),
        format!(r#"{{{READ},"event_type":1,"event_type":2,"event_subtype":null}}"#),
        format!(r#"{{"event\u005ftype":1,{READ},"\u0063reated_datetim\u0065":2}}"#),
        plain.clone(),
    ] {
        assert_eq!(enriched(&input), plain, "{input}");
    }
}

#[test]
fn removal_takes_one_comma_and_its_space() {
    let cases = [
        (
            r#"{ "event_type" : 1 , "a":1, READ }"#,
            r#"{ "a":1, READ+ }"#,
        ),
        (r#"{"a":1 , "event_type":1 , READ}"#, r#"{"a":1 , READ+}"#),
        (r#"{READ , "event_type":1 , "a":2 }"#, r#"{READ , "a":2+ }"#),
        (r#"{READ , "event_type":1 }"#, r#"{READ+ }"#),
        (
            r#"{"event_type":1,"a":2,"event_subtype":1,READ}"#,
            r#"{"a":2,READ+}"#,
        ),
    ];
    for (input, expected) in cases {
        let expected = expected.replace('+', ADDED).replace("READ", READ);
        assert_eq!(enriched(&input.replace("READ", READ)), expected, "{input}");
    }
}

#[test]
fn similar_names_are_other_fields() {
    let more =
        r#""event_typf":1,"Event_type":2,"event_subtypes":3,"created_datetim":4,"event_tÿpe":5"#;
    let input = format!("{{{more},{READ}}}");
    assert_eq!(enriched(&input), format!("{{{more},{READ}{ADDED}}}"));
}

#[test]
fn splits_the_name() {
    for (name, added, value) in [
        (
            "payment:order:paid",
            r#""payment","event_subtype":"order""#,
            "payment",
        ),
        ("payment", r#""payment","event_subtype":null"#, "payment"),
        ("a:", r#""a","event_subtype":"""#, "a"),
        (" :x", r#"" ","event_subtype":"x""#, " "),
        (r"a\u003ab", r#""a","event_subtype":"b""#, "a"),
        (r"a\u003Ab\u003ac", r#""a","event_subtype":"b""#, "a"),
        (
            r"\u0061\\:\/b:c",
            r#""\u0061\\","event_subtype":"\/b""#,
            r"a\",
        ),
        (
            r"\ud83d\ude00:\ud83d\ude00",
            r#""\ud83d\ude00","event_subtype":"\ud83d\ude00""#,
            "😀",
        ),
        ("é:😀", r#""é","event_subtype":"😀""#, "é"),
        (r"\u00e9", r#""\u00e9","event_subtype":null"#, "é"),
    ] {
        assert_eq!(named(name), (added.to_owned(), value.to_owned()), "{name}");
    }
}

#[test]
fn reads_fields_by_what_their_keys_mean() {
    let input = r#"{"event\u005fuuid":"u","\u0065vent_name":"a:b","created\u005Fat":1700000000}"#;
    assert!(enriched(input).ends_with(&format!("{ADDED}}}")));
}

#[test]
fn rejects_what_is_not_json() {
    let bytes: [&[u8]; 8] = [
        b"",
        b"NaN",
        b"{\"a\":NaN}",
        b"{\"event_uuid\":1} x",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"event_name\":1,\"event_name\":2",
        b"[1,",
    ];
    for input in bytes {
        assert_eq!(rejected(input).0, "invalid_json");
    }
    let message = "byte 5: expected a value".to_owned();
    assert_eq!(rejected("{\"a\":NaN}"), rejection("invalid_json", message));
}

#[test]
fn rejects_values_that_are_not_objects() {
    for (input, found) in [
        ("[]", "an array"),
        (" 1 ", "a number"),
        ("\"{}\"", "a string"),
        ("null", "null"),
    ] {
        let message = format!("expected a JSON object, found {found}");
        assert_eq!(rejected(input), rejection("not_an_object", message));
    }
}

#[test]
fn rejects_missing_and_repeated_fields() {
    for field in ["event_uuid", "event_name", "created_at"] {
        let missing = format!("{{{READ}}}").replace(field, "other");
        assert_eq!(
            rejected(missing),
            rejection("missing_field", format!("{field}: missing"))
        );
        let escaped = field.replace('_', r"\u005f");
        for again in [field, &escaped] {
            let input = format!(r#"{{{READ},"{again}":[]}}"#);
            let message = format!("{field}: found more than once");
            assert_eq!(rejected(input), rejection("duplicate_field", message));
        }
    }
    assert_eq!(
        rejected("{}"),
        rejection("missing_field", "event_uuid: missing")
    );
}

#[test]
fn rejects_fields_of_another_kind() {
    let seconds = "a number of seconds since 1970";
    for (from, to, expected) in [
        (
            "\"u\"",
            "null",
            "event_uuid: expected a string, found null".to_owned(),
        ),
        (
            "\"a:b\"",
            "[]",
            "event_name: expected a string, found an array".to_owned(),
        ),
        (
            "1700000000",
            "\"1\"",
            format!("created_at: expected {seconds}, found a string"),
        ),
        (
            "1700000000",
            "true",
            format!("created_at: expected {seconds}, found a boolean"),
        ),
        (
            "1700000000",
            "{}",
            format!("created_at: expected {seconds}, found an object"),
        ),
    ] {
        let input = format!("{{{}}}", READ.replace(from, to));
        assert_eq!(rejected(input), rejection("invalid_field", expected));
    }
}

#[test]
fn rejects_times_out_of_range() {
    for number in ["1e400", "253402300800", "-62167219201", "1700000000000"] {
        let (code, message) = rejected(format!("{{{}}}", READ.replace("1700000000", number)));
        assert_eq!(code, "invalid_field");
        assert!(message.starts_with("created_at: out of range"), "{message}");
    }
}

#[test]
fn calls_milliseconds_so() {
    for (number, is_milliseconds) in [
        ("1700000000000", true),
        ("1700000000000.5", true),
        ("253402300800", true),
        ("17000000000000", false),
        ("-1700000000000", false),
        ("1700000000000e0", false),
    ] {
        let (_, message) = rejected(format!("{{{}}}", READ.replace("1700000000", number)));
        assert_eq!(
            message.contains("milliseconds"),
            is_milliseconds,
            "{number}: {message}"
        );
    }
}

#[test]
fn rejects_names_without_a_type() {
    for name in ["", ":", ":x", "::", r"\u003a", r"\u003Ax:y"] {
        let (code, message) = rejected(format!("{{{}}}", READ.replace("a:b", name)));
        assert_eq!(code, "invalid_field");
        assert!(message.starts_with("event_name: expected an event type"));
    }
}

#[test]
fn rejects_names_that_are_not_strings() {
    for name in [r"\ud800", r"a:\udc00", r"a:b:\ud800", r"\ud83d:\ude00"] {
        let (code, message) = rejected(format!("{{{}}}", READ.replace("a:b", name)));
        assert_eq!(code, "invalid_field");
        assert!(message.starts_with("event_name: "), "{message}");
    }
}
