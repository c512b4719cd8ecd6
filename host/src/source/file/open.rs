//! A file that has been opened: what it is known by, and where its lines are read from.

use std::fs::File;
use std::io;
use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};

use super::Location;
use super::content::{Content, Input};
use super::identity::{file_name, head_suffix, name_prefix, shard_id, stat_of, stdin};
use super::read_position::ReadPosition;
use super::regular::Regular;
use super::stable::source_error;
use super::text_format::TextFormat;
use crate::ledger::source_file::{FileName, FileStat};
use crate::source::SourceError;
use crate::source::budget::Budget;
use crate::source::unpacking::{Unpacking, Unpackings};

/// The settings of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// The name that the only file is known by, instead of its path.
    pub name: Option<String>,
    /// Whether files do not grow any more, so that the last line is complete.
    pub are_final: bool,
    /// How lines become records.
    pub unpacking: Unpacking,
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
    /// The file itself, if it is a regular one, to read it once more.
    regular: Option<Regular>,
    pub(super) is_compressed: bool,
    text_format: Option<TextFormat>,
    /// Whether the last line is complete, whatever it holds.
    pub(super) is_final: bool,
    /// The last record that was read before.
    pub(super) known_up_to: Option<SequenceNumber>,
    /// How its lines become records.
    pub(super) unpackings: Unpackings,
    /// How far it is read.
    pub(super) position: ReadPosition,
    /// The memory of the batches that are read ahead.
    pub(super) budget: Budget,
}

/// Opens a file and names its shard by its canonical path (or the name in the settings) and its first line: another
/// file in its place is another shard, and a file that grows stays the same one.
///
/// # Errors
/// [`SourceError::Io`], or [`SourceError::Unsupported`] if Sluice does not read files of this kind.
pub fn open(location: &Location, options: &FileOptions) -> Result<OpenFile, SourceError> {
    let name = location.name();
    let failed = |error| source_error(&name, error);
    let known_as = file_name(location, options.name.as_deref()).map_err(failed)?;
    let Raw {
        input,
        regular,
        stat,
    } = open_raw(location).map_err(failed)?;
    let position = ReadPosition::default();
    let content = Content::open(&name, Box::new(position.track(0, input)))?;
    let head_suffix = head_suffix(&content.first_line);
    Ok(OpenFile {
        name,
        shard: shard_id(&known_as, &head_suffix, 0),
        head_suffix,
        text_format: TextFormat::of_first_line(&content.first_line)
            .and_then(|format| format.unless_decoded(options.unpacking.decoding)),
        known_as,
        input: content.input,
        start: content.start,
        stat,
        is_compressed: content.is_compressed,
        is_final: options.are_final
            || content.is_compressed
            || regular.as_ref().is_none_or(Regular::is_final),
        regular,
        known_up_to: None,
        unpackings: Unpackings {
            new: options.unpacking,
            repeated: Vec::new(),
        },
        position,
        budget: Budget::default(),
    })
}

/// Checks that a file can be read: that it exists and is of a format that Sluice reads. Pipes and standard input are
/// not opened, because what is read of them cannot be read again. What has not been listed in S3 is not checked.
///
/// # Errors
/// As [`open()`].
pub fn check(location: &Location, options: &FileOptions) -> Result<(), SourceError> {
    let path = match location {
        Location::File(path) => path,
        Location::Object(_) => return open(location, options).map(drop),
        Location::Stdin | Location::Objects(_) => return Ok(()),
    };
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => Ok(()),
        _ => open(location, options).map(drop),
    }
}

/// The bytes of a file, and what the file system says of it if it can grow.
struct Raw {
    input: Input,
    regular: Option<Regular>,
    stat: Option<FileStat>,
}

fn open_raw(location: &Location) -> io::Result<Raw> {
    let file = match location {
        Location::File(path) => File::open(path)?,
        Location::Stdin => stdin()?,
        Location::Object(object) => {
            return Ok(Raw::of(Regular::Object(object.clone()), object.stat()));
        }
        Location::Objects(_) => return Err(io::Error::other("its bucket has not been listed")),
    };
    let stat = stat_of(&file.metadata()?);
    match stat.filter(|_| *location != Location::Stdin) {
        Some(stat) => Ok(Raw::of(Regular::File(Arc::new(file)), stat)),
        None => Ok(Raw {
            input: Box::new(file),
            regular: None,
            stat: None,
        }),
    }
}

impl Raw {
    fn of(regular: Regular, stat: FileStat) -> Self {
        Self {
            input: regular.at(0),
            regular: Some(regular),
            stat: Some(stat),
        }
    }
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

    /// How far it is read.
    #[must_use]
    pub fn position(&self) -> &ReadPosition {
        &self.position
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

    /// The offset of the first record, bytes.
    #[must_use]
    pub fn first_offset(&self) -> u64 {
        self.start
    }

    /// The shard of the file, if this many files with the same name and first line had one before it.
    #[must_use]
    pub fn shard_of(&self, number: u32) -> ShardId {
        shard_id(&self.known_as, &self.head_suffix, number)
    }

    /// The start of the names of all shards of files at this path, whatever their first line.
    #[must_use]
    pub fn name_prefix(&self) -> String {
        format!("{}-", name_prefix(&self.known_as, 0))
    }

    /// Whether the file is a regular one, which can be read once more.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.regular.is_some()
    }

    /// The content of the file once more, from its beginning; `None` if it is no regular file.
    pub(super) fn content_again(&self) -> Result<Option<Content>, SourceError> {
        let again = self.regular.clone().map(|file| {
            let raw = file.at(0);
            Content::open(&self.name, raw)
        });
        again.transpose()
    }

    /// The file, if it can be read from the middle.
    pub(super) fn seekable(&self) -> Option<&Regular> {
        self.regular.as_ref().filter(|_| !self.is_compressed)
    }

    /// Whether the last part of the file is marked as the last one: the content at the end of it does not change, and the
    /// size of the file alone does not say that it is all.
    pub(super) fn marks_end(&self) -> bool {
        let regular = self.regular.as_ref();
        regular.is_some_and(|regular| self.is_compressed || regular.is_final())
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

    /// Unpacks lines like this.
    #[must_use]
    pub fn with_unpackings(self, unpackings: Unpackings) -> Self {
        Self { unpackings, ..self }
    }

    /// Counts the memory of the batches that are read ahead in this budget.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }
}
