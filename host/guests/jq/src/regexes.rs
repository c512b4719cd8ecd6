//! Regular expressions: compiled once for each instance.
//!
//! To compile one costs more than to match a record. Those that are constants of the program are compiled with it, so
//! that no record pays for them and a fault in one is a fault of the program. Others are compiled by the record that
//! needs them, and the last few are kept.

mod flags;
mod search;
mod syntax;

use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use flags::{Flags, GLOBAL};
pub(crate) use search::{Groups, Regex};

/// The most expressions that are kept besides the constants. With their caches, they need a part of the memory only.
const RECENT_MAX: usize = 4;

/// The compiled expressions of a program.
#[derive(Debug, Default)]
pub(crate) struct Regexes {
    constants: Vec<Entry>,
    recent: Mutex<Recent>,
}

#[derive(Debug)]
struct Entry {
    pattern: Box<str>,
    /// Only those that change what is compiled.
    flags: Flags,
    regex: Arc<Regex>,
}

#[derive(Debug, Default)]
struct Recent {
    entries: Vec<Entry>,
    /// The entry that was added first.
    oldest: usize,
}

impl Regexes {
    /// Compiles a constant of the program.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn add_constant(&mut self, pattern: &str, flags: Flags) -> Result<(), String> {
        let flags = flags.of_compiler();
        if find(&self.constants, pattern, flags).is_none() {
            self.constants.push(Entry::compile(pattern, flags)?);
        }
        Ok(())
    }

    /// The compiled expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn get(&self, pattern: &str, flags: Flags) -> Result<Arc<Regex>, String> {
        let flags = flags.of_compiler();
        if let Some(regex) = find(&self.constants, pattern, flags) {
            return Ok(regex);
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = find(&recent.entries, pattern, flags) {
            return Ok(regex);
        }
        let entry = Entry::compile(pattern, flags)?;
        let regex = Arc::clone(&entry.regex);
        recent.add(entry);
        Ok(regex)
    }
}

impl Recent {
    fn add(&mut self, entry: Entry) {
        match self.entries.get_mut(self.oldest) {
            Some(oldest) if self.oldest < RECENT_MAX => *oldest = entry,
            _ => self.entries.push(entry),
        }
        self.oldest = (self.oldest + 1) % RECENT_MAX;
    }
}

impl Entry {
    fn compile(pattern: &str, flags: Flags) -> Result<Self, String> {
        Ok(Self {
            pattern: pattern.into(),
            flags,
            regex: Arc::new(Regex::new(pattern, flags)?),
        })
    }
}

fn find(entries: &[Entry], pattern: &str, flags: Flags) -> Option<Arc<Regex>> {
    let is_it = |entry: &&Entry| entry.flags == flags && *entry.pattern == *pattern;
    entries
        .iter()
        .find(is_it)
        .map(|entry| Arc::clone(&entry.regex))
}

#[cfg(test)]
mod tests;
