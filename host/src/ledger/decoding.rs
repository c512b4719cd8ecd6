//! The rule for how the data of a record of the source becomes records; a chunk pins it.

use serde::{Deserialize, Serialize};

/// How the data of a record of the source becomes records: first its encoding is undone, then it is split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordDecoding {
    /// How the data is encoded.
    #[serde(default)]
    pub encoding: RecordEncoding,
    /// What the decoded data is.
    #[serde(default)]
    pub format: RecordFormat,
}

/// How the data of a record is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RecordEncoding {
    /// It is not: records are taken as they are.
    #[default]
    None,
    /// gzip (RFC 1952), one or more members.
    Gzip,
    /// zlib (RFC 1950).
    Zlib,
    /// Zstandard (RFC 8878), one or more frames.
    Zstd,
    /// Base64 with the standard or the URL alphabet (RFC 4648), with or without padding.
    Base64,
    /// Any of these by their first bytes, also one in another, or none.
    Auto,
}

/// What the decoded data of a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RecordFormat {
    /// One record.
    #[default]
    Json,
    /// A record in each line; empty lines are none.
    Lines,
    /// JSON values one after another, with or without white space between them; each is a record.
    Concatenated,
    /// A JSON array, of which each item is a record.
    Array,
}

impl RecordDecoding {
    /// Whether each record of the source is one record, as it is.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a record of the source can hold several records.
    #[must_use]
    pub fn splits(&self) -> bool {
        self.format != RecordFormat::Json
    }
}
