//! A file of newline-delimited JSON, or an object of S3, as a shard: a record is a line, and its sequence number is the
//! offset of its first byte in the decompressed content, so that a run can resume.

mod batch_sender;
mod content;
mod content_type;
mod expand;
mod folders;
mod gzip_members;
mod identity;
mod lines;
mod numbered;
mod object;
mod open;
mod prefix;
mod read_position;
mod reading;
mod regular;
mod resume;
mod stable;
mod tail;
#[cfg(test)]
mod tests;
mod text_format;
mod unchanged;
mod zstd_frames;

use std::path::PathBuf;

pub use self::expand::{LeftOut, SourceFiles, expand, is_one_file, reads_below, reads_in};
pub use self::folders::CanonicalFolders;
pub use self::identity::{distinct, is_elsewhere, still_holds};
pub use self::numbered::{NumberedBatch, NumberedRecords};
pub use self::object::{ObjectsAddress, SourceObject};
pub use self::open::{FileOptions, OpenFile, check, open};
pub use self::read_position::ReadPosition;
pub use self::reading::{FilePart, FileReading};
pub use self::resume::SourceRecords;
pub use self::tail::IncompleteLine;
pub use self::text_format::TextFormat;
pub use self::unchanged::ClosedFile;

/// A file, standard input, or an object of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, plain or compressed with gzip or Zstandard.
    File(PathBuf),
    /// Standard input, likewise.
    Stdin,
    /// An object of S3 that was listed, likewise.
    Object(SourceObject),
    /// What the settings name in S3, before it is listed: [`expand`] makes objects of it.
    Objects(ObjectsAddress),
}

impl Location {
    /// The location as the settings name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
            Self::Object(object) => object.name(),
            Self::Objects(address) => address.to_string(),
        }
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        match self {
            Self::File(path) => {
                std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
            }
            Self::Stdin | Self::Object(_) | Self::Objects(_) => false,
        }
    }

    /// Whether it is an object without content, so that there is nothing to read.
    #[must_use]
    pub fn is_empty_object(&self) -> bool {
        matches!(self, Self::Object(object) if object.bytes() == 0)
    }

    /// The size of the file, bytes; 0 if there is none, and `None` if it is not known before the end.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => match std::fs::metadata(path) {
                Ok(metadata) => metadata.is_file().then_some(metadata.len()),
                Err(_) => Some(0),
            },
            Self::Object(object) => Some(object.bytes()),
            Self::Stdin | Self::Objects(_) => None,
        }
    }
}

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub location: Location,
    /// Whether it was found in a folder, or by a pattern, and is not given by its own path.
    pub is_listed: bool,
}

impl SourceFile {
    /// A file that is given by its own path, or standard input.
    #[must_use]
    pub fn given(location: Location) -> Self {
        Self {
            location,
            is_listed: false,
        }
    }

    /// A file that was found in a folder.
    #[must_use]
    pub fn listed(location: Location) -> Self {
        Self {
            location,
            is_listed: true,
        }
    }
}
