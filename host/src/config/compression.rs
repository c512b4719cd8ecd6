//! How objects are compressed.

use crate::format::Format;

/// How objects are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The format of objects with this compression.
    #[must_use]
    pub fn format(self) -> Format {
        match self {
            Self::None => Format::NDJSON,
            Self::Gzip => Format::NDJSON_GZ,
            Self::Zstd => Format::NDJSON_ZST,
        }
    }
}
