use super::*;

use flags::{IGNORE_CASE, LONGEST, NOT_EMPTY};

fn regex(pattern: &str, flags: &str) -> (Arc<Regex>, Flags) {
    let flags = Flags::parse(flags).unwrap();
    (Regexes::default().get(pattern, flags).unwrap(), flags)
}

/// The texts of all matches.
fn found<'t>(pattern: &str, flags: &str, text: &'t str) -> Vec<&'t str> {
    let (regex, flags) = regex(pattern, flags);
    let matches = regex.matches(text, flags.with(GLOBAL)).into_iter();
    let whole = matches.map(|groups| groups[0].clone().unwrap());
    whole.map(|range| &text[range]).collect()
}

#[test]
fn classes_are_those_of_unicode() {
    let text = "José 東京 Ærø ٣ _-,\t";
    for (pattern, expected) in [
        (r"\w+", vec!["José", "東京", "Ærø", "٣", "_"]),
        (r"\d", vec!["٣"]),
        (r"\p{Lu}", vec!["J", "Æ"]),
        (r"\p{Han}+", vec!["東京"]),
        ("[[:alpha:]]+", vec!["José", "東京", "Ærø"]),
        ("[[:alnum:]]+", vec!["José", "東京", "Ærø", "٣"]),
        ("[[:upper:]]", vec!["J", "Æ"]),
        ("[[:digit:]]", vec!["٣"]),
        ("[[:punct:]]+", vec!["_-,"]),
        ("[[:blank:]]$", vec!["\t"]),
        ("[^[:word:][:space:]]+", vec!["-,"]),
        (r"[[:^print:]]", vec!["\t"]),
        (r"\b\w\b", vec!["٣", "_"]),
    ] {
        assert_eq!(found(pattern, "", text), expected, "{pattern}");
    }
}

#[test]
fn each_ascii_character_has_the_classes_that_it_has_in_ascii() {
    for name in [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ] {
        let (wide, flags) = regex(&format!("^[[:{name}:]]$"), "");
        let ascii = regex_automata::meta::Regex::new(&format!("^[[:{name}:]]$")).unwrap();
        for byte in 0..128_u8 {
            let text = char::from(byte).to_string();
            assert_eq!(
                wide.is_match(&text, flags),
                ascii.is_match(&text),
                "{name} {byte}"
            );
        }
    }
}

#[test]
fn flags_mean_what_the_manual_of_jq_says() {
    assert_eq!(found("É", "i", "éÉe"), ["é", "É"]);
    assert_eq!(found("a b # c", "x", "ab"), ["ab"]);
    assert_eq!(found("a.b", "", "a\nb"), [""; 0]);
    assert_eq!(found("a.b", "s", "a\nb"), [""; 0]);
    assert_eq!(found("a.b", "p", "a\nb"), ["a\nb"]);
    assert_eq!(found("^b", "p", "a\nb"), [""; 0]);
    assert_eq!(found("a*", "", "aab"), ["aa", "", ""]);
    assert_eq!(found("a*", "n", "aab"), ["aa"]);
    assert_eq!(found("a|ab|bcd", "l", "xabcd"), ["bcd"]);
    assert_eq!(found("a|ab", "l", "ab ab"), ["ab", "ab"]);
    assert_eq!(found("a|ab", "", "ab ab"), ["a", "a"]);
    let error = Flags::parse("gz").unwrap_err();
    assert!(error.contains("\"gz\"") && error.contains("`z`"), "{error}");
    assert!(Flags::parse("gilnpsx").unwrap().has(LONGEST));
}

#[test]
fn an_empty_match_is_none_with_a_flag() {
    let (regex, flags) = regex("x*", "n");
    assert!(flags.has(NOT_EMPTY) && !flags.has(IGNORE_CASE));
    assert!(!regex.is_match("ab", flags) && regex.is_match("axb", flags));
    assert!(regex.is_match("ab", Flags::default()));
}

#[test]
fn a_fault_has_its_place_and_its_reason() {
    for (pattern, parts) in [
        ("é(?=a)", ["character 2", "look-around"]),
        (
            r"(a)\1",
            ["character 4", "backreferences are not supported"],
        ),
        ("(", ["character 1", "unclosed group"]),
        (r"\p{Nope}", ["character 1", "Unicode property not found"]),
        ("a{5,2}", ["character 2", "invalid repetition"]),
    ] {
        let error = Regexes::default()
            .get(pattern, Flags::default())
            .unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }
}

#[test]
fn a_large_expression_is_an_error_and_costs_no_more_than_its_limit() {
    for pattern in [r"\w{500}", "(((a{100}){100}){100}){100}"] {
        let error = Regexes::default()
            .get(pattern, Flags::default())
            .unwrap_err();
        assert!(error.contains("is too large"), "{error}");
    }
    let deep = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    assert!(Regexes::default().get(&deep, Flags::default()).is_err());
    // What rules have passes.
    let usual = r"^[\w.+-]{1,32}@(?:[\w-]+\.)+\p{L}{2,24}$";
    let compiled = Regexes::default().get(usual, Flags::default());
    assert!(compiled.is_ok(), "{compiled:?}");
}

#[test]
fn constants_and_the_last_few_others_are_kept() {
    let mut regexes = Regexes::default();
    regexes.add_constant("a", Flags::default()).unwrap();
    let constant = regexes.get("a", Flags::default()).unwrap();
    let others = || (0..RECENT_MAX).map(|number| format!("b{number}"));
    let kept = |regexes: &Regexes| -> Vec<_> {
        others()
            .map(|pattern| regexes.get(&pattern, Flags::default()).unwrap())
            .collect()
    };
    let first = kept(&regexes);
    assert!(
        kept(&regexes)
            .iter()
            .zip(&first)
            .all(|(one, other)| Arc::ptr_eq(one, other))
    );
    regexes.get("one more", Flags::default()).unwrap();
    assert!(!Arc::ptr_eq(
        &regexes.get("b0", Flags::default()).unwrap(),
        &first[0]
    ));
    assert_eq!(regexes.recent.lock().unwrap().entries.len(), RECENT_MAX);
    assert!(Arc::ptr_eq(
        &regexes.get("a", Flags::parse("g").unwrap()).unwrap(),
        &constant
    ));
    assert!(!Arc::ptr_eq(
        &regexes.get("a", IGNORE_CASE).unwrap(),
        &constant
    ));
}

#[test]
fn what_differs_from_oniguruma_is_as_documented() {
    for pattern in [
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        r"(a)\1",
        "(?<x>a)(?<x>b)",
        "(?>a)",
        r"a\Z",
        r"\Ga",
        r"a\Kb",
        r"\R",
        r"\X",
        r"\h",
        "a{",
        "{",
        "[a[]",
    ] {
        let compiled = Regexes::default().get(pattern, Flags::default());
        assert!(compiled.is_err(), "{pattern}");
    }
    for (pattern, flags, text, expected) in [
        ("a++", "", "aa", vec!["aa"]),
        (r"\{\[", "", "{[", vec!["{["]),
        (r"[\[a]+", "", "[a", vec!["[a"]),
        ("[a-z&&[^b]]", "", "abc", vec!["a", "c"]),
        ("a$", "", "a\n", vec![]),
        ("(?m)a$", "", "a\na", vec!["a", "a"]),
        ("ß", "i", "ẞ ss", vec!["ẞ"]),
        ("[a b]+", "x", "a b", vec!["a", "b"]),
        (r"a\z", "", "aa", vec!["a"]),
        (r"\p{Greek}", "", "aΩ", vec!["Ω"]),
    ] {
        assert_eq!(found(pattern, flags, text), expected, "{pattern}");
    }
}
