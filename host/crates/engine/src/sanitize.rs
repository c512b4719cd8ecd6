//! Makes text from outside safe for logs, quarantine, terminals and pages: bounded, on one line, and without characters
//! that act.

/// Longer text is truncated.
const TEXT_MAX_BYTES: usize = 1_024;

/// Truncates text that is longer than 1,024 bytes.
pub fn truncate(text: String) -> String {
    truncate_to(text, TEXT_MAX_BYTES)
}

/// Truncates text that is longer than `max_bytes`; truncated text ends in `…`.
pub fn truncate_to(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push('…');
    }
    text
}

/// As [`truncate`], with control characters escaped, so that a transform cannot forge a log line.
pub fn sanitize(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(TEXT_MAX_BYTES)];
    let mut line = String::with_capacity(kept.len());
    for c in kept.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    if kept.len() < text.len() {
        line.push('…');
    }
    line
}

/// Escapes each character that could act in a terminal or a page, or that cannot be seen, line ends and tabs too.
pub fn escape(text: &str) -> String {
    escape_where(text, acts)
}

/// As [`escape`], but line ends and tabs stay.
pub fn escape_lines(text: &str) -> String {
    escape_where(text, |c| acts(c) && c != '\n' && c != '\t')
}

fn escape_where(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match is_escaped(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Whether a character is a control character, or changes the direction of writing, or joins or hides others
/// (Unicode Standard Annex 9, and the general category Cf).
fn acts(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    is_format || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_truncated_between_characters() {
        assert_eq!(truncate_to("éé".into(), 4), "éé");
        assert_eq!(truncate_to("éé".into(), 3), "é…");
        assert_eq!(sanitize(&"é".repeat(600)), "é".repeat(512) + "…");
    }

    #[test]
    fn sanitized_text_is_one_line() {
        assert_eq!(sanitize("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
    }

    #[test]
    fn characters_that_act_are_escaped() {
        let text = "é\u{1b}[31m\u{9b}\u{7f}\u{0}\u{202e}\u{61c}\u{ad}\u{fff9}\u{e0041}\r";
        let escaped =
            "é\\u{1b}[31m\\u{9b}\\u{7f}\\u{0}\\u{202e}\\u{61c}\\u{ad}\\u{fff9}\\u{e0041}\\r";
        for escape in [escape, escape_lines] {
            assert_eq!(escape(text), escaped);
            assert_eq!(escape(escaped), escaped);
        }
        assert_eq!(escape("a\n\tb"), "a\\n\\tb");
        assert_eq!(escape_lines("a\n\tb"), "a\n\tb");
    }
}
