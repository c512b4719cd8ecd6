//! A file that can be read once more, from any offset.

use std::fs::File;
use std::sync::Arc;

use super::content::Input;
use super::object::SourceObject;
use super::stable::StableFile;

/// A regular file that is open, or an object.
#[derive(Clone, Debug)]
pub(super) enum Regular {
    File(Arc<File>),
    Object(SourceObject),
}

impl Regular {
    /// What it holds from `offset` on, as it is stored.
    pub(super) fn at(&self, offset: u64) -> Input {
        match self {
            Self::File(file) => Box::new(StableFile::at(file.clone(), offset)),
            Self::Object(object) => object.read(offset..object.bytes()),
        }
    }

    /// At most `bytes` of it from `offset` on.
    pub(super) fn part(&self, offset: u64, bytes: u64) -> Input {
        use std::io::Read as _;
        match self {
            Self::File(_) => Box::new(self.at(offset).take(bytes)),
            Self::Object(object) => {
                let end = offset.saturating_add(bytes).min(object.bytes());
                object.read(offset.min(end)..end)
            }
        }
    }

    /// Whether it never grows: a change of an object makes another version.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}
