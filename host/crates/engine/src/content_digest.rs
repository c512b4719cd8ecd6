//! Digests of the contents of objects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

/// The name of the function in the text of a digest.
const FUNCTION: &str = "xxh128:";

/// A digest of content: `xxh128:` and the 32 hexadecimal digits that `xxh128sum` prints.
///
/// It detects errors, for a small part of the cost of a SHA-256. It does not detect forgery: who can replace
/// an object can also replace the digest next to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentDigest(u128);

impl ContentDigest {
    /// The digest of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(XxHash3_128::oneshot(content))
    }
}

/// Computes the digest of content that comes in parts. Where a part ends makes no difference.
pub struct ContentHasher(XxHash3_128);

impl ContentHasher {
    /// Adds the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.write(part);
    }

    /// The digest of all parts.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        ContentDigest(self.0.finish_128())
    }
}

impl Default for ContentHasher {
    fn default() -> Self {
        Self(XxHash3_128::new())
    }
}

impl fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHasher({})", self.digest())
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FUNCTION}{:032x}", self.0)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ContentDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        text.strip_prefix(FUNCTION)
            .filter(|digits| digits.len() == 32 && digits.bytes().all(lower_hex))
            .and_then(|digits| u128::from_str_radix(digits, 16).ok())
            .map(Self)
            .ok_or_else(|| {
                format!("{text:?} is not {FUNCTION} and 32 lower case hexadecimal digits")
            })
    }
}

impl TryFrom<String> for ContentDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_digest_is_that_of_xxh128sum() {
        let digest = ContentDigest::of(b"{\"a\":1}\n");
        assert_eq!(
            digest.to_string(),
            "xxh128:de4340533aee6781d69c0a5c48ed9e2f"
        );
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let nothing = "xxh128:99aa06d3014798d86001c324468d497f";
        assert_eq!(ContentDigest::of(b"").to_string(), nothing);
    }

    #[test]
    fn anything_else_is_no_digest() {
        let digits = "99aa06d3014798d86001c324468d497f";
        let longer = format!("xxh128:{digits}0");
        for text in [digits, &longer, "xxh128:+9aa06d3014798d86001c324468d497f"] {
            assert!(text.parse::<ContentDigest>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_make_no_difference(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8)
        ) {
            let mut hasher = ContentHasher::default();
            parts.iter().for_each(|part| hasher.update(part));
            prop_assert_eq!(hasher.digest(), ContentDigest::of(&parts.concat()));
        }
    }
}
