//! Compares the names of members after unescaping, without regard to the case of ASCII letters.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::Text;

/// Bytes that are hashed at once.
const WORD: usize = size_of::<u64>();
/// The bit in which the cases of an ASCII letter differ, for each byte. To set it makes some other
/// characters equal too; the hash tells fewer names apart then.
const CASE: u64 = u64::MAX / 255 * 0x20;
/// An odd number with irregular bits (2^64 divided by the golden ratio).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes a word into a hash. The highest bits depend on all bits of both.
#[inline(always)]
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(29) ^ word).wrapping_mul(FACTOR)
}

/// The hash of a name. Equal names have equal hashes.
#[inline(always)]
pub(crate) fn hash(name: Text<'_>) -> u64 {
    if name.escaped {
        return hash_escaped(name);
    }
    hash_bytes(name.raw)
}

#[cold]
fn hash_escaped(name: Text<'_>) -> u64 {
    hash_bytes(&unescaped(name))
}

#[inline(always)]
fn hash_bytes(name: &[u8]) -> u64 {
    let hash = name.len() as u64;
    let (Some(first), Some(last)) = (name.first_chunk::<WORD>(), name.last_chunk::<WORD>()) else {
        return mix(hash, short(name) | CASE);
    };
    let mut hash = mix(hash, u64::from_le_bytes(*first) | CASE);
    if name.len() > 2 * WORD {
        hash = hash_middle(hash, name);
    }
    // Of a short name, the last word overlaps the first.
    mix(hash, u64::from_le_bytes(*last) | CASE)
}

/// The first and the last word of a name. With its length, they are all of a name of two words or less.
#[inline(always)]
pub(crate) fn words(name: &[u8]) -> (u64, u64) {
    match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (short(name), 0),
    }
}

/// Adds the words after the first one.
#[inline(never)]
fn hash_middle(hash: u64, name: &[u8]) -> u64 {
    let (words, _) = name.as_chunks::<WORD>();
    let middle = words.iter().skip(1);
    middle.fold(hash, |hash, word| {
        mix(hash, u64::from_le_bytes(*word) | CASE)
    })
}

/// All bytes of a name that is shorter than a word.
#[inline(always)]
fn short(name: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    let byte = |at: usize| name.get(at).map_or(0, |byte| u64::from(*byte));
    byte(0) | byte(1) << 8 | byte(2) << 16
}

/// Orders names.
pub(super) fn compare(a: Text<'_>, b: Text<'_>) -> Ordering {
    let (a, b) = (unescaped(a), unescaped(b));
    let folded = |name: &u8| name.to_ascii_lowercase();
    a.iter().map(folded).cmp(b.iter().map(folded))
}

/// The bytes of a name. A name with an unpaired surrogate stays as it is: it is a violation itself.
pub(crate) fn unescaped(name: Text<'_>) -> Cow<'_, [u8]> {
    match name.decode() {
        Some(text) if name.escaped => text.into_bytes().into(),
        _ => name.raw.into(),
    }
}
