//! Objects of S3 as files of a source.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sluice_engine::content_digest::ContentDigest;
use sluice_storage::s3::reader::{ListedObject, ReadBucket};

use super::content::Input;
use crate::ledger::source_file::FileStat;

/// What the settings name in S3: an object, a prefix, or a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsAddress {
    /// The bucket.
    pub bucket: String,
    /// The key of an object, a prefix, or a pattern; empty for the whole bucket.
    pub key: String,
}

impl fmt::Display for ObjectsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// An object in the version that was listed. Clones share it, and all objects of a bucket share the bucket.
#[derive(Clone, Debug)]
pub struct SourceObject {
    bucket: Arc<ReadBucket>,
    object: Arc<ListedObject>,
}

impl PartialEq for SourceObject {
    fn eq(&self, other: &Self) -> bool {
        self.bucket.name() == other.bucket.name() && self.object == other.object
    }
}

impl Eq for SourceObject {}

impl SourceObject {
    pub(super) fn new(bucket: Arc<ReadBucket>, object: ListedObject) -> Self {
        Self {
            bucket,
            object: Arc::new(object),
        }
    }

    /// Its address, which is what it is known by.
    #[must_use]
    pub fn name(&self) -> String {
        format!("s3://{}/{}", self.bucket.name(), self.object.key)
    }

    /// Its size, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.object.bytes
    }

    /// What the listing says of it.
    pub(super) fn stat(&self) -> FileStat {
        FileStat {
            size: self.object.bytes,
            modified_ns: self.object.modified_ns,
            inode: 0,
            created_ns: None,
            etag: Some(ContentDigest::of(self.object.etag.as_bytes())),
        }
    }

    /// A range of it. Nothing is requested before the first read.
    pub(super) fn read(&self, range: Range<u64>) -> Input {
        Box::new(self.bucket.read(&self.object, range))
    }
}
