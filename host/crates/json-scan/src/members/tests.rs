use proptest::prelude::*;

use super::*;
use crate::check;
use crate::profile::ProfileChecker;

fn found(
    text: &str,
    names: &MemberNames,
) -> (Result<Kind, SyntaxError>, Vec<Option<String>>, Members) {
    let mut members = Members::default();
    let kind = members.find(text.as_bytes(), names);
    let values = members.reads().iter();
    let values = values
        .map(|read| Some(text[read.value()?].to_owned()))
        .collect();
    (kind, values, members)
}

#[test]
fn members_are_found_by_their_decoded_names() {
    let names = MemberNames::new(&["name", "a/b", "a long name of many words", "é"], &[]);
    for (text, expected) in [
        (r#"{"name":1}"#, [Some("1"), None, None, None]),
        (r#"{"n\u0061me": "x" }"#, [Some("\"x\""), None, None, None]),
        (
            r#"{"a\/b":[1,{"name":2}]}"#,
            [None, Some(r#"[1,{"name":2}]"#), None, None],
        ),
        (
            r#"{"a long name of many words":null,"é":{}}"#,
            [None, None, Some("null"), Some("{}")],
        ),
        (
            r#"{"\u00e9":-0.5e1,"namE":1,"nam":2,"name ":3}"#,
            [None, None, None, Some("-0.5e1")],
        ),
        (r#"{"\ud800":1}"#, [None; 4]),
        ("{}", [None; 4]),
    ] {
        let (kind, values, _) = found(text, &names);
        assert_eq!(kind, Ok(Kind::Object), "{text}");
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        assert_eq!(values, expected, "{text}");
    }
}

#[test]
fn the_first_value_of_a_repeated_member_counts() {
    let names = MemberNames::new(&["a", "b"], &["b"]);
    let (_, values, members) = found(r#"{"a":1,"b":2,"\u0061":3}"#, &names);
    assert_eq!(values, [Some("1".to_owned()), Some("2".to_owned())]);
    assert_eq!(
        members
            .reads()
            .iter()
            .map(|read| read.repeated)
            .collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(members.outline().written.len(), 1);
}

#[test]
fn other_values_have_no_members() {
    let names = MemberNames::new(&["a"], &[]);
    for (text, kind) in [
        ("[{\"a\":1}]", Kind::Array),
        (" 1 ", Kind::Number),
        ("\"a\"", Kind::String),
    ] {
        let (found, values, _) = found(text, &names);
        assert_eq!((found, values), (Ok(kind), vec![None]), "{text}");
    }
}

#[test]
fn a_name_in_another_case_is_similar() {
    let names = MemberNames::new(&[], &["event_type"]);
    let mut checker = ProfileChecker::default();
    let mut certain = |text: &str| {
        let mut members = Members::default();
        checker
            .find_members(text.as_bytes(), &names, &mut members)
            .unwrap()
            .1
    };
    assert!(certain(r#"{"event_type":1,"a":{"Event_Type":2}}"#));
    assert!(!certain(r#"{"Event_Type":1}"#));
    assert!(!certain(r#"{"event_typ\u0045":1}"#));
    assert!(!certain(r#"{"event_type":1,"event_type":2}"#));
    assert!(!certain(r#"{"a":"\ud800"}"#));
    for (reads, writes, similar) in [
        (vec![], vec!["a", "A"], true),
        (vec!["a"], vec!["A"], true),
        (vec!["a"], vec!["a"], false),
        (vec!["a", "A"], vec!["b"], false),
        (vec!["é"], vec!["É"], false),
    ] {
        let names = MemberNames::new(&reads, &writes);
        assert_eq!(names.has_similar_names(), similar, "{reads:?} {writes:?}");
    }
}

#[test]
fn a_value_of_a_member_is_one_level_deeper() {
    let mut checker = ProfileChecker::default();
    let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    assert_eq!(checker.check_member(nested(99).as_bytes()), Ok(true));
    assert_eq!(checker.check_member(nested(100).as_bytes()), Ok(false));
    assert_eq!(checker.check_member(br#"{"a":1,"A":2}"#), Ok(false));
    assert_eq!(checker.check_member(b" \"\\u00e9\" "), Ok(true));
    assert!(checker.check_member(br#"1,"x":2"#).is_err());
    assert!(checker.check_member(b"").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    /// Whatever is looked for and whatever came before, the scan accepts the same texts with the same errors.
    #[test]
    fn the_scan_accepts_what_a_check_accepts(
        before in object(),
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24),
        wrapped in any::<bool>(),
    ) {
        let text = if wrapped { format!("{{{}}}", pieces.concat()) } else { pieces.concat() };
        let names = MemberNames::new(&["a", "é"], &["a", "b"]);
        let mut members = Members::default();
        members.find(before.as_bytes(), &names).unwrap();
        let found = members.find(text.as_bytes(), &names);
        prop_assert_eq!(found, check(text.as_bytes()));
        let mut checker = ProfileChecker::default();
        let with_profile = checker.find_members(text.as_bytes(), &names, &mut members);
        prop_assert_eq!(with_profile.map(|(kind, _)| kind), found);
        if matches!(with_profile, Ok((Kind::Object, true))) {
            prop_assert_eq!(checker.check(text.as_bytes()), Ok(()));
        }
    }
}

/// A name with its value, and names that equal it in some way.
fn member() -> impl Strategy<Value = String> {
    let names = vec![
        "a",
        "A",
        "\\u0061",
        "\\u0041",
        "b",
        "event_type",
        "Event_Type",
        "event_name",
        "user_id",
        "\\ud800",
        "é",
        "a long name of many words",
        "A Long name of many words",
    ];
    let values = vec!["1", "\"x\"", "{\"a\":1,\"a\":2}", "[1,{}]", "1e400"];
    let name = prop::sample::select(names);
    let many = (0..200_u32).prop_map(|number| format!("name_{number}"));
    let name = prop_oneof![4 => name.prop_map(str::to_owned), 1 => many];
    (name, prop::sample::select(values)).prop_map(|(name, value)| format!("\"{name}\":{value}"))
}

fn object() -> impl Strategy<Value = String> {
    let members = prop::collection::vec(member(), 0..8);
    members.prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn objects() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(object(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    /// A text with one damaged byte behind texts whose names were learned has the errors of a check.
    #[test]
    fn a_damaged_text_behind_others_has_the_errors_of_a_check(
        texts in objects(),
        at in any::<prop::sample::Index>(),
        byte in prop::option::of(prop::sample::select(b",:\"{}[]\\ a1\xff\xc3".to_vec())),
    ) {
        let names = MemberNames::new(&["a", "event_name", "é"], &["b", "event_type"]);
        let mut checker = ProfileChecker::default();
        let mut members = Members::default();
        for text in &texts {
            checker.find_members(text.as_bytes(), &names, &mut members).unwrap();
        }
        for text in &texts {
            let mut text = text.clone().into_bytes();
            let at = at.index(text.len());
            match byte {
                Some(byte) => text[at] = byte,
                None => drop(text.remove(at)),
            }
            let found = checker.find_members(&text, &names, &mut members);
            prop_assert_eq!(found.map(|(kind, _)| kind), check(&text));
        }
    }
}

proptest! {
    /// Names that were learned from texts before change nothing.
    #[test]
    fn each_text_is_read_as_if_it_were_the_first(texts in objects()) {
        let names = MemberNames::new(&["a", "event_name", "é"], &["b", "event_type", "name_7"]);
        let mut checker = ProfileChecker::default();
        let mut members = Members::default();
        for text in &texts {
            let text = text.as_bytes();
            let mut fresh = Members::default();
            let expected = ProfileChecker::default().find_members(text, &names, &mut fresh);
            prop_assert_eq!(checker.find_members(text, &names, &mut members), expected);
            prop_assert_eq!(members.reads(), fresh.reads());
            prop_assert_eq!(members.outline().written, fresh.outline().written);
            let (_, certain) = expected.unwrap();
            prop_assert!(!certain || checker.check(text).is_ok());
            prop_assert_eq!(members.find(text, &names), Ok(Kind::Object));
            prop_assert_eq!(members.reads(), fresh.reads());
        }
    }
}

/// Members that were used for other names know nothing about these.
#[test]
fn members_can_be_reused_for_other_names() {
    let text = br#"{"a":1,"b":2}"#;
    let mut members = Members::default();
    for read in ["a", "b", "c"] {
        let names = MemberNames::new(&[read], &[]);
        for _ in 0..2 {
            members.find(text, &names).unwrap();
            let value = members.reads()[0].value().map(|value| &text[value]);
            let expected: Option<&[u8]> = match read {
                "a" => Some(b"1"),
                "b" => Some(b"2"),
                _ => None,
            };
            assert_eq!(value, expected);
        }
    }
}

const PIECES: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\"a\"",
    "\"b\"",
    "\"\\u0061\"",
    "\"é\"",
    "\"\\ud800\"",
    "1",
    "-0",
    "1e400",
    "\"A\"",
    "null",
    "{\"a\":",
    "\"a\":1,",
    "[[[",
    "\"x\":{\"a\":[1]},",
];
