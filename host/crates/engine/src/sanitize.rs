//! Makes text from a component safe for logs, quarantine and terminals: bounded, and on one line.

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
}
