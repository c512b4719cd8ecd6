//! The line of a record in the archive.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sluice_engine::record::{Position, Record, Undecoded};

use super::push_json;

/// Why a record was not transformed: its data is what the source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotDecoded {
    /// It holds no record.
    Empty,
    /// It could not be decoded.
    Failed,
}

impl From<&Undecoded> for NotDecoded {
    fn from(why: &Undecoded) -> Self {
        match why {
            Undecoded::Empty => Self::Empty,
            Undecoded::Failed(_) => Self::Failed,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    position: Position,
    #[serde(skip_serializing_if = "str::is_empty")]
    partition_key: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    arrived_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    undecoded: Option<NotDecoded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands a reference
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A record of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRecord<'a> {
    /// Its position in its shard.
    pub position: Position,
    /// The Kinesis partition key; empty for a file.
    pub partition_key: Cow<'a, str>,
    /// Milliseconds since the Unix epoch, 0 if the source has no time of arrival.
    pub arrived_at: u64,
    /// Why it was not transformed; `None` if it was.
    pub undecoded: Option<NotDecoded>,
    /// Its bytes.
    pub data: Cow<'a, [u8]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParsedLine<'a> {
    position: Position,
    #[serde(borrow, default)]
    partition_key: Cow<'a, str>,
    #[serde(default)]
    arrived_at: u64,
    undecoded: Option<NotDecoded>,
    data: Option<String>,
    data_base64: Option<String>,
}

impl ArchivedRecord<'_> {
    /// Parses the line of a record, with or without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &[u8]) -> Result<ArchivedRecord<'_>, String> {
        let line: ParsedLine<'_> =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let data = match (line.data, line.data_base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => STANDARD
                .decode(base64)
                .map_err(|error| format!("data_base64: {error}"))?,
            _ => return Err("it does not have one of data and data_base64".into()),
        };
        Ok(ArchivedRecord {
            position: line.position,
            partition_key: line.partition_key,
            arrived_at: line.arrived_at,
            undecoded: line.undecoded,
            data: data.into(),
        })
    }

    /// The same record with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> ArchivedRecord<'static> {
        ArchivedRecord {
            position: self.position,
            partition_key: self.partition_key.into_owned().into(),
            arrived_at: self.arrived_at,
            undecoded: self.undecoded,
            data: self.data.into_owned().into(),
        }
    }

    /// The record without the reason why it was not transformed.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record {
            data: &self.data,
            partition_key: &self.partition_key,
            position: self.position,
            arrived_at: self.arrived_at,
        }
    }
}

/// Appends a record as a line with its end. Its bytes are the string `data`, or `data_base64` if they are not UTF-8;
/// both preserve every byte.
pub(super) fn push_record(lines: &mut Vec<u8>, record: &Record<'_>, undecoded: Option<NotDecoded>) {
    let text = std::str::from_utf8(record.data).ok();
    let line = Line {
        position: record.position,
        partition_key: record.partition_key,
        arrived_at: record.arrived_at,
        undecoded,
        data: text,
        data_base64: text.is_none().then(|| STANDARD.encode(record.data)),
    };
    push_json(lines, &line);
}
