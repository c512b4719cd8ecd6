//! Encodes the objects of a chunk, and compares the rows of Parquet with its events.

use std::io;

use super::Chunk;
use crate::format::parquet::{EncodedRows, RowOrigin, TableSchema, UnmappedValues};
use crate::format::{Encoded, Level, encode};
use crate::layout::{Destination, Object};

impl Chunk {
    /// Encodes the object for `destination`, which is empty if the chunk has no lines for it.
    ///
    /// # Errors
    /// The compressor fails, or the chunk does not have the schema of its pins.
    pub fn encode(&self, destination: &Destination, level: Level) -> io::Result<Object> {
        let (origin, rows) = (self.origin(), self.rows(destination));
        let format = destination.format(self.rules.pins.format);
        let EncodedRows {
            bytes,
            digest,
            unmapped,
        } = if format.has_lines() {
            let Encoded { bytes, digest } = encode(format, level, rows)?;
            EncodedRows {
                bytes,
                digest,
                unmapped: UnmappedValues::default(),
            }
        } else {
            self.table()?.encode(level, rows, self.row_origin())?
        };
        Ok(Object {
            key: origin.object_key(destination, format),
            body: bytes,
            format,
            content: self.content_with(destination, || digest),
            destination: destination.clone(),
            origin,
            unmapped,
        })
    }

    /// Finds the event of each row of one of its objects of Parquet, by the position in `events`; `None` if it is the row
    /// of none.
    ///
    /// # Errors
    /// The object is damaged, or its rows are not of this chunk.
    pub fn match_rows(&self, object: &[u8], events: &[&[u8]]) -> io::Result<Vec<Option<usize>>> {
        self.table()?.match_rows(object, self.row_origin(), events)
    }

    /// The schema of its pins.
    fn table(&self) -> io::Result<&TableSchema> {
        let table = self.rules.table.as_deref();
        let pinned = table.filter(|table| Some(table.digest()) == self.rules.pins.schema);
        pinned.ok_or_else(|| {
            let why = "the schema that the chunk has pinned is not loaded";
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })
    }

    fn row_origin(&self) -> RowOrigin<'_> {
        RowOrigin {
            shard: self.rules.shard.as_str(),
            chunk: self.bounds.map_or(0.into(), |(first, _)| first),
        }
    }
}
