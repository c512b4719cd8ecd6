//! The last few of many values.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The values that were used last, at most this many, by their keys. The latest used one is the last.
pub(super) struct Latest<K, V, const MOST: usize>(Mutex<VecDeque<(K, V)>>);

impl<K, V, const MOST: usize> Default for Latest<K, V, MOST> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + PartialEq, V: Clone, const MOST: usize> Latest<K, V, MOST> {
    fn entries(&self) -> MutexGuard<'_, VecDeque<(K, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value whose key is the one that is meant.
    pub(super) fn find(&self, is_meant: impl Fn(&K) -> bool) -> Option<V> {
        let mut entries = self.entries();
        let entry = take(&mut entries, is_meant)?;
        entries.push_back(entry.clone());
        Some(entry.1)
    }

    /// Keeps a value, instead of the one that was not used for the longest time if there are too many.
    pub(super) fn insert(&self, key: K, value: V) {
        let mut entries = self.entries();
        take(&mut entries, |known| *known == key);
        push(&mut entries, MOST, (key, value));
    }

    /// The value of a key, which is a new one if there is none.
    pub(super) fn get_or_insert_with(&self, key: &K, new: impl FnOnce() -> V) -> V {
        let mut entries = self.entries();
        let known = take(&mut entries, |known| known == key);
        let value = known.map_or_else(new, |(_, value)| value);
        push(&mut entries, MOST, (key.clone(), value.clone()));
        value
    }

    /// All keys.
    pub(super) fn keys(&self) -> Vec<K> {
        let entries = self.entries();
        entries.iter().map(|(key, _)| key.clone()).collect()
    }
}

fn take<K, V>(entries: &mut VecDeque<(K, V)>, is_meant: impl Fn(&K) -> bool) -> Option<(K, V)> {
    let at = entries.iter().position(|(key, _)| is_meant(key))?;
    entries.remove(at)
}

fn push<T>(entries: &mut VecDeque<T>, most: usize, entry: T) {
    entries.push_back(entry);
    let excess = entries.len().saturating_sub(most);
    entries.drain(..excess);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_used_are_kept() {
        let latest = Latest::<u8, char, 3>::default();
        for (key, value) in [(0, 'a'), (1, 'b'), (2, 'c')] {
            latest.insert(key, value);
        }
        assert_eq!(latest.find(|key| *key == 0), Some('a'));
        latest.insert(3, 'd');
        latest.insert(3, 'e');
        assert_eq!(latest.keys(), [2, 0, 3]);
        assert_eq!(latest.find(|key| *key == 1), None);
        assert_eq!(latest.get_or_insert_with(&2, || 'z'), 'c');
        assert_eq!(latest.get_or_insert_with(&9, || 'z'), 'z');
        assert_eq!(latest.keys(), [3, 2, 9]);
        assert_eq!(latest.find(|key| *key == 3), Some('e'));
    }
}
