//! Sequence numbers, which are longer than any integer type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The position of a record in its shard: a number below 10^57, larger for later records. Kinesis
/// numbers have 56 digits (186 bits); a file's are byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SequenceNumber([u64; 3]);

/// The largest power of ten in a `u64`, and its number of zeros: one step of the conversion between
/// binary and decimal.
const STEP: u64 = 10_000_000_000_000_000_000;
const STEP_DIGITS: usize = 19;

/// Three steps of 19 digits; 10^57 needs 190 of the 192 bits.
const SEQUENCE_MAX_DIGITS: usize = 3 * STEP_DIGITS;

impl SequenceNumber {
    /// The digits of the longest number.
    pub const MAX_DIGITS: usize = SEQUENCE_MAX_DIGITS;

    /// Appends the number. This is faster than formatting, and needed for each record.
    pub fn push_to(self, text: &mut String) {
        let mut digits = itoa::Buffer::new();
        let [high, middle, low] = match self.as_offset() {
            Some(offset) => [0, 0, offset],
            None => self.groups(),
        };
        let mut begun = false;
        for group in [high, middle, low] {
            let digits = digits.format(group);
            if begun {
                text.extend(std::iter::repeat_n('0', STEP_DIGITS - digits.len()));
            }
            if begun || group != 0 {
                text.push_str(digits);
                begun = true;
            }
        }
        if !begun {
            text.push('0');
        }
    }

    /// The three groups of 19 decimal digits, most significant first.
    fn groups(mut self) -> [u64; 3] {
        let mut groups = [0; 3];
        for group in groups.iter_mut().rev() {
            let mut remainder = 0u128;
            for limb in self.0.iter_mut().skip_while(|limb| **limb == 0) {
                let value = (remainder << 64) | u128::from(*limb);
                *limb = low_half(value / u128::from(STEP));
                remainder = value % u128::from(STEP);
            }
            *group = low_half(remainder);
        }
        groups
    }

    fn push_group(&mut self, group: u64) {
        let mut carry = u128::from(group);
        for limb in self.0.iter_mut().rev() {
            let value = u128::from(*limb) * u128::from(STEP) + carry;
            *limb = low_half(value);
            carry = value >> 64;
        }
    }

    /// The number for object keys: zero-padded to a width that all numbers of its shard share, so
    /// that keys sort as the records do. 20 digits for numbers of up to 64 bits (a file's offsets),
    /// 56 for larger ones (Kinesis).
    #[must_use]
    pub fn padded(&self) -> String {
        let width = if self.0[0] == 0 && self.0[1] == 0 {
            20
        } else {
            56
        };
        format!("{:0>width$}", self.to_string())
    }

    /// The number as a byte offset.
    #[must_use]
    pub fn as_offset(&self) -> Option<u64> {
        (self.0[0] == 0 && self.0[1] == 0).then_some(self.0[2])
    }
}

/// The low 64 bits, which is what each step of the long arithmetic keeps.
#[allow(clippy::cast_possible_truncation)]
fn low_half(value: u128) -> u64 {
    value as u64
}

impl From<u64> for SequenceNumber {
    fn from(offset: u64) -> Self {
        Self([0, 0, offset])
    }
}

impl FromStr for SequenceNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty()
            || text.len() > SEQUENCE_MAX_DIGITS
            || !text.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(format!(
                "sequence number {text:?} is not 1 to {SEQUENCE_MAX_DIGITS} decimal digits"
            ));
        }
        let digits = format!("{text:0>SEQUENCE_MAX_DIGITS$}");
        let mut number = Self([0; 3]);
        for start in (0..SEQUENCE_MAX_DIGITS).step_by(STEP_DIGITS) {
            let group = &digits[start..start + STEP_DIGITS];
            number.push_group(group.parse().map_err(|e| format!("{text:?}: {e}"))?);
        }
        Ok(number)
    }
}

impl TryFrom<String> for SequenceNumber {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SequenceNumber> for String {
    fn from(number: SequenceNumber) -> Self {
        number.to_string()
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(SEQUENCE_MAX_DIGITS);
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_kinesis_sequence_number_parses_as_it_was_written() {
        let text = "49590338271490256608559692538361571095921575989136588898";
        let number: SequenceNumber = text.parse().unwrap();
        assert_eq!(number.to_string(), text);
        assert_eq!(number.padded(), text);
    }

    #[test]
    fn an_offset_is_padded_to_twenty_digits() {
        assert_eq!(
            SequenceNumber::from(12_345).padded(),
            "00000000000000012345"
        );
        assert_eq!(
            SequenceNumber::from(u64::MAX).padded(),
            u64::MAX.to_string()
        );
    }

    #[test]
    fn text_that_is_not_a_number_is_rejected() {
        for text in ["", "-1", "1.5", "0x10", " 1", &"9".repeat(58)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn sequence_numbers_order_as_numbers_do(a in "[1-9][0-9]{0,56}", b in "[1-9][0-9]{0,56}") {
            let (x, y): (SequenceNumber, SequenceNumber) = (a.parse().unwrap(), b.parse().unwrap());
            prop_assert_eq!(x.to_string(), a.clone());
            prop_assert_eq!(x.cmp(&y), (a.len(), a).cmp(&(b.len(), b)));
        }
    }
}
