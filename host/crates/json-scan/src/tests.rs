use super::*;

fn error(input: &[u8]) -> (usize, Expected) {
    let error = check(input).unwrap_err();
    (error.offset, error.expected)
}

#[test]
fn accepts_every_kind_of_value() {
    for (text, kind) in [
        ("{}", Kind::Object),
        (" { } ", Kind::Object),
        ("[]", Kind::Array),
        ("\t[\r\n] ", Kind::Array),
        ("\"\"", Kind::String),
        ("0", Kind::Number),
        ("true", Kind::Boolean),
        ("false", Kind::Boolean),
        ("null", Kind::Null),
    ] {
        assert_eq!(check(text.as_bytes()), Ok(kind), "{text}");
    }
}

#[test]
fn accepts_what_the_grammar_allows() {
    for text in [
        "-0",
        "-0.0",
        "1e0",
        "1E+2",
        "1e-2",
        "0e1",
        "0E+1",
        "123.456e78",
        "1e400",
        "-1E-999999999",
        "9007199254740993",
        "[1,[2,[]],{}]",
        r#"{"":0}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":{"b":[{}]}}"#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0000""#,
        r#""\uD800""#,
        r#""\udc00\ud800""#,
        r#""\ud83d\ude00""#,
        "\"\u{7f}\"",
        "\"\u{80}\u{ffff}\u{10ffff}\"",
        "\"\u{2028}\u{2029}\"",
        "[true, false, null]",
        "\"a\u{feff}\"",
        r#"{"a\u0000b":1}"#,
        "[[] ]",
        "[1\n,1]",
        r#""/ & \/""#,
        r#""𝄞 and some longer text behind it""#,
    ] {
        assert!(check(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn rejects_what_the_grammar_does_not_allow() {
    for text in [
        "",
        " ",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".1",
        "1.e1",
        "1e",
        "1e+",
        "0x1",
        "1_000",
        "1 000",
        "--1",
        "1.2.3",
        "tru",
        "TRUE",
        "truefalse",
        "nul",
        "'a'",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1:2]",
        "{",
        "}",
        "{]",
        "[}",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1"b":2}"#,
        r#"{"a" 1}"#,
        "{1:1}",
        "{a:1}",
        r#"{"a":1}}"#,
        "[]]",
        "1 1",
        "[] //",
        "/**/1",
        r#"""#,
        r#""a"#,
        r#""\"#,
        r#""\""#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\U1234""#,
        "\"\t\"",
        "\"\n\"",
        "\"\0\"",
        "\0",
        "\"01234567\u{1f}\"",
        "\u{feff}{}",
        "\u{a0}1",
        "[1]\u{c}",
        "[\u{b}1]",
        "*",
        "\\u0031",
        "\u{ff11}",
        "[\"a\",\n4\n,1,",
        "[\"\\\u{e9}\"]",
        "{\"a\":\"b\"}#",
        "2.e3",
        "0.3e+",
        "-.1",
    ] {
        assert!(check(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn errors_have_an_offset_and_what_was_expected() {
    assert_eq!(error(b""), (0, Expected::Value));
    assert_eq!(error(b"\xef\xbb\xbf{}"), (0, Expected::Value));
    assert_eq!(error(b"{\"a\" 1}"), (5, Expected::Colon));
    assert_eq!(error(b"{\"a\":1 "), (7, Expected::CommaOrBrace));
    assert_eq!(error(b"{\"a\":1,}"), (7, Expected::Key));
    assert_eq!(error(b"[1 2]"), (3, Expected::CommaOrBracket));
    assert_eq!(error(b"[1.x]"), (3, Expected::Digit));
    assert_eq!(error(b"[nulx]"), (1, Expected::Literal));
    assert_eq!(error(b"[fals]"), (1, Expected::Literal));
    assert_eq!(error(b"\"abc"), (4, Expected::Quote));
    assert_eq!(error(b"\"ab\nc\""), (3, Expected::EscapedControl));
    assert_eq!(error(b"\"\\x\""), (2, Expected::Escape));
    assert_eq!(error(b"\"\\u12x4\""), (5, Expected::HexDigit));
    assert_eq!(error(b"{} {}"), (3, Expected::End));
    let shown = check(b"{} x").unwrap_err().to_string();
    assert_eq!(shown, "byte 3: expected the end of the text");
}

#[test]
fn rejects_invalid_utf8() {
    assert_eq!(error(b"\"ab\xff\""), (3, Expected::Utf8));
    assert_eq!(error(b"\"\xc0\xaf\""), (1, Expected::Utf8));
    assert_eq!(error(b"\"\xed\xa0\x80\""), (1, Expected::Utf8));
    assert_eq!(error(b"\"\xf4\x90\x80\x80\""), (1, Expected::Utf8));
    assert_eq!(error(b"\"0123456789abcdef\xe2\x82\""), (17, Expected::Utf8));
    assert_eq!(error(b"{\"\xe9\":1}"), (2, Expected::Utf8));
    assert_eq!(error(b"\xff"), (0, Expected::Value));
}

/// A byte that is not ASCII must be noticed at each position of a word, and so must a quote.
#[test]
fn checks_every_byte_of_a_string() {
    for length in 0..40 {
        let plain = [b"\"".as_slice(), &b"x".repeat(length), b"\""].concat();
        assert_eq!(check(&plain), Ok(Kind::String));
        for at in 1..=length {
            for bad in [0x00, 0x1f, b'"', b'\\', 0x80, 0xff] {
                let mut text = plain.clone();
                text[at] = bad;
                // The bytes after the invalid byte must not hide it.
                assert!(check(&text).is_err(), "{bad:#x} at {at} of {length}");
            }
        }
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 100_000] {
        let array = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(array.as_bytes()), Ok(Kind::Array), "{depth}");
        let object = "{\"a\":[".repeat(depth) + "1" + &"]}".repeat(depth);
        assert_eq!(check(object.as_bytes()), Ok(Kind::Object), "{depth}");
        let crossed = "{\"a\":[".repeat(depth) + "1" + &"}]".repeat(depth);
        assert!(check(crossed.as_bytes()).is_err(), "{depth}");
        assert!(check("[".repeat(depth).as_bytes()).is_err(), "{depth}");
        assert!(check((array + "]").as_bytes()).is_err(), "{depth}");
    }
}

#[test]
fn decodes_escapes() {
    let decode = |raw: &str| {
        let escaped = raw.contains('\\');
        let raw = raw.as_bytes();
        Text { raw, escaped }.decode()
    };
    assert_eq!(
        decode(r#"a\"\\\/\b\f\n\r\tz"#).unwrap(),
        "a\"\\/\u{8}\u{c}\n\r\tz"
    );
    assert_eq!(
        decode(r"\u0041\u00e9\u20AC\ud83d\uDE00é").unwrap(),
        "Aé€😀é"
    );
    for lone in [
        r"\ud800",
        r"\udc00",
        r"\ud800x",
        r"\ud800\u0041",
        r"\udc00\ud800",
        r"\ud800\n",
    ] {
        assert_eq!(decode(lone), None, "{lone}");
    }
}
