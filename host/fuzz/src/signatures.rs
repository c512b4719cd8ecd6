//! Public keys, signatures, and the digests that are signed.

use sluice_engine::digest::Digest;
use sluice_release::signature::PublicKey;

/// A key of the tests whose private half was deleted.
const PUBLIC: &str = "MCowBQYDK2VwAyEAmOb99YIqskfxIueXBl7ziu24LJYsT7NmxaTdsa+d1nc=";

/// Two texts: a key, and a signature, which must not be valid because nobody has signed anything
/// with the key.
pub(crate) fn feed(input: &[u8]) {
    let Some((key, signature)) = crate::two_texts(input) else {
        return;
    };
    let release = Digest::of(input);
    if let Ok(key) = PublicKey::parse(PUBLIC) {
        let checked = key.check(release, Some(signature));
        assert!(checked.is_err_and(|why| !why.is_empty()));
    }
    match PublicKey::parse(key) {
        Ok(key) => assert!(key.check(release, None).is_err()),
        Err(why) => assert!(!why.is_empty()),
    }
    if let Ok(digest) = signature.parse::<Digest>() {
        assert_eq!(digest.to_string(), signature);
    }
}
