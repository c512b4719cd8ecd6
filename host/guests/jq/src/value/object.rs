//! Objects: members in their order.

use super::text::equal;
use super::{Text, Val};

/// An object with more members has an index of their names.
const UNINDEXED_MAX: usize = 16;

/// The members of an object, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    members: Vec<(Text, Val)>,
    /// An open hash table, at most half full: the place of a member plus one, or 0. Their number is a power of two, or
    /// 0 without an index.
    slots: Vec<u32>,
}

impl Object {
    /// An object of members whose names may be repeated: the last value counts.
    pub(crate) fn of(members: impl ExactSizeIterator<Item = (Text, Val)>) -> Self {
        let mut object = Self::with_capacity(members.len());
        for (name, value) in members {
            object.set(name, value);
        }
        object
    }

    /// An empty object with room for members.
    pub(crate) fn with_capacity(members: usize) -> Self {
        Self {
            members: Vec::with_capacity(members),
            slots: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Text, Val)> {
        self.members.iter()
    }

    pub(crate) fn into_members(self) -> Vec<(Text, Val)> {
        self.members
    }

    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Val> {
        let (_, value) = self.members.get(self.place(name)?)?;
        Some(value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Val> {
        let place = self.place(name)?;
        let (_, value) = self.members.get_mut(place)?;
        Some(value)
    }

    /// Sets a member: in its place, or at the end.
    #[inline]
    pub(crate) fn set(&mut self, name: Text, value: Val) {
        match self.get_mut(name.as_bytes()) {
            Some(place) => *place = value,
            None => self.push(name, value),
        }
    }

    /// Adds a member that the object does not have.
    #[inline]
    pub(crate) fn push(&mut self, name: Text, value: Val) {
        self.members.push((name, value));
        let count = self.members.len();
        // After members were removed, a small object can have an index.
        if count > UNINDEXED_MAX || !self.slots.is_empty() {
            if 2 * count > self.slots.len() {
                self.fill_slots(4 * count.next_power_of_two());
            } else {
                self.index_last();
            }
        }
    }

    /// Removes a member. The others keep their order.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        if let Some(place) = self.place(name) {
            self.members.remove(place);
            let slots = self.slots.len();
            self.fill_slots(slots);
        }
    }

    #[inline]
    fn place(&self, name: &[u8]) -> Option<usize> {
        match self.slots.is_empty() {
            true => {
                let mut members = self.members.iter();
                members.position(|(known, _)| equal(known.as_bytes(), name))
            }
            false => self.indexed_place(name),
        }
    }

    fn indexed_place(&self, name: &[u8]) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(name) & mask;
        loop {
            let place = (*self.slots.get(slot)?).checked_sub(1)? as usize;
            if equal(self.members.get(place)?.0.as_bytes(), name) {
                return Some(place);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn index_last(&mut self) {
        let place = self.members.len();
        if let Some((name, _)) = self.members.last() {
            let hash = hash(name.as_bytes());
            insert(&mut self.slots, hash, place);
        }
    }

    fn fill_slots(&mut self, count: usize) {
        self.slots.clear();
        self.slots.resize(count, 0);
        if count > 0 {
            for (place, (name, _)) in (1..).zip(&self.members) {
                insert(&mut self.slots, hash(name.as_bytes()), place);
            }
        }
    }
}

/// Puts the number of a member, from 1, into the first free slot from its hash on.
fn insert(slots: &mut [u32], hash: usize, number: usize) {
    let mask = slots.len().wrapping_sub(1);
    let mut slot = hash & mask;
    while slots.get(slot).is_some_and(|number| *number != 0) {
        slot = (slot + 1) & mask;
    }
    if let Some(free) = slots.get_mut(slot) {
        *free = u32::try_from(number).unwrap_or(u32::MAX);
    }
}

/// A hash of a name. Names that are made to collide cost fuel, and so only their own record.
fn hash(name: &[u8]) -> usize {
    let mix = |hash: u64, word: u64| {
        (hash ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    let (words, rest) = name.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    let hash = words.chain(rest).fold(name.len() as u64, mix);
    #[allow(clippy::cast_possible_truncation, reason = "any bits of a hash do")]
    let folded = (hash ^ (hash >> 32)) as usize;
    folded
}
