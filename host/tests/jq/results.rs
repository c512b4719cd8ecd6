//! What comes of the values of a program: events, dropped records and rejections.

use serde_json::json;
use sluice_engine::outcome::Routes;

use super::{events, outcome, outcomes, program, rejection, release};
use crate::support::outcomes::{RecordOutcome, words};

const LAKE: Routes = Routes {
    lake: true,
    bus: false,
};
const BUS: Routes = Routes {
    lake: false,
    bus: true,
};
const BOTH: Routes = Routes {
    lake: true,
    bus: true,
};

#[test]
fn each_object_is_an_event_and_null_is_none() {
    let release = program(".[]");
    let found = events(&release, r#"[{"a":1},null,{"b":2},{}]"#);
    assert_eq!(found, [r#"{"a":1}"#, r#"{"b":2}"#, "{}"]);
    assert_eq!(outcome(&release, "[null]"), RecordOutcome::Dropped);
    assert_eq!(outcome(&release, "[]"), RecordOutcome::Dropped);
    for other in ["1", "\"x\"", "true", "[{}]"] {
        let (code, message) = rejection(&release, &format!("[{{}},{other}]"));
        assert_eq!(code, "jq_error");
        let expected =
            format!("the program yields {other}; expected an object (an event) or null (none)");
        assert_eq!(message, expected);
    }
}

#[test]
fn what_a_program_does_not_change_stays_as_it_is() {
    let release = program(".");
    let kept = r#"{"z":1.50,"a":12345678901234567890,"n":-0,"e":1E+2,"m":{"y":[],"x":{}},"s":"a/\"\\\n","é":null}"#;
    assert_eq!(events(&release, kept), [kept]);
    let changed = "{ \"a\" : \"\\u00e9\\/\\ud83d\\ude00\" ,\n\"b\":1, \"b\":2 }";
    assert_eq!(events(&release, changed), [r#"{"a":"é/😀","b":2}"#]);
}

#[test]
fn a_change_keeps_the_order_of_members_and_the_text_of_other_numbers() {
    let record = r#"{"b":1.50,"c":2,"a":3,"d":1e5}"#;
    for (text, event) in [
        (".c = 7", r#"{"b":1.50,"c":7,"a":3,"d":1e5}"#),
        (".x = 7", r#"{"b":1.50,"c":2,"a":3,"d":1e5,"x":7}"#),
        ("del(.b)", r#"{"c":2,"a":3,"d":1e5}"#),
        (
            ". + {a: 9, y: 1}",
            r#"{"b":1.50,"c":2,"a":9,"d":1e5,"y":1}"#,
        ),
        ("with_entries(.value |= .)", record),
        (".b += 1", r#"{"b":2.5,"c":2,"a":3,"d":1e5}"#),
        (".c /= 2", r#"{"b":1.50,"c":1,"a":3,"d":1e5}"#),
    ] {
        assert_eq!(events(&program(text), record), [event], "{text}");
    }
}

#[test]
fn integers_are_exact_to_64_bits() {
    let release = program("{n: (.n + 1), same: (.n == .n), less: (.n - 1 < .n)}");
    let found = events(&release, r#"{"n":9007199254740993}"#);
    assert_eq!(found, [r#"{"n":9007199254740994,"same":true,"less":true}"#]);
}

#[test]
fn members_of_an_event_are_its_partition() {
    let release = release(&json!({"program": ".", "partition_by": ["kind", "n"]}));
    let landed = |record: &str| match outcome(&release, record) {
        RecordOutcome::Events(mut events) => events.pop().unwrap(),
        other => panic!("{record}: {other:?}"),
    };
    let event = landed(r#"{"n":1.50,"kind":"a b"}"#);
    assert_eq!(event.partition, "kind=a b/n=1.50");
    assert_eq!(event.routes, BOTH);
    assert_eq!(landed(r#"{"n":true,"kind":7}"#).partition, "kind=7/n=true");
    for (record, code, message) in [
        (r#"{"n":1}"#, "missing_partition_field", "kind: missing"),
        (
            r#"{"n":null,"kind":"x"}"#,
            "missing_partition_field",
            "n: null",
        ),
        (
            r#"{"n":{},"kind":"x"}"#,
            "invalid_partition_field",
            "found an object",
        ),
        (
            r#"{"n":[],"kind":"x"}"#,
            "invalid_partition_field",
            "found an array",
        ),
    ] {
        let found = rejection(&release, record);
        assert_eq!(found.0, code, "{record}");
        assert!(found.1.contains(message), "{}", found.1);
    }
}

#[test]
fn routes_are_those_of_the_configuration() {
    for (names, routes) in [
        (json!(["lake"]), LAKE),
        (json!(["bus"]), BUS),
        (json!(["bus", "lake"]), BOTH),
    ] {
        let release = release(&json!({"program": ".", "routes": names}));
        match outcome(&release, "{}") {
            RecordOutcome::Events(events) => assert_eq!(events[0].routes, routes),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_envelope_gives_an_event_its_own_destination() {
    let program = r#"if has("$event") then . else error end"#;
    let config = json!({"program": program, "partition_by": ["kind"], "routes": ["bus"]});
    let release = release(&config);
    for (record, partition, routes) in [
        (r#"{"$event":{"kind":"x"}}"#, "kind=x", BUS),
        (
            r#"{"$event":{"kind":"x"},"routes":["lake"]}"#,
            "kind=x",
            LAKE,
        ),
        (
            r#"{"$event":{},"partition":{"a":"1","b":2}}"#,
            "a=1/b=2",
            BUS,
        ),
        (r#"{"partition":{},"$event":{}}"#, "", BUS),
    ] {
        match outcome(&release, record) {
            RecordOutcome::Events(events) => {
                assert_eq!(events[0].partition, partition, "{record}");
                assert_eq!(events[0].routes, routes, "{record}");
                assert!(!events[0].json.contains("$event"));
            }
            other => panic!("{record}: {other:?}"),
        }
    }
    for (record, code, message) in [
        (
            r#"{"$event":{},"kind":"x"}"#,
            "jq_error",
            "the member \"kind\"",
        ),
        (r#"{"$event":[1]}"#, "jq_error", "`$event` is [1]"),
        (
            r#"{"$event":{},"partition":[]}"#,
            "jq_error",
            "expected an object",
        ),
        (
            r#"{"$event":{},"partition":{"a b":1}}"#,
            "jq_error",
            "is no column",
        ),
        (
            r#"{"$event":{},"partition":{"a":null}}"#,
            "missing_partition_field",
            "a: ",
        ),
        (
            r#"{"$event":{"kind":"x"},"routes":[]}"#,
            "jq_error",
            "`routes` of an envelope is []",
        ),
        (
            r#"{"$event":{"kind":"x"},"routes":["sea"]}"#,
            "jq_error",
            "expected an array",
        ),
        (
            r#"{"$event":{"kind":"x"},"routes":"lake"}"#,
            "jq_error",
            "expected an array",
        ),
        (r#"{"$event":{}}"#, "missing_partition_field", "kind: "),
    ] {
        let found = rejection(&release, record);
        assert_eq!(found.0, code, "{record}: {}", found.1);
        assert!(found.1.contains(message), "{record}: {}", found.1);
    }
}

/// Otherwise a producer could choose where its events go.
#[test]
fn a_record_is_no_envelope_if_the_program_names_none() {
    let config = json!({"program": "del(.ip)", "partition_by": ["kind"]});
    let record = r#"{"$event":{"kind":"x"},"partition":{"kind":"y"},"routes":["bus"],"kind":"z"}"#;
    match outcome(&release(&config), record) {
        RecordOutcome::Events(events) => {
            assert_eq!((&*events[0].partition, events[0].routes), ("kind=z", BOTH));
            assert_eq!(events[0].json, record);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_of_the_program_rejects_the_record_with_all_its_events() {
    for (text, code, message) in [
        (
            "{}, error(\"no_id: the id is missing\")",
            "no_id",
            "the id is missing",
        ),
        ("error(\"no code at all\")", "jq_error", "no code at all"),
        (
            "error({a: 1})",
            "jq_error",
            "the program ends with the error {\"a\":1}",
        ),
        (
            "{}, {x: (.a + 1)}",
            "jq_error",
            "cannot calculate \"text\" + 1",
        ),
        (".a.b", "jq_error", "cannot index \"text\" with \"b\""),
        (
            ".a[]",
            "jq_error",
            "cannot use \"text\" as an array or an object",
        ),
        (".a | fromjson", "jq_error", "cannot parse \"text\" as JSON"),
        ("{x: nan}", "jq_error", "infinite or none"),
        ("{x: (1 / 0)}", "jq_error", "the divisor is zero"),
    ] {
        let found = rejection(&program(text), r#"{"a":"text"}"#);
        assert_eq!(found.0, code, "{text}: {}", found.1);
        assert!(found.1.contains(message), "{text}: {}", found.1);
    }
    let long = format!("{{\"a\":\"{}\"}}", "é".repeat(100_000));
    let (_, message) = rejection(&program(".a + 1"), &long);
    assert!(message.len() < 600 && message.contains('…'), "{message}");
}

#[test]
fn regular_expressions_know_all_letters() {
    let record = r#"{"name":"José Ångström","id":"٣4x"}"#;
    for (text, event) in [
        (
            r#"{name: (.name | gsub("\\w"; "*"))}"#,
            r#"{"name":"**** ********"}"#,
        ),
        (
            r#"{name: (.name | gsub("[[:alpha:]]"; "*"))}"#,
            r#"{"name":"**** ********"}"#,
        ),
        (
            r#"{id: (.id | gsub("\\d"; "0")), n: (.name | [match("É|å"; "gi").offset])}"#,
            r#"{"id":"00x","n":[3,5]}"#,
        ),
        (
            r#".name |= (capture("(?<first>\\p{L}+) (?<last>\\p{L}+)") | .last)"#,
            r#"{"name":"Ångström","id":"٣4x"}"#,
        ),
        (
            r#"{n: (.name | [splits("\\s")]), t: (.name | test("^\\w+ \\w+$"))}"#,
            r#"{"n":["José","Ångström"],"t":true}"#,
        ),
    ] {
        assert_eq!(events(&program(text), record), [event], "{text}");
    }
    let (code, message) = rejection(&program(r#".id | test("(" + .)"#), r#"{"id":"x"}"#);
    assert_eq!(code, "jq_error", "{message}");
    let expected = r#"the regular expression "(x", character 1: unclosed group"#;
    assert_eq!(message, expected);
}

#[test]
fn long_integers_are_compared_by_their_digits() {
    let release = program("{n: (.n | unique), less: (.n[0] < .n[1]), same: (.n[0] == .n[2])}");
    let record = r#"{"n":[18446744073709551614,18446744073709551615,18446744073709551614]}"#;
    let event = r#"{"n":[18446744073709551614,18446744073709551615],"less":true,"same":true}"#;
    assert_eq!(events(&release, record), [event]);
}

#[test]
fn a_record_can_be_any_json_and_nothing_else() {
    let release = program("{value: .}");
    for json in ["1", " \"x\" ", "null", "[1,[2]]", "true", "-1.5e-3"] {
        let expected = format!("{{\"value\":{}}}", json.trim());
        assert_eq!(events(&release, json), [expected]);
    }
    for (record, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("{} {}", "invalid_json"),
        ("NaN", "invalid_json"),
        ("01", "invalid_json"),
        ("+1", "invalid_json"),
        ("1.", "invalid_json"),
        (".5", "invalid_json"),
        ("# comment\n1", "invalid_json"),
        ("{1:2}", "invalid_json"),
        ("{\"a\":1,}", "invalid_json"),
        ("\"\t\"", "invalid_json"),
        ("\"\\x\"", "invalid_json"),
        ("\"\\u12\"", "invalid_json"),
        ("\"\\ud800\"", "unpaired_surrogate"),
        ("\"\\ud800\\u0041\"", "unpaired_surrogate"),
        ("\"\\udc00\"", "unpaired_surrogate"),
    ] {
        assert_eq!(rejection(&release, record).0, code, "{record}");
    }
    let outcome = outcomes(&release, &[&b"\"\xff\""[..]]);
    assert_eq!(words(&outcome), ["invalid_json"]);
}

#[test]
fn nesting_has_a_limit_that_leaves_room_for_the_lake() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let deep = format!("{{\"a\":{}}}", nested(99));
    assert_eq!(events(&program("."), &deep), [deep.as_str()]);
    for text in [
        "walk(.)",
        "(.. |= .)",
        ". as $x | tojson | fromjson",
        "del(.. | nulls)",
    ] {
        assert_eq!(events(&program(text), &deep), [deep.as_str()], "{text}");
    }
    assert_eq!(
        events(&program("{n: ([..] | length)}"), &deep),
        [r#"{"n":101}"#]
    );
    assert_eq!(rejection(&program("{}"), &nested(257)).0, "too_deep");
    assert_eq!(events(&program("{}"), &nested(256)), ["{}"]);
}

#[test]
fn a_batch_has_the_outcomes_of_its_records() {
    let config = json!({
        "program": "if .bad then error(\"\\(.bad): it is\") elif .drop then empty else (., {\"$event\": ., routes: [\"lake\"]}) end",
        "partition_by": ["kind"],
    });
    let release = release(&config);
    let mut records = Vec::new();
    for number in 0..300 {
        records.push(match number % 7 {
            0 => format!("{{\"n\":{number},\"kind\":\"k{}\"}}", number % 5),
            1 => format!("{{\"n\":{number},\"drop\":true}}"),
            2 => "{\"bad\":\"no_good\"}".to_owned(),
            3 => format!("{{\"n\":{number}}}"),
            4 => "not json".to_owned(),
            5 => format!("{{\"kind\":{number},\"text\":\"\\u00e9 {number}\"}}"),
            _ => format!("{{\"kind\":\"{}\"}}", "x".repeat(number)),
        });
    }
    // It compares all calls.
    let found = outcomes(&release, &records);
    let count = |word: &str| words(&found).iter().filter(|found| **found == word).count();
    assert_eq!(count("dropped"), 43);
    assert_eq!(count("no_good"), 43);
    assert_eq!(count("missing_partition_field"), 43);
    assert_eq!(count("invalid_json"), 43);
}
