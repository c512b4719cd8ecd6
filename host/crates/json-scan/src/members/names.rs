//! The names of the members that a caller reads, and of those that it sets or removes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Text;
use crate::profile::name::{hash, unescaped};

/// Stands for no number.
pub(super) const NONE: u16 = u16::MAX;

/// The members that a caller reads, and those that it sets or removes.
#[derive(Clone, Debug)]
pub struct MemberNames {
    /// Is unique: [`Members`](super::Members) that have learned names for it recognize it.
    pub(super) id: u64,
    /// In the order of their hashes and then of their bytes.
    names: Vec<Name>,
    pub(super) reads: usize,
    /// For each member that is set or removed: `,"name":`, as it is written before a value.
    prefixes: Vec<Vec<u8>>,
    has_similar_names: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Name {
    name: Box<[u8]>,
    hash: u64,
    /// Its number among the members that are read.
    pub(super) read: u16,
    /// Its number among the members that are set or removed.
    pub(super) write: u16,
}

/// What a name of a text is.
pub(super) enum Match<'n> {
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

    pub(super) fn find(&self, name: Text<'_>, hash: u64) -> Match<'_> {
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
