//! Strings: how they are scanned, and what they say once their escapes are undone.

use wide::u8x16;

use super::{Expected, Scanner};

/// The characters of a string as they stand in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes, escapes and all: valid UTF-8 from a string of the input.
    pub raw: &'a [u8],
    /// Whether there is an escape among them.
    pub escaped: bool,
}

impl Text<'_> {
    /// The text that is meant, or `None` where an unpaired surrogate escape means none.
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

/// The character that the escape at the front of `raw` means, and the length of that escape; both
/// halves where it is a surrogate pair. `None` for half a pair.
pub(crate) fn escaped_char(raw: &[u8]) -> Option<(char, usize)> {
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

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// One bit for each byte of a block, the first byte's the lowest.
struct Marks {
    /// Bytes that end a run of plain characters: quotes, backslashes and controls.
    stops: u32,
    /// Bytes that are not ASCII.
    high: u32,
}

impl Marks {
    #[inline(always)]
    fn of(block: [u8; BLOCK]) -> Self {
        let block = u8x16::new(block);
        let quote = block.simd_eq(u8x16::splat(b'"'));
        let backslash = block.simd_eq(u8x16::splat(b'\\'));
        let control = block.simd_lt(u8x16::splat(0x20));
        Self {
            stops: (quote | backslash | control).to_bitmask(),
            high: block.to_bitmask(),
        }
    }
}

/// Marks the bytes that are no digits, each by its top bit. Bytes above the lowest mark may be marked
/// wrongly, as an addition carries into them; the lowest one is exact.
#[inline(always)]
pub(super) fn not_digits(word: u64) -> u64 {
    let values = word ^ (ONES * b'0' as u64);
    (values.wrapping_add(ONES * (0x80 - 10)) | values) & HIGH
}

impl<'a> Scanner<'a> {
    /// The string whose opening quote is at the cursor; the cursor ends behind its closing quote.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Text<'a>, Expected> {
        self.at += 1;
        let start = self.at;
        let mut high = 0;
        let mut escaped = false;
        loop {
            match self.plain_run(&mut high) {
                b'"' => break,
                b'\\' => self.escape()?,
                _ if self.at == self.input.len() => return Err(Expected::Quote),
                _ => return Err(Expected::EscapedControl),
            }
            escaped = true;
        }
        let raw = self.since(start);
        if high != 0 {
            self.check_utf8(raw, start)?;
        }
        self.at += 1;
        Ok(Text { raw, escaped })
    }

    /// Goes to the next quote, backslash or control character, or to the end, and returns what is
    /// there. Marks of bytes on the way that are not ASCII are gathered in `high`: a string without them
    /// needs no other check of its encoding, and outside of strings nothing else is allowed.
    #[inline(always)]
    fn plain_run(&mut self, high: &mut u32) -> u8 {
        while let Some(block) = self.rest(self.at).first_chunk() {
            let Marks { stops, high: marks } = Marks::of(*block);
            if stops != 0 {
                *high |= marks & (stops - 1) & !stops;
                self.at += stops.trailing_zeros() as usize;
                return self.peek();
            }
            *high |= marks;
            self.at += BLOCK;
        }
        self.last_plain_run(high)
    }

    /// As [`plain_run`](Self::plain_run), less than a block before the end of the input.
    #[inline(always)]
    fn last_plain_run(&mut self, high: &mut u32) -> u8 {
        loop {
            let byte = self.peek();
            if byte < 0x20 || byte == b'"' || byte == b'\\' {
                return byte;
            }
            *high |= u32::from(byte & 0x80);
            self.at += 1;
        }
    }

    /// The escape whose backslash is at the cursor.
    fn escape(&mut self) -> Result<(), Expected> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_ascii_hexdigit() {
                        return Err(Expected::HexDigit);
                    }
                    self.at += 1;
                }
            }
            _ => return Err(Expected::Escape),
        }
        Ok(())
    }

    #[cold]
    fn check_utf8(&mut self, raw: &[u8], start: usize) -> Result<(), Expected> {
        std::str::from_utf8(raw).map(|_| ()).map_err(|error| {
            self.at = start + error.valid_up_to();
            Expected::Utf8
        })
    }
}
