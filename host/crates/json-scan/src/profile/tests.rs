use std::time::{Duration, Instant};

use super::*;

fn violation(text: &str) -> Violation {
    match ProfileChecker::default().check(text.as_bytes()) {
        Err(ProfileError::Violation(violation)) => violation,
        other => panic!("{text:.200}: {other:?}"),
    }
}

fn broken(text: &str) -> (Rule, String) {
    let Violation { rule, path, .. } = violation(text);
    (rule, path)
}

fn assert_kept(checker: &mut ProfileChecker, text: &str) {
    assert_eq!(checker.check(text.as_bytes()), Ok(()), "{text:.200}");
}

fn in_member(value: &str) -> String {
    format!(r#"{{"a":{value}}}"#)
}

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn ordinary_texts_keep_to_the_profile() {
    let mut checker = ProfileChecker::default();
    for text in [
        "{}",
        " \t\r\n{} ",
        r#"{"a":1,"b":{"a":1,"b":[{"a":1},{"a":1}]},"c":null,"d":true}"#,
        r#"{"":{"":{"":""}}}"#,
        r#"{"ä":1,"Ä":2,"é":3,"e":4}"#,
        r#"{"[":1,"{":2,"@":3,"`":4}"#,
        r#"{"a":1,"a ":2," a":3,"a\u0000":4,"aa":5,"aaa":6,"aaaaaaaa":7,"aaaaaaaaaaaaaaaa":8}"#,
    ] {
        assert_kept(&mut checker, text);
    }
    for value in [
        r#""\u0000\u001f\uFFFF\ufffe\ud83d\ude00\uDBFF\uDFFF""#,
        r#""\\ud800\\\\udc00""#,
        "\"\u{fffe}\u{ffff}\u{10ffff}\u{202e}\"",
        "9007199254740993",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
        "-99999999999999999999999999999999999999",
        "1.7976931348623157e308",
        "-1.7976931348623157E+308",
        "179769313486231580e291",
        "1e-400",
        "1e-9999",
        "0e308",
        "0e-0000000000000000000000000000000000000001",
        "123456789012345678901234567890123456789012345678901234567890.5",
    ] {
        assert_kept(&mut checker, &in_member(value));
    }
    assert_kept(&mut checker, &nested("{\"a\":", "}", DEPTH_MAX));
    assert_kept(&mut checker, &in_member(&nested("[", "]", DEPTH_MAX - 1)));
}

#[test]
fn names_the_rule_and_the_path() {
    for (text, rule, path) in [
        ("null", Rule::Object, "$"),
        (" [{}]", Rule::Object, "$"),
        ("\"x\"", Rule::Object, "$"),
        (r#"{"a":"\ud800"}"#, Rule::Surrogates, "$.a"),
        (r#"{"a":"\udc00\ud800"}"#, Rule::Surrogates, "$.a"),
        (r#"{"a":"\ud800\n"}"#, Rule::Surrogates, "$.a"),
        (r#"{"a":"\\\\\uDFFF"}"#, Rule::Surrogates, "$.a"),
        (
            r#"{"a":{"\ud800":1}}"#,
            Rule::Surrogates,
            r#"$.a["\ud800"]"#,
        ),
        (r#"{"a":{"b":[0,1,[],1e400]}}"#, Rule::Range, "$.a.b[3]"),
        (
            r#"{"a":[[{"b":1},{"c":-1E+400}]]}"#,
            Rule::Range,
            "$.a[0][1].c",
        ),
        (r#"{"a":1.7976931348623159e308}"#, Rule::Range, "$.a"),
        (r#"{"a":0e309}"#, Rule::Exponent, "$.a"),
        (r#"{"a":0.0001e310}"#, Rule::Exponent, "$.a"),
        (r#"{"a":1e-10000}"#, Rule::Exponent, "$.a"),
        (r#"{"a":1e-99999999999999999999999}"#, Rule::Exponent, "$.a"),
        (
            r#"{"a":100000000000000000000000000000000000000}"#,
            Rule::Integer,
            "$.a",
        ),
        (r#"{"a":1,"b":2,"a":3}"#, Rule::Names, "$.a"),
        (r#"{"a":{"b":1,"B":2}}"#, Rule::Names, "$.a.B"),
        (
            r#"{"a":[{"b":1},{"b":1,"\u0042":2}]}"#,
            Rule::Names,
            r#"$.a[1]["\u0042"]"#,
        ),
        (r#"{"":1,"":2}"#, Rule::Names, r#"$[""]"#),
        (r#"{"é":1,"\u00e9":2}"#, Rule::Names, r#"$["\u00e9"]"#),
        (
            r#"{"😀":1,"\ud83d\ude00":2}"#,
            Rule::Names,
            r#"$["\ud83d\ude00"]"#,
        ),
        (r#"{"a b":{"c":[1e999]}}"#, Rule::Range, r#"$["a b"].c[0]"#),
        (
            r#"{"LongerThanAWord":1,"longerthanaword":2}"#,
            Rule::Names,
            "$.longerthanaword",
        ),
        (r#"{"a":1e400,"b":"\ud800"}"#, Rule::Range, "$.a"),
    ] {
        assert_eq!(broken(text), (rule, path.to_owned()), "{text}");
    }
}

#[test]
fn a_message_says_the_path_the_fault_and_the_limit() {
    let shown = |value: &str| violation(&in_member(value)).to_string();
    assert_eq!(
        shown("[1e400]"),
        "$.a[0]: the number is out of the range of a double; the limit is 1.7976931348623157e308"
    );
    assert!(shown(&"1".repeat(39)).ends_with("the limit is 38"));
    assert!(shown(r#""\ud800""#).contains("surrogate"));
    assert!(
        shown(&nested("[", "]", 100))
            .ends_with("level 101 of objects and arrays; the limit is 100")
    );
}

#[test]
fn levels_are_counted_from_the_top() {
    let depth = |text: &str| broken(text).0 == Rule::Depth;
    assert!(depth(&nested("{\"a\":", "}", DEPTH_MAX + 1)));
    assert!(depth(&in_member(&nested("[", "]", DEPTH_MAX))));
    assert!(depth(&in_member(&nested("[", "]", 100_000))));
    let empty = nested("[", "]", DEPTH_MAX - 1).replace('1', "[]");
    assert!(depth(&in_member(&empty)));
    let (_, path) = broken(&in_member(&nested("[", "]", DEPTH_MAX)));
    assert_eq!(path, format!("$.a{}…{}", "[0]".repeat(5), "[0]".repeat(6)));
}

#[test]
fn long_names_and_unusual_characters_are_shown_safely() {
    let name = "x".repeat(50);
    let (_, path) = broken(&format!(r#"{{"{name}":1e400}}"#));
    assert_eq!(path, format!("$.{}…", "x".repeat(40)));
    let (_, path) = broken("{\"a\u{202e}\u{85}é\":1e400}");
    assert_eq!(path, r#"$["a\u{202e}\u{85}é"]"#);
    let name = "\u{10ffff}".repeat(1_000);
    let deep = format!("{{\"{name}\":").repeat(50) + "1e400" + &"}".repeat(50);
    assert!(broken(&deep).1.len() < 800);
}

#[test]
fn a_syntax_error_comes_first() {
    for text in [
        r#"{"a":1e400,}"#,
        r#"{"a":1,"a":2"#,
        r#"{"a":"\ud800"} x"#,
        "[1e400",
    ] {
        let found = ProfileChecker::default().check(text.as_bytes());
        let expected = crate::check(text.as_bytes()).unwrap_err();
        assert_eq!(found, Err(ProfileError::Syntax(expected)), "{text}");
    }
    let deep = in_member(&"[".repeat(200));
    let found = ProfileChecker::default().check(deep.as_bytes());
    assert!(matches!(found, Err(ProfileError::Syntax(_))));
}

/// A text leaves nothing behind, and the same checker gives the same result for each.
#[test]
fn a_checker_can_be_reused() {
    let mut checker = ProfileChecker::default();
    let many = members(1_000, |n| format!("n{n}"));
    for _ in 0..3 {
        assert_kept(&mut checker, r#"{"a":1,"b":2}"#);
        assert!(checker.check(br#"{"a":{"a":1},"A":2}"#).is_err());
        assert!(checker.check(br#"{"a":{"#).is_err());
        assert_kept(&mut checker, &many);
    }
}

fn members(count: usize, name: impl Fn(usize) -> String) -> String {
    let members: Vec<_> = (0..count).map(|n| format!(r#""{}":0"#, name(n))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn any_number_of_names_is_compared() {
    for count in [1, 2, 127, 128, 129, 130, 1_000] {
        let name = |n: usize| format!("name{n}");
        assert_kept(&mut ProfileChecker::default(), &members(count, name));
        for twice in [0, count / 2, count - 1] {
            let text = members(count, name);
            let text = text.replace('}', &format!(r#","NAME{twice}":1}}"#));
            let found = broken(&text);
            assert_eq!(found, (Rule::Names, format!("$.NAME{twice}")), "{count}");
        }
    }
}

/// Names whose hashes are equal, because the bit in which letters differ in case is set for all
/// characters.
fn colliding(n: usize) -> String {
    (0..20)
        .map(|bit| if n >> bit & 1 == 0 { '@' } else { '`' })
        .collect()
}

#[test]
fn names_with_equal_hashes_are_told_apart() {
    let text = |raw: &'static str| Text {
        raw: raw.as_bytes(),
        escaped: false,
    };
    assert_eq!(name::hash(text("@")), name::hash(text("`")));
    assert_kept(&mut ProfileChecker::default(), r#"{"@":1,"`":2}"#);
    assert_kept(&mut ProfileChecker::default(), &members(1_000, colliding));
    let twice = members(1_001, |n| colliding(n % 1_000));
    assert_eq!(violation(&twice).rule, Rule::Names);
}

/// A quadratic search would take minutes.
#[test]
fn hostile_texts_take_little_time() {
    let length = 1 << 18;
    let names: [fn(usize) -> String; 4] = [
        |n| format!("name{n}"),
        colliding,
        |n| format!("\\u0041{n}"),
        |n| format!("{}{n}", "x".repeat(100)),
    ];
    let mut texts: Vec<_> = names.map(|name| members(100_000, name)).into();
    texts.push(members(100_000, |n| format!("{}", n % 50_000)));
    texts.push(in_member(&format!(
        "[{}1]",
        "{\"a\":1,\"b\":2},".repeat(100_000)
    )));
    texts.push(in_member(&format!("\"{}\"", "\\u0041".repeat(length))));
    texts.push(in_member(&format!("\"{}\"", "\\\\".repeat(length))));
    texts.push(in_member(&"9".repeat(length)));
    texts.push(in_member(&format!("1.{}e-300", "9".repeat(length))));
    texts.push(in_member(&format!("[{}0]", "1e-300,".repeat(length))));
    texts.push(in_member(&nested("[", "]", length)));
    for text in texts {
        let begun = Instant::now();
        let _ = ProfileChecker::default().check(text.as_bytes());
        let taken = begun.elapsed();
        assert!(taken < Duration::from_secs(30), "{text:.100}: {taken:?}");
    }
}
