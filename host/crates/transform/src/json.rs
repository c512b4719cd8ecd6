//! Writes JSON strings.

use json_scan::edit::append;

use crate::bytes::first_special;

/// Appends a JSON string: `text` escaped, in quotes.
#[inline]
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Appends `text` as it stands between the quotes of a JSON string. Only what must be escaped is escaped: quotes,
/// backslashes and control characters.
#[inline]
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let text = text.as_bytes();
    match first_special(text) {
        None => append(text, out),
        Some(at) => escape_from(text, at, out),
    }
}

/// The place of the first byte that cannot stand between the quotes of a JSON string without an escape: a quote, a
/// backslash or a control character.
#[inline]
pub fn find_special(text: &[u8]) -> Option<usize> {
    first_special(text)
}

#[cold]
fn escape_from(text: &[u8], first: usize, out: &mut Vec<u8>) {
    let (mut rest, mut special) = (text, Some(first));
    while let Some((before, [byte, behind @ ..])) = special.and_then(|at| rest.split_at_checked(at))
    {
        out.extend_from_slice(before);
        escape_byte(*byte, out);
        rest = behind;
        special = first_special(rest);
    }
    out.extend_from_slice(rest);
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digits = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = b"before".to_vec();
        quote(text, &mut out);
        let out = String::from_utf8(out).unwrap();
        out.strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn escapes_only_what_must_be_escaped() {
        assert_eq!(quoted(""), r#""""#);
        assert_eq!(quoted("a/é😀\u{7f}\u{2028}"), "\"a/é😀\u{7f}\u{2028}\"");
        assert_eq!(quoted("\"\\\u{8}\u{c}\n\r\t"), r#""\"\\\b\f\n\r\t""#);
        assert_eq!(quoted("\0\u{1f}"), r#""\u0000\u001f""#);
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_text(text in any::<String>(), plain in "[ -~]{0,40}[\"\\\\\n]?[ -~]{0,20}") {
            for text in [text, plain] {
                prop_assert_eq!(quoted(&text), serde_json::to_string(&text).unwrap());
                prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
            }
        }
    }
}
