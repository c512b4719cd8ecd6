//! Sample records. Everything but their bytes is fixed, so that a result depends on the bytes and the
//! configuration alone.

use sluice_engine::record::{Batch, Record, SequenceNumber, ShardId};

/// The shard of all records.
pub const SHARD: &str = "shardId-000000000000";

/// The partition key of all records.
pub const PARTITION_KEY: &str = "sample";

/// The arrival time of all records: 2026-01-01T00:00:00Z in milliseconds.
pub const ARRIVED_AT: u64 = 1_767_225_600_000;

/// Splits newline-delimited JSON into records, as the file source does: each line is a record, empty lines
/// are skipped. A record's sequence number is its offset in `text`.
///
/// # Errors
/// None is expected: the name of the shard is a valid constant.
pub fn lines(text: &[u8]) -> anyhow::Result<Vec<Batch>> {
    let mut batches = SampleBatches::new()?;
    let mut offset = 0;
    for line in text.split(|byte| *byte == b'\n') {
        if !line.is_empty() && line != b"\r" {
            batches.push(line, offset);
        }
        offset += line.len() as u64 + 1;
    }
    Ok(batches.done)
}

/// Makes one record of all bytes.
///
/// # Errors
/// As [`lines`].
pub fn single(record: &[u8]) -> anyhow::Result<Vec<Batch>> {
    let mut batches = SampleBatches::new()?;
    batches.push(record, 0);
    Ok(batches.done)
}

struct SampleBatches {
    shard: ShardId,
    done: Vec<Batch>,
}

impl SampleBatches {
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
            Some(batch) if !batch.is_full() => batch.push(record),
            _ => {
                let mut batch = Batch::new(self.shard.clone());
                batch.push(record);
                self.done.push(batch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::BATCH_MAX_RECORDS;

    use super::*;

    fn cut(text: &str) -> Vec<(String, String)> {
        let batches = lines(text.as_bytes()).unwrap();
        let records = batches.iter().flat_map(Batch::records).map(|record| {
            let data = String::from_utf8(record.data.to_vec()).unwrap();
            (data, record.position.to_string())
        });
        records.collect()
    }

    #[test]
    fn lines_are_records_at_their_offsets_and_empty_lines_are_skipped() {
        let pair = |data: &str, at: &str| (data.to_owned(), at.to_owned());
        assert_eq!(
            cut("a\n\nbc\n\r\nd"),
            [pair("a", "0"), pair("bc", "3"), pair("d", "8")]
        );
        assert_eq!(cut("\n"), []);
    }

    #[test]
    fn many_lines_become_several_batches() {
        let text = "{}\n".repeat(BATCH_MAX_RECORDS + 1);
        let lengths = lines(text.as_bytes()).unwrap();
        let lengths: Vec<_> = lengths.iter().map(Batch::len).collect();
        assert_eq!(lengths, [BATCH_MAX_RECORDS, 1]);
    }

    #[test]
    fn an_empty_record_is_a_record() {
        assert_eq!(single(b"").unwrap()[0].len(), 1);
    }
}
