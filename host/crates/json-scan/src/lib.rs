//! A validating scanner of JSON text (RFC 8259) that builds nothing.
//!
//! It reads the bytes once and returns positions, so that a caller can copy what it needs byte for
//! byte. It accepts exactly the grammar: an unpaired surrogate escape is valid, a byte order mark
//! is not, and the depth is limited by memory only.
//!
//! [`check`] tells whether a text is JSON. [`profile`] also tells whether common readers of data lakes
//! can read it. [`members`] finds members of an object during the scan, and [`edit`] sets and removes
//! them. [`scan`] lets a caller read values during the scan.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")
)]

pub mod edit;
mod kind;
pub mod members;
mod nesting;
pub mod profile;
mod stops;
mod syntax_error;
mod text;

#[cfg(test)]
mod tests;

use nesting::Nesting;
use stops::{Ahead, Stops};

pub use kind::Kind;
pub use syntax_error::{Expected, SyntaxError};
pub use text::{Text, escaped_char};

/// Checks that `input` is one JSON text, and returns the kind of its value.
pub fn check(input: &[u8]) -> Result<Kind, SyntaxError> {
    scan(input, |scanner| {
        scanner.skip_space();
        let value = scanner.value()?;
        scanner.end()?;
        Ok(value.kind)
    })
}

/// Scans `input` with `walk`, which must end with [`Scanner::end`].
#[inline(always)]
pub fn scan<'a, R>(
    input: &'a [u8],
    walk: impl FnOnce(&mut Scanner<'a, '_>) -> Result<R, Expected>,
) -> Result<R, SyntaxError> {
    let stops = &mut Stops::new(input);
    let mut scanner = Scanner {
        input,
        at: 0,
        ahead: stops.ahead(0),
        stops,
    };
    walk(&mut scanner).map_err(|expected| scanner.error(expected))
}

/// One value of the text.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// Its kind.
    pub kind: Kind,
    /// The characters between the quotes of a string; otherwise the whole value.
    pub text: Text<'a>,
}

/// Stands for the end of the input. Outside of strings, the grammar allows a NUL byte nowhere
/// either.
const END: u8 = 0;

/// A cursor over the input. A method that fails leaves the cursor at the invalid byte, so that
/// errors on the hot path are one byte wide.
///
/// Only inlined functions borrow the cursor, so that it stays in a register. Each step waits for
/// the one before, and would otherwise wait for memory too.
pub struct Scanner<'a, 's> {
    input: &'a [u8],
    at: usize,
    ahead: Ahead,
    stops: &'s mut Stops,
}

impl<'a> Scanner<'a, '_> {
    /// The position of the cursor.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn error(&self, expected: Expected) -> SyntaxError {
        SyntaxError {
            offset: self.at,
            expected,
        }
    }

    #[inline(always)]
    fn peek(&self) -> u8 {
        self.input.get(self.at).copied().unwrap_or(END)
    }

    /// Skips the byte at the cursor if it is `byte`.
    #[inline(always)]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        if found {
            self.at += 1;
        }
        found
    }

    /// Skips white space.
    #[inline(always)]
    pub fn skip_space(&mut self) {
        while self.peek() <= b' ' && matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Checks that only white space is left.
    #[inline(always)]
    pub fn end(&mut self) -> Result<(), Expected> {
        self.skip_space();
        if self.at == self.input.len() {
            Ok(())
        } else {
            Err(Expected::End)
        }
    }

    /// Reads a key, its colon and the white space around it. The cursor ends at the value.
    #[inline(always)]
    pub fn key(&mut self) -> Result<Text<'a>, Expected> {
        if self.peek() != b'"' {
            return Err(Expected::Key);
        }
        let key = self.string()?;
        self.skip_space();
        if !self.take(b':') {
            return Err(Expected::Colon);
        }
        self.skip_space();
        Ok(key)
    }

    /// Skips `text` if it is at the cursor, without a call to compare it. Does not skip texts of less than 4 or more
    /// than 32 bytes.
    #[inline(always)]
    fn take_text(&mut self, text: &[u8]) -> bool {
        let rest = self.rest(self.at);
        let found = match text.len() {
            4..8 => starts_with::<4>(rest, text),
            8..=16 => starts_with::<8>(rest, text),
            17..=32 => starts_with::<16>(rest, text),
            _ => false,
        };
        if found {
            self.at += text.len();
        }
        found
    }

    /// Reads what follows a member. Returns `true` if another member follows, with the cursor at
    /// its key.
    #[inline(always)]
    pub fn more_members(&mut self) -> Result<bool, Expected> {
        self.more(b'}').ok_or(Expected::CommaOrBrace)
    }

    /// Reads one value, from the byte at the cursor.
    #[inline(always)]
    pub fn value(&mut self) -> Result<Value<'a>, Expected> {
        let start = self.at;
        let kind = match self.peek() {
            b'"' => {
                let text = self.string()?;
                return Ok(Value {
                    kind: Kind::String,
                    text,
                });
            }
            b'{' => self.nested().map(|()| Kind::Object),
            b'[' => self.nested().map(|()| Kind::Array),
            _ => self.scalar(),
        }?;
        let text = Text {
            raw: self.since(start),
            escaped: false,
        };
        Ok(Value { kind, text })
    }

    /// Reads a value that is neither a string nor nested.
    #[inline(always)]
    fn scalar(&mut self) -> Result<Kind, Expected> {
        match self.peek() {
            b'-' | b'0'..=b'9' => self.number().map(|_| Kind::Number),
            b't' => self.literal(*b"true").map(|()| Kind::Boolean),
            b'f' => self.literal(*b"alse").map(|()| Kind::Boolean),
            b'n' => self.literal(*b"null").map(|()| Kind::Null),
            _ => Err(Expected::Value),
        }
    }

    /// `false` is given as its last four letters, so that every literal is one comparison of a
    /// word.
    #[inline(always)]
    fn literal(&mut self, word: [u8; 4]) -> Result<(), Expected> {
        let start = self.at + usize::from(word == *b"alse");
        if self.rest(start).first_chunk() != Some(&word) {
            return Err(Expected::Literal);
        }
        self.at = start + word.len();
        Ok(())
    }

    /// Reads a number. Returns whether it has an exponent.
    #[inline(always)]
    fn number(&mut self) -> Result<bool, Expected> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), b'e' | b'E');
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(has_exponent)
    }

    /// Reads one or more digits.
    #[inline(always)]
    fn digits(&mut self) -> Result<(), Expected> {
        if !self.peek().is_ascii_digit() {
            return Err(Expected::Digit);
        }
        self.skip_digits();
        Ok(())
    }

    #[inline(always)]
    fn skip_digits(&mut self) {
        while let Some(chunk) = self.rest(self.at).first_chunk() {
            let others = text::not_digits(u64::from_le_bytes(*chunk));
            if others != 0 {
                self.at += (others.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += chunk.len();
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    /// Reads an object or an array with everything in it.
    #[inline(always)]
    fn nested(&mut self) -> Result<(), Expected> {
        let found = nested(self.input, self.at, self.stops);
        self.go(found)?;
        self.ahead = self.stops.ahead(self.at);
        Ok(())
    }

    /// Moves to the position at which a step that is not inlined ended.
    #[inline(always)]
    fn go(&mut self, to: Result<usize, SyntaxError>) -> Result<(), Expected> {
        let (at, found) = match to {
            Ok(at) => (at, Ok(())),
            Err(error) => (error.offset, Err(error.expected)),
        };
        self.at = at;
        found
    }

    /// As [`nested`], which inlines it. A stack of bits replaces recursion, so that deep nesting
    /// cannot exhaust the call stack.
    #[inline(always)]
    fn open_to_close(&mut self) -> Result<(), Expected> {
        let mut open = Nesting::default();
        loop {
            if self.enter(&mut open)? {
                continue;
            }
            loop {
                let more = match open.innermost() {
                    None => return Ok(()),
                    Some(nesting::OBJECT) => self.more_members()? && self.key().map(|_| true)?,
                    Some(_) => self.more_items()?,
                };
                if more {
                    break;
                }
                open.pop();
            }
        }
    }

    /// Reads a value without nested values, or opens a nested one. Returns `true` if it opened one,
    /// with the cursor at its first value.
    #[inline(always)]
    fn enter(&mut self, open: &mut Nesting) -> Result<bool, Expected> {
        let (close, kind) = match self.peek() {
            b'"' => return self.string().map(|_| false),
            b'{' => (b'}', nesting::OBJECT),
            b'[' => (b']', nesting::ARRAY),
            _ => return self.scalar().map(|_| false),
        };
        self.at += 1;
        self.skip_space();
        if self.take(close) {
            return Ok(false);
        }
        open.push(kind);
        if kind == nesting::OBJECT {
            self.key()?;
        }
        Ok(true)
    }

    #[inline(always)]
    fn more_items(&mut self) -> Result<bool, Expected> {
        self.more(b']').ok_or(Expected::CommaOrBracket)
    }

    /// Whether a comma or `close` comes next. Skips the white space around the comma.
    #[inline(always)]
    fn more(&mut self, close: u8) -> Option<bool> {
        self.skip_space();
        if self.take(b',') {
            self.skip_space();
            return Some(true);
        }
        self.take(close).then_some(false)
    }

    #[inline(always)]
    fn rest(&self, from: usize) -> &'a [u8] {
        self.input.get(from..).unwrap_or_default()
    }

    #[inline(always)]
    fn since(&self, start: usize) -> &'a [u8] {
        self.input.get(start..self.at).unwrap_or_default()
    }
}

/// Whether `rest` begins with `text`, which has `N` to `2 * N` bytes.
#[inline(always)]
fn starts_with<const N: usize>(rest: &[u8], text: &[u8]) -> bool {
    let Some(rest) = rest.get(..text.len()) else {
        return false;
    };
    rest.first_chunk::<N>() == text.first_chunk() && rest.last_chunk::<N>() == text.last_chunk()
}

/// The end of the object or array that begins at `at`.
#[inline(never)]
fn nested(input: &[u8], at: usize, stops: &mut Stops) -> Result<usize, SyntaxError> {
    let mut scanner = Scanner {
        input,
        at,
        ahead: stops.ahead(at),
        stops,
    };
    match scanner.open_to_close() {
        Ok(()) => Ok(scanner.at),
        Err(expected) => Err(scanner.error(expected)),
    }
}
