//! Operations on a few bytes, a word at a time. If lengths vary, the branches of a loop over single
//! bytes are mispredicted. In a sandbox, a call to copy a few bytes costs more than the copy.

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
        _ => rest
            .iter()
            .position(|&b| b == byte)
            .map(|offset| at + offset),
    }
}

#[inline(always)]
fn find_in(word: u64, byte: u8) -> Option<usize> {
    let others = word ^ (ONES * u64::from(byte));
    // A carry can mark bytes above the first one that is zero, never below.
    let found = others.wrapping_sub(ONES) & !others & HIGH;
    (found != 0).then_some((found.trailing_zeros() / 8) as usize)
}

/// Appends a few bytes.
#[inline(always)]
pub(crate) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.len() {
        1 => out.push(bytes[0]),
        4..8 => append_overlapping::<4>(bytes, out),
        8..=16 => append_overlapping::<8>(bytes, out),
        _ => out.extend_from_slice(bytes),
    }
}

/// Appends `N` to `2 * N` bytes: the first `N`, and the last `N` over what they share with the first.
#[inline(always)]
fn append_overlapping<const N: usize>(bytes: &[u8], out: &mut Vec<u8>) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
        out.extend_from_slice(first);
        out.truncate(out.len() + bytes.len() - 2 * N);
        out.extend_from_slice(last);
    }
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
        fn appends_all_bytes(before in "[a-z]{0,9}", bytes in "[a-z]{0,40}") {
            let mut out = before.clone().into_bytes();
            append(bytes.as_bytes(), &mut out);
            prop_assert_eq!(out, [before, bytes].concat().into_bytes());
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
