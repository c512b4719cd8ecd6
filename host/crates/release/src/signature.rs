//! Signatures of releases: Ed25519 (RFC 8032) over a line with the release's id. Keys are PEM, as
//! `openssl genpkey -algorithm ed25519` writes them: PKCS #8 for the private key (RFC 8410), a
//! `SubjectPublicKeyInfo` for the public key.

use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use crate::bundle::ReleaseId;

/// The prefix of a `SubjectPublicKeyInfo` for Ed25519, "RFC 8410", 4; the key's 32 bytes follow.
const SPKI_BEGIN: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Signs releases.
pub struct PrivateKey(Ed25519KeyPair);

/// Verifies signatures of releases.
#[derive(Clone, Debug)]
pub struct PublicKey(ParsedPublicKey);

/// The text that is signed.
fn statement(release: ReleaseId) -> Vec<u8> {
    format!("sluice release {release}\n").into_bytes()
}

impl PrivateKey {
    /// Reads a key from a PEM file.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |why: String| format!("{} is not a private key: {why}", path.display());
        let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let key =
            PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der())
            .map_err(|error| wrong(format!("not Ed25519 in PKCS #8: {error}")))?;
        Ok(Self(pair))
    }

    /// The signature of a release, in base64.
    #[must_use]
    pub fn sign(&self, release: ReleaseId) -> String {
        STANDARD.encode(self.0.sign(&statement(release)))
    }

    /// The public key of the pair.
    ///
    /// # Errors
    /// None is expected: the pair has one.
    pub fn public(&self) -> Result<PublicKey, String> {
        PublicKey::new(self.0.public_key().as_ref())
    }
}

impl PublicKey {
    fn new(bytes: &[u8]) -> Result<Self, String> {
        let key = ParsedPublicKey::new(&ED25519, bytes);
        key.map(Self)
            .map_err(|error| format!("not an Ed25519 key: {error}"))
    }

    /// Parses a key as users give it: the text of a PEM file, the base64 between its first and last line,
    /// or the path of such a file.
    ///
    /// # Errors
    /// Why it is not a key.
    pub fn parse(given: &str) -> Result<Self, String> {
        let text = given.trim();
        if text.starts_with("-----BEGIN") {
            return Self::from_pem(text.as_bytes());
        }
        if let Ok(der) = STANDARD.decode(text)
            && der.starts_with(&SPKI_BEGIN)
        {
            return Self::from_spki(&der);
        }
        let file = std::fs::read(text).map_err(|error| {
            format!("{text:?} is neither an Ed25519 key in PEM nor a file to read: {error}")
        })?;
        Self::from_pem(&file)
    }

    fn from_pem(text: &[u8]) -> Result<Self, String> {
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(text)
            .map_err(|error| format!("not a public key in PEM: {error}"))?;
        Self::from_spki(&spki)
    }

    fn from_spki(spki: &[u8]) -> Result<Self, String> {
        let key = spki.strip_prefix(&SPKI_BEGIN);
        Self::new(key.ok_or("not an Ed25519 key: its public key info names another algorithm")?)
    }

    /// Verifies the signature of a release.
    ///
    /// # Errors
    /// Why the signature is not valid.
    pub fn check(&self, release: ReleaseId, signature: Option<&str>) -> Result<(), String> {
        let signature =
            signature.ok_or("the release is not signed, and a public key is configured")?;
        let bytes = STANDARD
            .decode(signature)
            .map_err(|error| format!("the signature is not base64: {error}"))?;
        self.0.verify_sig(&statement(release), &bytes).map_err(|_| {
            "the signature was not made with the private key of the configured public key".into()
        })
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;

    /// A key that `openssl genpkey -algorithm ed25519` made, and what `openssl pkeyutl -sign -rawin` made
    /// of the statement of release [`signed`].
    const PUBLIC: &str = "MCowBQYDK2VwAyEAmOb99YIqskfxIueXBl7ziu24LJYsT7NmxaTdsa+d1nc=";
    const SIGNATURE: &str =
        "oRpyMB/e5K3pOXD1O1nXoinzU3Ceq5NHCydYXDfDZTOxo9CcoOyHbPgST/vRDeAe3wSNkJ7mnY2dO0kQk5iEBg==";

    fn signed() -> ReleaseId {
        Digest::of(b"a")
    }

    fn pem(kind: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        format!("-----BEGIN {kind} KEY-----\n{text}\n-----END {kind} KEY-----\n")
    }

    fn private() -> PrivateKey {
        let pkcs8 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem("PRIVATE", pkcs8.as_ref())).unwrap();
        PrivateKey::read(file.path()).unwrap()
    }

    #[test]
    fn a_signature_is_of_one_release_and_one_key() {
        let key = PublicKey::parse(PUBLIC).unwrap();
        assert_eq!(key.check(signed(), Some(SIGNATURE)), Ok(()));
        assert!(key.check(Digest::of(b"b"), Some(SIGNATURE)).is_err());
        assert!(key.check(signed(), None).is_err());
        assert!(key.check(signed(), Some("no base64!")).is_err());
        let own = private();
        let signature = own.sign(signed());
        assert!(key.check(signed(), Some(&signature)).is_err());
        let public = own.public().unwrap();
        assert_eq!(public.check(signed(), Some(&signature)), Ok(()));
    }

    #[test]
    fn a_public_key_is_given_as_pem_as_its_line_or_as_a_file() {
        let pem = pem("PUBLIC", &STANDARD.decode(PUBLIC).unwrap());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &pem).unwrap();
        for given in [&pem, PUBLIC, file.path().to_str().unwrap()] {
            assert!(PublicKey::parse(given).is_ok(), "{given}");
        }
        let rsa = STANDARD.encode([0x30, 0x82]);
        for wrong in ["", "x", "/nowhere/key.pem", &rsa] {
            assert!(PublicKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
