//! What a ledger keeps of a file: which one it is, and what tells that its committed part has not changed.

use std::fmt;

use serde::{Deserialize, Serialize};
use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;

/// What a file is known by. A stream has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileName {
    /// Its canonical path, when it was last read.
    Path(String),
    /// The name that the settings give to it.
    Name(String),
    /// The address of an object of S3, `s3://BUCKET/KEY`.
    Object(String),
}

impl FileName {
    /// The path or the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Path(text) | Self::Name(text) | Self::Object(text) => text,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(text) | Self::Object(text) => f.write_str(text),
            Self::Name(name) => write!(f, "the source named {name:?}"),
        }
    }
}

/// The committed part of a file: its decompressed content from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePrefix {
    /// Its length, bytes.
    pub bytes: u64,
    /// The digest of all of it, which goes through `blocks`.
    pub digest: ContentDigest,
    /// The digest of its whole blocks, from which the digest goes on; `None` before the end of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<ContentDigest>,
    /// Whether the file is compressed, so that its size says nothing of how much there is to read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_compressed: bool,
    /// Whether nothing follows it: the reader has reached the end of the content. It is not known of a plain file that can
    /// grow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_whole: bool,
    /// Whether its last line has no end, and white space behind it would be a part of its record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_open: bool,
    /// Its lines, if some of them were decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<DecodedLines>,
    /// The file when it was opened to read this part; `None` for what is no regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stat: Option<FileStat>,
}

impl FilePrefix {
    /// Whether it is all of the file as it was when it was opened. The length of a part of a compressed file says nothing of
    /// how much there is to read, so its end must have been reached.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let is_size = |stat: FileStat| !self.is_compressed && self.bytes == stat.size;
        self.is_whole || self.stat.is_some_and(is_size)
    }
}

/// Lines that were decoded into records: neither their number nor their bytes are those of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodedLines {
    /// How many there are, without blank ones.
    pub count: u64,
    /// The digest of the last one.
    pub last_digest: Digest,
}

/// What the file system says of a file, or the listing of a bucket of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileStat {
    /// Its size, bytes.
    pub size: u64,
    /// When it was last modified, nanoseconds since the Unix epoch.
    pub modified_ns: u64,
    /// Its number in the file system; 0 where there is none.
    pub inode: u64,
    /// When it was created, nanoseconds since the Unix epoch, where the file system says so. File systems give the
    /// number of a deleted file to the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_ns: Option<u64>,
    /// The digest of the `ETag` of an object, which names its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<ContentDigest>,
}

impl FileStat {
    /// Whether a file that is `now` like this is the same one, unchanged or with more bytes. An object does not grow: one
    /// with more bytes is another version.
    #[must_use]
    pub fn is_same_or_grown(&self, now: &Self) -> bool {
        let is_same_file = self.etag.is_none()
            && now.etag.is_none()
            && (self.inode, self.created_ns) == (now.inode, now.created_ns);
        self == now || (is_same_file && self.size < now.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_with_the_inode_of_a_deleted_one_has_not_grown() {
        let seen = FileStat {
            size: 10,
            modified_ns: 1,
            inode: 7,
            created_ns: Some(1),
            etag: None,
        };
        let grown = FileStat {
            size: 11,
            modified_ns: 2,
            ..seen
        };
        assert!(seen.is_same_or_grown(&seen));
        assert!(seen.is_same_or_grown(&grown));
        for created_ns in [Some(2), None] {
            let replaced = FileStat {
                created_ns,
                ..grown
            };
            assert!(!seen.is_same_or_grown(&replaced));
            assert!(!seen.is_same_or_grown(&FileStat { created_ns, ..seen }));
        }
        let smaller = FileStat { size: 9, ..seen };
        assert!(!seen.is_same_or_grown(&smaller));
    }

    #[test]
    fn an_object_with_more_bytes_is_another_version() {
        let etag = |text: &str| Some(ContentDigest::of(text.as_bytes()));
        let seen = FileStat {
            size: 10,
            modified_ns: 1,
            inode: 0,
            created_ns: None,
            etag: etag("a"),
        };
        assert!(seen.is_same_or_grown(&seen));
        for etag in [etag("a"), etag("b"), None] {
            let larger = FileStat {
                size: 11,
                etag,
                ..seen
            };
            assert!(!seen.is_same_or_grown(&larger), "{larger:?}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_stored() {
        let prefix = FilePrefix {
            bytes: 1,
            digest: ContentDigest::of(b"a"),
            blocks: None,
            is_compressed: false,
            is_whole: false,
            is_open: false,
            lines: None,
            stat: None,
        };
        let text = serde_json::to_string(&prefix).unwrap();
        assert!(!text.contains("is_whole"), "{text}");
        assert_eq!(serde_json::from_str::<FilePrefix>(&text).unwrap(), prefix);
        let object = FileName::Object("s3://bucket/key".into());
        let text = serde_json::to_string(&object).unwrap();
        assert_eq!(text, r#"{"object":"s3://bucket/key"}"#);
    }
}
