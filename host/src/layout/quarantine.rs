//! The line of a quarantined record: its bytes, its origin, and the reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use sluice_engine::outcome::Reason;
use sluice_engine::record::{Record, Rid, ShardId};
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
        rid: Rid {
            shard,
            position: record.position,
        }
        .to_string(),
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

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::outcome::Fault;
    use sluice_engine::record::Position;

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
}
