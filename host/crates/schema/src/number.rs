//! JSON numbers by their digits.
//!
//! Two numbers are the same if they have the same value, exactly. A column keeps the value, and writes it in one
//! notation: `1.50` and `1.5e0` are the same number, and a column `decimal(5,2)` writes both as `1.50`.

/// The most digits of a decimal, as `DECIMAL` of SQL engines has.
pub(crate) const DECIMAL_MAX_DIGITS: u8 = 38;

/// Each decimal with this many significant digits is the shortest one of its double (`DBL_DIG`).
const DOUBLE_SAFE_DIGITS: usize = 15;

/// Doubles with exponents in this range have all of their bits.
const DOUBLE_SAFE_POINT: i64 = 300;

/// Exponents are cut here, so that sums of them do not overflow. No type has such values.
const EXPONENT_MAX: i64 = 1 << 40;

/// A number of a text. Its value is `0.DIGITS × 10^point`, with digits that neither begin nor end with 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    pub(crate) is_negative: bool,
    /// The digits before the decimal point.
    whole: &'a [u8],
    /// The digits after it.
    pub(crate) fraction: &'a [u8],
    pub(crate) has_exponent: bool,
    /// The positions of the first significant digit and behind the last one, in `whole` and `fraction` together.
    first: usize,
    end: usize,
    point: i64,
}

impl<'a> Number<'a> {
    /// Parses a number of valid JSON.
    pub(crate) fn parse(text: &'a [u8]) -> Self {
        let (is_negative, digits) = match text.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let e = digits.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (digits, exponent) = match e.and_then(|at| digits.split_at_checked(at)) {
            Some((digits, exponent)) => (digits, Some(exponent.get(1..).unwrap_or_default())),
            None => (digits, None),
        };
        let dot = digits.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = match dot.and_then(|at| digits.split_at_checked(at)) {
            Some((whole, fraction)) => (whole, fraction.get(1..).unwrap_or_default()),
            None => (digits, &[][..]),
        };
        let mut number = Self {
            is_negative,
            whole,
            fraction,
            has_exponent: exponent.is_some(),
            first: 0,
            end: 0,
            point: 0,
        };
        number.find_significant(exponent.map_or(0, parse_exponent));
        number
    }

    fn find_significant(&mut self, exponent: i64) {
        let count = self.whole.len() + self.fraction.len();
        let is_significant = |at: &usize| self.digit(*at) != b'0';
        let first = (0..count).find(is_significant).unwrap_or(count);
        let last = (first..count).rev().find(is_significant);
        (self.first, self.end) = (first, last.map_or(first, |at| at + 1));
        if self.end > self.first {
            self.point = offset(self.whole.len()) - offset(self.first) + exponent;
        }
    }

    fn digit(&self, at: usize) -> u8 {
        let digit = match at.checked_sub(self.whole.len()) {
            None => self.whole.get(at),
            Some(at) => self.fraction.get(at),
        };
        digit.copied().unwrap_or(b'0')
    }

    fn significant(&self) -> impl Iterator<Item = u8> + '_ {
        (self.first..self.end).map(|at| self.digit(at))
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.first == self.end
    }

    /// The number of significant digits.
    fn count(&self) -> usize {
        self.end - self.first
    }

    /// Whether it has neither a fraction nor an exponent.
    pub(crate) fn is_integer(&self) -> bool {
        self.fraction.is_empty() && !self.has_exponent
    }

    /// The number of digits before the decimal point, without leading zeros.
    pub(crate) fn whole_digits(&self) -> u64 {
        u64::try_from(self.point).unwrap_or(0)
    }

    /// Whether both have the same value.
    fn equals(&self, other: &Number<'_>) -> bool {
        if self.is_zero() || other.is_zero() {
            return self.is_zero() && other.is_zero();
        }
        self.is_negative == other.is_negative
            && self.point == other.point
            && self.count() == other.count()
            && self.significant().eq(other.significant())
    }

    /// The number times `10^scale`, if that is an integer with up to 38 digits.
    pub(crate) fn unscaled(&self, scale: u8) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        let digits = self.point.checked_add(i64::from(scale))?;
        let zeros = digits.checked_sub(offset(self.count()))?;
        if zeros < 0 || digits > i64::from(DECIMAL_MAX_DIGITS) {
            return None;
        }
        let add = |number: i128, digit: u8| {
            number
                .checked_mul(10)?
                .checked_add(i128::from(digit - b'0'))
        };
        let zeros = usize::try_from(zeros).ok()?;
        let mut all = self.significant().chain(std::iter::repeat_n(b'0', zeros));
        let number = all.try_fold(0, add)?;
        Some(if self.is_negative { -number } else { number })
    }

    /// Whether a double has the number: whether its shortest decimal has the same value.
    pub(crate) fn is_double(&self, text: &[u8]) -> bool {
        let is_safe = self.count() <= DOUBLE_SAFE_DIGITS && self.point.abs() <= DOUBLE_SAFE_POINT;
        is_safe || self.double(text).is_some()
    }

    /// The double that has the number. `text` is that of the number.
    pub(crate) fn double(&self, text: &[u8]) -> Option<f64> {
        let double: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        if !double.is_finite() {
            return None;
        }
        if self.count() <= DOUBLE_SAFE_DIGITS && self.point.abs() <= DOUBLE_SAFE_POINT {
            return Some(double);
        }
        let shortest = format!("{double:e}");
        Number::parse(shortest.as_bytes())
            .equals(self)
            .then_some(double)
    }
}

fn offset(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(EXPONENT_MAX)
}

fn parse_exponent(text: &[u8]) -> i64 {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let add = |number: i64, digit: &u8| (number * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX);
    let exponent = digits.iter().fold(0, add);
    if is_negative { -exponent } else { exponent }
}

/// Appends a double as ECMAScript does: the shortest decimal, with an exponent from 1e21 on and below 1e-6.
pub(crate) fn write_double(value: f64, out: &mut Vec<u8>) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.strip_prefix('-') {
        Some(mantissa) => {
            out.push(b'-');
            mantissa
        }
        None => mantissa,
    };
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let zeros = |number: i64| std::iter::repeat_n(b'0', usize::try_from(number).unwrap_or(0));
    let count = offset(digits.len());
    match exponent + 1 {
        point @ 1..=21 if point >= count => {
            out.extend(&digits);
            out.extend(zeros(point - count));
        }
        point @ 1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            out.extend(whole);
            out.push(b'.');
            out.extend(fraction);
        }
        point @ -5..=0 => {
            out.extend(b"0.");
            out.extend(zeros(-point));
            out.extend(&digits);
        }
        _ => {
            let (first, others) = digits.split_at(1.min(digits.len()));
            out.extend(first);
            if !others.is_empty() {
                out.push(b'.');
                out.extend(others);
            }
            let sign = if exponent < 0 { "" } else { "+" };
            out.extend(format!("e{sign}{exponent}").bytes());
        }
    }
}

/// Appends a decimal with `scale` digits after the point.
pub(crate) fn write_decimal(unscaled: i128, scale: u8, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let width = usize::from(scale) + 1;
    let digits = format!("{:0width$}", unscaled.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    out.extend(whole.bytes());
    if scale > 0 {
        out.push(b'.');
        out.extend(fraction.bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn double(text: &str) -> Option<String> {
        let double = Number::parse(text.as_bytes()).double(text.as_bytes())?;
        assert!(Number::parse(text.as_bytes()).is_double(text.as_bytes()));
        let mut out = Vec::new();
        write_double(double, &mut out);
        Some(String::from_utf8(out).unwrap())
    }

    fn decimal(text: &str, scale: u8) -> Option<String> {
        let mut out = Vec::new();
        write_decimal(
            Number::parse(text.as_bytes()).unscaled(scale)?,
            scale,
            &mut out,
        );
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn doubles_are_written_as_ecmascript_does() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.0", "-0"),
            ("7.0", "7"),
            ("1.50", "1.5"),
            ("1e21", "1e+21"),
            ("123456789012345680000", "123456789012345680000"),
            ("1e20", "100000000000000000000"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("1.25e-7", "1.25e-7"),
            ("-12.5", "-12.5"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.1e1", "1"),
            ("0e999999999999999999999", "0"),
        ] {
            assert_eq!(double(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_double_has_only_its_own_number() {
        for text in [
            "1e400",
            "1e-400",
            "12345678901234567890",
            "0.1000000000000000055",
            "9007199254740993",
            "1e99999999999999999999",
            "4.9e-324",
        ] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    #[test]
    fn a_decimal_has_all_digits_or_is_none() {
        let large = "9".repeat(38);
        for (text, scale, expected) in [
            ("1.50", 2, Some("1.50")),
            ("1.5", 2, Some("1.50")),
            ("-0.05", 2, Some("-0.05")),
            ("-0", 1, Some("0.0")),
            ("15e-1", 2, Some("1.50")),
            ("1e3", 0, Some("1000")),
            ("1.505", 2, None),
            ("1e38", 0, None),
            (large.as_str(), 0, Some(large.as_str())),
            (large.as_str(), 1, None),
            ("1e-400", 38, None),
            ("1e99999999999999999999", 0, None),
        ] {
            assert_eq!(decimal(text, scale).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_shortest_decimal_of_a_double_is_that_double(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let mut out = Vec::new();
            write_double(value, &mut out);
            let number = Number::parse(&out);
            prop_assert!(json_scan::check(&out).is_ok());
            prop_assert_eq!(number.double(&out).map(f64::to_bits), Some(bits));
            for other in [format!("{value}"), format!("{value:e}")] {
                prop_assert!(Number::parse(other.as_bytes()).equals(&number));
            }
        }

        #[test]
        fn a_decimal_is_written_as_it_was_read(unscaled in any::<i128>(), scale in 0..=38_u8) {
            let unscaled = unscaled % 10_i128.pow(38);
            let mut out = Vec::new();
            write_decimal(unscaled, scale, &mut out);
            prop_assert!(json_scan::check(&out).is_ok());
            prop_assert_eq!(Number::parse(&out).unscaled(scale), Some(unscaled));
        }
    }
}
