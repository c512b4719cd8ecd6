//! The records of a file with the numbers of their lines, for commands that show records to people. They are those that
//! a run reads from a file that does not grow any more.

use sluice_engine::record::{Batch, ShardId};

use super::OpenFile;
use super::lines::Lines;
use super::reading::add;
use crate::ledger::decoding::RecordDecoding;
use crate::source::SourceError;

/// The records of a file, read by whoever asks for them.
pub struct NumberedRecords {
    lines: Lines,
    shard: ShardId,
    decoding: RecordDecoding,
    /// The number of the last line, from 1.
    number: u64,
}

/// Records, and the number of the line of each.
#[derive(Debug)]
pub struct NumberedBatch {
    /// The records, at least one.
    pub batch: Batch,
    /// The numbers of their lines, from 1.
    pub lines: Vec<u64>,
}

impl OpenFile {
    /// The records from the first one on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn numbered(mut self) -> Result<NumberedRecords, SourceError> {
        let input = std::mem::replace(&mut self.input, Box::new(std::io::empty()));
        Ok(NumberedRecords {
            lines: self.lines_after(input, None)?,
            shard: self.shard,
            decoding: self.unpackings.new.decoding,
            number: 0,
        })
    }
}

impl NumberedRecords {
    /// The next records, `max` at most; `None` at the end. Returns what there is before it waits for more, because the
    /// next line of standard input may take long to arrive.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_batch(&mut self, max: usize) -> Result<Option<NumberedBatch>, SourceError> {
        let mut batch = Batch::new(self.shard.clone());
        let mut lines = Vec::new();
        while let Some(line) = self.lines.next()? {
            self.number += 1;
            add(&mut batch, &line, self.decoding);
            lines.resize(batch.len(), self.number);
            let is_enough = batch.len() >= max || batch.is_full();
            if is_enough || (!batch.is_empty() && !self.lines.has_line()) {
                break;
            }
        }
        Ok((!batch.is_empty()).then_some(NumberedBatch { batch, lines }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::file::{FileOptions, Location, open};
    use crate::source::{ResumePoint, Source as _};

    fn opened(path: &std::path::Path) -> OpenFile {
        let options = FileOptions {
            name: None,
            are_final: true,
            ..FileOptions::default()
        };
        open(&Location::File(path.to_owned()), &options).unwrap()
    }

    /// The line, the position and the bytes of each record.
    fn numbered(path: &std::path::Path, max: usize) -> Vec<(u64, String, Vec<u8>)> {
        let mut records = opened(path).numbered().unwrap();
        let mut found = Vec::new();
        while let Some(NumberedBatch { batch, lines }) = records.next_batch(max).unwrap() {
            assert!(batch.len() <= max, "{}", batch.len());
            assert_eq!(batch.len(), lines.len());
            for (line, record) in lines.into_iter().zip(batch.records()) {
                found.push((line, record.position.to_string(), record.data.to_vec()));
            }
        }
        found
    }

    #[test]
    fn empty_lines_are_counted_and_are_no_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "\u{feff}\n{\"a\":1} \r\n\r\nb\n\n\nc").unwrap();
        let expected = [
            (2, "4".to_owned(), b"{\"a\":1}".to_vec()),
            (4, "16".to_owned(), b"b".to_vec()),
            (7, "20".to_owned(), b"c".to_vec()),
        ];
        for max in [1, 2, 1_000] {
            assert_eq!(numbered(&path, max), expected);
        }
    }

    proptest! {
        #[test]
        fn the_records_are_those_of_a_run(text in "[a{}\r\n ]{0,60}", max in 1..5_usize) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            std::fs::write(&path, &text).unwrap();
            let mut batches = opened(&path).read(&ResumePoint::default()).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut expected = Vec::new();
            while let Some(batch) = runtime.block_on(batches.next()).unwrap() {
                let record = |record: sluice_engine::record::Record<'_>| {
                    (record.position.to_string(), record.data.to_vec())
                };
                expected.extend(batch.records().map(record));
            }
            let found = numbered(&path, max);
            for (line, position, _) in &found {
                let offset: usize = position.parse().unwrap();
                let before = text[..offset].matches('\n').count();
                prop_assert_eq!(*line, 1 + before as u64);
            }
            let found: Vec<_> = found.into_iter().map(|(_, at, data)| (at, data)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
