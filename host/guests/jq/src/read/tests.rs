use proptest::prelude::*;

use super::*;
use crate::write;

fn read(text: &str) -> Result<Val, Rejection> {
    let buffer = Rc::new(format!("before{text}behind").into_bytes());
    value(&buffer, 6, 6 + text.len())
}

fn rewritten(text: &str) -> String {
    let mut out = Vec::new();
    write::strictly(&read(text).unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn numbers_are_integers_of_64_bits_or_keep_their_text() {
    for (text, expected) in [
        ("0", Val::Int(0)),
        ("-7", Val::Int(-7)),
        ("999999999999999999", Val::Int(999_999_999_999_999_999)),
        ("9223372036854775807", Val::Int(i64::MAX)),
        ("-9223372036854775808", Val::Int(i64::MIN)),
    ] {
        let found = read(text).unwrap();
        assert!(matches!(found, Val::Int(_)) && found == expected, "{text}");
    }
    for text in ["-0", "9223372036854775808", "1.50", "1E+2", "0.0", "1e400"] {
        assert!(matches!(read(text).unwrap(), Val::Decimal(_)), "{text}");
        assert_eq!(rewritten(text), text);
    }
}

#[test]
fn what_is_no_json_text_is_rejected() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "tru",
        "nul",
        "1 2",
        "01",
        "1.",
        ".1",
        "-",
        "+1",
        "1e",
        "\"",
        "\"\\\"",
        "\"\n\"",
        "\"\\q\"",
        "\"\\u00g0\"",
        "NaN",
        "[1 2]",
        "[,]",
        "'a'",
        "#1",
    ] {
        assert_eq!(read(text).unwrap_err().code(), "invalid_json", "{text}");
    }
}

#[test]
fn escapes_are_decoded() {
    let found = read(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).unwrap();
    assert_eq!(found.as_str(), Some("\"\\/\u{8}\u{c}\n\r\té😀"));
    for text in [
        r#""\ud83d""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ude00\ud83d""#,
    ] {
        assert_eq!(
            read(text).unwrap_err().code(),
            "unpaired_surrogate",
            "{text}"
        );
    }
}

#[test]
fn a_repeated_name_has_its_last_value_in_its_first_place() {
    assert_eq!(rewritten(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
}

#[test]
fn the_depth_is_limited() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(read(&nested(DEPTH_MAX + 1)).unwrap_err().code(), "too_deep");
}

proptest! {
    #[test]
    fn it_accepts_what_the_scanner_of_the_host_accepts(text in "[\\[\\]{}:,\"a0-9eE.+\\- \\\\untrfals]{0,12}") {
        prop_assert_eq!(read(&text).is_ok(), json_scan::check(text.as_bytes()).is_ok(), "{}", text);
    }

    #[test]
    fn texts_come_back(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        let found = read(&json).unwrap();
        prop_assert_eq!(found.as_str(), Some(text.as_str()));
    }
}

#[test]
fn items_are_read_alike_in_both_ways() {
    for item in [
        "0",
        "7",
        "10",
        "123456789012345678",
        "1234567890123456789",
        "-1",
        "1.5",
        "1e2",
        "\"a\"",
        "[1]",
    ] {
        for (before, behind) in [
            ("", ""),
            ("1,2,", ",3"),
            ("\"x\",", ",4,5"),
            (" ", " "),
            ("1, ", " ,2"),
        ] {
            let text = format!("[{before}{item}{behind}]");
            let spaced = format!("[ {before} {item} {behind} ]");
            assert_eq!(read(&text).unwrap(), read(&spaced).unwrap(), "{text}");
        }
    }
    for wrong in [
        "[01]", "[1,02]", "[1", "[1,", "[1,]", "[12 3]", "[1}", "[00,1]", "[1,2",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
