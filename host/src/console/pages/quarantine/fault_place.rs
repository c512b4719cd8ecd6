//! The place in a record that the message of its reason names: a byte, a line and a column, or a member.
//!
//! Messages are words for people, and a transform can write any. So a place is a guess: a message that names none that the
//! record has gives none.

use std::ops::Range;

use json_scan::{Expected, Text};
use sluice_engine::outcome::Fault;

/// The most steps of a path that is followed.
const STEPS_MAX: usize = 32;

/// The most paths of a message that are tried.
const PATHS_MAX: usize = 16;

/// The most characters of a name that are shown.
const NAME_MAX: usize = 64;

/// The most bytes that are marked from an offset on.
const TOKEN_MAX: usize = 40;

/// Words of a message about something that a record lacks.
const LACKS: [&str; 7] = [
    "missing",
    "absent",
    "required",
    "lacks",
    "has no ",
    "without",
    "not found",
];

/// Words before the name of a member.
const NOUNS: [&str; 6] = ["field ", "member ", "key ", "property ", "path ", "at "];

/// The place of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FaultPlace {
    /// The parts of the record, in their order. An empty one at the end stands for the end of the record.
    pub(super) spans: Vec<Range<usize>>,
    /// What they are, in words.
    pub(super) what: String,
}

/// Finds the place of the fault that a message is about; `None` if the message does not tell.
pub(super) fn find(reason: &str, message: &str, record: &str) -> Option<FaultPlace> {
    if !is_about_the_text(reason) {
        return None;
    }
    // An offset in an event says nothing of the record.
    let is_about_event = reason == Fault::NotInteroperable.code().as_str();
    let by_offset = || {
        let at = offset(message, record).filter(|_| !is_about_event)?;
        Some(at_offset(record, at))
    };
    let by_path = || by_path(message, record);
    let found = match lacks(message) {
        // Some parsers name the end of the object too.
        true => by_path().or_else(by_offset),
        false => by_offset().or_else(by_path),
    };
    found.or_else(|| not_an_object(reason, message, record))
}

/// Whether a message is about something that the record lacks.
fn lacks(message: &str) -> bool {
    LACKS.iter().any(|word| message.contains(word))
}

/// Whether a message with this reason can name a place in the text of the record.
fn is_about_the_text(reason: &str) -> bool {
    let faults = Fault::ALL.into_iter();
    let mut others = faults.filter(|fault| *fault != Fault::NotInteroperable);
    !others.any(|fault| fault.code().as_str() == reason)
}

/// The offset that a message names, as `byte 17` or as `line 3 column 5`.
fn offset(message: &str, record: &str) -> Option<usize> {
    let by_byte = ["byte ", "offset "];
    if let Some(at) = by_byte.iter().find_map(|word| number_after(message, word)) {
        return (at <= record.len()).then_some(at);
    }
    let line = number_after(message, "line ")?;
    let column = number_after(message, "column ").unwrap_or(1);
    let mut start = 0;
    for _ in 1..line {
        start += record.get(start..)?.find('\n')? + 1;
    }
    let at = start.checked_add(column.saturating_sub(1))?;
    (at <= record.len()).then_some(at)
}

/// The number behind a word.
fn number_after(message: &str, word: &str) -> Option<usize> {
    let mut places = message.match_indices(word);
    places.find_map(|(at, _)| {
        let before = message[..at].chars().next_back();
        let rest = &message[at + word.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let digits = &rest[..end.unwrap_or(rest.len())];
        match before.is_some_and(char::is_alphanumeric) {
            true => None,
            false => digits.parse().ok(),
        }
    })
}

/// The place of an offset: the word or the character there.
fn at_offset(record: &str, at: usize) -> FaultPlace {
    let mut start = at.min(record.len());
    while !record.is_char_boundary(start) {
        start -= 1;
    }
    let rest = &record[start..];
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let is_end = |c: char| c.is_whitespace() || ",:{}[]\"".contains(c);
    let word = rest.find(is_end).unwrap_or(rest.len());
    let mut end = start + word.clamp(first, TOKEN_MAX.max(first));
    end = end.min(record.len());
    while !record.is_char_boundary(end) {
        end -= 1;
    }
    let what = match start == record.len() {
        true => "the end of the record".to_owned(),
        false => format!("byte {start}"),
    };
    FaultPlace {
        spans: vec![start..end],
        what,
    }
}

/// The place of the member or of the item that a message names, or of what lacks it.
fn by_path(message: &str, record: &str) -> Option<FaultPlace> {
    json_scan::check(record.as_bytes()).ok()?;
    let paths = paths(message);
    let mut readings = paths
        .iter()
        .flat_map(|path| [Some(vec![path.clone()]), steps(path)]);
    let found = readings.find_map(|steps| found(record, &steps?));
    if found.is_some() || !lacks(message) {
        return found;
    }
    paths.iter().find_map(|path| lacking(record, &steps(path)?))
}

/// The texts in a message that can be the path of a member, the likeliest first.
fn paths(message: &str) -> Vec<String> {
    let mut paths = Vec::new();
    // The messages of the SDK and of the built-in transform begin with the name.
    if let Some(quoted) = message.strip_prefix('"') {
        paths.extend(quoted_name(quoted));
    } else if let Some((name, _)) = message.split_once(": ")
        && !name.contains(char::is_whitespace)
    {
        paths.push(name.to_owned());
    }
    for quote in ['`', '"', '\''] {
        let parts = message.split(quote).skip(1).step_by(2);
        paths.extend(parts.map(str::to_owned));
    }
    for noun in NOUNS {
        let places = message.match_indices(noun);
        let words = places.map(|(at, _)| &message[at + noun.len()..]);
        let words = words.filter_map(|rest| rest.split_whitespace().next());
        let words = words.map(|word| word.trim_matches(|c: char| "`'\":,;.".contains(c)));
        paths.extend(words.map(str::to_owned));
    }
    paths.retain(|path| !path.is_empty());
    paths.truncate(PATHS_MAX);
    paths
}

/// The name that a quoted one stands for, whose escapes are those of Rust. Most of them are those of JSON too.
fn quoted_name(behind_quote: &str) -> Option<String> {
    let mut is_escaped = false;
    let end = behind_quote.char_indices().find(|(_, c)| {
        let is_end = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_end
    });
    let quoted = &behind_quote[..end?.0];
    serde_json::from_str(&format!("\"{quoted}\"")).ok()
}

/// The steps of a path: `a.b[3]`, `$.a["b c"]`, `.a.b` or `/a/b/3`; `None` if it is none.
fn steps(path: &str) -> Option<Vec<String>> {
    if let Some(pointer) = path.strip_prefix('/') {
        let steps = pointer.split('/').take(STEPS_MAX);
        let steps = steps.map(|step| step.replace("~1", "/").replace("~0", "~"));
        return Some(steps.collect());
    }
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() && steps.len() < STEPS_MAX {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]")?;
            steps.push(name.to_owned());
            rest = after;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            index.parse::<usize>().ok()?;
            steps.push(index.to_owned());
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            steps.push(name[..end].to_owned());
            rest = &name[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// A member of an object with its name, or an item of an array.
struct Child {
    whole: Range<usize>,
    value: Range<usize>,
}

/// The place at the end of a path; `None` if the record does not have all of it.
fn found(record: &str, steps: &[String]) -> Option<FaultPlace> {
    let (last, before) = steps.split_last()?;
    let (within, followed) = follow(record, before);
    if followed < before.len() {
        return None;
    }
    let found = children(record, &within, last);
    let noun = match record[within].starts_with('[') {
        true => "the item",
        false => "the member",
    };
    let what = match found.len() {
        0 => return None,
        1 => format!("{noun} {}", shown(steps)),
        several => format!("the {several} members {}", shown(steps)),
    };
    Some(FaultPlace {
        spans: found.into_iter().map(|child| child.whole).collect(),
        what,
    })
}

/// The place of the object or array that lacks the next step of a path; `None` if it is another value, or if nothing lacks.
fn lacking(record: &str, steps: &[String]) -> Option<FaultPlace> {
    let (within, followed) = follow(record, steps);
    let missing = steps.get(followed)?;
    let noun = match record.as_bytes().get(within.start)? {
        b'{' => "the object without the member",
        b'[' if missing.parse::<usize>().is_ok() => "the array without the item",
        _ => return None,
    };
    let missing = shown(std::slice::from_ref(missing));
    Some(FaultPlace {
        spans: vec![within],
        what: format!("{noun} {missing}"),
    })
}

/// Follows a path as far as it goes: the value there, and how many steps were taken.
fn follow(record: &str, steps: &[String]) -> (Range<usize>, usize) {
    let start = record.len() - record.trim_start().len();
    let mut within = start..record.trim_end().len();
    for (taken, step) in steps.iter().enumerate() {
        match children(record, &within, step).pop() {
            Some(child) => within = child.value,
            None => return (within, taken),
        }
    }
    (within, steps.len())
}

/// The members with a name of the object, or the item with an index of the array, that is in a part of the record.
fn children(record: &str, within: &Range<usize>, step: &str) -> Vec<Child> {
    let mut found = Vec::new();
    let mut add = |whole: Range<usize>, value: Range<usize>| {
        let moved = |part: Range<usize>| within.start + part.start..within.start + part.end;
        found.push(Child {
            whole: moved(whole),
            value: moved(value),
        });
    };
    let index = step.parse::<usize>().ok();
    let text = &record.as_bytes()[within.clone()];
    let scanned = json_scan::scan(text, |scanner| {
        if scanner.take(b'{') {
            scanner.skip_space();
            let mut is_more = !scanner.take(b'}');
            while is_more {
                let start = scanner.at();
                let name = scanner.key()?;
                let value = scanner.at();
                scanner.value()?;
                if is_named(&name, step) {
                    add(start..scanner.at(), value..scanner.at());
                }
                is_more = scanner.more_members()?;
            }
        } else if scanner.take(b'[') {
            scanner.skip_space();
            let (mut at, mut is_more) = (0, !scanner.take(b']'));
            while is_more {
                let start = scanner.at();
                scanner.value()?;
                if index == Some(at) {
                    add(start..scanner.at(), start..scanner.at());
                }
                at += 1;
                scanner.skip_space();
                is_more = scanner.take(b',');
                if is_more {
                    scanner.skip_space();
                } else if !scanner.take(b']') {
                    return Err(Expected::CommaOrBracket);
                }
            }
        } else {
            scanner.value()?;
        }
        scanner.end()
    });
    match scanned {
        Ok(()) => found,
        Err(_) => Vec::new(),
    }
}

fn is_named(name: &Text<'_>, step: &str) -> bool {
    match name.escaped {
        true => name.decode().is_some_and(|name| name == step),
        false => name.raw == step.as_bytes(),
    }
}

/// A path for people.
fn shown(steps: &[String]) -> String {
    let name = |step: &String| {
        let shown: String = step.chars().take(NAME_MAX).collect();
        let more = if shown.len() < step.len() { "…" } else { "" };
        format!("{shown:?}{more}")
    };
    steps.iter().map(name).collect::<Vec<_>>().join(" › ")
}

/// The whole record, if it was to be an object.
fn not_an_object(reason: &str, message: &str, record: &str) -> Option<FaultPlace> {
    let is_meant = reason == "not_an_object" || message.starts_with("expected a JSON object");
    let whole = follow(record, &[]).0;
    (is_meant && !whole.is_empty()).then(|| FaultPlace {
        spans: vec![whole],
        what: "the whole record".into(),
    })
}

#[cfg(test)]
mod tests {
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
}
