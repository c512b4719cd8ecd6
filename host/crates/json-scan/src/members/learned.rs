//! Names of earlier texts. The next text probably has the same ones, in the same order, so a name is compared with
//! the one that followed last time before it is searched for.
//!
//! What is learned must change nothing but the time. The tests read texts after others, and compare the results.

use super::{Match, MemberNames, NONE};
use crate::profile::name::{hash, words};
use crate::{Scanner, Text};

/// The most names that are learned: one bit each tells whether an object has it.
const LEARNED_MAX: usize = u64::BITS as usize;
/// Longer names are not learned.
const LENGTH_MAX: usize = 64;
/// Up to this length, two words have all bytes of a name.
const WORDS_MAX: usize = 16;
/// Buckets of names; a power of two.
const BUCKETS: usize = 256;
const BUCKET_BITS: u32 = BUCKETS.trailing_zeros();
const FREE: u8 = u8::MAX;

/// A name that has been learned.
#[derive(Debug)]
pub(super) struct LearnedName {
    length: usize,
    words: (u64, u64),
    name: Box<[u8]>,
    /// How the member begins: `"name":`.
    head: Box<[u8]>,
    hash: u64,
    pub(super) read: u16,
    pub(super) write: u16,
    /// Whether it may be the same as a declared name to a reader that folds case, but is not the same.
    pub(super) similar: bool,
    pub(super) bit: u64,
}

impl LearnedName {
    #[inline(always)]
    fn is(&self, name: Text<'_>) -> bool {
        self.length == name.raw.len()
            && self.words == words(name.raw)
            && (self.length <= WORDS_MAX || *self.name == *name.raw)
    }
}

/// Names that have been learned for one [`MemberNames`].
#[derive(Debug)]
pub(super) struct LearnedNames {
    /// Of which [`MemberNames`] they know the meaning.
    of: u64,
    names: Vec<LearnedName>,
    /// The name that followed each name, and, at the end, the first name of an object and the one that followed a name
    /// that was not learned.
    next: [u8; NEXT],
    buckets: [u8; BUCKETS],
}

impl Default for LearnedNames {
    fn default() -> Self {
        Self {
            of: 0,
            names: Vec::new(),
            next: [FREE; NEXT],
            buckets: [FREE; BUCKETS],
        }
    }
}

/// The place before the first name.
pub(super) const BEFORE_FIRST: usize = LEARNED_MAX;
/// The place behind a name that was not learned.
pub(super) const BEHIND_OTHER: usize = LEARNED_MAX + 1;
const NEXT: usize = LEARNED_MAX + 2;

impl LearnedNames {
    /// Forgets everything if it was learned for other names.
    #[inline(always)]
    pub(super) fn restart(&mut self, names: &MemberNames) {
        if self.of != names.id {
            *self = Self {
                of: names.id,
                ..Self::default()
            };
        }
    }

    /// Skips the name that followed `previous` last time, the comma before it and the colon behind it, if they come
    /// next. Returns the number of the name, with the cursor at the value; otherwise, the cursor stays.
    #[inline(always)]
    pub(super) fn take_expected(
        &self,
        previous: usize,
        scanner: &mut Scanner<'_, '_>,
    ) -> Option<(usize, &LearnedName)> {
        let number = usize::from(*self.next.get(previous)?);
        let expected = self.names.get(number)?;
        let start = scanner.at;
        if previous == BEFORE_FIRST || scanner.take(b',') {
            scanner.skip_space();
            if scanner.take_text(&expected.head) {
                scanner.skip_space();
                return Some((number, expected));
            }
        }
        scanner.at = start;
        None
    }

    /// The number of the learned name that is `name`. From now on, it is expected behind `previous`.
    #[inline(never)]
    pub(super) fn find(&mut self, previous: usize, name: Text<'_>) -> Option<usize> {
        if name.escaped {
            return None;
        }
        let number = self.number_of(hash(name))?;
        if !self.names.get(number)?.is(name) {
            return None;
        }
        self.expect(previous, number);
        Some(number)
    }

    #[inline(always)]
    pub(super) fn get(&self, number: usize) -> Option<&LearnedName> {
        self.names.get(number)
    }

    /// The bit of a learned name that equals a name with this hash, at least if case is folded. If hashes are
    /// equal by chance, the bit stands for both.
    pub(super) fn bit_of(&self, hash: u64) -> Option<u64> {
        Some(self.names.get(self.number_of(hash)?)?.bit)
    }

    fn number_of(&self, hash: u64) -> Option<usize> {
        let mut bucket = (hash >> (u64::BITS - BUCKET_BITS)) as usize;
        // Three of four buckets are free, so the loop ends.
        loop {
            let number = usize::from(self.buckets[bucket % BUCKETS]);
            if self.names.get(number)?.hash == hash {
                return Some(number);
            }
            bucket += 1;
        }
    }

    /// Learns a name, unless it is unusual, equals a learned one if case is folded, or there are too many.
    pub(super) fn learn(
        &mut self,
        previous: usize,
        name: Text<'_>,
        hash: u64,
        meaning: &Match<'_>,
    ) -> Option<usize> {
        let number = self.names.len();
        let unusual = name.escaped || name.raw.len() > LENGTH_MAX;
        if unusual || number >= LEARNED_MAX || self.number_of(hash).is_some() {
            return None;
        }
        let (read, write) = match meaning {
            Match::Declared(declared) => (declared.read, declared.write),
            Match::Other | Match::Similar => (NONE, NONE),
        };
        self.names.push(LearnedName {
            length: name.raw.len(),
            words: words(name.raw),
            name: name.raw.into(),
            head: [br#"""#, name.raw, br#"":"#].concat().into(),
            hash,
            read,
            write,
            similar: matches!(meaning, Match::Similar),
            bit: 1 << number,
        });
        self.place(hash, number);
        self.expect(previous, number);
        Some(number)
    }

    fn place(&mut self, hash: u64, number: usize) {
        let mut bucket = (hash >> (u64::BITS - BUCKET_BITS)) as usize;
        while self.buckets[bucket % BUCKETS] != FREE {
            bucket += 1;
        }
        self.buckets[bucket % BUCKETS] = small(number);
    }

    fn expect(&mut self, previous: usize, number: usize) {
        if let Some(next) = self.next.get_mut(previous) {
            *next = small(number);
        }
    }
}

/// Numbers of learned names are below [`LEARNED_MAX`].
fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(FREE)
}
