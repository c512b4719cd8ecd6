//! Encodes objects. A format of lines is a container (how rows become content) with a codec (how that is
//! compressed). To add one, add its line to [`Format`] and, if it needs one, a container. [Parquet](parquet) has
//! columns instead, and so needs a schema.

mod codec;
mod container;
pub mod parquet;
mod rows;
#[cfg(test)]
mod tests;

use std::{fmt, io};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sluice_engine::content_digest::ContentHasher;

use self::container::{Container, Ndjson};

pub use self::codec::{Codec, Level, NextPart, ZSTD_DEFAULT_LEVEL, zstd_parameters};
pub use self::container::Encoded;
pub use self::rows::{ByteSpan, Rows};

/// The format of an object. Its name is the extension of its objects and stands in ledgers.
#[derive(Clone, Copy)]
pub struct Format {
    name: &'static str,
    content_type: &'static str,
    /// How rows become lines; `None` if they become columns.
    container: Option<&'static dyn Container>,
    codec: Codec,
}

impl Format {
    /// Newline-delimited JSON.
    pub const NDJSON: Self = Self::of_lines("ndjson", "application/x-ndjson", Codec::None);
    /// Newline-delimited JSON, compressed with gzip.
    pub const NDJSON_GZ: Self = Self::of_lines("ndjson.gz", "application/gzip", Codec::Gzip);
    /// Newline-delimited JSON, compressed with Zstandard.
    pub const NDJSON_ZST: Self = Self::of_lines("ndjson.zst", "application/zstd", Codec::Zstd);
    /// Parquet, whose pages are compressed with Zstandard.
    pub const PARQUET: Self = Self {
        name: "parquet",
        content_type: "application/vnd.apache.parquet",
        container: None,
        codec: Codec::Zstd,
    };

    /// All of them. No name is the end of another.
    pub const ALL: [Self; 4] = [
        Self::NDJSON_ZST,
        Self::NDJSON_GZ,
        Self::NDJSON,
        Self::PARQUET,
    ];

    /// Those of lines.
    pub const OF_LINES: [Self; 3] = [Self::NDJSON_ZST, Self::NDJSON_GZ, Self::NDJSON];

    const fn of_lines(name: &'static str, content_type: &'static str, codec: Codec) -> Self {
        Self {
            name,
            content_type,
            container: Some(&Ndjson),
            codec,
        }
    }

    /// Whether its rows are lines.
    #[must_use]
    pub fn has_lines(self) -> bool {
        self.container.is_some()
    }

    fn lines(self) -> io::Result<&'static dyn Container> {
        self.container.ok_or_else(|| {
            let why = format!("an object of format {self} has columns, and so needs its schema");
            io::Error::new(io::ErrorKind::Unsupported, why)
        })
    }

    /// How its content is compressed.
    #[must_use]
    pub fn codec(self) -> Codec {
        self.codec
    }

    /// The extension of its objects, without the leading dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.name
    }

    /// Its media type, the `Content-Type` of its objects.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        self.content_type
    }
}

/// Encodes rows as one object. The same rows and level always give the same bytes, with the same version of
/// the compressor. If the format does not have the level, it uses its default.
///
/// # Errors
/// The compressor fails; none is expected, since it writes to memory. Or the format does not have lines.
pub fn encode(format: Format, level: Level, rows: Rows<'_>) -> io::Result<Encoded> {
    format.lines()?.encode(rows, format.codec, level)
}

/// Encodes lines that come in parts of any size as one object. The same lines and level always give the same digest.
///
/// # Errors
/// The compressor fails; none is expected, since it writes to memory.
pub fn encode_parts(format: Format, level: Level, next_part: NextPart<'_>) -> io::Result<Encoded> {
    let mut hasher = ContentHasher::default();
    let mut digested_part = |buffer: &mut Vec<u8>, enough: usize| {
        let start = buffer.len();
        let more = next_part(buffer, enough);
        hasher.update(&buffer[start..]);
        more
    };
    let bytes = format.codec.compress(level, None, &mut digested_part)?;
    let digest = hasher.digest();
    Ok(Encoded { bytes, digest })
}

/// Decodes an object into lines, one a row, each with its end.
///
/// # Errors
/// The object is damaged, or the format does not have lines.
pub fn decode(format: Format, object: &[u8]) -> io::Result<Vec<u8>> {
    decode_up_to(format, object, usize::MAX)
}

/// Decodes an object as [`decode`] does, and stops where its lines have more than `max` bytes: a small object can be
/// compressed from any number of bytes.
///
/// # Errors
/// Those of [`decode`], or there are more bytes; then the error is [`io::ErrorKind::FileTooLarge`].
pub fn decode_up_to(format: Format, object: &[u8], max: usize) -> io::Result<Vec<u8>> {
    format.lines()?.decode(object, format.codec, max)
}

impl Default for Format {
    fn default() -> Self {
        Self::NDJSON_ZST
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Format").field(&self.name).finish()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|format| format.name == name);
        known.ok_or_else(|| D::Error::custom(format_args!("unknown format {name:?}")))
    }
}
