//! The lines of a file, with their offsets in its decompressed content.

use std::io;

use super::content::Input;
use super::prefix::PrefixHasher;
use super::stable::source_error;
use crate::source::SourceError;

/// Bytes per read.
const READ_BYTES: usize = 256 << 10;

/// A longer line means that the file is of another kind.
const LINE_MAX_BYTES: usize = 64 << 20;

/// A line.
pub(super) struct Line<'a> {
    /// The offset of its first byte.
    pub(super) offset: u64,
    /// Its bytes, without its end.
    pub(super) text: &'a [u8],
    /// Whether it has an end: the last line may have none.
    pub(super) has_end: bool,
}

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
    /// The digest of what comes before `block[hashed]`.
    prefix: PrefixHasher,
    hashed: usize,
}

impl Lines {
    /// The lines of `input`, which begins after `prefix`.
    pub(super) fn new(name: String, input: Input, prefix: PrefixHasher) -> Self {
        Self {
            name,
            input,
            offset: prefix.bytes(),
            block: vec![0; READ_BYTES],
            next: 0,
            filled: 0,
            prefix,
            hashed: 0,
        }
    }

    /// The next line, unless the one before it was the last.
    pub(super) fn next_unless(&mut self, was_last: bool) -> Result<Option<Line<'_>>, SourceError> {
        if was_last { Ok(None) } else { self.next() }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, SourceError> {
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
        Ok(Some(Line {
            offset,
            text: &self.block[line],
            has_end: end > 0,
        }))
    }

    /// Reads more, after moving the unread part to the front of the block; returns 0 at the end.
    fn read_on(&mut self) -> Result<usize, SourceError> {
        self.hash();
        self.block.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        (self.next, self.hashed) = (0, 0);
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
        let read = read.map_err(|error| source_error(&self.name, error))?;
        self.filled += read;
        Ok(read)
    }

    /// Whether the next line has been read already, with its end.
    pub(super) fn has_line(&self) -> bool {
        memchr::memchr(b'\n', &self.block[self.next..self.filled]).is_some()
    }

    /// Gives the last line back, which was `length` bytes with its end.
    pub(super) fn unread(&mut self, length: usize) {
        self.next -= length;
        self.offset -= length as u64;
    }

    /// The digest of everything up to the end of the last line.
    pub(super) fn hash(&mut self) -> &PrefixHasher {
        self.prefix.update(&self.block[self.hashed..self.next]);
        self.hashed = self.next;
        &self.prefix
    }
}
