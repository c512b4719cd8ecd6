//! Containers: how rows become the content of an object. A container that is compressed as a whole
//! leaves that to the codec; one that compresses its parts, as Parquet does, uses the codec within.

mod ndjson;

use std::io;

use sluice_engine::content_digest::ContentDigest;

use super::codec::{Codec, Level};
use super::rows::Rows;

pub(super) use self::ndjson::Ndjson;

/// An encoded object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The digest of its rows, as [`Rows::digest`] computes it.
    pub digest: ContentDigest,
}

/// Encodes and decodes objects. It is called once an object, and goes through the rows itself.
pub(super) trait Container: Send + Sync {
    /// Encodes rows as one object.
    ///
    /// The same rows and level always give the same bytes, with the same version of the compressor. A chunk that
    /// is replayed does not depend on that: objects are compared by their content. If the codec does not have the
    /// level, it uses its default.
    ///
    /// # Errors
    /// The compressor fails; none is expected, since it writes to memory.
    fn encode(&self, rows: Rows<'_>, codec: Codec, level: Level) -> io::Result<Encoded>;

    /// Decodes an object into lines, one a row, each with its end, and stops where they have more than `max` bytes.
    ///
    /// # Errors
    /// The object is damaged, or has more bytes; then the error is [`io::ErrorKind::FileTooLarge`].
    fn decode(&self, object: &[u8], codec: Codec, max: usize) -> io::Result<Vec<u8>>;
}
