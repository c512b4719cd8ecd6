//! Operations on a few bytes, a word at a time. If lengths vary, the branches of a loop over single
//! bytes are mispredicted.

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// The first position of `byte`, which is not zero, in `bytes` from `from` on.
#[inline(always)]
pub(crate) fn find(bytes: &[u8], byte: u8, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(word) = bytes.get(at..)?.first_chunk() {
        if let Some(offset) = find_in(u64::from_le_bytes(*word), byte) {
            return Some(at + offset);
        }
        at += size_of::<u64>();
    }
    let rest = bytes.get(at..)?;
    match bytes.last_chunk() {
        Some(word) if !rest.is_empty() => {
            let seen = size_of::<u64>() - rest.len();
            find_in(u64::from_le_bytes(*word) >> (8 * seen), byte).map(|offset| at + offset)
        }
        // The zeros behind a short text are not `byte`.
        _ => find_in(short(rest), byte).map(|offset| at + offset),
    }
}

/// The bytes of a text of less than eight, the first one in the lowest byte, and zeros behind them.
#[inline(always)]
fn short(text: &[u8]) -> u64 {
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last));
        return u64::from(u32::from_le_bytes(*first)) | last << (8 * (length - 4));
    }
    match text {
        [] => 0,
        // Of two bytes or less, some are the same one.
        [first, .., last] => {
            let middle = text[length / 2];
            u64::from(*first)
                | u64::from(middle) << (8 * (length / 2))
                | u64::from(*last) << (8 * (length - 1))
        }
        [only] => u64::from(*only),
    }
}

#[inline(always)]
fn find_in(word: u64, byte: u8) -> Option<usize> {
    let others = word ^ (ONES * u64::from(byte));
    // A carry can mark bytes above the first one that is zero, never below.
    let found = others.wrapping_sub(ONES) & !others & HIGH;
    (found != 0).then_some((found.trailing_zeros() / 8) as usize)
}

/// Parses eight digits; `None` if one of them is not a digit.
#[inline(always)]
pub(crate) fn eight_digits(digits: [u8; 8]) -> Option<u32> {
    let values = u64::from_le_bytes(digits) ^ (ONES * u64::from(b'0'));
    if (values.wrapping_add(ONES * (0x80 - 10)) | values) & HIGH != 0 {
        return None;
    }
    // The first digit is in the lowest byte: pairs, then fours, then all of them.
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let all = fours * 10_000 + (fours >> 32);
    u32::try_from(all & 0xffff_ffff).ok()
}

/// The first position of a byte that must be escaped in a JSON string: a quote, a backslash or a control character.
#[inline(always)]
pub(crate) fn first_special(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = bytes.get(at..)?.first_chunk() {
        let found = specials_in(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += size_of::<u64>();
    }
    let rest = bytes.get(at..)?;
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    rest.iter().position(special).map(|offset| at + offset)
}

/// Marks special bytes. A borrow can mark bytes above the first one wrongly, never below.
#[inline(always)]
fn specials_in(word: u64) -> u64 {
    let is = |byte: u8| {
        let others = word ^ (ONES * u64::from(byte));
        others.wrapping_sub(ONES) & !others
    };
    let control = word.wrapping_sub(ONES * u64::from(b' ')) & !word;
    (is(b'"') | is(b'\\') | control) & HIGH
}

/// Compares a few bytes without a call.
#[inline(always)]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        4..8 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        _ => a == b,
    }
}

/// Mixes a few bytes and their number into a hash. Deliberate collisions are possible.
#[inline(always)]
pub(crate) fn mix(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = mix_word(hash, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix_word(hash, u64::from_le_bytes(*word));
    }
    let rest = match bytes.last_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => short(rest),
    };
    mix_word(hash, rest)
}

/// A number of 32 bits, of which each one depends on all that was mixed.
#[inline(always)]
pub(crate) fn finish(hash: u64) -> usize {
    // 32 bits fit an index.
    (hash.wrapping_mul(ODD) >> 32) as usize
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline(always)]
fn mix_word(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(ODD);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(bytes in "[a:]{0,40}", from in 0_usize..44) {
            let bytes = bytes.as_bytes();
            let found = (from..bytes.len()).find(|&at| bytes[at] == b':');
            prop_assert_eq!(find(bytes, b':', from), found);
        }

        #[test]
        fn finds_the_first_special_byte(bytes in prop::collection::vec(any::<u8>(), 0..40), plain in "[ !#-Z]{0,30}") {
            let bytes = [plain.as_bytes(), &bytes].concat();
            let found = bytes.iter().position(|&b| b < b' ' || b == b'"' || b == b'\\');
            prop_assert_eq!(first_special(&bytes), found);
            prop_assert_eq!(first_special(plain.as_bytes()), None);
        }

        #[test]
        fn compares_and_hashes_all_bytes(bytes in prop::collection::vec(any::<u8>(), 1..40), at in any::<prop::sample::Index>()) {
            let mut other = bytes.clone();
            prop_assert!(equal(&bytes, &other));
            prop_assert_eq!(mix(1, &bytes), mix(1, &other));
            other[at.index(bytes.len())] ^= 1;
            prop_assert!(!equal(&bytes, &other));
            prop_assert_ne!(mix(1, &bytes), mix(1, &other));
            prop_assert!(!equal(&bytes, &bytes[1..]));
        }

        /// Texts that differ in one byte share few slots of a small table.
        #[test]
        fn a_hash_depends_on_each_byte(text in "[a-z_:-]{1,30}", at in any::<prop::sample::Index>()) {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            let mut slots: Vec<_> = (b'a'..=b'z').map(|byte| {
                bytes[at] = byte;
                finish(mix(3, &bytes)) % 64
            }).collect();
            slots.sort_unstable();
            slots.dedup();
            prop_assert!(slots.len() >= 10, "{:?}", slots);
        }

        #[test]
        fn eight_digits_are_their_number(digits in "[0-9]{8}", other in any::<u8>(), at in 0_usize..8) {
            let mut bytes: [u8; 8] = digits.as_bytes().try_into().unwrap();
            prop_assert_eq!(eight_digits(bytes), Some(digits.parse().unwrap()));
            bytes[at] = other;
            prop_assert_eq!(eight_digits(bytes).is_some(), other.is_ascii_digit());
        }
    }
}
