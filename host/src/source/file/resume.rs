//! Where reading goes on after what is committed, and whether that has changed.
//!
//! If the file system says that a plain file is unchanged or has only grown, its last committed record and the last
//! block of its committed part are read again, and no more. Otherwise, all of the committed part is.

use std::io;

use sluice_engine::digest::Digest;

use super::OpenFile;
use super::content::Input;
use super::identity::matching;
use super::lines::Lines;
use super::prefix::PrefixHasher;
use super::regular::Regular;
use super::stable::source_error;
use super::tail::{is_blank, is_end_of_line, record_of};
use crate::ledger::Committed;
use crate::ledger::source_file::FilePrefix;
use crate::source::SourceError;

impl OpenFile {
    /// The lines after the committed records.
    ///
    /// # Errors
    /// [`SourceError::Changed`]: the committed part is not there any more.
    pub(super) fn lines_after(
        &mut self,
        input: Input,
        committed: Option<&Committed>,
    ) -> Result<Lines, SourceError> {
        let name = self.name.clone();
        let Some(committed) = committed else {
            return self.first_lines(input);
        };
        let Some(prefix) = &committed.file else {
            return Err(self.changed("what is committed: its ledger has no part of a file".into()));
        };
        let verified = self.verify(input, committed, prefix);
        let verified = verified.map_err(|error| source_error(&name, error))?;
        let Some((input, hasher, last)) = verified else {
            return Err(self.changed(format!(
                "what is committed, which is its first {} bytes",
                prefix.bytes
            )));
        };
        let mut lines = Lines::new(name, input, hasher);
        if last != b'\n' {
            self.end_line(&mut lines, last, committed)?;
        }
        Ok(lines)
    }

    /// All lines. A byte order mark is not part of the first one.
    fn first_lines(&self, mut input: Input) -> Result<Lines, SourceError> {
        let mut mark = PrefixHasher::default();
        let skipped = mark.read_to(self.start, &mut input);
        skipped.map_err(|error| source_error(&self.name, error))?;
        Ok(Lines::new(self.name.clone(), input, mark))
    }

    /// Whether the content begins with `prefix`. The content of what is no regular file cannot be read once more, so
    /// it counts as unchanged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn begins_with(&self, prefix: &FilePrefix) -> Result<bool, SourceError> {
        Ok(!self.is_regular() || self.matching(&[*prefix])? == [0])
    }

    /// The places of those prefixes that the content begins with. The file is read once, up to the end of the longest.
    /// None if it is no regular file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn matching(&self, prefixes: &[FilePrefix]) -> Result<Vec<usize>, SourceError> {
        let Some(content) = self.content_again()? else {
            return Ok(Vec::new());
        };
        matching(content.input, prefixes).map_err(|error| source_error(&self.name, error))
    }

    /// Whether the last of these records is where it was: the content has as many, and that one has its digest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_record(&self, records: &SourceRecords) -> Result<bool, SourceError> {
        let Some(content) = self.content_again()? else {
            return Ok(false);
        };
        let mut lines = self.first_lines(content.input)?;
        let mut before = records.count;
        while let Some(line) = lines.next()? {
            if is_blank(line.text) {
                continue;
            }
            before = before.saturating_sub(1);
            if before == 0 {
                return Ok(records.end_with(line.text));
            }
        }
        Ok(false)
    }

    pub(super) fn changed(&self, what: String) -> SourceError {
        let name = self.name.clone();
        SourceError::Changed { name, what }
    }

    /// Skips the end of a line that had none when it was read.
    fn end_line(
        &self,
        lines: &mut Lines,
        last: u8,
        committed: &Committed,
    ) -> Result<(), SourceError> {
        let is_end = |rest: &[u8]| match committed.file {
            Some(file) if file.is_open => rest.is_empty(),
            Some(file) if file.lines.is_some() => rest.trim_ascii().is_empty(),
            _ => is_end_of_line(last, rest),
        };
        match lines.next()? {
            Some(line) if !is_end(line.text) => Err(self.changed(format!(
                "the committed record at byte {}, whose line had no end and has gone on",
                committed.last
            ))),
            _ => Ok(()),
        }
    }

    /// The input after the committed part, with its digest and its last byte; `None` if it has changed.
    fn verify(
        &self,
        mut input: Input,
        committed: &Committed,
        prefix: &FilePrefix,
    ) -> io::Result<Option<(Input, PrefixHasher, u8)>> {
        let mut hasher = PrefixHasher::default();
        if let Some(file) = self.unchanged(prefix) {
            if !holds_last_record(file, committed, prefix)? {
                return Ok(None);
            }
            // At least one byte is read again, which says whether the last line had its end.
            hasher = match PrefixHasher::resume(prefix) {
                resumed if resumed.bytes() < prefix.bytes => resumed,
                _ => PrefixHasher::default(),
            };
            let from = file.at(hasher.bytes());
            input = Box::new(self.position.track(hasher.bytes(), from));
        }
        let last = hasher.read_to(prefix.bytes, &mut input)?;
        let last = last.filter(|_| hasher.is(prefix));
        Ok(last.map(|last| (input, hasher, last)))
    }

    /// A plain file that has not changed, or has only grown, by its size, time and number. An object: the same version.
    fn unchanged(&self, prefix: &FilePrefix) -> Option<&Regular> {
        let (seen, now) = (prefix.stat?, self.stat?);
        self.seekable().filter(|_| seen.is_same_or_grown(&now))
    }
}

/// The committed records as the source has them: of a file that is decoded, its lines.
pub struct SourceRecords {
    /// How many there are.
    pub count: u64,
    last_digest: Digest,
    are_decoded: bool,
}

impl SourceRecords {
    /// Those that are committed.
    #[must_use]
    pub fn of(committed: &Committed) -> Self {
        match committed.file.and_then(|file| file.lines) {
            Some(lines) => Self {
                count: lines.count,
                last_digest: lines.last_digest,
                are_decoded: true,
            },
            None => Self {
                count: committed.records,
                last_digest: committed.last_digest,
                are_decoded: false,
            },
        }
    }

    /// Whether the last one is in this line.
    fn end_with(&self, line: &[u8]) -> bool {
        let last = match self.are_decoded {
            true => line.trim_ascii_end(),
            false => record_of(line),
        };
        Digest::of(last) == self.last_digest
    }
}

fn holds_last_record(
    file: &Regular,
    committed: &Committed,
    prefix: &FilePrefix,
) -> io::Result<bool> {
    let Some(offset) = committed.last.as_offset() else {
        return Ok(false);
    };
    let mut rest = Vec::new();
    let length = prefix.bytes.saturating_sub(offset);
    file.part(offset, length).read_to_end(&mut rest)?;
    let line = rest.split(|byte| *byte == b'\n').next();
    let records = SourceRecords::of(committed);
    Ok(line.is_some_and(|line| records.end_with(line)))
}
