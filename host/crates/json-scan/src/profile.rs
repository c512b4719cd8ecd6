//! A profile of I-JSON (RFC 7493): texts that common readers of data lakes can read.
//!
//! Common readers fail on some texts that the grammar allows, and then cannot read anything in the
//! same file. The profile excludes these texts; [`Rule`] lists them.

use std::fmt;

use super::{Kind, SyntaxError, Text};
use crate::members::{MemberNames, Members};

pub(crate) mod name;
mod names;
mod number;
mod path;
mod simple;
mod surrogates;
pub(crate) mod walk;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use simple::is_simple;

use names::{AllNames, RecentNames};
use path::PathFinder;
use walk::{Open, Visitor, walk, walk_member};

/// The most levels of objects and arrays. A common reader fails at 128.
pub const DEPTH_MAX: usize = 100;
/// The most digits of an integer. Polars has 128 bits for integers, and `DECIMAL` of SQL engines
/// has 38 digits.
pub const INTEGER_MAX_DIGITS: usize = 38;
/// The smallest exponent of a number. Readers fail on exponents that no machine integer holds.
pub const EXPONENT_MIN: i64 = -9_999;
/// The largest exponent of a number. With a larger one, Arrow fails even on zero.
pub const EXPONENT_MAX: i64 = 308;

/// Why a text does not keep to the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileError {
    /// The text is not JSON.
    Syntax(SyntaxError),
    /// The text is JSON, but breaks a rule of the profile.
    Violation(Violation),
}

/// The value that breaks a rule of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The offset of the value or of the member's name.
    pub offset: usize,
    /// The path from the top, `$`, such as `$.a.b[3]`. Long names and long paths are shortened.
    pub path: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.rule)
    }
}

/// A rule of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The text is an object.
    Object,
    /// Objects and arrays have [`DEPTH_MAX`] levels at most.
    Depth,
    /// A `\u` escape of a surrogate belongs to a pair, in strings and in names.
    Surrogates,
    /// The unescaped names of an object differ in more than the case of ASCII letters.
    Names,
    /// A number is in the range of a double.
    Range,
    /// An exponent is from [`EXPONENT_MIN`] to [`EXPONENT_MAX`].
    Exponent,
    /// A number without a fraction and an exponent has [`INTEGER_MAX_DIGITS`] digits at most.
    Integer,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object => f.write_str("the value is not an object"),
            Self::Depth => write!(
                f,
                "level {} of objects and arrays; the limit is {DEPTH_MAX}",
                DEPTH_MAX + 1
            ),
            Self::Surrogates => {
                f.write_str("a \\u escape is one half of a surrogate pair without the other")
            }
            Self::Names => f.write_str(
                "the object has this name twice; names must differ in more than the case of A to Z",
            ),
            Self::Range => write!(
                f,
                "the number is out of the range of a double; the limit is {:e}",
                f64::MAX
            ),
            Self::Exponent => write!(
                f,
                "the exponent of the number is out of range; the limits are {EXPONENT_MIN} and \
                 {EXPONENT_MAX}"
            ),
            Self::Integer => write!(
                f,
                "the integer has too many digits; the limit is {INTEGER_MAX_DIGITS}"
            ),
        }
    }
}

/// Checks texts against the profile, one after the other. To reuse a checker saves the time to set
/// up its memory.
#[derive(Debug, Default)]
pub struct ProfileChecker {
    open: Open,
    names: RecentNames,
}

impl ProfileChecker {
    /// Checks that `input` is one JSON text that keeps to the profile.
    ///
    /// Ordinary texts are read once. If names can be equal, or if there are many, the text is read
    /// a second time: the time grows with its length and the logarithm of the number of names, the
    /// memory with the number of names.
    ///
    /// # Errors
    /// The first syntax error; if there is none, a violation.
    #[inline]
    pub fn check(&mut self, input: &[u8]) -> Result<(), ProfileError> {
        self.names.restart(self.open.restart());
        let mut first = FirstPass {
            names: &mut self.names,
            found: None,
        };
        walk(input, &mut self.open, &mut first).map_err(ProfileError::Syntax)?;
        let found = first.found.or_else(|| self.check_names(input));
        match found.or_else(|| not_an_object(input)) {
            None => Ok(()),
            Some((rule, offset)) => Err(self.violation(input, rule, offset)),
        }
    }

    /// Checks that `input` is one JSON text, and finds the members of an object. Also returns whether the text
    /// certainly keeps to the profile, and keeps to it whichever members of `names` are removed or get other values
    /// that keep to it.
    ///
    /// # Errors
    /// The first syntax error.
    #[inline]
    pub fn find_members(
        &mut self,
        input: &[u8],
        names: &MemberNames,
        members: &mut Members,
    ) -> Result<(Kind, bool), SyntaxError> {
        self.names.restart(self.open.restart());
        let mut first = FirstPass {
            names: &mut self.names,
            found: None,
        };
        let kind = members.find_with(input, names, &mut self.open, &mut first)?;
        let certain = first.found.is_none()
            && self.names.doubtful().is_none()
            && !members.has_doubtful_names()
            && !names.has_similar_names();
        Ok((kind, certain))
    }

    /// Checks that `value` is one JSON text. Returns whether an object that keeps to the profile certainly
    /// keeps to it if a member gets this value.
    ///
    /// # Errors
    /// The first syntax error.
    #[inline(always)]
    pub fn check_member(&mut self, value: &[u8]) -> Result<bool, SyntaxError> {
        if is_simple(value) {
            return Ok(true);
        }
        self.check_any_member(value)
    }

    #[inline(never)]
    fn check_any_member(&mut self, value: &[u8]) -> Result<bool, SyntaxError> {
        self.names.restart(self.open.restart());
        let mut first = FirstPass {
            names: &mut self.names,
            found: None,
        };
        walk_member(value, &mut self.open, &mut first)?;
        Ok(first.found.is_none() && self.names.doubtful().is_none())
    }

    /// Compares all names with each other if the first pass could not tell that they differ.
    #[inline(always)]
    fn check_names(&mut self, input: &[u8]) -> Option<(Rule, usize)> {
        let count = self.names.doubtful()?;
        let offset = repeated_name(input, &mut self.open, count)?;
        Some((Rule::Names, offset))
    }

    #[cold]
    fn violation(&mut self, input: &[u8], rule: Rule, offset: usize) -> ProfileError {
        self.open.restart();
        let mut finder = PathFinder::new(offset);
        let path = match walk(input, &mut self.open, &mut finder) {
            Ok(()) => finder.path(),
            Err(error) => return ProfileError::Syntax(error),
        };
        ProfileError::Violation(Violation { rule, offset, path })
    }
}

#[cold]
fn repeated_name(input: &[u8], open: &mut Open, count: usize) -> Option<usize> {
    open.restart();
    let mut names = AllNames::with_capacity(input, count);
    walk(input, open, &mut names).ok()?;
    names.repeated()
}

#[inline(always)]
fn not_an_object(input: &[u8]) -> Option<(Rule, usize)> {
    let offset = input.iter().position(|byte| !byte.is_ascii_whitespace());
    let offset = offset.unwrap_or_default();
    (input.get(offset) != Some(&b'{')).then_some((Rule::Object, offset))
}

/// Checks everything in one pass, except for names that are doubtful. It continues after a
/// violation, because a syntax error further on comes first.
struct FirstPass<'r> {
    names: &'r mut RecentNames,
    /// The first violation.
    found: Option<(Rule, usize)>,
}

impl FirstPass<'_> {
    #[cold]
    fn add(&mut self, rule: Rule, offset: usize) {
        self.found.get_or_insert((rule, offset));
    }
}

impl<'a> Visitor<'a> for FirstPass<'_> {
    #[inline(always)]
    fn name(&mut self, object: u64, at: usize, name: Text<'a>, hash: u64) {
        if name.escaped && surrogates::has_lone(name.raw) {
            self.add(Rule::Surrogates, at);
        }
        self.names.insert(object, hash);
    }

    #[inline(always)]
    fn string(&mut self, at: usize, text: Text<'a>) {
        if text.escaped && surrogates::has_lone(text.raw) {
            self.add(Rule::Surrogates, at);
        }
    }

    #[inline(always)]
    fn number(&mut self, at: usize, raw: &'a [u8], has_exponent: bool) {
        if (has_exponent || raw.len() > INTEGER_MAX_DIGITS)
            && let Some(rule) = number::broken_rule(raw)
        {
            self.add(rule, at);
        }
    }

    #[inline(always)]
    fn too_deep(&mut self, at: usize) {
        self.add(Rule::Depth, at);
    }
}
