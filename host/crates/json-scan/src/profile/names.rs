//! Finds names that an object has twice: quickly for ordinary texts, exactly for all others.

use super::name::{compare, mix};
use super::walk::Visitor;
use crate::Text;

/// Places for names; a power of two.
const PLACES: usize = 256;
/// The most names of a text that are looked up here. With half of the places free, a search is
/// short.
const RECENT_MAX: usize = PLACES / 2;

/// A name of an object.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The number of the object; numbers of earlier texts stand for a free place.
    object: u64,
    /// The hash of the number and the name.
    tag: u64,
}

/// The names of a text with few names, as hashes. Equal hashes are doubtful, different ones stand
/// for different names.
#[derive(Debug)]
pub(super) struct RecentNames {
    places: [Place; PLACES],
    /// The number of the last object before this text.
    before: u64,
    count: usize,
    may_repeat: bool,
}

impl Default for RecentNames {
    fn default() -> Self {
        Self {
            places: [Place::default(); PLACES],
            before: 0,
            count: 0,
            may_repeat: false,
        }
    }
}

impl RecentNames {
    /// Starts with another text, whose objects have higher numbers than `before`.
    #[inline(always)]
    pub(super) fn restart(&mut self, before: u64) {
        self.before = before;
        self.count = 0;
        self.may_repeat = false;
    }

    /// The number of names, if some of them may be equal.
    #[inline(always)]
    pub(super) fn doubtful(&self) -> Option<usize> {
        (self.may_repeat || self.count > RECENT_MAX).then_some(self.count)
    }

    #[inline(always)]
    pub(super) fn insert(&mut self, object: u64, name_hash: u64) {
        self.count += 1;
        if self.count > RECENT_MAX {
            return;
        }
        let tag = mix(object, name_hash);
        let mut index = (tag >> 32) as usize;
        // Half of the places are free, so the loop ends.
        loop {
            let place = &mut self.places[index % PLACES];
            if place.object <= self.before {
                *place = Place { object, tag };
                return;
            }
            if place.tag == tag {
                self.may_repeat = true;
                return;
            }
            index += 1;
        }
    }
}

/// All names of a text, compared exactly.
pub(super) struct AllNames<'a> {
    input: &'a [u8],
    names: Vec<Entry>,
}

/// A name of an object.
#[derive(Clone, Copy)]
struct Entry {
    object: u64,
    hash: u64,
    /// The offset of the opening quote.
    at: usize,
}

impl<'a> AllNames<'a> {
    /// Has memory for `count` names of `input`.
    pub(super) fn with_capacity(input: &'a [u8], count: usize) -> Self {
        let names = Vec::with_capacity(count);
        Self { input, names }
    }

    /// The offset of the first name that its object has had before. Sorting bounds the time,
    /// whatever the hashes are.
    pub(super) fn repeated(mut self) -> Option<usize> {
        let input = self.input;
        let key = |entry: &Entry| (entry.object, entry.hash);
        let by_name = |a: &Entry, b: &Entry| {
            let by_hash = key(a).cmp(&key(b));
            by_hash.then_with(|| compare(name_at(input, a.at), name_at(input, b.at)))
        };
        self.names
            .sort_unstable_by(|a, b| by_name(a, b).then(a.at.cmp(&b.at)));
        let pairs = self.names.windows(2);
        let repeated = pairs.filter_map(|pair| match pair {
            [a, b] if by_name(a, b).is_eq() => Some(b.at),
            _ => None,
        });
        repeated.min()
    }
}

impl<'a> Visitor<'a> for AllNames<'a> {
    #[inline(always)]
    fn name(&mut self, object: u64, at: usize, _name: Text<'a>, hash: u64) {
        self.names.push(Entry { object, hash, at });
    }
}

/// The name whose opening quote is at `at` in a valid text.
fn name_at(input: &[u8], at: usize) -> Text<'_> {
    let rest = input.get(at + 1..).unwrap_or_default();
    let (mut end, mut escaped) = (0, false);
    loop {
        match rest.get(end) {
            None | Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                end += 2;
            }
            Some(_) => end += 1,
        }
    }
    let raw = rest.get(..end).unwrap_or(rest);
    Text { raw, escaped }
}
