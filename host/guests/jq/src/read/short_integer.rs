//! Integers in arrays, which can be long lists of them.

use super::INT_DIGITS;

/// An integer without a sign, and what is directly behind it.
pub(super) struct ShortInteger {
    pub(super) integer: i64,
    /// The bytes of the integer and of the comma or the bracket behind it.
    pub(super) length: usize,
    /// Whether a bracket is behind it.
    pub(super) is_last: bool,
}

impl ShortInteger {
    /// Reads an item in half of the usual work. `None` for any other item, and for one with white space or a fault.
    #[inline(always)]
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut integer = 0_i64;
        let mut digits = 0;
        for byte in text {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                integer = integer.wrapping_mul(10).wrapping_add(digit.into());
                digits += 1;
                continue;
            }
            let is_last = *byte == b']';
            let has_zero = digits > 1 && text.first() == Some(&b'0');
            let is_short = (1..=INT_DIGITS).contains(&digits) && !has_zero;
            return (is_short && (is_last || *byte == b',')).then_some(Self {
                integer,
                length: digits + 1,
                is_last,
            });
        }
        None
    }
}
