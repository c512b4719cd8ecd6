//! Scans strings, and decodes their escapes.

use super::{Expected, Scanner, SyntaxError};

/// The characters of a string as they are in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes, escapes and all: valid UTF-8 from a string of the input.
    pub raw: &'a [u8],
    /// Whether it has escapes.
    pub escaped: bool,
}

impl Text<'_> {
    /// The decoded text; `None` if it has an unpaired surrogate escape.
    pub fn decode(&self) -> Option<String> {
        let mut text = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while !rest.is_empty() {
            let plain = rest.iter().position(|&b| b == b'\\').unwrap_or(rest.len());
            let (before, escape) = rest.split_at_checked(plain)?;
            text.push_str(std::str::from_utf8(before).ok()?);
            rest = escape;
            if !rest.is_empty() {
                let (character, length) = escaped_char(rest)?;
                text.push(character);
                rest = rest.get(length..)?;
            }
        }
        Some(text)
    }
}

/// Decodes the escape at the front of `raw` and returns its character and its length; a surrogate
/// pair counts as one escape. `None` for an unpaired surrogate.
pub fn escaped_char(raw: &[u8]) -> Option<(char, usize)> {
    let simple = match raw.get(1)? {
        b'u' => {
            let high = hex_unit(raw)?;
            if let Some(character) = char::from_u32(high) {
                return Some((character, 6));
            }
            let low = hex_unit(raw.get(6..)?)?;
            return char::decode_utf16([u16::try_from(high).ok()?, u16::try_from(low).ok()?])
                .next()?
                .ok()
                .map(|character| (character, 12));
        }
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        &other => char::from(other),
    };
    Some((simple, 2))
}

/// The code unit of a `\u` escape at the front of `raw`.
fn hex_unit(raw: &[u8]) -> Option<u32> {
    let digits = raw.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Marks the bytes that are not digits, each by its top bit. Bytes above the lowest mark can be
/// marked wrongly, because an addition carries into them. The lowest mark is exact.
#[inline(always)]
pub(super) fn not_digits(word: u64) -> u64 {
    let values = word ^ (ONES * b'0' as u64);
    (values.wrapping_add(ONES * (0x80 - 10)) | values) & HIGH
}

impl<'a> Scanner<'a, '_> {
    /// Reads the string whose opening quote is at the cursor. The cursor ends after the closing
    /// quote.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Text<'a>, Expected> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = self.stops.take(self.input, &mut self.ahead, self.at);
            match self.peek() {
                b'"' => break,
                b'\\' => self.go(escape(self.input, self.at))?,
                _ if self.at == self.input.len() => return Err(Expected::Quote),
                _ => return Err(Expected::EscapedControl),
            }
            escaped = true;
        }
        let raw = self.since(start);
        if self.stops.may_break_utf8(self.input) {
            let end = self.at;
            self.go(check_utf8(raw, start).map(|()| end))?;
        }
        self.at += 1;
        Ok(Text { raw, escaped })
    }
}

/// The end of the escape whose backslash is at `at`.
#[inline(never)]
fn escape(input: &[u8], at: usize) -> Result<usize, SyntaxError> {
    let byte = |at: usize| input.get(at).copied().unwrap_or_default();
    let expected = |offset, expected| Err(SyntaxError { offset, expected });
    match byte(at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' => {
            let digits = at + 2..at + 6;
            match digits.clone().find(|&at| !byte(at).is_ascii_hexdigit()) {
                Some(other) => expected(other, Expected::HexDigit),
                None => Ok(digits.end),
            }
        }
        _ => expected(at + 1, Expected::Escape),
    }
}

/// The position at which `raw`, which begins at `start`, is no longer UTF-8.
#[cold]
fn check_utf8(raw: &[u8], start: usize) -> Result<(), SyntaxError> {
    std::str::from_utf8(raw).map(|_| ()).map_err(|error| {
        let offset = start + error.valid_up_to();
        SyntaxError {
            offset,
            expected: Expected::Utf8,
        }
    })
}
