//! Encodes the objects of a chunk, and compares the rows of Parquet with its events.

use std::io;

use super::Chunk;
use crate::format::parquet::{
    EncodedRows, OBJECT_EVENTS_MAX, RowOrigin, Sampling, TableSchema, UnmappedValues,
};
use crate::format::{Encoded, Level, encode};
use crate::layout::event_type::event_type_of_folder;
use crate::layout::{Destination, Object};

/// The most events of a chunk that are sampled for drift, or one of each object if there are more objects.
const CHUNK_EVENTS_MAX: usize = 2_048;

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
            drift,
        } = if format.has_lines() {
            let Encoded { bytes, digest } = encode(format, level, rows)?;
            EncodedRows {
                bytes,
                digest,
                unmapped: UnmappedValues::default(),
                drift: None,
            }
        } else {
            let table = self.table()?;
            let event_type = event_type_of(destination);
            let sampling = self.sampling(table, event_type.as_deref());
            table.encode_sampled(level, rows, self.row_origin(), sampling)?
        };
        Ok(Object {
            key: origin.object_key(destination, format),
            body: bytes,
            format,
            content: self.content_with(destination, || digest),
            destination: destination.clone(),
            origin,
            unmapped,
            drift,
        })
    }

    /// How the events of an object are sampled for drift. Without a schema of the settings, most members have no column, so
    /// there is nothing to drift from.
    fn sampling<'a>(
        &self,
        table: &TableSchema,
        event_type: Option<&'a str>,
    ) -> Option<Sampling<'a>> {
        let share = CHUNK_EVENTS_MAX / self.lake_partitions.max(1);
        let sampling = Sampling {
            event_type,
            events_max: share.clamp(1, OBJECT_EVENTS_MAX),
        };
        (*table != *TableSchema::builtin()).then_some(sampling)
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

/// The type of the events of an object, if its partition names it.
fn event_type_of(destination: &Destination) -> Option<String> {
    match destination {
        Destination::Lake(partition) => event_type_of_folder(partition.as_str()),
        Destination::Quarantine(_) => None,
    }
}
