//! Texts of records and events, rendered so that nothing in them acts: no markup, no control character, no change of
//! the direction of writing, and no more of them than a person reads.

use maud::{Markup, html};

/// The most characters that are shown.
const SHOWN_MAX: usize = 4_000;

/// A text of a record or an event. Without permission, only its size.
pub(super) fn payload(text: &str, is_shown: bool) -> Markup {
    if !is_shown {
        return html! { span.hidden title="start the console with --show-payloads to see it" { (text.len()) " bytes, hidden" } };
    }
    let (shown, left) = cut(text, SHOWN_MAX);
    html! {
        code.payload dir="ltr" { (inert(shown)) }
        @if left > 0 { span.more { " … and " (left) " more bytes" } }
    }
}

/// The beginning of a text, at most this many characters, and how many bytes are left out.
pub(super) fn cut(text: &str, characters: usize) -> (&str, usize) {
    let end = text.char_indices().nth(characters);
    let end = end.map_or(text.len(), |(end, _)| end);
    (&text[..end], text.len() - end)
}

/// A text in which each character that could act or that cannot be seen is an escape of it. Line ends and tabs stay.
pub(super) fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            true => inert += &format!("\\u{{{:x}}}", u32::from(c)),
            false => inert.push(c),
        }
    }
    inert
}

/// Whether a character is a control character, or changes the direction of writing, or joins or hides others
/// (Unicode Standard Annex 9, and the general category Cf).
fn acts(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    is_format || (c.is_control() && c != '\n' && c != '\t')
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
