//! Finds the members of an object that a caller reads or changes, in one validating scan.
//!
//! Members have names at the top level only. A name is compared after its escapes are decoded; a name with an
//! unpaired surrogate escape equals none.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::edit::CUTS_MAX;
use crate::profile::name::{hash, unescaped};
use crate::profile::walk::{Open, Unchecked, Visitor, member_value};
use crate::{Expected, Kind, Scanner, SyntaxError, Text, scan};

mod learned;

use learned::{BEFORE_FIRST, BEHIND_OTHER, LearnedNames};

/// Stands for no number.
const NONE: u16 = u16::MAX;

/// The members that a caller reads, and those that it sets or removes.
#[derive(Clone, Debug)]
pub struct MemberNames {
    /// Is unique: [`Members`] that have learned names for it recognize it.
    id: u64,
    /// In the order of their hashes and then of their bytes.
    names: Vec<Name>,
    reads: usize,
    /// For each member that is set or removed: `,"name":`, as it is written before a value.
    prefixes: Vec<Vec<u8>>,
    has_similar_names: bool,
}

#[derive(Clone, Debug)]
struct Name {
    name: Box<[u8]>,
    hash: u64,
    /// Its number among the members that are read.
    read: u16,
    /// Its number among the members that are set or removed.
    write: u16,
}

/// What a name of a text is.
enum Match<'n> {
    Other,
    /// Not declared, but so similar to a declared name that both may be one name to a reader.
    Similar,
    Declared(&'n Name),
}

impl MemberNames {
    /// The most names of either kind.
    pub const MAX: usize = 256;

    /// `reads` and `writes` are decoded names, up to [`MAX`](Self::MAX) of each, each once in its list.
    #[must_use]
    pub fn new<S: AsRef<str>>(reads: &[S], writes: &[S]) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let reads_and_writes = reads.iter().chain(writes);
        let names = reads_and_writes.map(|name| Name::new(name.as_ref()));
        let mut names: Vec<_> = names.collect();
        names.sort_by(|a, b| a.key().cmp(&b.key()));
        names.dedup_by(|a, b| a.name == b.name);
        let mut this = Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            names,
            reads: reads.len(),
            prefixes: writes.iter().map(|name| prefix(name.as_ref())).collect(),
            has_similar_names: false,
        };
        for (number, name) in (0..NONE).zip(reads) {
            if let Some(found) = this.find_mut(name.as_ref()) {
                found.read = number;
            }
        }
        for (number, name) in (0..NONE).zip(writes) {
            if let Some(found) = this.find_mut(name.as_ref()) {
                found.write = number;
            }
        }
        this.has_similar_names = has_similar(&this.names);
        this
    }

    fn find_mut(&mut self, name: &str) -> Option<&mut Name> {
        let wanted = Name::new(name);
        let found = self
            .names
            .binary_search_by(|it| it.key().cmp(&wanted.key()));
        self.names.get_mut(found.ok()?)
    }

    /// The number of members that are read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// The number of members that are set or removed.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether a name that is set or removed differs from another declared name in the case of ASCII letters only.
    #[must_use]
    pub fn has_similar_names(&self) -> bool {
        self.has_similar_names
    }

    /// What is written before the value of a member that is set, with the comma.
    #[inline(always)]
    #[must_use]
    pub fn prefix(&self, write: usize) -> &[u8] {
        self.prefixes.get(write).map_or(&[], Vec::as_slice)
    }

    fn find(&self, name: Text<'_>, hash: u64) -> Match<'_> {
        let name = unescaped(name);
        let key = (hash, &*name);
        match self.names.binary_search_by(|it| it.key().cmp(&key)) {
            Ok(found) => Match::Declared(&self.names[found]),
            Err(place) => {
                let before = place.checked_sub(1).and_then(|it| self.names.get(it));
                let around = [before, self.names.get(place)];
                if around.into_iter().flatten().any(|it| it.hash == hash) {
                    Match::Similar
                } else {
                    Match::Other
                }
            }
        }
    }
}

impl Name {
    fn new(name: &str) -> Self {
        let text = Text {
            raw: name.as_bytes(),
            escaped: false,
        };
        Self {
            name: name.as_bytes().into(),
            hash: hash(text),
            read: NONE,
            write: NONE,
        }
    }

    fn key(&self) -> (u64, &[u8]) {
        (self.hash, &self.name)
    }
}

/// Whether a name that is set or removed equals another one if case is folded.
fn has_similar(names: &[Name]) -> bool {
    let folded = names
        .iter()
        .map(|it| (it.name.to_ascii_lowercase(), it.write != NONE));
    let mut folded: Vec<_> = folded.collect();
    folded.sort_unstable();
    let pairs = folded.chunk_by(|a, b| a.0 == b.0);
    pairs
        .into_iter()
        .any(|same| same.len() > 1 && same.iter().any(|(_, is_write)| *is_write))
}

fn prefix(name: &str) -> Vec<u8> {
    let mut prefix = br#",""#.to_vec();
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => prefix.extend_from_slice(&[b'\\', byte]),
            0..0x20 => prefix.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => prefix.push(byte),
        }
    }
    prefix.extend_from_slice(br#"":"#);
    prefix
}

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
