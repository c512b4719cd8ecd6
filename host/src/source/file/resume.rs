//! Where reading goes on after what is committed, and whether that has changed.
//!
//! If the file system says that a plain file is unchanged or has only grown, its last committed record and the last
//! block of its committed part are read again, and no more. Otherwise, all of the committed part is.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sluice_engine::digest::Digest;

use super::OpenFile;
use super::content::Input;
use super::lines::{Line, Lines};
use super::prefix::PrefixHasher;
use super::tail::{is_end_of_line, record_of};
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
            let mut lines = self.first_lines(input)?;
            lines.skip_to(committed)?;
            return Ok(lines);
        };
        let verified = self.verify(input, committed, prefix);
        let verified = verified.map_err(|source| SourceError::Io {
            name: name.clone(),
            source,
        })?;
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
        skipped.map_err(|source| SourceError::Io {
            name: self.name.clone(),
            source,
        })?;
        Ok(Lines::new(self.name.clone(), input, mark))
    }

    fn changed(&self, what: String) -> SourceError {
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
        match lines.next()? {
            Some(line) if !is_end_of_line(last, line.text) => Err(self.changed(format!(
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
        if let Some(path) = self.unchanged(prefix) {
            let mut file = File::open(path)?;
            if !holds_last_record(&mut file, committed, prefix)? {
                return Ok(None);
            }
            // At least one byte is read again, which says whether the last line had its end.
            hasher = match PrefixHasher::resume(prefix) {
                resumed if resumed.bytes() < prefix.bytes => resumed,
                _ => PrefixHasher::default(),
            };
            file.seek(SeekFrom::Start(hasher.bytes()))?;
            input = Box::new(self.position.track(hasher.bytes(), file));
        }
        let last = hasher.read_to(prefix.bytes, &mut input)?;
        let last = last.filter(|_| hasher.is(prefix));
        Ok(last.map(|last| (input, hasher, last)))
    }

    /// The path of a plain file that has not changed, or has only grown, by its size, time and number.
    fn unchanged(&self, prefix: &FilePrefix) -> Option<&Path> {
        let (seen, now) = (prefix.stat?, self.stat?);
        self.seekable().filter(|_| seen.is_same_or_grown(&now))
    }
}

fn holds_last_record(
    file: &mut File,
    committed: &Committed,
    prefix: &FilePrefix,
) -> io::Result<bool> {
    let Some(offset) = committed.last.as_offset() else {
        return Ok(false);
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    let length = prefix.bytes.saturating_sub(offset);
    file.take(length).read_to_end(&mut rest)?;
    let line = rest.split(|byte| *byte == b'\n').next();
    Ok(line.is_some_and(|line| Digest::of(record_of(line)) == committed.last_digest))
}

impl Lines {
    /// Skips to the record after the last committed one, and checks that this one has not changed.
    fn skip_to(&mut self, committed: &Committed) -> Result<(), SourceError> {
        let changed = SourceError::Changed {
            name: self.name.clone(),
            what: format!("the last committed record at byte {}", committed.last),
        };
        let Some(target) = committed.last.as_offset() else {
            return Err(changed);
        };
        while let Some(Line { offset, text, .. }) = self.next()? {
            if offset == target && Digest::of(record_of(text)) == committed.last_digest {
                return Ok(());
            }
            if offset >= target {
                break;
            }
        }
        Err(changed)
    }
}
