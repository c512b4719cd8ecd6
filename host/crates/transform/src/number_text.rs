//! Numbers of a record as they are, with all their digits.

/// A number of a record, with the digits that it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberText<'a>(pub(crate) &'a [u8]);

impl<'a> NumberText<'a> {
    /// The JSON text.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The JSON text.
    pub fn as_str(&self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The number if it is written as an integer, without a point and an exponent, and fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.as_str().parse().ok()
    }

    /// The number if it is written as an integer, without a point and an exponent, and fits.
    pub fn to_u64(&self) -> Option<u64> {
        self.as_str().parse().ok()
    }

    /// The nearest float. A number that is too large is infinite.
    pub fn to_f64(&self) -> f64 {
        self.as_str().parse().unwrap_or(f64::NAN)
    }
}
