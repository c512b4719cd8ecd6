//! The place in a record that the message of its reason names: a byte, a line and a column, or a member.
//!
//! Messages are words for people, and a transform can write any. So a place is a guess: a message that names none that the
//! record has gives none.

use std::iter;
use std::ops::Range;

use sluice_engine::outcome::Fault;

use super::json_place::{children, follow, steps};
use crate::console::payload::cut;

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
        spans: iter::once(start..end).collect(),
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

/// A path for people.
fn shown(steps: &[String]) -> String {
    let name = |step: &String| {
        let (shown, left) = cut(step, NAME_MAX);
        let more = if left > 0 { "…" } else { "" };
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
mod tests;
