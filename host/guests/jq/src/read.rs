//! Reads a record into a value of jaq: strictly JSON, and without a copy of texts that have no escapes.

mod short_integer;

use std::rc::Rc;

use sluice_transform::{Rejection, json};

use crate::value::{Object, Slice, Text, Val};
use short_integer::ShortInteger;

/// The most levels of objects and arrays. Readers of the lake fail at 128, and a program needs more of the stack than
/// this reader for each level.
const DEPTH_MAX: usize = 256;

/// Reads one JSON text, by the grammar of RFC 8259: that between `start` and `end` of a buffer.
///
/// # Errors
/// The rejection of the record.
pub(crate) fn value(buffer: &Rc<Vec<u8>>, start: usize, end: usize) -> Result<Val, Rejection> {
    // An end that does not fit makes an empty record; the host does not send one.
    let record = buffer.get(start..end).unwrap_or_default();
    if std::str::from_utf8(record).is_err() {
        return Err(invalid(record));
    }
    let mut reader = Reader {
        buffer,
        offset: start,
        text: record,
        at: 0,
        depth: 0,
        items: Vec::new(),
        members: Vec::new(),
    };
    match reader.whole() {
        Ok(value) => Ok(value),
        Err(Fault::Syntax) => Err(invalid(record)),
        Err(Fault::TooDeep) => Err(too_deep()),
        Err(Fault::UnpairedSurrogate(at)) => Err(unpaired_surrogate(at)),
    }
}

/// Why a text cannot be read.
enum Fault {
    Syntax,
    TooDeep,
    /// The offset of the escape.
    UnpairedSurrogate(usize),
}

/// The scanner of the SDK says where the error is.
#[cold]
fn invalid(record: &[u8]) -> Rejection {
    let why = match json_scan::check(record) {
        Err(error) => error.to_string(),
        Ok(_) => "not one JSON text".to_owned(),
    };
    Rejection::new("invalid_json", why)
}

#[cold]
fn too_deep() -> Rejection {
    let message = format!("more than {DEPTH_MAX} levels of objects and arrays");
    Rejection::new("too_deep", message)
}

#[cold]
fn unpaired_surrogate(at: usize) -> Rejection {
    let message = format!("byte {at}: an unpaired surrogate escape is no text");
    Rejection::new("unpaired_surrogate", message)
}

struct Reader<'r> {
    buffer: &'r Rc<Vec<u8>>,
    /// Where the record begins in the buffer.
    offset: usize,
    text: &'r [u8],
    at: usize,
    depth: usize,
    /// The items of open arrays.
    items: Vec<Val>,
    /// The members of open objects.
    members: Vec<(Text, Val)>,
}

impl Reader<'_> {
    fn whole(&mut self) -> Result<Val, Fault> {
        let value = self.value()?;
        self.skip_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(Fault::Syntax),
        }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn next_token(&mut self) -> Result<u8, Fault> {
        self.skip_space();
        self.peek().ok_or(Fault::Syntax)
    }

    fn value(&mut self) -> Result<Val, Fault> {
        match self.next_token()? {
            b'"' => self.string().map(Val::Str),
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b't' => self.word(b"true", Val::Bool(true)),
            b'f' => self.word(b"false", Val::Bool(false)),
            b'n' => self.word(b"null", Val::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Syntax),
        }
    }

    #[inline]
    fn word(&mut self, word: &[u8], value: Val) -> Result<Val, Fault> {
        if !self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(value)
    }

    #[inline]
    fn nested(&mut self, read: fn(&mut Self) -> Result<Val, Fault>) -> Result<Val, Fault> {
        if self.depth == DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Val, Fault> {
        let first = self.items.len();
        if self.next_token()? == b']' {
            self.at += 1;
            return Ok(Val::Arr(Vec::new().into()));
        }
        let mut has_short = true;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let short = has_short.then(|| ShortInteger::read(rest)).flatten();
            let is_end = match short {
                Some(short) => {
                    self.at += short.length;
                    self.items.push(Val::Int(short.integer));
                    short.is_last
                }
                None => {
                    // The next items are likely to be of this kind too.
                    has_short = false;
                    let item = self.value()?;
                    self.items.push(item);
                    self.ends(b']')?
                }
            };
            if is_end {
                let items = self.items.split_off(first);
                return Ok(Val::Arr(items.into()));
            }
        }
    }

    fn object(&mut self) -> Result<Val, Fault> {
        let first = self.members.len();
        if self.next_token()? == b'}' {
            self.at += 1;
            return Ok(Val::object(Object::default()));
        }
        loop {
            if self.next_token()? != b'"' {
                return Err(Fault::Syntax);
            }
            let name = self.string()?;
            if self.next_token()? != b':' {
                return Err(Fault::Syntax);
            }
            self.at += 1;
            let value = self.value()?;
            self.members.push((name, value));
            if self.ends(b'}')? {
                // Of a repeated name, the last value counts, as in jq.
                let object = Object::of(self.members.drain(first..));
                return Ok(Val::object(object));
            }
        }
    }

    /// Reads what is behind an item: a comma, or the end.
    #[inline(always)]
    fn ends(&mut self, end: u8) -> Result<bool, Fault> {
        let token = self.next_token()?;
        self.at += 1;
        match token {
            b',' => Ok(false),
            _ if token == end => Ok(true),
            _ => Err(Fault::Syntax),
        }
    }

    #[inline]
    fn string(&mut self) -> Result<Text, Fault> {
        self.at += 1;
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let special = json::find_special(rest).ok_or(Fault::Syntax)?;
        self.at += special;
        match rest.get(special) {
            Some(b'"') => {}
            Some(b'\\') => return self.escaped_string(start),
            _ => return Err(Fault::Syntax),
        }
        let text = Text::Long(self.slice(start));
        self.at += 1;
        Ok(text)
    }

    /// The text from `start` up to here.
    #[inline]
    fn slice(&self, start: usize) -> Slice {
        Slice::new(self.buffer, self.offset + start, self.offset + self.at)
    }

    /// Reads a string whose first escape is here.
    #[cold]
    fn escaped_string(&mut self, start: usize) -> Result<Text, Fault> {
        let mut text = self.text.get(start..self.at).unwrap_or_default().to_vec();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let special = json::find_special(rest).ok_or(Fault::Syntax)?;
            text.extend_from_slice(rest.get(..special).unwrap_or_default());
            self.at += special + 1;
            match rest.get(special) {
                Some(b'"') => return Ok(Text::from_utf8(text)),
                Some(b'\\') => {
                    let c = self.escape()?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }

    /// Reads what is behind a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at - 1;
        let byte = self.peek().ok_or(Fault::Syntax)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let code = match unit {
                    0xd800..=0xdbff => self.low_surrogate(unit)?,
                    _ => Some(unit),
                };
                let c = code.and_then(char::from_u32);
                c.ok_or(Fault::UnpairedSurrogate(start))?
            }
            _ => return Err(Fault::Syntax),
        })
    }

    /// Reads the second half of a pair of surrogates; `None` if there is none.
    fn low_surrogate(&mut self, high: u32) -> Result<Option<u32>, Fault> {
        if !self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(b"\\u"))
        {
            return Ok(None);
        }
        self.at += 2;
        let low = self.unit()?;
        let is_low = (0xdc00..=0xdfff).contains(&low);
        Ok(is_low.then(|| 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)))
    }

    /// Reads four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Fault::Syntax)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(Fault::Syntax)?;
            Ok(unit << 4 | digit)
        })
    }

    #[inline]
    fn number(&mut self) -> Result<Val, Fault> {
        let start = self.at;
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let first = self.at;
        let mut integer = 0_i64;
        let mut digits = 0;
        // A slice costs less than `peek` for each byte.
        for byte in self.text.get(first..).unwrap_or_default() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            // It wraps for long numbers only, and then it is not used.
            integer = integer.wrapping_mul(10).wrapping_add(digit.into());
            digits += 1;
        }
        self.at += digits;
        if digits == 0 || digits > 1 && self.text.get(first) == Some(&b'0') {
            return Err(Fault::Syntax);
        }
        if let Some(b'.' | b'e' | b'E') = self.peek() {
            self.fraction_and_exponent()?;
            return Ok(Val::Decimal(self.slice(start)));
        }
        if digits <= INT_DIGITS && !(is_negative && integer == 0) {
            let integer = if is_negative { -integer } else { integer };
            return Ok(Val::Int(integer));
        }
        Ok(self.long_integer(start))
    }

    /// An integer with more digits, and `-0`, which is no integer for a machine.
    #[cold]
    fn long_integer(&self, start: usize) -> Val {
        let text = self.slice(start);
        match text.as_str().parse() {
            Ok(integer) if integer != 0 => Val::Int(integer),
            _ => Val::Decimal(text),
        }
    }

    fn fraction_and_exponent(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let first = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at - first {
            0 => Err(Fault::Syntax),
            _ => Ok(()),
        }
    }
}

/// A number with so many digits is an `i64`.
const INT_DIGITS: usize = 18;

#[cfg(test)]
mod tests;
