//! Reads the lines of an object of the archive.

use sluice_engine::record::Position;

use super::{ArchiveError, ArchiveHeader, ArchiveKey, ArchivedRecord};

/// The lines of an object, after it is decompressed: its header, and then its records, which are checked as they are
/// read.
#[derive(Debug)]
pub struct ArchiveLines<'a> {
    header: ArchiveHeader,
    rest: &'a [u8],
    read: u64,
    before: Option<Position>,
    /// Whether the end or an error was returned.
    is_over: bool,
}

impl<'a> ArchiveLines<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is no header.
    pub fn new(lines: &'a [u8]) -> Result<Self, ArchiveError> {
        let (first, rest) = split_line(lines);
        Ok(Self {
            header: ArchiveHeader::parse(first)?,
            rest,
            read: 0,
            before: None,
            is_over: false,
        })
    }

    /// Reads the header of the object with this key.
    ///
    /// # Errors
    /// It is no header, or that of another object.
    pub fn of(key: &ArchiveKey, lines: &'a [u8]) -> Result<Self, ArchiveError> {
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

    fn next_record(&mut self) -> Result<Option<ArchivedRecord<'a>>, ArchiveError> {
        if self.rest.is_empty() {
            return self.check_end().map(|()| None);
        }
        let (line, rest) = split_line(self.rest);
        self.rest = rest;
        self.read += 1;
        let wrong = |why| ArchiveError::Line {
            line: self.read + 1,
            why,
        };
        let record = ArchivedRecord::parse(line).map_err(wrong)?;
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

impl<'a> Iterator for ArchiveLines<'a> {
    type Item = Result<ArchivedRecord<'a>, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.next_record().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The first line without its end, and what follows.
fn split_line(lines: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', lines) {
        Some(end) => (&lines[..end], &lines[end + 1..]),
        None => (lines, &[]),
    }
}
