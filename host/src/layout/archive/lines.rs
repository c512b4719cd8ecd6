//! Reads the lines of an object of the archive.

use std::io::{BufRead, Read as _};

use sluice_engine::record::Position;

use super::{ArchiveError, ArchiveHeader, ArchiveKey, ArchivedRecord};

/// A longer line is not read, bytes. A record of a file has at most 64 MiB, and JSON writes a byte in at most six.
const LINE_MAX_BYTES: u64 = 400 << 20;

/// The lines of an object, as they are decompressed: its header, and then its records, which are checked as they are
/// read.
#[derive(Debug)]
pub struct ArchiveLines<R> {
    header: ArchiveHeader,
    lines: R,
    /// The last line that was read.
    line: Vec<u8>,
    read: u64,
    before: Option<Position>,
    /// Whether the end or an error was returned.
    is_over: bool,
}

impl<R: BufRead> ArchiveLines<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is no header.
    pub fn new(mut lines: R) -> Result<Self, ArchiveError> {
        let mut line = Vec::new();
        read_line(&mut lines, &mut line)?;
        Ok(Self {
            header: ArchiveHeader::parse(&line)?,
            lines,
            line,
            read: 0,
            before: None,
            is_over: false,
        })
    }

    /// Reads the header of the object with this key.
    ///
    /// # Errors
    /// It is no header, or that of another object.
    pub fn of(key: &ArchiveKey, lines: R) -> Result<Self, ArchiveError> {
        let lines = Self::new(lines)?;
        let found = lines.header.key();
        match found == *key {
            true => Ok(lines),
            false => Err(ArchiveError::OtherObject(found)),
        }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &ArchiveHeader {
        &self.header
    }

    fn next_record(&mut self) -> Result<Option<ArchivedRecord<'static>>, ArchiveError> {
        if !read_line(&mut self.lines, &mut self.line)? {
            return self.check_end().map(|()| None);
        }
        self.read += 1;
        let wrong = |why| ArchiveError::Line {
            line: self.read + 1,
            why,
        };
        let record = ArchivedRecord::parse(&self.line).map_err(wrong)?;
        let record = record.into_owned();
        self.check(record.position).map_err(wrong)?;
        self.before = Some(record.position);
        Ok(Some(record))
    }

    fn check(&self, position: Position) -> Result<(), String> {
        let ArchiveHeader { first, last, .. } = self.header;
        match self.before {
            None if position.sequence != first => Err(format!(
                "the first record is {position}, and the header says {first}"
            )),
            Some(before) if before >= position => {
                Err(format!("record {position} comes after {before}"))
            }
            _ if position.sequence > last => Err(format!(
                "record {position} comes after the last one of the header, {last}"
            )),
            _ => Ok(()),
        }
    }

    fn check_end(&self) -> Result<(), ArchiveError> {
        let ArchiveHeader { last, records, .. } = self.header;
        if self.read != records {
            return Err(ArchiveError::Records {
                expected: records,
                found: self.read,
            });
        }
        match self.before {
            Some(before) if before.sequence == last => Ok(()),
            _ => Err(ArchiveError::Line {
                line: self.read + 1,
                why: format!("the last record is not {last}, as the header says"),
            }),
        }
    }
}

impl<R: BufRead> Iterator for ArchiveLines<R> {
    type Item = Result<ArchivedRecord<'static>, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.next_record().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads the next line with its end in place of the one before. Returns whether there is one.
fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, ArchiveError> {
    line.clear();
    let read = lines.take(LINE_MAX_BYTES).read_until(b'\n', line);
    match read {
        Ok(read) if read as u64 == LINE_MAX_BYTES && !line.ends_with(b"\n") => Err(
            ArchiveError::Read(format!("a line has more than {LINE_MAX_BYTES} bytes")),
        ),
        Ok(read) => Ok(read > 0),
        Err(error) => Err(ArchiveError::Read(error.to_string())),
    }
}
