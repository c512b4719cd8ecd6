//! The codes of reasons for quarantine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The code of a reason for quarantine: the transform's own, or one of Sluice's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReasonCode(String);

/// A code is the name of a folder and a label of a metric.
pub(crate) const CODE_MAX_BYTES: usize = 64;

impl ReasonCode {
    /// A code that follows the contract: lower case letters, digits and underscores, 64 at most.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let well_formed = (1..=CODE_MAX_BYTES).contains(&code.len())
            && code
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        well_formed.then(|| Self(code.to_owned()))
    }

    /// The code of a reason of Sluice's own.
    pub(crate) fn of_sluice(code: &str) -> Self {
        Self(code.to_owned())
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ReasonCode {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        Self::new(code).ok_or_else(|| {
            format!(
                "{code:?} is not the code of a reason: 1 to {CODE_MAX_BYTES} lower case letters, digits and underscores"
            )
        })
    }
}

impl TryFrom<String> for ReasonCode {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        code.parse()
    }
}

impl From<ReasonCode> for String {
    fn from(code: ReasonCode) -> Self {
        code.0
    }
}
