//! Messages, records, and the places that are marked.

use super::*;

/// The marked parts of a record, and what they are.
fn marked<'r>(reason: &str, message: &str, record: &'r str) -> Option<(Vec<&'r str>, String)> {
    let place = find(reason, message, record)?;
    let parts = place.spans.into_iter().map(|span| &record[span]);
    Some((parts.collect(), place.what))
}

fn part<'r>(message: &str, record: &'r str) -> Option<&'r str> {
    let (parts, _) = marked("rejected", message, record)?;
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.into_iter().next()
}

#[test]
fn an_offset_is_a_word_of_the_text() {
    let json = "{\"a\":NaN, \"é\":1}";
    assert_eq!(part("byte 5: expected a value", json), Some("NaN"));
    assert_eq!(part("byte 12: expected a value", json), Some("é"));
    assert_eq!(part("not JSON at offset 8", json), Some(","));
    let cut = marked("invalid_json", "byte 4: expected a value", "{\"a\"");
    assert_eq!(cut.unwrap(), (vec![""], "the end of the record".into()));
    assert_eq!(part("byte 99: expected a value", json), None);
    assert_eq!(part("it has 5 bytes", json), None);
}

#[test]
fn a_line_and_a_column_are_an_offset() {
    let json = "{\n  \"a\": x\n}";
    let message = "expected value at line 2 column 8";
    assert_eq!(part(message, json), Some("x"));
    assert_eq!(part("expected value at line 9 column 1", json), None);
    assert_eq!(part("EOF at line 1 column 2", "{"), Some(""));
}

#[test]
fn a_member_is_marked_with_its_name() {
    let json = r#" {"a":{"b":[1,{"c":"x"}]}, "a.b":2, "my\tts" : null} "#;
    for (message, expected) in [
        (
            "a: expected a number, found an object",
            r#""a":{"b":[1,{"c":"x"}]}"#,
        ),
        ("a.b: expected text", r#""a.b":2"#),
        ("a.b[1].c: expected a number", r#""c":"x""#),
        ("$.a.b[0]: out of range", "1"),
        ("/a/b/1/c: wrong", r#""c":"x""#),
        (
            r#""my\tts": expected a time, found null"#,
            r#""my\tts" : null"#,
        ),
        ("the value of `a.b` is wrong", r#""a.b":2"#),
        ("unknown field `c`, expected one of `a.b`", r#""a.b":2"#),
    ] {
        assert_eq!(part(message, json), Some(expected), "{message}");
    }
    assert_eq!(part("zero: no", json), None);
    assert_eq!(part("no words about a place", json), None);
    assert_eq!(part("a: expected a number", "{\"a\":"), None);
}

#[test]
fn what_is_missing_marks_what_lacks_it() {
    let json = r#"{"a":{"b":[1]},"c":"text"}"#;
    for (message, expected, what) in [
        (
            "event_type: missing",
            json,
            r#"the object without the member "event_type""#,
        ),
        (
            "missing field `x` at line 1 column 26",
            json,
            r#"the object without the member "x""#,
        ),
        (
            "a.x.y: missing",
            r#"{"b":[1]}"#,
            r#"the object without the member "x""#,
        ),
        (
            "the field a.b[7] is required",
            "[1]",
            r#"the array without the item "7""#,
        ),
    ] {
        let found = marked("missing_field", message, json).unwrap();
        assert_eq!(found, (vec![expected], what.to_owned()), "{message}");
    }
    assert_eq!(part("c.x: missing", json), None);
}

#[test]
fn members_that_are_there_twice_are_marked_twice() {
    let json = r#"{"a":1,"\u0061":2}"#;
    let found = marked("duplicate_field", "a: found more than once", json);
    let expected = vec![r#""a":1"#, r#""\u0061":2"#];
    assert_eq!(found, Some((expected, r#"the 2 members "a""#.into())));
}

#[test]
fn messages_about_something_else_mark_nothing() {
    let json = r#"{"a":1}"#;
    for reason in ["invalid_output", "trap", "undecodable", "record_too_large"] {
        assert_eq!(marked(reason, "a: byte 5: wrong", json), None, "{reason}");
    }
    let event = "readers of the lake fail on the event at $.a: too large";
    let found = marked("not_interoperable", event, json).unwrap();
    assert_eq!(found.0, [r#""a":1"#]);
    let whole = marked(
        "not_an_object",
        "expected a JSON object, found an array",
        " [1] ",
    );
    assert_eq!(whole.unwrap().0, ["[1]"]);
    assert_eq!(marked("not_an_object", "expected a JSON object", " "), None);
}

#[test]
fn a_megabyte_is_searched() {
    let long = "x".repeat(1 << 20);
    let json = format!(
        r#"{{"long":"{long}","deep":{}1{},"a":1}}"#,
        "[".repeat(9_999),
        "]".repeat(9_999)
    );
    assert_eq!(part("a: wrong", &json), Some(r#""a":1"#));
    assert_eq!(
        part(&format!("{long}: missing"), &json),
        Some(json.as_str())
    );
}
