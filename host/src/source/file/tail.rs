//! The last line of a file that may be growing: it is a record only if it is complete.

use json_scan::Kind;

/// A last line that is not complete yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncompleteLine {
    /// Where it begins, bytes.
    pub offset: u64,
    /// How much of it there is, bytes.
    pub bytes: usize,
}

/// The record of a line. White space between a closing brace and the end of the line is not a part of it, so that
/// an object is the same record whether its line has ended or not.
pub(super) fn record_of(line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    match line.iter().rposition(|byte| !is_blank(byte)) {
        Some(last) if line[last] == b'}' => &line[..=last],
        _ => line,
    }
}

/// Whether a line is empty, so that it is no record.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.is_empty() || line == b"\r"
}

/// Whether a line without its end is a record already: one whole JSON object. What may follow can only be the end
/// of the line.
pub(super) fn is_complete(line: &[u8]) -> bool {
    matches!(json_scan::check(line), Ok(Kind::Object))
}

/// Whether what follows the committed part of a line, whose last byte is `last`, is only the end of the line.
pub(super) fn is_end_of_line(last: u8, rest: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    rest.is_empty() || (rest.iter().all(is_blank) && (last == b'}' || is_blank(&last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_same_record_at_every_moment_from_its_closing_brace_on() {
        let line = b"{\"a\":{\"b\":1}} \t\r";
        let record = record_of(line);
        assert_eq!(record, b"{\"a\":{\"b\":1}}");
        for end in 0..=line.len() {
            let so_far = &line[..end];
            assert_eq!(is_complete(so_far), end >= record.len());
            if is_complete(so_far) {
                assert_eq!(record_of(so_far), record);
                assert!(is_end_of_line(so_far[end - 1], &line[end..]));
            }
        }
    }

    #[test]
    fn other_text_is_kept_and_never_complete() {
        for line in [
            &b"a\tb\t"[..],
            b"bad\r",
            b" \t ",
            b"",
            b"12",
            b"[1]",
            b"{}{",
        ] {
            assert_eq!(record_of(line), line);
            assert!(!is_complete(line));
        }
        assert!(!is_end_of_line(b'}', b"x"));
        assert!(!is_end_of_line(b'd', b" "));
        assert!(is_end_of_line(b'd', b""));
    }
}
