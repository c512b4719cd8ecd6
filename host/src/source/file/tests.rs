use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Committed, Pending, Range};

/// The records of the batches, each with its offset.
type Batches = Vec<Vec<(u64, String)>>;

fn read(path: &Path, from: &ResumePoint) -> Result<Batches, SourceError> {
    let opened = open(&Location::File(path.to_owned()))?;
    let mut batches = opened.read(from)?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(async {
        let mut read = Vec::new();
        while let Some(batch) = batches.next().await? {
            let record = |record: Record<'_>| {
                let data = String::from_utf8(record.data.to_vec()).unwrap();
                (record.position.sequence.as_offset().unwrap(), data)
            };
            read.push(batch.records().map(record).collect());
        }
        Ok(read)
    })
}

fn file_of(lines: &[(u64, String)]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (_, line) in lines {
        writeln!(file, "{line}").unwrap();
    }
    file
}

/// Lines with their offsets.
fn lines() -> impl Strategy<Value = Vec<(u64, String)>> {
    prop::collection::vec("[a-z]{1,12}", 2..60).prop_map(|lines| {
        let mut offset = 0;
        let with_offset = lines.into_iter().map(|line| {
            let at = offset;
            offset += line.len() as u64 + 1;
            (at, line)
        });
        with_offset.collect()
    })
}

fn committed((offset, line): &(u64, String), records: usize) -> Committed {
    Committed {
        last: (*offset).into(),
        last_digest: Digest::of(line.as_bytes()),
        records: records as u64,
    }
}

fn pending(range: &[(u64, String)]) -> Pending {
    Pending {
        range: Range {
            first: range[0].0.into(),
            last: range[range.len() - 1].0.into(),
            count: range.len() as u64,
        },
        release: Digest::of(b"release"),
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_resumes_after_the_committed_record_and_a_batch_ends_with_the_pending_range(
        lines in lines(),
        done in 0usize..60,
        pinned in 0usize..60,
    ) {
        let done = done.min(lines.len());
        let pinned = pinned.min(lines.len() - done);
        let file = file_of(&lines);
        let range = &lines[done..done + pinned];
        let from = ResumePoint {
            committed: done.checked_sub(1).map(|last| committed(&lines[last], done)),
            pending: (pinned > 0).then(|| pending(range)),
            bounds: Bounds::default(),
        };
        let batches = read(file.path(), &from).unwrap();
        prop_assert_eq!(batches.concat(), &lines[done..]);
        if pinned > 0 {
            prop_assert_eq!(&batches[0], range);
        }
    }

    #[test]
    fn a_file_without_the_committed_record_is_not_read(lines in lines(), done in 1usize..60) {
        let done = done.min(lines.len());
        let (offset, _) = lines[done - 1];
        let other = (offset, "another line".to_owned());
        let from = ResumePoint {
            committed: Some(committed(&other, done)),
            ..ResumePoint::default()
        };
        let file = file_of(&lines);
        let is_changed = matches!(read(file.path(), &from), Err(SourceError::Changed { .. }));
        prop_assert!(is_changed);
    }
}
