//! Finds the members of an object that a caller reads or changes, in one validating scan.
//!
//! Members have names at the top level only. A name is compared after its escapes are decoded; a name with an
//! unpaired surrogate escape equals none.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::profile::name::hash;
use crate::profile::walk::{Open, Unchecked, Visitor, member_value};
use crate::{Expected, Kind, Scanner, SyntaxError, Text, scan};

mod learned;

use learned::{BEFORE_FIRST, BEHIND_OTHER, LearnedNames};

/// Buckets of names; a power of two.
const BUCKETS: usize = 64;
const BUCKET_BITS: u32 = BUCKETS.trailing_zeros();
/// Stands for the end of a bucket.
const NONE: u16 = u16::MAX;

/// The members that a caller reads, and those that it sets or removes.
#[derive(Clone, Debug)]
pub struct MemberNames {
    /// Is unique: who has learned names of texts for these ones recognises them by it.
    id: u64,
    names: Vec<Name>,
    /// The first name of each bucket.
    buckets: [u16; BUCKETS],
    reads: usize,
    /// For each member that is set or removed: `,"name":`, as it is written before a value.
    prefixes: Vec<Vec<u8>>,
    similar_writes: bool,
}

#[derive(Clone, Debug)]
struct Name {
    name: Box<[u8]>,
    hash: u64,
    /// Its number among the members that are read.
    read: u16,
    /// Its number among the members that are set or removed.
    write: u16,
    /// The next name of its bucket.
    next: u16,
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
        let mut this = Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            names: Vec::new(),
            buckets: [NONE; BUCKETS],
            reads: reads.len(),
            prefixes: Vec::new(),
            similar_writes: false,
        };
        for (number, name) in (0..NONE).zip(reads) {
            this.add(name.as_ref()).read = number;
        }
        for (number, name) in (0..NONE).zip(writes) {
            this.add(name.as_ref()).write = number;
            this.prefixes.push(prefix(name.as_ref()));
        }
        let mut folded: Vec<_> = writes
            .iter()
            .map(|name| name.as_ref().to_ascii_lowercase())
            .collect();
        folded.sort_unstable();
        this.similar_writes = folded.windows(2).any(|pair| pair[0] == pair[1]);
        this
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

    /// Whether two names that are set or removed differ in the case of ASCII letters only.
    #[must_use]
    pub fn has_similar_writes(&self) -> bool {
        self.similar_writes
    }

    /// What is written before the value of a member that is set, with the comma.
    #[inline(always)]
    #[must_use]
    pub fn prefix(&self, write: usize) -> &[u8] {
        self.prefixes.get(write).map_or(&[], Vec::as_slice)
    }

    /// The entry of a name, which is added if it is new.
    fn add(&mut self, name: &str) -> &mut Name {
        let text = Text {
            raw: name.as_bytes(),
            escaped: false,
        };
        let found = self
            .names
            .iter()
            .position(|it| *it.name == *name.as_bytes());
        let index = found.unwrap_or_else(|| {
            let hash = hash(text);
            let index = self.names.len();
            // There are up to 512 names.
            let number = u16::try_from(index).unwrap_or(NONE);
            let first = &mut self.buckets[bucket(hash)];
            self.names.push(Name {
                name: name.as_bytes().into(),
                hash,
                read: NONE,
                write: NONE,
                next: *first,
            });
            *first = number;
            index
        });
        &mut self.names[index]
    }

    #[inline(always)]
    fn find(&self, name: Text<'_>, hash: u64) -> Match<'_> {
        let mut next = self.buckets[bucket(hash)];
        while let Some(candidate) = self.names.get(usize::from(next)) {
            if candidate.hash == hash {
                if is_same(name, &candidate.name) {
                    return Match::Declared(candidate);
                }
                return self.find_among_similar(name, hash);
            }
            next = candidate.next;
        }
        Match::Other
    }

    /// Several names have this hash.
    #[cold]
    fn find_among_similar(&self, name: Text<'_>, hash: u64) -> Match<'_> {
        let same = |it: &&Name| it.hash == hash && is_same(name, &it.name);
        self.names
            .iter()
            .find(same)
            .map_or(Match::Similar, Match::Declared)
    }
}

/// The highest bits of a hash depend on all of its input.
#[inline(always)]
fn bucket(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize % BUCKETS
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

#[inline(always)]
fn is_same(name: Text<'_>, declared: &[u8]) -> bool {
    if name.escaped {
        return is_same_escaped(name, declared);
    }
    is_equal(name.raw, declared)
}

#[cold]
fn is_same_escaped(name: Text<'_>, declared: &[u8]) -> bool {
    name.decode()
        .is_some_and(|name| name.as_bytes() == declared)
}

/// Compares short texts without a call.
#[inline(always)]
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    const WORD: usize = size_of::<u64>();
    if a.len() != b.len() {
        return false;
    }
    if !(WORD..=2 * WORD).contains(&a.len()) {
        return a == b;
    }
    a.first_chunk::<WORD>() == b.first_chunk() && a.last_chunk::<WORD>() == b.last_chunk()
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
    pub(crate) number: usize,
    /// Where the value of the member before it ends. For the first one, where the opening brace ends.
    pub(crate) previous_end: usize,
    /// Where its value ends.
    pub(crate) end: usize,
}

/// What edits need to know of an object.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'m> {
    /// Where members are appended: the end of the last value, or behind the opening brace.
    pub end: usize,
    /// The number of members.
    pub count: usize,
    /// The members that may be set or removed, in the order of the text.
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

    /// What edits need to know.
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
                self.object(scanner, names, open, visitor)?;
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
    fn object<'a, V: Visitor<'a>>(
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
                    self.unexpected(names, object, start, name, visitor, &mut previous)
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
                return Ok(());
            }
        }
    }

    /// The numbers among the members that are read and written of a name that is not the one that followed last
    /// time, or has white space around it.
    #[inline(never)]
    fn unexpected<'a, V: Visitor<'a>>(
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
        self.written.push(WrittenMember {
            write,
            number: self.count,
            previous_end: self.end,
            end,
        });
    }
}

#[cfg(test)]
mod tests;
