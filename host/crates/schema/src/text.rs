//! Walks through JSON text that is known to be valid, and writes strings.

use std::borrow::Cow;

use json_scan::Text;

/// A member of an object, as it is in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    /// Its name.
    pub(crate) name: Text<'a>,
    /// Its value.
    pub(crate) value: &'a [u8],
}

/// The members of an object; none if `object` is no object.
pub(crate) fn members(object: &[u8]) -> Members<'_> {
    Members {
        text: object,
        at: start(object, b'{'),
    }
}

/// The items of an array; none if `array` is no array.
pub(crate) fn items(array: &[u8]) -> Items<'_> {
    Items {
        text: array,
        at: start(array, b'['),
    }
}

/// The position behind the opening bracket, or the end of the text.
fn start(text: &[u8], open: u8) -> usize {
    match text.first() {
        Some(first) if *first == open => 1,
        _ => text.len(),
    }
}

/// A text without white space around it.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// The decoded text; `None` if it has one half of a surrogate pair, which no text of Unicode can have.
pub(crate) fn decode(text: Text<'_>) -> Option<Cow<'_, str>> {
    match text.escaped {
        false => std::str::from_utf8(text.raw).ok().map(Cow::Borrowed),
        true => text.decode().map(Cow::Owned),
    }
}

/// The characters of a string between its quotes; `None` if the value is no string.
pub(crate) fn string(value: &[u8]) -> Option<Text<'_>> {
    let raw = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let escaped = memchr::memchr(b'\\', raw).is_some();
    Some(Text { raw, escaped })
}

/// Appends a string with its quotes.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Iterates over the members of an object.
pub(crate) struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        self.at = skip_separators(self.text, self.at);
        if self.text.get(self.at) != Some(&b'"') {
            return None;
        }
        let (end, escaped) = string_end(self.text, self.at + 1);
        let raw = self.text.get(self.at + 1..end)?;
        let start = skip_separators(self.text, end + 1);
        self.at = value_end(self.text, start);
        Some(Member {
            name: Text { raw, escaped },
            value: self.text.get(start..self.at)?,
        })
    }
}

/// Iterates over the items of an array.
pub(crate) struct Items<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = skip_separators(self.text, self.at);
        if matches!(self.text.get(start), None | Some(b']')) {
            return None;
        }
        self.at = value_end(self.text, start);
        self.text.get(start..self.at)
    }
}

/// Skips white space, commas and colons.
#[inline]
fn skip_separators(text: &[u8], mut at: usize) -> usize {
    while matches!(
        text.get(at),
        Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')
    ) {
        at += 1;
    }
    at
}

/// The position of the closing quote of a string whose first character is at `at`, and whether it has escapes.
#[inline]
fn string_end(text: &[u8], mut at: usize) -> (usize, bool) {
    let mut escaped = false;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(next) = memchr::memchr2(b'"', b'\\', rest) else {
            return (text.len(), escaped);
        };
        if rest.get(next) == Some(&b'"') {
            return (at + next, escaped);
        }
        escaped = true;
        at += next + 2;
    }
}

/// The end of the value at `at`. Nested values are skipped without recursion.
#[inline]
fn value_end(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(b'"') => text.len().min(string_end(text, at + 1).0 + 1),
        Some(b'{' | b'[') => nested_end(text, at),
        _ => {
            let rest = text.get(at..).unwrap_or_default();
            let is_end =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            at + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

fn nested_end(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at + 1).0,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(object: &str) -> Vec<(String, String)> {
        let pair = |member: Member<'_>| {
            let name = decode(member.name).unwrap().into_owned();
            (name, String::from_utf8(member.value.to_vec()).unwrap())
        };
        members(object.as_bytes()).map(pair).collect()
    }

    #[test]
    fn members_are_found_in_any_white_space() {
        let text = "{ \"a\" : 1 ,\t\"b\\\"\":\"x, }\\\\\",\n\"\":{\"c\":[\"]\",{}]} , \"d\":[ ] , \"e\":true\r\n}";
        let expected = [
            ("a", "1"),
            ("b\"", "\"x, }\\\\\""),
            ("", "{\"c\":[\"]\",{}]}"),
            ("d", "[ ]"),
            ("e", "true"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found(text), expected);
        assert!(found("{ }").is_empty());
        assert!(found("[1]").is_empty());
    }

    #[test]
    fn items_are_found_in_any_white_space() {
        let found = |text: &'static str| items(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(
            found("[ 1 , [2,3],\"],\" , {\"a\":[]}, null]"),
            [&b"1"[..], b"[2,3]", b"\"],\"", b"{\"a\":[]}", b"null"]
        );
        assert!(found("[ \n]").is_empty());
        assert!(found("{}").is_empty());
    }

    #[test]
    fn a_string_is_written_as_json() {
        let mut out = Vec::new();
        write_string("a\"\\\n\r\t\u{1}é😀", &mut out);
        assert_eq!(out, "\"a\\\"\\\\\\n\\r\\t\\u0001é😀\"".as_bytes());
        assert!(json_scan::check(&out).is_ok());
    }
}
