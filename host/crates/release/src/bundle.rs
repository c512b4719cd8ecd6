//! A release: a component with its configuration and golden cases, named by their digest.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use sluice_engine::digest::Digest;

use crate::repeated_member::repeated_member;

/// The id of a release: the digest of everything that decides its results, see [`Manifest::id`].
pub type ReleaseId = Digest;

/// A release as people name it: its id, or the first digits of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleasePrefix(String);

impl ReleasePrefix {
    /// The fewest digits: as many as are in the names of objects.
    const MIN_DIGITS: usize = 8;

    /// The id, if all of its digits are given.
    #[must_use]
    pub fn id(&self) -> Option<ReleaseId> {
        self.0.parse().ok()
    }

    /// Whether the id begins with these digits.
    #[must_use]
    pub fn matches(&self, id: &ReleaseId) -> bool {
        id.to_string().starts_with(&self.0)
    }
}

impl FromStr for ReleasePrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() >= Self::MIN_DIGITS && text.bytes().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        let least = Self::MIN_DIGITS;
        Err(format!(
            "{text:?} is not a release; give its id, or at least its first {least} digits"
        ))
    }
}

impl TryFrom<String> for ReleasePrefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ReleasePrefix> for String {
    fn from(prefix: ReleasePrefix) -> Self {
        prefix.0
    }
}

impl fmt::Display for ReleasePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A component with its manifest, before it is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseBundle {
    component: Arc<[u8]>,
    manifest: Manifest,
}

impl ReleaseBundle {
    /// A bundle of a component and its configuration, a JSON object. White space and the order of keys do
    /// not change the release's id.
    ///
    /// # Errors
    /// The configuration is not a JSON object, or an object in it has a member twice.
    pub fn new(component: Vec<u8>, transform_config: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(transform_config)
            .map_err(|error| format!("the transform configuration is not JSON: {error}"))?;
        if !value.is_object() {
            return Err("the transform configuration is not a JSON object".into());
        }
        if let Some(why) = repeated_member(transform_config) {
            return Err(format!("the transform configuration {why}"));
        }
        let manifest = Manifest {
            component: Digest::of(&component),
            transform_config: value.to_string(),
            cases: None,
            contract: None,
            transform: None,
            note: None,
            published_at: None,
        };
        Ok(Self {
            component: component.into(),
            manifest,
        })
    }

    /// The same component with another manifest.
    ///
    /// # Errors
    /// A manifest of another component.
    pub fn with_manifest(self, manifest: Manifest) -> Result<Self, String> {
        let found = self.manifest.component;
        if manifest.component != found {
            return Err(format!("has the digest {found}"));
        }
        Ok(Self { manifest, ..self })
    }

    /// The component's bytes.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// The component's bytes, which bundles can share.
    pub(crate) fn shared_component(&self) -> &Arc<[u8]> {
        &self.component
    }

    /// The same bundle with equal bytes of its component, which it then shares.
    pub(crate) fn sharing(self, component: Arc<[u8]>) -> Self {
        Self { component, ..self }
    }

    /// The configuration in canonical form.
    #[must_use]
    pub fn transform_config(&self) -> &str {
        &self.manifest.transform_config
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// The content of `releases/<id>.json`. The first three fields decide the release's id; the others describe
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The digest of the component.
    pub component: Digest,
    /// The configuration in canonical form.
    pub transform_config: String,
    /// The digest of the golden cases that it must pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<Digest>,
    /// The version of the contract that it was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The component's own name and version, such as `jq 1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// The publisher's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was published, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
}

impl Manifest {
    /// The release's id: the digest of a text with the digests of the component, of the configuration and,
    /// if there are cases, of the cases.
    #[must_use]
    pub fn id(&self) -> ReleaseId {
        let transform_config = Digest::of(self.transform_config.as_bytes());
        let mut text = format!("sluice release 1\n{}\n{transform_config}\n", self.component);
        if let Some(cases) = self.cases {
            text += &format!("{cases}\n");
        }
        Digest::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_and_order_of_a_configuration_make_no_difference() {
        let id = |transform_config| {
            ReleaseBundle::new(b"x".to_vec(), transform_config)
                .unwrap()
                .manifest()
                .id()
        };
        assert_eq!(id(r#"{"a":1,"b":2}"#), id("{ \"b\": 2,\n \"a\": 1 }"));
        assert_ne!(id(r#"{"a":1}"#), id(r#"{"a":2}"#));
    }

    #[test]
    fn golden_cases_are_part_of_a_release_and_its_description_is_not() {
        let bundle = ReleaseBundle::new(b"x".to_vec(), "{}").unwrap();
        let plain = bundle.manifest().clone();
        let described = Manifest {
            note: Some("better".into()),
            published_at: Some("2026-01-31T12:00:00Z".into()),
            ..plain.clone()
        };
        let with_cases = Manifest {
            cases: Some(Digest::of(b"cases")),
            ..plain.clone()
        };
        assert_eq!(plain.id(), described.id());
        assert_ne!(plain.id(), with_cases.id());
        assert!(bundle.with_manifest(described).is_ok());
        let other = ReleaseBundle::new(b"y".to_vec(), "{}").unwrap();
        assert!(other.with_manifest(with_cases).is_err());
    }

    #[test]
    fn a_configuration_must_be_an_object() {
        for transform_config in ["", "[]", "null", "{", "1", r#"{"a":{"b":1,"b":1}}"#] {
            assert!(
                ReleaseBundle::new(Vec::new(), transform_config).is_err(),
                "{transform_config:?}"
            );
        }
    }

    #[test]
    fn a_release_is_named_by_its_first_digits() {
        let id = Digest::of(b"sluice");
        let digits = id.to_string();
        for given in [8, 20, 64] {
            let prefix: ReleasePrefix = digits[..given].parse().unwrap();
            assert!(prefix.matches(&id) && !prefix.matches(&Digest::of(b"other")));
            assert_eq!(prefix.id(), (given == 64).then_some(id));
        }
        for wrong in ["", "0123456", "release-1", "ABCDEF01"] {
            let error = wrong.parse::<ReleasePrefix>().unwrap_err();
            assert!(error.contains("first 8 digits"), "{error}");
        }
    }

    #[test]
    fn a_digest_parses_as_it_was_written() {
        let digest = Digest::of(b"sluice");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }
}
