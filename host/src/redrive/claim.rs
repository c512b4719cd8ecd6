//! The claim of an object of quarantine: which redrive it belongs to. It is written once and never changes, so two
//! redrives cannot land one record.

use serde::{Deserialize, Serialize};

use super::document::{RedriveError, RedriveId, parse_version, pretty_json};

/// The format version of the document; a reader rejects any other.
const VERSION: u32 = 1;

/// The claim of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    version: u32,
    /// The redrive that the object belongs to.
    pub redrive: RedriveId,
    /// The key of the object in the lake.
    pub object: String,
}

impl Claim {
    /// A claim.
    #[must_use]
    pub fn new(redrive: RedriveId, object: &str) -> Self {
        Self {
            version: VERSION,
            redrive,
            object: object.to_owned(),
        }
    }

    /// Parses a claim, whatever object it is of.
    ///
    /// # Errors
    /// [`RedriveError`]
    pub fn parse(text: &[u8]) -> Result<Self, RedriveError> {
        parse_version(text)
    }

    /// Parses the claim of an object.
    ///
    /// # Errors
    /// [`RedriveError`]
    pub fn parse_of(object: &str, text: &[u8]) -> Result<Self, RedriveError> {
        let claim = Self::parse(text)?;
        if claim.object != object {
            let why = format!("it is the claim of another object, {}", claim.object);
            return Err(RedriveError::Document(why));
        }
        Ok(claim)
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        pretty_json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "_sluice/quarantine/reason=trap/\
                          s-00000000000000000001-00000000000000000009-0123abcd.ndjson.zst";

    #[test]
    fn a_claim_belongs_to_its_object() {
        let claim = Claim::new("r1".parse().unwrap(), OBJECT);
        let text = claim.json();
        assert_eq!(Claim::parse_of(OBJECT, &text).unwrap(), claim);
        assert!(Claim::parse_of("another", &text).is_err());
        assert!(Claim::parse_of(OBJECT, b"{}").is_err());
    }
}
