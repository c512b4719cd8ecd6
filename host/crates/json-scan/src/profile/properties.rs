//! The checker compared with the reference, for random texts.

use proptest::prelude::*;
use proptest::sample::select;

use super::reference::broken;
use super::{ProfileChecker, ProfileError};

/// Names, many of which are equal after unescaping and folding, or almost.
const NAMES: &[&str] = &[
    "a",
    "A",
    r"\u0061",
    r"\u0041",
    "b",
    "B",
    "aB",
    "ab",
    "",
    "é",
    "É",
    r"\u00e9",
    "@",
    "`",
    "[",
    "{",
    "event_name",
    "Event_Name",
    r"event\u005fname",
    "event_nam",
    "event_names",
    "abcdefgh",
    "ABCDEFGH",
    "abcdefg@",
    "abcdefg`",
    "😀",
    r"\ud83d\ude00",
    r"\ud83d",
    r"a\n",
    r"a\u000a",
    r"\\u0061",
];

const STRINGS: &[&str] = &[
    r#""""#,
    r#""x""#,
    r#""\ud83d\ude00""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\\ud800""#,
    r#""\\\ud800""#,
    r#""\uD800\u0041""#,
    r#""\ud800\ud83d\ude00""#,
    r#""é\n\uffff""#,
];

const LITERALS: &[&str] = &["true", "false", "null", "0", "-0", "[]", "{}", "[ ]", "{ }"];

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "-?[1-9][0-9]{0,45}",
        2 => "-?[1-9][0-9]{0,45}\\.[0-9]{1,45}",
        3 => "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?[eE][+-]?[0-9]{1,5}",
        2 => "-?1\\.79769313486231(5|58|580|5807|58079)[0-9]{0,3}[eE]\\+?0?30[789]",
        1 => "1[0-9]{303,312}(\\.0)",
        1 => "0\\.0{280,300}1e[0-9]{3}",
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    let fixed = [STRINGS, LITERALS].concat();
    prop_oneof![
        3 => select(fixed).prop_map(str::to_owned),
        1 => number(),
        2 => (0..1_000).prop_map(|n: i32| n.to_string()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(4, 60, 6, |inner| {
        let member = (select(NAMES), " {0,1}", inner.clone());
        let member = member.prop_map(|(name, space, value)| {
            format!(r#"{space}"{name}"{space}:{space}{value}{space}"#)
        });
        let members = prop::collection::vec(member, 0..6);
        let items = prop::collection::vec(inner.clone(), 0..4);
        // Around the limit of levels.
        let levels = (inner, prop_oneof![8 => 0..3_usize, 1 => 94..104_usize]);
        prop_oneof![
            4 => members.prop_map(|members| format!("{{{}}}", members.join(","))),
            2 => items.prop_map(|items| format!("[{}]", items.join(" , "))),
            1 => levels.prop_map(|(inner, levels)| {
                format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels))
            }),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let object = prop::collection::vec((select(NAMES), value()), 0..4).prop_map(|members| {
        let members = members
            .iter()
            .map(|(name, value)| format!(r#""{name}":{value}"#));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    });
    prop_oneof![9 => object, 1 => value()]
}

/// One object with many names, of which a few may be equal.
fn wide() -> impl Strategy<Value = String> {
    prop::collection::vec(0..20_000_u32, 0..400).prop_map(|numbers| {
        let members = numbers.iter().map(|n| format!(r#""n{n}":{{"n{n}":0}}"#));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
}

/// A violation is one of those that the reference lists. Without one, it lists none.
fn check(checker: &mut ProfileChecker, text: &str) {
    let expected = broken(text);
    match checker.check(text.as_bytes()) {
        Ok(()) => assert_eq!(expected, [], "{text}"),
        Err(ProfileError::Violation(found)) => {
            let rule = format!("{:?}", found.rule);
            let listed = |(name, at): &(&str, usize)| *name == rule && *at == found.offset;
            assert!(
                expected.iter().any(listed),
                "{found:?}, {expected:?}: {text}"
            );
        }
        Err(ProfileError::Syntax(error)) => panic!("{error}: {text}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn texts_match_the_reference(texts in prop::collection::vec(text(), 1..4)) {
        let mut checker = ProfileChecker::default();
        for text in texts {
            check(&mut checker, &text);
        }
    }

    #[test]
    fn numbers_match_the_reference(number in number()) {
        check(&mut ProfileChecker::default(), &format!(r#"{{"a":[{number}]}}"#));
    }

    #[test]
    fn wide_objects_match_the_reference(text in wide()) {
        check(&mut ProfileChecker::default(), &text);
    }
}
