//! The rules for numbers.

use super::{EXPONENT_MAX, EXPONENT_MIN, INTEGER_MAX_DIGITS, Rule};

/// The rule that a number of the grammar breaks.
#[cold]
pub(super) fn broken_rule(raw: &[u8]) -> Option<Rule> {
    let is_integer = !raw.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if is_integer {
        let digits = raw.strip_prefix(b"-").unwrap_or(raw).len();
        return (digits > INTEGER_MAX_DIGITS).then_some(Rule::Integer);
    }
    let text = str::from_utf8(raw).unwrap_or_default();
    let value: f64 = text.parse().unwrap_or(f64::INFINITY);
    if value.is_infinite() {
        return Some(Rule::Range);
    }
    let (_, exponent) = text.split_once(['e', 'E'])?;
    let in_range = |exponent| (EXPONENT_MIN..=EXPONENT_MAX).contains(&exponent);
    // It has digits only, so an error is an overflow.
    let exponent: Result<i64, _> = exponent.parse();
    (!exponent.is_ok_and(in_range)).then_some(Rule::Exponent)
}
