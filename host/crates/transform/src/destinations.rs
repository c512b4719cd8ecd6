//! Partitions and routes, each once in a batch.

use std::ops::{BitOr, BitOrAssign};

use crate::bytes::{equal, finish, mix};

/// Where an event goes: `Routes::LAKE | Routes::BUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routes(u8);

impl Routes {
    /// To the data lake, into the event's partition.
    pub const LAKE: Self = Self(1);
    /// To the bus, as one message.
    pub const BUS: Self = Self(2);

    /// As `|`, for constants.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is a part of this.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of the contract's flags.
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Routes {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Routes {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        *self = self.with(other);
    }
}

/// A partition with routes, which events share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The lake partition: columns and their values, outermost first.
    pub partition: Vec<(String, String)>,
    /// Where the events go.
    pub routes: Routes,
}

impl Destination {
    fn new<V: AsRef<[u8]>>(routes: Routes, partition: &[(&str, V)]) -> Self {
        let text = |value: &V| String::from_utf8_lossy(value.as_ref()).into_owned();
        let columns = partition.iter();
        Self {
            partition: columns
                .map(|(name, value)| ((*name).to_owned(), text(value)))
                .collect(),
            routes,
        }
    }

    #[inline(always)]
    fn is<V: AsRef<[u8]>>(&self, routes: Routes, partition: &[(&str, V)]) -> bool {
        self.routes == routes
            && self.partition.len() == partition.len()
            && self.partition.iter().zip(partition).all(|(mine, theirs)| {
                equal(mine.1.as_bytes(), theirs.1.as_ref())
                    && equal(mine.0.as_bytes(), theirs.0.as_bytes())
            })
    }
}

/// The first number of slots; a power of two.
const SLOTS: usize = 64;

/// The distinct destinations of a batch, in the order of first use.
#[derive(Debug, Default)]
pub struct Destinations {
    all: Vec<Destination>,
    last: u32,
    /// An open hash table, at most half full: the index of a destination plus one, or 0. Their number is a power of
    /// two.
    slots: Vec<u32>,
}

impl Destinations {
    /// The index of a destination, which is added if it is new. Consecutive records often share one, so the last one is
    /// compared before the table is searched.
    #[inline]
    pub fn index<V: AsRef<[u8]>>(&mut self, routes: Routes, partition: &[(&str, V)]) -> u32 {
        let last = self.all.get(self.last as usize);
        if !last.is_some_and(|last| last.is(routes, partition)) {
            self.last = self.find_or_add(routes, partition);
        }
        self.last
    }

    fn find_or_add<V: AsRef<[u8]>>(&mut self, routes: Routes, partition: &[(&str, V)]) -> u32 {
        if 2 * self.all.len() >= self.slots.len() {
            self.fill_slots((2 * self.slots.len()).max(SLOTS));
        }
        let hash = hash(routes, partition.iter().map(|(_, value)| value.as_ref()));
        let mut slot = self.slot(hash);
        while let Some(index) = self.slots.get(slot).and_then(|entry| entry.checked_sub(1)) {
            let found = self.all.get(index as usize);
            if found.is_some_and(|found| found.is(routes, partition)) {
                return index;
            }
            slot = self.slot(slot + 1);
        }
        self.all.push(Destination::new(routes, partition));
        // A batch has up to 1,000 records, and memory ends where `u32` does.
        let count = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        if let Some(entry) = self.slots.get_mut(slot) {
            *entry = count;
        }
        count - 1
    }

    #[inline(always)]
    fn slot(&self, hash: usize) -> usize {
        hash & self.slots.len().wrapping_sub(1)
    }

    #[cold]
    fn fill_slots(&mut self, count: usize) {
        self.slots.clear();
        self.slots.resize(count, 0);
        for (number, destination) in (1..).zip(&self.all) {
            let values = destination.partition.iter();
            let hash = hash(
                destination.routes,
                values.map(|(_, value)| value.as_bytes()),
            );
            let mut slot = hash & (count - 1);
            while self.slots.get(slot).is_some_and(|entry| *entry != 0) {
                slot = (slot + 1) & (count - 1);
            }
            if let Some(entry) = self.slots.get_mut(slot) {
                *entry = number;
            }
        }
    }

    /// The number of destinations.
    #[inline(always)]
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Removes all but the first `count` destinations.
    #[cold]
    pub fn truncate(&mut self, count: usize) {
        self.all.truncate(count);
        self.last = 0;
        self.fill_slots(self.slots.len());
    }

    /// A destination, by its index.
    pub fn get(&self, index: u32) -> Option<&Destination> {
        self.all.get(index as usize)
    }

    /// All destinations, in the order of their indexes.
    pub fn into_vec(self) -> Vec<Destination> {
        self.all
    }
}

/// A hash of routes and values. Column names hardly differ.
#[inline(always)]
fn hash<'v>(routes: Routes, values: impl Iterator<Item = &'v [u8]>) -> usize {
    finish(values.fold(u64::from(routes.0), mix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(all: &mut Destinations, routes: Routes, partition: &[(&str, &str)]) -> u32 {
        all.index(routes, partition)
    }

    #[test]
    fn routes_are_a_set() {
        let mut routes = Routes::LAKE;
        routes |= Routes::BUS;
        assert_eq!(routes, Routes::LAKE | Routes::BUS);
        assert!(routes.contains(Routes::BUS) && !Routes::LAKE.contains(routes));
    }

    #[test]
    fn destinations_differ_in_routes_names_values_and_their_number() {
        let mut all = Destinations::default();
        let both = Routes::LAKE | Routes::BUS;
        let different: [(Routes, &[(&str, &str)]); 8] = [
            (both, &[("a", "x")]),
            (Routes::LAKE, &[("a", "x")]),
            (Routes::BUS, &[("a", "x")]),
            (both, &[("b", "x")]),
            (both, &[("a", "y")]),
            (both, &[("a", "x"), ("b", "")]),
            (both, &[("a", "x"), ("b", "x")]),
            (both, &[]),
        ];
        for _ in 0..2 {
            for (place, (routes, partition)) in (0..).zip(different) {
                assert_eq!(index(&mut all, routes, partition), place);
                assert_eq!(index(&mut all, routes, partition), place);
            }
        }
        assert_eq!(all.len(), different.len());
    }

    #[test]
    fn destinations_that_are_removed_are_forgotten() {
        let mut all = Destinations::default();
        for name in ["a", "b", "c"] {
            index(&mut all, Routes::LAKE, &[("n", name)]);
        }
        all.truncate(1);
        assert_eq!(index(&mut all, Routes::LAKE, &[("n", "c")]), 1);
        assert_eq!(index(&mut all, Routes::LAKE, &[("n", "a")]), 0);
        assert_eq!(index(&mut all, Routes::LAKE, &[("n", "b")]), 2);
        all.truncate(0);
        assert_eq!(index(&mut all, Routes::BUS, &[]), 0);
        assert_eq!(all.into_vec().len(), 1);
    }

    proptest! {
        #[test]
        fn each_destination_is_found_again(values in prop::collection::vec("[ab]{0,9}", 0..600)) {
            let mut all = Destinations::default();
            let mut expected: Vec<&str> = Vec::new();
            for value in &values {
                let place = expected.iter().position(|known| known == value).unwrap_or_else(|| {
                    expected.push(value);
                    expected.len() - 1
                });
                let found = index(&mut all, Routes::LAKE, &[("value", value)]);
                prop_assert_eq!(found as usize, place);
            }
            let all = all.into_vec();
            let found: Vec<_> = all.iter().map(|it| it.partition[0].1.as_str()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
