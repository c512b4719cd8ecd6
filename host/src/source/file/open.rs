//! A file that has been opened: what it is known by, and where its lines are read from.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sluice_engine::record::{SequenceNumber, ShardId};

use super::Location;
use super::content::{Content, Input};
use super::identity::{file_name, head_suffix, shard_id, stat_of};
use super::text_format::TextFormat;
use crate::ledger::source_file::{FileName, FileStat};
use crate::source::SourceError;

/// The settings of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// The name that the only file is known by, instead of its path.
    pub name: Option<String>,
    /// Whether files do not grow any more, so that the last line is complete.
    pub are_final: bool,
}

/// A file whose first line has been read, which names the shard.
pub struct OpenFile {
    /// The file as the settings name it.
    pub(super) name: String,
    pub(super) known_as: FileName,
    pub(super) shard: ShardId,
    head_suffix: String,
    pub(super) input: Input,
    /// The offset of the first record.
    pub(super) start: u64,
    pub(super) stat: Option<FileStat>,
    /// The file once more, if it is a regular one.
    regular: Option<PathBuf>,
    is_compressed: bool,
    text_format: Option<TextFormat>,
    /// Whether the last line is complete, whatever it holds.
    pub(super) is_final: bool,
    /// The last record that was read before.
    pub(super) known_up_to: Option<SequenceNumber>,
}

/// Opens a file and names its shard by its canonical path (or the name in the settings) and its first line: another
/// file in its place is another shard, and a file that grows stays the same one.
///
/// # Errors
/// [`SourceError::Io`], or [`SourceError::Unsupported`] if Sluice does not read files of this kind.
pub fn open(location: &Location, options: &FileOptions) -> Result<OpenFile, SourceError> {
    let name = location.name();
    let opened = open_raw(location, options).map_err(|source| SourceError::Io {
        name: name.clone(),
        source,
    });
    let (known_as, raw, stat) = opened?;
    let content = Content::open(&name, raw)?;
    let path = match location {
        Location::File(path) => Some(path.clone()),
        Location::Stdin => None,
    };
    Ok(OpenFile {
        name,
        shard: shard_id(&known_as, &content.first_line),
        head_suffix: head_suffix(&content.first_line),
        text_format: TextFormat::of_first_line(&content.first_line),
        known_as,
        input: content.input,
        start: content.start,
        stat,
        regular: path.filter(|_| stat.is_some()),
        is_compressed: content.is_compressed,
        is_final: options.are_final || content.is_compressed || stat.is_none(),
        known_up_to: None,
    })
}

/// Checks that a file can be read: that it exists and is of a format that Sluice reads. Pipes and standard input are
/// not opened, because what is read of them cannot be read again.
///
/// # Errors
/// As [`open`].
pub fn check(location: &Location, options: &FileOptions) -> Result<(), SourceError> {
    let Location::File(path) = location else {
        return Ok(());
    };
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => Ok(()),
        _ => open(location, options).map(drop),
    }
}

/// What the file is known by, its bytes, and what the file system says of it.
fn open_raw(
    location: &Location,
    options: &FileOptions,
) -> io::Result<(FileName, Input, Option<FileStat>)> {
    let known_as = file_name(location, options.name.as_deref())?;
    Ok(match location {
        Location::File(path) => {
            let file = File::open(path)?;
            let stat = stat_of(&file.metadata()?);
            (known_as, Box::new(file), stat)
        }
        Location::Stdin => (known_as, Box::new(io::stdin()), None),
    })
}

impl OpenFile {
    /// The shard's name.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// The file as the settings name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file is known by.
    #[must_use]
    pub fn known_as(&self) -> &FileName {
        &self.known_as
    }

    /// The end of the names of all shards of files with the same first line.
    #[must_use]
    pub fn head_suffix(&self) -> &str {
        &self.head_suffix
    }

    /// The format of the file, if its first line looks like one in which lines are no records.
    #[must_use]
    pub fn text_format(&self) -> Option<TextFormat> {
        self.text_format
    }

    /// The path at which the file can be opened again, if it is a regular file.
    #[must_use]
    pub fn regular(&self) -> Option<&Path> {
        self.regular.as_deref()
    }

    /// The path, if the file can be read from the middle.
    pub(super) fn seekable(&self) -> Option<&Path> {
        self.regular().filter(|_| !self.is_compressed)
    }

    /// Makes this the file of another shard, which was known by another name.
    #[must_use]
    pub fn with_shard(self, shard: ShardId) -> Self {
        Self { shard, ..self }
    }

    /// Takes a last line without its end if it was taken before, up to this record.
    #[must_use]
    pub fn known_up_to(self, last: Option<SequenceNumber>) -> Self {
        Self {
            known_up_to: last,
            ..self
        }
    }
}
