//! Texts of records and events, rendered so that nothing in them acts: no markup, no control character, no change of
//! the direction of writing, and no more of them than a person reads.

use maud::{Markup, html};
use sluice_engine::sanitize::escape_lines;

use crate::output::counted;

/// The most characters that are shown.
const SHOWN_MAX: usize = 4_000;

/// The most characters of a text in a line.
const LINE_MAX: usize = 200;

/// A text of a record or an event. Without permission, only its size.
pub(super) fn payload(text: &str, is_shown: bool) -> Markup {
    if !is_shown {
        return hidden(text.len());
    }
    let (shown, left) = cut(text, SHOWN_MAX);
    html! {
        code.payload dir="ltr" { (inert(shown)) }
        @if left > 0 { span.more { " … and " (left) " more bytes" } }
    }
}

/// The bytes of a record or an event as a text, in which each byte that is not UTF-8 is marked and written as `\xNN`.
/// Without permission, only their number.
pub(super) fn payload_bytes(data: &[u8], is_shown: bool) -> Markup {
    if let Ok(text) = std::str::from_utf8(data) {
        return payload(text, is_shown);
    }
    if !is_shown {
        return hidden(data.len());
    }
    let parts = parts(data);
    let shown: usize = parts.iter().map(|part| part.bytes).sum();
    let marked: usize = parts
        .iter()
        .filter(|part| part.is_bad)
        .map(|part| part.bytes)
        .sum();
    let bad: usize = data.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    let left = data.len() - shown;
    html! {
        p.fault {
            "Not UTF-8: " (counted(bad as u64, "byte")) " marked, each written as " code { "\\xNN" } "."
            @if marked < bad { " " (bad - marked) " of them are not shown." }
        }
        code.payload dir="ltr" {
            @for part in &parts {
                @if part.is_bad { mark { (part.text) } } @else { (part.text) }
            }
        }
        @if left > 0 { span.more { " … and " (left) " more bytes" } }
    }
}

/// A part of data that is shown: a text, or bytes that are none.
struct Part {
    text: String,
    bytes: usize,
    is_bad: bool,
}

/// The beginning of data, in parts.
fn parts(data: &[u8]) -> Vec<Part> {
    let (mut parts, mut room) = (Vec::new(), SHOWN_MAX);
    for chunk in data.utf8_chunks() {
        let (text, left) = cut(chunk.valid(), room);
        room -= text.chars().count();
        if !text.is_empty() {
            parts.push(Part {
                text: inert(text),
                bytes: text.len(),
                is_bad: false,
            });
        }
        let bad = &chunk.invalid()[..chunk.invalid().len().min(room)];
        if left > 0 || bad.is_empty() {
            break;
        }
        room -= bad.len();
        parts.push(Part {
            text: bad.iter().map(|byte| format!("\\x{byte:02x}")).collect(),
            bytes: bad.len(),
            is_bad: true,
        });
    }
    parts
}

/// The beginning of a text in a line, and how much is left out. Nothing in it acts.
pub(super) fn bounded(text: &str) -> String {
    match cut(text, LINE_MAX) {
        (all, 0) => inert(all),
        (begin, left) => format!("{}… ({})", inert(begin), counted(left as u64, "more byte")),
    }
}

/// What is said instead of a content that is not shown.
fn hidden(bytes: usize) -> Markup {
    html! { span.hidden title="start the console with --show-payloads to see it" { (bytes) " bytes, hidden" } }
}

/// The first `most` characters of a text, and how many bytes are left out.
pub(super) fn cut(text: &str, most: usize) -> (&str, usize) {
    let end = text
        .char_indices()
        .nth(most)
        .map_or(text.len(), |(end, _)| end);
    (&text[..end], text.len() - end)
}

/// A text in which each character that could act or that cannot be seen is an escape of it. Line ends and tabs stay.
pub(super) fn inert(text: &str) -> String {
    escape_lines(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_acts() {
        let text = "<script>alert(1)</script>\u{202e}x\u{0}\u{7f}\n\u{feff}";
        let html = payload(text, true).into_string();
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(
            html.contains("\\u{202e}x\\u{0}\\u{7f}\n\\u{feff}"),
            "{html}"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        let html = payload_bytes(b"{\"a\":\"<b>\xff\xc3\x00\"}", true).into_string();
        assert!(
            html.contains("&lt;b&gt;<mark>\\xff\\xc3</mark>\\u{0}&quot;}")
                || html.contains("<mark>\\xff</mark><mark>\\xc3</mark>\\u{0}&quot;}"),
            "{html}"
        );
        assert!(html.contains("2 bytes marked"), "{html}");
        let text = payload_bytes("é".as_bytes(), true).into_string();
        assert_eq!(text, payload("é", true).into_string());
        let hidden = payload_bytes(b"secret\xff", false).into_string();
        assert!(
            hidden.contains("7 bytes, hidden") && !hidden.contains("secret"),
            "{hidden}"
        );
    }

    #[test]
    fn of_many_bytes_that_are_no_text_the_first_are_shown() {
        let mut data = vec![b'a'; SHOWN_MAX - 1];
        data.extend([0xff; 10]);
        let html = payload_bytes(&data, true).into_string();
        assert_eq!(html.matches("\\xff").count(), 1, "{html}");
        assert!(html.contains("10 bytes marked"), "{html}");
        assert!(html.contains("9 of them are not shown"), "{html}");
        assert!(html.contains("and 9 more bytes"), "{html}");
        let behind = [&vec![b'a'; SHOWN_MAX][..], &[0xff, b'b']].concat();
        let html = payload_bytes(&behind, true).into_string();
        assert!(!html.contains("<mark>"), "{html}");
        assert!(html.contains("and 2 more bytes"), "{html}");
    }

    #[test]
    fn long_and_hidden_texts_are_not_shown() {
        let text = "é".repeat(SHOWN_MAX + 10);
        let html = payload(&text, true).into_string();
        assert!(
            html.contains("and 20 more bytes") && html.len() < 3 * SHOWN_MAX,
            "{html}"
        );
        let html = payload("secret", false).into_string();
        assert!(html.contains("6 bytes, hidden") && !html.contains("secret"));
    }
}
