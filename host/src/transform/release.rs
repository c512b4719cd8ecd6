//! A release: a component and its settings, named by what they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of lines, each with its line end.
    pub fn of_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut digest = Sha256::new();
        for line in lines {
            digest.update(line);
            digest.update(b"\n");
        }
        Self(digest.finalize().into())
    }

    /// The first four bytes.
    #[must_use]
    pub fn head(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }

    /// The first eight hexadecimal digits, for names that people read.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is not a SHA-256 of 64 lower case hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(refused());
        }
        let mut digest = [0; 32];
        for (index, byte) in digest.iter_mut().enumerate() {
            let digits = &text[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| refused())?;
        }
        Ok(Self(digest))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// The id of a release: the digest of its component's digest and its settings' digest.
pub type ReleaseId = Digest;

/// A component and its settings, not yet admitted.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    component: Vec<u8>,
    settings: String,
}

impl Offer {
    /// An offer of the component's bytes with settings, a JSON object. White space and the order of
    /// keys make no difference to the release.
    ///
    /// # Errors
    /// Says why the settings are no JSON object.
    pub fn new(component: Vec<u8>, settings: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(settings)
            .map_err(|error| format!("the settings are not JSON: {error}"))?;
        if !value.is_object() {
            return Err("the settings are not a JSON object".into());
        }
        Ok(Self {
            component,
            settings: value.to_string(),
        })
    }

    /// The component's bytes.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// The settings in canonical form.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// What this offer is called.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        Manifest {
            component: Digest::of(&self.component),
            settings: self.settings.clone(),
        }
    }
}

/// What `releases/<id>.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The digest of the component.
    pub component: Digest,
    /// The settings in canonical form.
    pub settings: String,
}

impl Manifest {
    /// The release's id.
    #[must_use]
    pub fn id(&self) -> ReleaseId {
        let settings = Digest::of(self.settings.as_bytes());
        Digest::of(format!("sluice release 1\n{}\n{settings}\n", self.component).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_and_order_of_settings_make_no_difference() {
        let id = |settings| Offer::new(b"x".to_vec(), settings).unwrap().manifest().id();
        assert_eq!(id(r#"{"a":1,"b":2}"#), id("{ \"b\": 2,\n \"a\": 1 }"));
        assert_ne!(id(r#"{"a":1}"#), id(r#"{"a":2}"#));
    }

    #[test]
    fn settings_must_be_an_object() {
        for settings in ["", "[]", "null", "{", "1"] {
            assert!(Offer::new(Vec::new(), settings).is_err(), "{settings:?}");
        }
    }

    #[test]
    fn a_digest_survives_both_ways() {
        let digest = Digest::of(b"sluice");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }
}
