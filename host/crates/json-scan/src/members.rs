//! Finds the members of an object that a caller reads or changes, in one validating scan.
//!
//! Members have names at the top level only. A name is compared after its escapes are decoded; a name with an
//! unpaired surrogate escape equals none.

use std::ops::Range;

use crate::edit::CUTS_MAX;
use crate::profile::name::hash;
use crate::profile::walk::{Open, Unchecked, Visitor, member_value};
use crate::{Expected, Kind, Scanner, SyntaxError, Text, scan};

mod learned;
mod names;

use learned::{BEFORE_FIRST, BEHIND_OTHER, LearnedNames};
use names::{Match, NONE};

pub use names::MemberNames;

/// A member that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadMember {
    /// Where its value begins; the first one if the member is repeated.
    pub start: usize,
    /// Where its value ends; 0 if there is no such member.
    pub end: usize,
    /// Whether the object has it more than once.
    pub repeated: bool,
}

impl ReadMember {
    /// The range of the value; `None` if there is no such member.
    #[inline(always)]
    #[must_use]
    pub fn value(&self) -> Option<Range<usize>> {
        (self.end != 0).then_some(self.start..self.end)
    }
}

/// A member that may be set or removed, as it is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenMember {
    /// Its number among the members that are set or removed.
    pub write: u16,
    /// Its number among all members of the object.
    pub(crate) number: u32,
    /// Where the value of the member before it ends. For the first one, where the opening brace ends.
    pub(crate) previous_end: u32,
    /// Where its name begins.
    pub(crate) start: u32,
    /// Where its value ends.
    pub(crate) end: u32,
    /// Where the name of the next member begins. For the last one, where its value ends.
    pub(crate) next: u32,
}

/// An offset of a text, which must be shorter than 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What edits need to know about an object.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'m> {
    /// Where members are appended: the end of the last value, or behind the opening brace.
    pub end: usize,
    /// The number of members.
    pub count: usize,
    /// The members that may be set or removed, in the order of the text. If there are more than
    /// [`CUTS_MAX`], some are missing.
    pub written: &'m [WrittenMember],
}

/// The members of one object. Reuse it for the next one.
#[derive(Debug, Default)]
pub struct Members {
    finder: Finder,
    open: Open,
}

impl Members {
    /// Checks that `input` is one JSON text, and finds the members of an object. For any other value, returns
    /// its kind.
    ///
    /// # Errors
    /// The first syntax error.
    #[inline]
    pub fn find(&mut self, input: &[u8], names: &MemberNames) -> Result<Kind, SyntaxError> {
        self.open.restart();
        self.finder
            .find(input, names, &mut self.open, &mut Unchecked)
    }

    /// As [`find`](Self::find), and shows all values to a visitor.
    #[inline(always)]
    pub(crate) fn find_with<'a, V: Visitor<'a>>(
        &mut self,
        input: &'a [u8],
        names: &MemberNames,
        open: &mut Open,
        visitor: &mut V,
    ) -> Result<Kind, SyntaxError> {
        self.finder.find(input, names, open, visitor)
    }

    /// The members that are read, in the order of [`MemberNames`].
    #[inline(always)]
    #[must_use]
    pub fn reads(&self) -> &[ReadMember] {
        &self.finder.reads
    }

    /// What edits need to know about the object.
    #[inline(always)]
    #[must_use]
    pub fn outline(&self) -> Outline<'_> {
        Outline {
            end: self.finder.end,
            count: self.finder.count,
            written: &self.finder.written,
        }
    }

    /// Whether two names of the object may be the same to a reader that folds case, or a name and a declared one.
    #[inline(always)]
    pub(crate) fn has_doubtful_names(&self) -> bool {
        self.finder.doubtful
    }
}

/// Finds the members of one object.
#[derive(Debug, Default)]
struct Finder {
    learned: LearnedNames,
    reads: Vec<ReadMember>,
    written: Vec<WrittenMember>,
    end: usize,
    count: usize,
    /// The learned names that the object has.
    seen: u64,
    doubtful: bool,
}

impl Finder {
    #[inline(always)]
    fn find<'a, V: Visitor<'a>>(
        &mut self,
        input: &'a [u8],
        names: &MemberNames,
        open: &mut Open,
        visitor: &mut V,
    ) -> Result<Kind, SyntaxError> {
        self.reads.clear();
        self.reads.resize(names.reads, ReadMember::default());
        self.written.clear();
        self.count = 0;
        self.seen = 0;
        self.doubtful = false;
        self.learned.restart(names);
        scan(input, |scanner| {
            scanner.skip_space();
            let kind = if scanner.take(b'{') {
                self.read_object(scanner, names, open, visitor)?;
                Kind::Object
            } else {
                member_value(scanner, open, visitor)?
            };
            scanner.end()?;
            Ok(kind)
        })
    }

    /// Reads an object after its opening brace.
    #[inline(always)]
    fn read_object<'a, V: Visitor<'a>>(
        &mut self,
        scanner: &mut Scanner<'a, '_>,
        names: &MemberNames,
        open: &mut Open,
        visitor: &mut V,
    ) -> Result<(), Expected> {
        self.end = scanner.at();
        scanner.skip_space();
        if scanner.take(b'}') {
            return Ok(());
        }
        let object = open.enter_object();
        let mut previous = BEFORE_FIRST;
        let mut expected = self.learned.take_expected(previous, scanner);
        loop {
            let meaning = match expected {
                Some((number, learned)) => {
                    previous = number;
                    self.doubtful |= learned.similar || self.seen & learned.bit != 0;
                    self.seen |= learned.bit;
                    (learned.read, learned.write)
                }
                None => {
                    let start = scanner.at();
                    let name = scanner.key()?;
                    self.find_unexpected(names, object, start, name, visitor, &mut previous)
                }
            };
            let value = scanner.at();
            member_value(scanner, open, visitor)?;
            let end = scanner.at();
            self.add(meaning, value..end);
            self.end = end;
            self.count += 1;
            expected = self.learned.take_expected(previous, scanner);
            if expected.is_none() && !scanner.more_members()? {
                open.leave();
                self.complete_written(scanner.input);
                return Ok(());
            }
        }
    }

    /// Finds the numbers, among the members that are read and written, of a name that
    /// [`take_expected`](LearnedNames::take_expected) did not take.
    #[inline(never)]
    fn find_unexpected<'a, V: Visitor<'a>>(
        &mut self,
        names: &MemberNames,
        object: u64,
        start: usize,
        name: Text<'a>,
        visitor: &mut V,
        previous: &mut usize,
    ) -> (u16, u16) {
        if let Some(number) = self.learned.find(*previous, name) {
            *previous = number;
            return self.learned.get(number).map_or((NONE, NONE), |learned| {
                self.doubtful |= learned.similar || self.seen & learned.bit != 0;
                self.seen |= learned.bit;
                (learned.read, learned.write)
            });
        }
        let hash = hash(name);
        let meaning = names.find(name, hash);
        self.doubtful |= matches!(meaning, Match::Similar);
        // The name may have an escape that is no text, even if a learned name is the same.
        visitor.name(object, start, name, hash);
        let mut bit = self.learned.bit_of(hash);
        let mut number = BEHIND_OTHER;
        if bit.is_none()
            && let Some(learned) = self.learned.learn(*previous, name, hash, &meaning)
        {
            number = learned;
            bit = self.learned.get(learned).map(|learned| learned.bit);
        }
        *previous = number;
        let bit = bit.unwrap_or_default();
        self.doubtful |= self.seen & bit != 0;
        self.seen |= bit;
        match meaning {
            Match::Declared(declared) => (declared.read, declared.write),
            Match::Other | Match::Similar => (NONE, NONE),
        }
    }

    #[inline(always)]
    fn add(&mut self, (read, write): (u16, u16), value: Range<usize>) {
        if let Some(read) = self.reads.get_mut(usize::from(read)) {
            if read.end == 0 {
                (read.start, read.end) = (value.start, value.end);
            } else {
                read.repeated = true;
            }
        }
        if write != NONE {
            self.add_written(write, value.end);
        }
    }

    #[cold]
    fn add_written(&mut self, write: u16, end: usize) {
        if self.written.len() <= CUTS_MAX {
            self.written.push(WrittenMember {
                write,
                number: offset(self.count),
                previous_end: offset(self.end),
                start: 0,
                end: offset(end),
                next: 0,
            });
        }
    }

    /// Finds the names around members that may be written, so that edits need not search for them.
    #[inline(always)]
    fn complete_written(&mut self, text: &[u8]) {
        if !self.written.is_empty() {
            complete(&mut self.written, text, self.end);
        }
    }
}

#[cold]
fn complete(written: &mut [WrittenMember], text: &[u8], last_end: usize) {
    let name_behind = |end: u32| {
        let rest = text.get(end as usize..).unwrap_or_default();
        let spaces = rest.iter().position(|byte| *byte == b'"');
        end + offset(spaces.unwrap_or_default())
    };
    for member in written {
        member.start = name_behind(member.previous_end);
        member.next = if member.end as usize == last_end {
            member.end
        } else {
            name_behind(member.end)
        };
    }
}

#[cfg(test)]
mod tests;
