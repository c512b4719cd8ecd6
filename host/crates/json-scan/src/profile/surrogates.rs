//! Finds surrogate escapes without their other half.

use crate::escaped_char;

/// Whether a string of the grammar has an unpaired surrogate escape.
#[inline(always)]
pub(super) fn has_lone(raw: &[u8]) -> bool {
    may_have_surrogates(raw) && find_lone(raw)
}

/// Whether the bytes of `\u` are there at all. There is no early end, so that the compiler can
/// compare many bytes at once.
#[inline(never)]
fn may_have_surrogates(raw: &[u8]) -> bool {
    let next = raw.iter().skip(1);
    raw.iter()
        .zip(next)
        .fold(false, |found, (a, b)| found | (*a == b'\\' && *b == b'u'))
}

#[cold]
fn find_lone(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(at..).unwrap_or_default();
        let Some((_, length)) = escaped_char(escape) else {
            return true;
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    false
}
