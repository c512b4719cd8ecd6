//! The line of a quarantined record: its bytes, its origin, and the reason.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use sluice_engine::content_digest::{ContentDigest, ContentHasher};
use sluice_engine::outcome::Reason;
use sluice_engine::record::{Position, Record, Rid, ShardId};
use sluice_release::bundle::ReleaseId;

#[derive(Serialize)]
struct Entry<'a> {
    rid: String,
    reason: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<&'a str>,
    release: String,
    shard: &'a str,
    sequence_number: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    partition_key: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    arrived_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

/// The id of a record.
#[must_use]
pub fn rid(shard: &ShardId, record: &Record<'_>) -> String {
    let position = record.position;
    Rid { shard, position }.to_string()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands a reference
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Appends one JSON object, without a line end. The record's bytes are the string `data`, or
/// `data_base64` if they are not UTF-8; both preserve every byte.
pub fn push_line(
    lines: &mut Vec<u8>,
    shard: &ShardId,
    record: &Record<'_>,
    reason: &Reason,
    release: ReleaseId,
) {
    let text = std::str::from_utf8(record.data).ok();
    let entry = Entry {
        rid: rid(shard, record),
        reason: reason.code.as_str(),
        message: &reason.message,
        backtrace: reason.backtrace.as_deref(),
        release: release.to_string(),
        shard: shard.as_str(),
        sequence_number: record.position.sequence.to_string(),
        partition_key: record.partition_key,
        arrived_at: record.arrived_at,
        data: text,
        data_base64: text.is_none().then(|| STANDARD.encode(record.data)),
    };
    if let Err(error) = serde_json::to_writer(lines, &entry) {
        unreachable!("strings and numbers are written to memory: {error}");
    }
}

/// The parts of a line that are read. A line is compared by its id, its code and its bytes. The message is not
/// compared, because another version of the program can word it differently.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct QuarantinedRecord<'a> {
    /// The id of the record.
    #[serde(borrow)]
    pub rid: Cow<'a, str>,
    /// The code of the reason.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// The reason, for people.
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
    /// The functions that were running, if the component trapped.
    #[serde(borrow, default)]
    pub backtrace: Option<Cow<'a, str>>,
    /// The id of the release that quarantined the record.
    #[serde(borrow, default)]
    pub release: Cow<'a, str>,
    /// The Kinesis partition key; empty for a file.
    #[serde(borrow, default)]
    pub partition_key: Cow<'a, str>,
    /// Milliseconds since the Unix epoch, 0 if the source has no time of arrival.
    #[serde(default)]
    pub arrived_at: u64,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data_base64: Option<Cow<'a, str>>,
}

impl QuarantinedRecord<'_> {
    /// Reads a line that [`push_line`] wrote; `None` for any other.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<QuarantinedRecord<'_>> {
        serde_json::from_slice(line).ok()
    }

    /// The shard and the position of the record, from its id; `None` if the id is none.
    #[must_use]
    pub fn origin(&self) -> Option<(ShardId, Position)> {
        let (shard, position) = self.rid.split_once(':')?;
        Some((ShardId::new(shard).ok()?, position.parse().ok()?))
    }

    /// The bytes of the record; `None` if the line has none.
    #[must_use]
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        match (&self.data, &self.data_base64) {
            (Some(text), None) => Some(Cow::Borrowed(text.as_bytes())),
            (None, Some(base64)) => STANDARD.decode(base64.as_bytes()).ok().map(Cow::Owned),
            _ => None,
        }
    }
}

/// Computes the digest of quarantined records: of the id, the code and the bytes of each, and the length of
/// each of these before it (8 bytes, little-endian).
#[derive(Debug, Default)]
pub struct QuarantineHasher {
    hasher: ContentHasher,
    bytes: u64,
}

impl QuarantineHasher {
    /// Adds a record.
    pub fn add(&mut self, rid: &str, code: &str, data: &[u8]) {
        for part in [rid.as_bytes(), code.as_bytes(), data] {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
        self.bytes += data.len() as u64;
    }

    /// The bytes of the records.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        self.hasher.digest()
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::outcome::Fault;

    use super::*;

    fn line(data: &[u8]) -> serde_json::Value {
        let mut lines = Vec::new();
        let record = Record {
            data,
            partition_key: "",
            position: Position {
                sequence: 17.into(),
                sub: None,
            },
            arrived_at: 0,
        };
        let reason = Reason::fault(Fault::Trap, "unreachable");
        let shard = ShardId::new("s").unwrap();
        push_line(&mut lines, &shard, &record, &reason, Digest::of(b"r"));
        assert!(!lines.contains(&b'\n'));
        serde_json::from_slice(&lines).unwrap()
    }

    #[test]
    fn text_is_kept_as_text() {
        let text = "{\"a\":\n \"\u{0}é\"";
        let line = line(text.as_bytes());
        assert_eq!(line["data"], text);
        assert_eq!(line["rid"], "s:17");
        assert_eq!(line["reason"], "trap");
    }

    #[test]
    fn other_bytes_are_kept_as_base64() {
        let bytes = [0xff, 0x00, 0xc3];
        let line = line(&bytes);
        assert_eq!(
            STANDARD
                .decode(line["data_base64"].as_str().unwrap())
                .unwrap(),
            bytes
        );
        assert!(line.get("data").is_none());
    }

    #[test]
    fn a_line_that_is_read_has_the_bytes_that_were_written() {
        for data in [&b"{\"a\":\n 1"[..], b"", &[0xff, 0x00]] {
            let line = line(data).to_string();
            let read = QuarantinedRecord::parse(line.as_bytes()).unwrap();
            assert_eq!((&*read.rid, &*read.reason), ("s:17", "trap"));
            assert_eq!(read.data().unwrap(), data);
        }
        assert_eq!(QuarantinedRecord::parse(b"{\"rid\":\"s:17\"}"), None);
    }

    #[test]
    fn a_line_that_is_read_has_what_the_rules_saw() {
        let shard = ShardId::new("events-shardId-000000000000").unwrap();
        let record = Record {
            data: b"x",
            partition_key: "key \"7\"",
            position: "49590338271490256608559692538361571095:3".parse().unwrap(),
            arrived_at: 1_767_225_600_000,
        };
        let reason = Reason::rejected("not_wanted", "a\tb".into());
        let mut line = Vec::new();
        push_line(&mut line, &shard, &record, &reason, Digest::of(b"r"));
        let read = QuarantinedRecord::parse(&line).unwrap();
        assert_eq!(read.origin(), Some((shard, record.position)));
        assert_eq!(read.partition_key, record.partition_key);
        assert_eq!(read.arrived_at, record.arrived_at);
        assert_eq!(read.message, "a\tb");
        assert_eq!(read.release, Digest::of(b"r").to_string());
        assert_eq!(read.backtrace, None);
        let other = QuarantinedRecord::parse(br#"{"rid":"no id","reason":"trap","data":""}"#);
        assert_eq!(other.unwrap().origin(), None);
    }

    #[test]
    fn a_digest_tells_apart_where_parts_end() {
        let digest = |rid, code, data| {
            let mut hasher = QuarantineHasher::default();
            hasher.add(rid, code, data);
            (hasher.digest(), hasher.bytes())
        };
        assert_eq!(digest("s:1", "trap", b"x"), digest("s:1", "trap", b"x"));
        assert_ne!(digest("s:1", "trap", b"x"), digest("s:1", "tra", b"px"));
    }
}
