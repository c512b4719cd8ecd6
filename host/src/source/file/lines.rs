//! The lines of a file, with their offsets in its decompressed content.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use sluice_engine::digest::Digest;

use super::content::Input;
use crate::ledger::Committed;
use crate::source::SourceError;

/// Bytes per read.
const READ_BYTES: usize = 256 << 10;

/// A longer line means that the file is of another kind.
const LINE_MAX_BYTES: usize = 64 << 20;

/// Lines with their offsets, each borrowed from the block that it was read into.
pub(super) struct Lines {
    pub(super) name: String,
    input: Input,
    /// The offset of the next line.
    offset: u64,
    /// The unread part is `block[next..filled]`.
    block: Vec<u8>,
    next: usize,
    filled: usize,
}

impl Lines {
    /// Lines of an input whose first byte is at `offset`.
    pub(super) fn new(name: String, input: Input, offset: u64) -> Self {
        Self {
            name,
            input,
            offset,
            block: vec![0; READ_BYTES],
            next: 0,
            filled: 0,
        }
    }

    /// The next line without its end, and the offset of its first byte.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, SourceError> {
        let mut searched = 0;
        let (length, end) = loop {
            let rest = &self.block[self.next + searched..self.filled];
            if let Some(at) = memchr::memchr(b'\n', rest) {
                break (searched + at, 1);
            }
            searched = self.filled - self.next;
            if searched > LINE_MAX_BYTES || self.read_on()? == 0 {
                break (searched, 0);
            }
        };
        if length > LINE_MAX_BYTES {
            return Err(SourceError::LineTooLong {
                name: self.name.clone(),
                offset: self.offset,
                limit: LINE_MAX_BYTES,
            });
        }
        if length + end == 0 {
            return Ok(None);
        }
        let line = self.next..self.next + length;
        let offset = self.offset;
        self.next = line.end + end;
        self.offset += (length + end) as u64;
        Ok(Some((offset, &self.block[line])))
    }

    /// Reads more, after moving the unread part to the front of the block; returns 0 at the end.
    fn read_on(&mut self) -> Result<usize, SourceError> {
        self.block.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        self.next = 0;
        if self.filled == self.block.len() {
            self.block.resize(2 * self.block.len(), 0);
        }
        let free = &mut self.block[self.filled..];
        let read = loop {
            match self.input.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|source| SourceError::Io {
            name: self.name.clone(),
            source,
        })?;
        self.filled += read;
        Ok(read)
    }

    /// Skips to the record after the last committed one, and checks that this one has not changed.
    pub(super) fn skip_to(
        &mut self,
        committed: &Committed,
        seekable: Option<&Path>,
    ) -> Result<(), SourceError> {
        let changed = SourceError::Changed {
            name: self.name.clone(),
            offset: committed.last.to_string(),
        };
        let Some(target) = committed.last.as_offset() else {
            return Err(changed);
        };
        if let Some(path) = seekable {
            let reopened = File::open(path).and_then(|mut file| {
                file.seek(SeekFrom::Start(target))?;
                Ok(file)
            });
            let file = reopened.map_err(|source| SourceError::Io {
                name: self.name.clone(),
                source,
            })?;
            *self = Self::new(std::mem::take(&mut self.name), Box::new(file), target);
        }
        while let Some((offset, line)) = self.next()? {
            if offset == target && Digest::of(line) == committed.last_digest {
                return Ok(());
            }
            if offset >= target {
                break;
            }
        }
        Err(changed)
    }
}
