//! What a component says, made fit for logs, for quarantine and for a person: bounded, and on one line.

/// A text longer than this says no more.
const SAID_MAX_BYTES: usize = 1_024;

/// The text, cut where it is longer than 1,024 bytes.
pub(super) fn clip(text: String) -> String {
    cut(text, SAID_MAX_BYTES)
}

/// The text, cut behind `max_bytes` where it is longer, and ending in `…` then.
pub(super) fn cut(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push('…');
    }
    text
}

/// As [`clip`], with control characters as escapes, so that a transform cannot forge a line of a log.
pub(super) fn line(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(SAID_MAX_BYTES)];
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
    fn a_text_that_is_long_is_cut_between_characters() {
        assert_eq!(cut("éé".into(), 4), "éé");
        assert_eq!(cut("éé".into(), 3), "é…");
        assert_eq!(line(&"é".repeat(600)), "é".repeat(512) + "…");
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(line("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
    }
}
