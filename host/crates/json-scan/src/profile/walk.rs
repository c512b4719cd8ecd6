//! Reads a text once, and shows a visitor what is in it.

use super::DEPTH_MAX;
use super::name::hash;
use crate::stops::Stops;
use crate::{Expected, Kind, Scanner, SyntaxError, Text, scan};

/// Stands for an array where an object has its number.
const ARRAY: u64 = 0;

/// Sees the values of a text, in their order.
pub(crate) trait Visitor<'a> {
    /// Whether it visits what is in objects and arrays that are members.
    const VISITS_NESTED: bool = true;

    /// A value begins.
    #[inline(always)]
    fn value(&mut self, _at: usize) {}
    /// An object (`true`) or an array that is not empty was opened.
    #[inline(always)]
    fn open(&mut self, _is_object: bool) {}
    /// The innermost object or array was closed.
    #[inline(always)]
    fn close(&mut self) {}
    /// The next item of the innermost array follows.
    #[inline(always)]
    fn next_item(&mut self) {}
    /// A member's name, with its hash, in the innermost object, whose number is unique.
    #[inline(always)]
    fn name(&mut self, _object: u64, _at: usize, _name: Text<'a>, _hash: u64) {}
    /// A string that is a value.
    #[inline(always)]
    fn string(&mut self, _at: usize, _text: Text<'a>) {}
    /// A number.
    #[inline(always)]
    fn number(&mut self, _at: usize, _raw: &'a [u8], _has_exponent: bool) {}
    /// An object or an array that is nested too deeply. What is in it is not shown.
    #[inline(always)]
    fn too_deep(&mut self, _at: usize) {}
}

/// Visits nothing.
pub(crate) struct Unchecked;

impl Visitor<'_> for Unchecked {
    const VISITS_NESTED: bool = false;
}

/// The open objects and arrays: the numbers of objects, or [`ARRAY`].
#[derive(Debug)]
pub(crate) struct Open {
    numbers: [u64; DEPTH_MAX],
    depth: usize,
    /// The number of the last object, of all texts.
    last: u64,
}

impl Default for Open {
    fn default() -> Self {
        Self {
            numbers: [ARRAY; DEPTH_MAX],
            depth: 0,
            last: ARRAY,
        }
    }
}

impl Open {
    /// Starts with another text. Returns a number that is lower than those of its objects.
    pub(crate) fn restart(&mut self) -> u64 {
        self.depth = 0;
        self.last
    }

    /// Opens an object at the top, and returns its number.
    #[inline(always)]
    pub(crate) fn enter_object(&mut self) -> u64 {
        let number = self.next_object();
        self.push(number);
        number
    }

    /// Closes the innermost object or array.
    #[inline(always)]
    pub(crate) fn leave(&mut self) {
        self.pop();
    }

    #[inline(always)]
    fn next_object(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.depth >= DEPTH_MAX
    }

    #[inline(always)]
    fn push(&mut self, number: u64) {
        if let Some(place) = self.numbers.get_mut(self.depth) {
            *place = number;
            self.depth += 1;
        }
    }

    #[inline(always)]
    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    #[inline(always)]
    fn innermost(&self) -> Option<u64> {
        self.numbers.get(self.depth.wrapping_sub(1)).copied()
    }
}

/// Reads a whole text.
#[inline(never)]
pub(super) fn walk<'a, V: Visitor<'a>>(
    input: &'a [u8],
    open: &mut Open,
    visitor: &mut V,
) -> Result<(), SyntaxError> {
    scan(input, |scanner| {
        scanner.skip_space();
        values(scanner, open, visitor)?;
        scanner.end()
    })
}

/// Reads a whole text, which is the value of a member: objects and arrays in it are one level deeper.
#[inline(never)]
pub(super) fn walk_member<'a, V: Visitor<'a>>(
    input: &'a [u8],
    open: &mut Open,
    visitor: &mut V,
) -> Result<(), SyntaxError> {
    scan(input, |scanner| {
        scanner.skip_space();
        open.enter_object();
        member_value(scanner, open, visitor)?;
        open.leave();
        scanner.end()
    })
}

/// Reads the value of a member of the outermost object, which is open. What is nested is not inlined, so that
/// the cursor stays in a register.
#[inline(always)]
pub(crate) fn member_value<'a, V: Visitor<'a>>(
    scanner: &mut Scanner<'a, '_>,
    open: &mut Open,
    visitor: &mut V,
) -> Result<Kind, Expected> {
    let at = scanner.at;
    let kind = match scanner.peek() {
        b'"' => {
            let text = scanner.string()?;
            visitor.string(at, text);
            return Ok(Kind::String);
        }
        b'-' | b'0'..=b'9' => {
            let has_exponent = scanner.number()?;
            visitor.number(at, scanner.since(at), has_exponent);
            return Ok(Kind::Number);
        }
        b'{' => Kind::Object,
        b'[' => Kind::Array,
        _ => return scanner.scalar(),
    };
    if V::VISITS_NESTED {
        let found = nested_value(scanner.input, at, scanner.stops, open, visitor);
        scanner.go(found)?;
        scanner.ahead = scanner.stops.ahead(scanner.at);
    } else {
        scanner.nested()?;
    }
    Ok(kind)
}

/// The end of the object or array that begins at `at`.
#[inline(never)]
fn nested_value<'a, V: Visitor<'a>>(
    input: &'a [u8],
    at: usize,
    stops: &mut Stops,
    open: &mut Open,
    visitor: &mut V,
) -> Result<usize, SyntaxError> {
    let mut scanner = Scanner {
        input,
        at,
        ahead: stops.ahead(at),
        stops,
    };
    match values(&mut scanner, open, visitor) {
        Ok(()) => Ok(scanner.at),
        Err(expected) => Err(scanner.error(expected)),
    }
}

/// Reads the value at the cursor with everything in it.
#[inline(always)]
fn values<'a, V: Visitor<'a>>(
    scanner: &mut Scanner<'a, '_>,
    open: &mut Open,
    visitor: &mut V,
) -> Result<(), Expected> {
    let outside = open.depth;
    loop {
        if enter(scanner, open, visitor)? {
            continue;
        }
        loop {
            if open.depth == outside {
                return Ok(());
            }
            let more = match open.innermost() {
                None => return Ok(()),
                Some(ARRAY) => next_item(scanner, visitor)?,
                Some(object) => next_member(scanner, object, visitor)?,
            };
            if more {
                break;
            }
            open.pop();
            visitor.close();
        }
    }
}

/// Reads a value without nested values, or opens a nested one. Returns `true` if it opened one,
/// with the cursor at its first value.
#[inline(always)]
fn enter<'a, V: Visitor<'a>>(
    scanner: &mut Scanner<'a, '_>,
    open: &mut Open,
    visitor: &mut V,
) -> Result<bool, Expected> {
    let at = scanner.at;
    visitor.value(at);
    let (close, number) = match scanner.peek() {
        b'"' => {
            let text = scanner.string()?;
            visitor.string(at, text);
            return Ok(false);
        }
        b'-' | b'0'..=b'9' => {
            let has_exponent = scanner.number()?;
            visitor.number(at, scanner.since(at), has_exponent);
            return Ok(false);
        }
        b'{' => (b'}', open.next_object()),
        b'[' => (b']', ARRAY),
        _ => return scanner.scalar().map(|_| false),
    };
    if open.is_full() {
        visitor.too_deep(at);
        return scanner.nested().map(|()| false);
    }
    scanner.at += 1;
    scanner.skip_space();
    if scanner.take(close) {
        return Ok(false);
    }
    open.push(number);
    visitor.open(number != ARRAY);
    if number != ARRAY {
        name(scanner, number, visitor)?;
    }
    Ok(true)
}

#[inline(always)]
fn name<'a, V: Visitor<'a>>(
    scanner: &mut Scanner<'a, '_>,
    object: u64,
    visitor: &mut V,
) -> Result<(), Expected> {
    let at = scanner.at;
    let name = scanner.key()?;
    visitor.name(object, at, name, hash(name));
    Ok(())
}

#[inline(always)]
fn next_member<'a, V: Visitor<'a>>(
    scanner: &mut Scanner<'a, '_>,
    object: u64,
    visitor: &mut V,
) -> Result<bool, Expected> {
    let more = scanner.more_members()?;
    if more {
        name(scanner, object, visitor)?;
    }
    Ok(more)
}

#[inline(always)]
fn next_item<'a, V: Visitor<'a>>(
    scanner: &mut Scanner<'a, '_>,
    visitor: &mut V,
) -> Result<bool, Expected> {
    let more = scanner.more_items()?;
    if more {
        visitor.next_item();
    }
    Ok(more)
}
