//! Values that are certainly JSON and keep to the profile, found without a scan.

use std::ops::BitOr;

/// Bytes that are checked at once.
const WORD: usize = size_of::<u64>();
const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;
/// Integers of up to this many digits are simple. Longer ones are checked by a scan.
const DIGITS: usize = 16;

/// Whether `value` certainly is JSON and keeps to the profile as the value of a member: a string of printable ASCII
/// without escapes, a literal, or a short integer that is not negative. Any other value may do so too.
#[inline(always)]
#[must_use]
pub fn is_simple(value: &[u8]) -> bool {
    match value {
        [b'"', inner @ .., b'"'] => is_plain(inner),
        b"null" | b"true" | b"false" | b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < DIGITS && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether all characters are printable ASCII, and none is a quote or a backslash.
#[inline(always)]
fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<WORD>();
    let found = words.iter().map(|word| special(u64::from_le_bytes(*word)));
    let found = found.fold(0, BitOr::bitor);
    let last = match text.last_chunk::<WORD>() {
        _ if rest.is_empty() => 0,
        Some(last) => special(u64::from_le_bytes(*last)),
        None => special(padded(rest)),
    };
    (found | last) == 0
}

/// The bytes of a short text, and plain characters around them.
#[inline(always)]
fn padded(text: &[u8]) -> u64 {
    text.iter().fold(ONES * u64::from(b'a'), |word, byte| {
        word << 8 | u64::from(*byte)
    })
}

/// Is not zero if any of eight bytes is special. Which one is not exact: a subtraction borrows from the bytes
/// above.
#[inline(always)]
fn special(word: u64) -> u64 {
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = is_zero(word ^ (ONES * u64::from(b'"')));
    let backslash = is_zero(word ^ (ONES * u64::from(b'\\')));
    (word | control | quote | backslash) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::ProfileChecker;

    fn is_plain_character(byte: u8) -> bool {
        matches!(byte, b' '..=0x7f) && !matches!(byte, b'"' | b'\\')
    }

    #[test]
    fn usual_values_are_simple() {
        for value in [
            "\"\"",
            "\"a\"",
            "\"2026-01-01T00:00:00Z\"",
            "null",
            "true",
            "0",
            "17",
        ] {
            assert!(is_simple(value.as_bytes()), "{value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn what_is_simple_is_json_for_all_readers(value in value()) {
            if is_simple(&value) {
                prop_assert_eq!(ProfileChecker::default().check_any_member(&value), Ok(true));
            }
        }

        #[test]
        fn a_plain_text_has_only_plain_characters(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let plain = text.iter().all(|byte| is_plain_character(*byte));
            prop_assert_eq!(is_plain(&text), plain);
        }

        #[test]
        fn one_special_character_is_found(at in 0_usize..40, more in 0_usize..40, byte in any::<u8>()) {
            let mut text = vec![b'x'; at + 1 + more];
            text[at] = byte;
            prop_assert_eq!(is_plain(&text), is_plain_character(byte));
        }
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop::sample::select(br#"""\\/ux019-+.eE nulltruefals{}[],:"#.to_vec());
        let text = prop::collection::vec(prop_oneof![9 => bytes, 1 => any::<u8>()], 0..24);
        let quoted = text
            .clone()
            .prop_map(|text| [b"\"", &text[..], b"\""].concat());
        let words = vec![
            "null",
            "true",
            "false",
            "nulL",
            "0",
            "00",
            "-0",
            "12345678901234567",
        ];
        let words = prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec());
        prop_oneof![text, quoted, words]
    }
}
