//! Shards, sequence numbers, record ids, and records packed into batches.

mod batch;
mod bounds;
mod sequence;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::batch::{BATCH_MAX_BYTES, BATCH_MAX_RECORDS, Batch, Redriven, Undecoded, span};
pub use self::bounds::{Bound, Bounds};
pub use self::sequence::SequenceNumber;

/// The name of a shard, safe as a part of an object key and of a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardId(Arc<str>);

/// Object keys hold the shard and two sequence numbers of 56 digits; 100 leaves room for all in the
/// 255 bytes that file systems give a name.
const SHARD_ID_MAX_BYTES: usize = 100;

impl ShardId {
    /// Takes 1 to 100 letters, digits, `.`, `_` and `-`, the first one a letter or a digit (query
    /// engines skip objects whose names start with `_` or `.`).
    ///
    /// # Errors
    /// What is wrong with another name.
    pub fn new(name: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.len() > SHARD_ID_MAX_BYTES
            || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !name.chars().all(allowed)
        {
            return Err(format!(
                "shard {name:?} is not 1 to {SHARD_ID_MAX_BYTES} letters, digits, '.', '_' and '-' \
                 with a letter or digit first"
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ShardId {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::new(&name)
    }
}

impl From<ShardId> for String {
    fn from(shard: ShardId) -> Self {
        shard.as_str().to_owned()
    }
}

/// The id of a record, `shard:sequence`, or `shard:sequence:sub` for a user record of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rid<'a> {
    /// The shard that holds the record.
    pub shard: &'a ShardId,
    /// Its place in the shard.
    pub position: Position,
}

impl fmt::Display for Rid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard, self.position)
    }
}

/// A record's place in its shard, written `sequence` or `sequence:sub`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    /// The sequence number of the Kinesis record, or the byte offset in a file.
    pub sequence: SequenceNumber,
    /// The place within an aggregated Kinesis record.
    pub sub: Option<u32>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sub {
            None => write!(f, "{}", self.sequence),
            Some(sub) => write!(f, "{}:{sub}", self.sequence),
        }
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sequence, sub) = match text.split_once(':') {
            None => (text, None),
            Some((sequence, sub)) => {
                let sub = sub.parse();
                let sub = sub.map_err(|_| format!("{text:?} is not sequence:sub"))?;
                (sequence, Some(sub))
            }
        };
        let sequence = sequence.parse()?;
        Ok(Self { sequence, sub })
    }
}

impl TryFrom<String> for Position {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

impl From<SequenceNumber> for Position {
    fn from(sequence: SequenceNumber) -> Self {
        let sub = None;
        Self { sequence, sub }
    }
}

/// One record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The bytes of the source, unchanged.
    pub data: &'a [u8],
    /// The Kinesis partition key; empty for a file.
    pub partition_key: &'a str,
    /// The position of the record in its shard.
    pub position: Position,
    /// Milliseconds since the Unix epoch, 0 if the source has no time of arrival.
    pub arrived_at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_parses_as_it_was_written() {
        for text in [
            "0",
            "4711",
            "49590338271490256608559692538361571095921575989136588898:17",
        ] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        for text in ["", ":", "1:", "1:x", "x:1", "1:2:3"] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_shard_id_cannot_escape_its_folder_or_hide() {
        for name in ["", ".", "../x", "a/b", "_hidden", "a b", &"a".repeat(101)] {
            assert!(ShardId::new(name).is_err(), "{name:?}");
        }
        assert!(ShardId::new("shardId-000000000000").is_ok());
    }
}
