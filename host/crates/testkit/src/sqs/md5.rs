//! The digests in responses of SQS.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::{Digest as _, Md5};

use super::state::{Attribute, Content};

/// The digest of a body.
pub(super) fn of_body(body: &str) -> String {
    hex(Md5::digest(body).into())
}

/// The digest of attributes, in the order of their names: the name, the type, a byte for the kind
/// of value, and the value, with lengths in front.
pub(super) fn of_attributes(attributes: &BTreeMap<String, Attribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut md5 = Md5::new();
    let mut part = |kind: &[u8], bytes: &[u8]| {
        md5.update(kind);
        md5.update(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        md5.update(bytes);
    };
    for (name, attribute) in attributes {
        part(&[], name.as_bytes());
        part(&[], attribute.data_type.as_bytes());
        match &attribute.content {
            Content::Text(text) => part(&[1], text.as_bytes()),
            Content::Binary(bytes) => part(&[2], bytes),
        }
    }
    Some(hex(md5.finalize().into()))
}

fn hex(digest: [u8; 16]) -> String {
    let mut text = String::new();
    for byte in digest {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
