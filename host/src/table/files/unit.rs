//! Units: the rows that one thread maps as one batch.

use super::error::FilesError;

/// A row, before it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowRef {
    /// The position of its object in the plan.
    pub(super) object: u32,
    /// The content of the wave that has its event, and where.
    pub(super) content: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its place in the object, from 1.
    pub(super) line: u64,
}

impl RowRef {
    /// Its event.
    pub(super) fn event(self, contents: &[Vec<u8>]) -> &[u8] {
        &contents[self.content as usize][self.start as usize..self.end as usize]
    }
}

/// Lines of an object that follow each other.
#[derive(Debug)]
struct Piece {
    object: u32,
    content: u32,
    start: usize,
    end: usize,
    first_line: u64,
}

/// Rows of a unit.
#[derive(Debug)]
enum Rows {
    Pieces(Vec<Piece>),
    Refs(Vec<RowRef>),
}

/// Rows that one thread maps as one batch.
#[derive(Debug)]
pub(super) struct Unit {
    /// Units with the same number follow each other. What comes of them depends on their source.
    pub(super) run: u32,
    rows: Rows,
    bytes: usize,
}

impl Unit {
    /// Rows of one run.
    pub(super) fn of_rows(run: u32, rows: Vec<RowRef>) -> Self {
        Self {
            run,
            bytes: rows.iter().map(|row| (row.end - row.start) as usize).sum(),
            rows: Rows::Refs(rows),
        }
    }

    /// The bytes of its events.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls `each` with each row and its event.
    ///
    /// # Errors
    /// An error of `each`.
    pub(super) fn for_each<'w>(
        &self,
        contents: &'w [Vec<u8>],
        mut each: impl FnMut(RowRef, &'w [u8]) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        match &self.rows {
            Rows::Refs(rows) => rows
                .iter()
                .try_for_each(|row| each(*row, row.event(contents))),
            Rows::Pieces(pieces) => pieces
                .iter()
                .try_for_each(|piece| piece.for_each(&contents[piece.content as usize], &mut each)),
        }
    }
}

impl Piece {
    fn for_each<'w>(
        &self,
        content: &'w [u8],
        each: &mut impl FnMut(RowRef, &'w [u8]) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        let mut start = self.start;
        let ends = memchr::memchr_iter(b'\n', &content[self.start..self.end]);
        for (end, line) in ends.zip(self.first_line..) {
            let end = self.start + end;
            let row = RowRef {
                object: self.object,
                content: self.content,
                start: offset(start),
                end: offset(end),
                line,
            };
            each(row, &content[start..end])?;
            start = end + 1;
        }
        Ok(())
    }
}

/// An offset in the content of an object, whose rows chunks keep by offsets of 32 bits too.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Splits the lines of objects into units of about the same size, in their order.
pub(super) struct Splitter {
    unit_bytes: usize,
    units: Vec<Unit>,
}

impl Splitter {
    /// For units of about this many bytes.
    pub(super) fn new(unit_bytes: usize) -> Self {
        Self {
            unit_bytes,
            units: Vec::new(),
        }
    }

    /// Adds the lines of an object, which belong to a run.
    pub(super) fn add(&mut self, run: u32, object: u32, content: u32, lines: &[u8]) {
        let (mut start, mut first_line) = (0, 1);
        while start < lines.len() {
            let end = self.end_of_piece(run, &lines[start..]) + start;
            let piece = Piece {
                object,
                content,
                start,
                end,
                first_line,
            };
            if end < lines.len() {
                first_line += memchr::memchr_iter(b'\n', &lines[start..end]).count() as u64;
            }
            self.push(run, piece);
            start = end;
        }
    }

    /// Where the lines end that still fit the last unit; at least one does.
    fn end_of_piece(&self, run: u32, lines: &[u8]) -> usize {
        let room = match self.units.last() {
            Some(last) if last.run == run => self.unit_bytes.saturating_sub(last.bytes),
            _ => self.unit_bytes,
        };
        let room = if room == 0 { self.unit_bytes } else { room };
        if lines.len() <= room {
            return lines.len();
        }
        let end = memchr::memchr(b'\n', &lines[room - 1..]);
        end.map_or(lines.len(), |end| room + end)
    }

    fn push(&mut self, run: u32, piece: Piece) {
        let bytes = piece.end - piece.start;
        match self.units.last_mut() {
            Some(Unit {
                run: of_last,
                rows: Rows::Pieces(pieces),
                bytes: so_far,
            }) if *of_last == run && *so_far < self.unit_bytes => {
                pieces.push(piece);
                *so_far += bytes;
            }
            _ => self.units.push(Unit {
                run,
                rows: Rows::Pieces(vec![piece]),
                bytes,
            }),
        }
    }

    /// The units.
    pub(super) fn finish(self) -> Vec<Unit> {
        self.units
    }
}
