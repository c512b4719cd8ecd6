//! The text of a record with the place of its fault marked.

use std::ops::Range;

use maud::{Markup, html};

use super::fault_place::FaultPlace;
use crate::console::payload::{inert, payload};

/// The most bytes that are shown of a record.
const SHOWN_MAX: usize = 4_000;

/// How many bytes are shown before a fault that is behind the first [`SHOWN_MAX`].
const BEFORE: usize = 400;

/// A part of a text.
struct Part<'a> {
    text: &'a str,
    is_marked: bool,
}

/// A text with its fault marked, and the mark in words. Nothing in the text acts.
pub(super) fn marked(text: &str, fault: Option<&FaultPlace>) -> Markup {
    let Some(fault) = fault else {
        return payload(text, true);
    };
    let first = fault.spans.first().map_or(0, |span| span.start);
    let shown = window(text, first);
    let behind = text.len() - shown.end;
    let hidden = fault.spans.iter().filter(|span| span.start >= shown.end);
    let hidden = hidden.filter(|span| !span.is_empty()).count();
    let is_at_end = fault.spans.iter().any(|span| span.start == text.len());
    html! {
        p.fault {
            "Marked: " (inert(&fault.what)) "."
            @if hidden > 0 { " " (hidden) " more places are not shown." }
        }
        code.payload dir="ltr" {
            @if shown.start > 0 { span.more { (shown.start) " bytes before … " } }
            @for part in parts(text, &shown, &fault.spans) {
                @if part.is_marked { mark { (inert(part.text)) } } @else { (inert(part.text)) }
            }
            @if is_at_end && behind == 0 { mark { "(end of the record)" } }
            @if behind > 0 { span.more { " … and " (behind) " more bytes" } }
        }
    }
}

/// The part of a text that is shown: its beginning, or that around `first` if it is farther behind.
fn window(text: &str, first: usize) -> Range<usize> {
    let start = match first < SHOWN_MAX {
        true => 0,
        false => boundary(text, first - BEFORE),
    };
    start..boundary(text, start + SHOWN_MAX)
}

/// The last boundary of characters up to an offset.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The parts of a text between and within spans, as far as they are shown.
fn parts<'a>(text: &'a str, shown: &Range<usize>, spans: &[Range<usize>]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut at = shown.start;
    let mut add = |range: Range<usize>, is_marked| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            parts.push(Part { text, is_marked });
        }
    };
    for span in spans {
        let start = span.start.clamp(at, shown.end);
        let end = span.end.clamp(start, shown.end);
        add(at..start, false);
        add(start..end, true);
        at = end;
    }
    add(at..shown.end, false);
    parts
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn place(spans: &[Range<usize>]) -> FaultPlace {
        FaultPlace {
            spans: spans.to_vec(),
            what: "the member \"<b>\"".into(),
        }
    }

    fn html(text: &str, spans: &[Range<usize>]) -> String {
        marked(text, Some(&place(spans))).into_string()
    }

    #[test]
    fn the_parts_of_a_text_are_escaped_each() {
        let text = "<script>\u{202e}alert(1)</script>\u{2066}\u{0}";
        let html = html(text, slice::from_ref(&(8..16)));
        assert!(
            html.contains(
                "&lt;script&gt;<mark>\\u{202e}alert</mark>(1)&lt;/script&gt;\\u{2066}\\u{0}"
            ),
            "{html}"
        );
        assert!(
            html.contains("Marked: the member &quot;&lt;b&gt;&quot;."),
            "{html}"
        );
        assert!(!html.contains("<script") && !html.contains('\u{202e}'));
    }

    #[test]
    fn several_places_and_the_end_are_marked() {
        let html = html("abcdef", &[1..2, 3..4, 6..6]);
        assert!(
            html.contains("a<mark>b</mark>c<mark>d</mark>ef<mark>(end of the record)</mark>"),
            "{html}"
        );
    }

    #[test]
    fn of_a_long_text_what_is_around_the_fault_is_shown() {
        let text = "é".repeat(1 << 19);
        let at = text.len() - 200;
        let around = html(&text, slice::from_ref(&(at..at + 2)));
        assert!(around.len() < 3 * SHOWN_MAX, "{}", around.len());
        assert!(around.contains("<mark>é</mark>"), "{around}");
        assert!(around.contains(" bytes before … "), "{around}");
        let whole = html(&text, &[0..text.len(), text.len() - 2..text.len()]);
        assert!(whole.len() < 3 * SHOWN_MAX);
        assert!(whole.contains("1 more places are not shown"), "{whole}");
        assert!(whole.contains("more bytes"), "{whole}");
    }

    #[test]
    fn without_a_fault_nothing_is_marked() {
        let html = marked("<b>", None).into_string();
        assert!(
            html.contains("&lt;b&gt;") && !html.contains("<mark"),
            "{html}"
        );
    }
}
