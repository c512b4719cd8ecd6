//! The setting `max_quarantined`.

use std::fmt;
use std::str::FromStr;

use super::quantity::parse_share;

/// The largest share of a run's records that may be quarantined, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct MaxQuarantined(f64);

impl MaxQuarantined {
    /// Whether this many quarantined records are too many of all `records`.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share is no finer than that")]
    pub fn is_exceeded(self, quarantined: u64, records: u64) -> bool {
        quarantined as f64 > self.0 * records as f64
    }
}

impl FromStr for MaxQuarantined {
    type Err = String;

    /// `5%` or `0.05`.
    fn from_str(text: &str) -> Result<Self, String> {
        parse_share(text).map(Self)
    }
}

impl fmt::Display for MaxQuarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 * 1e6).round() / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_or_a_percentage() {
        for (text, shown) in [
            ("5%", "5 %"),
            ("0.05", "5 %"),
            ("0", "0 %"),
            ("100%", "100 %"),
        ] {
            let share: MaxQuarantined = text.parse().unwrap();
            assert_eq!(share.to_string(), shown);
        }
        for text in ["5", "-1%", "101%", "NaN", "many", "", "%"] {
            assert!(text.parse::<MaxQuarantined>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_more_than_the_share_is_too_much() {
        let exceeded = |share: &str, quarantined, records| {
            let share: MaxQuarantined = share.parse().unwrap();
            share.is_exceeded(quarantined, records)
        };
        assert!(!exceeded("5%", 5, 100));
        assert!(exceeded("5%", 6, 100));
        assert!(exceeded("0", 1, 1_000_000));
        assert!(!exceeded("0", 0, 0));
        assert!(!exceeded("1", 7, 7));
    }
}
