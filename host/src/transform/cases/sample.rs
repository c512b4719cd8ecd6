//! Records to try a transform on, with all that is not their bytes fixed, so that a result depends on
//! the bytes and the configuration alone.

use crate::record::{Record, SequenceNumber, ShardId, Slice};

/// The shard that all records say they came from.
pub const SHARD: &str = "shardId-000000000000";

/// The partition key of all records.
pub const PARTITION_KEY: &str = "sample";

/// When all records say they arrived: 2026-01-01T00:00:00Z in milliseconds.
pub const ARRIVED_AT: u64 = 1_767_225_600_000;

/// The records of newline-delimited JSON, as the source of files cuts them: what is between two line
/// ends is a record, empty lines are none. A record's sequence number is its offset in `text`.
///
/// # Errors
/// Only what a broken constant would cause.
pub fn lines(text: &[u8]) -> anyhow::Result<Vec<Slice>> {
    let mut slices = Slices::new()?;
    let mut offset = 0;
    for line in text.split(|byte| *byte == b'\n') {
        if !line.is_empty() && line != b"\r" {
            slices.push(line, offset);
        }
        offset += line.len() as u64 + 1;
    }
    Ok(slices.done)
}

/// One record, whatever its bytes.
///
/// # Errors
/// As [`lines`].
pub fn single(record: &[u8]) -> anyhow::Result<Vec<Slice>> {
    let mut slices = Slices::new()?;
    slices.push(record, 0);
    Ok(slices.done)
}

struct Slices {
    shard: ShardId,
    done: Vec<Slice>,
}

impl Slices {
    fn new() -> anyhow::Result<Self> {
        let shard = ShardId::new(SHARD).map_err(anyhow::Error::msg)?;
        let done = Vec::new();
        Ok(Self { shard, done })
    }

    fn push(&mut self, data: &[u8], offset: u64) {
        let record = Record {
            data,
            partition_key: PARTITION_KEY,
            position: SequenceNumber::from(offset).into(),
            arrived_at: ARRIVED_AT,
        };
        match self.done.last_mut() {
            Some(slice) if !slice.is_full() => slice.push(record),
            _ => {
                let mut slice = Slice::new(self.shard.clone());
                slice.push(record);
                self.done.push(slice);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SLICE_MAX_RECORDS;

    fn cut(text: &str) -> Vec<(String, String)> {
        let slices = lines(text.as_bytes()).unwrap();
        let records = slices.iter().flat_map(Slice::records).map(|record| {
            let data = String::from_utf8(record.data.to_vec()).unwrap();
            (data, record.position.to_string())
        });
        records.collect()
    }

    #[test]
    fn lines_are_records_at_their_offsets_and_empty_ones_are_none() {
        let pair = |data: &str, at: &str| (data.to_owned(), at.to_owned());
        assert_eq!(
            cut("a\n\nbc\n\r\nd"),
            [pair("a", "0"), pair("bc", "3"), pair("d", "8")]
        );
        assert_eq!(cut("\n"), []);
    }

    #[test]
    fn many_lines_become_slices_of_what_one_call_takes() {
        let text = "{}\n".repeat(SLICE_MAX_RECORDS + 1);
        let lengths = lines(text.as_bytes()).unwrap();
        let lengths: Vec<_> = lengths.iter().map(Slice::len).collect();
        assert_eq!(lengths, [SLICE_MAX_RECORDS, 1]);
    }

    #[test]
    fn an_empty_record_is_a_record() {
        assert_eq!(single(b"").unwrap()[0].len(), 1);
    }
}
