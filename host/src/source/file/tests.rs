use std::io::Write as _;

use std::path::Path;

use proptest::prelude::*;
use sluice_engine::digest::Digest;
use sluice_engine::record::Record;

use super::prefix::PrefixHasher;
use super::*;
use crate::ledger::Committed;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range};
use crate::source::{ResumePoint, Source as _, SourceError};

/// The records of the batches, each with its offset.
type Batches = Vec<Vec<(u64, String)>>;

fn read(path: &Path, from: &ResumePoint) -> Result<Batches, SourceError> {
    read_with(path, from, false).map(|(batches, _)| batches)
}

/// The batches, and what is committed when the last one is.
fn read_with(
    path: &Path,
    from: &ResumePoint,
    are_final: bool,
) -> Result<(Batches, Option<Committed>), SourceError> {
    let options = FileOptions {
        are_final,
        ..FileOptions::default()
    };
    records_of(open(&Location::File(path.to_owned()), &options)?, from)
}

fn records_of(
    opened: OpenFile,
    from: &ResumePoint,
) -> Result<(Batches, Option<Committed>), SourceError> {
    let mut batches = opened.read(from)?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(async {
        let (mut read, mut done) = (Vec::new(), None);
        while let Some(batch) = batches.next().await? {
            let record = |record: Record<'_>| {
                let data = String::from_utf8(record.data.to_vec()).unwrap();
                (record.position.sequence.as_offset().unwrap(), data)
            };
            let records: Vec<_> = batch.records().map(record).collect();
            if let Some(last) = records.last() {
                let part = batches.file_up_to(last.0.into()).unwrap();
                done = Some(Committed {
                    last: last.0.into(),
                    last_digest: Digest::of(last.1.as_bytes()),
                    records: records.len() as u64,
                    file: Some(part.prefix),
                });
            }
            read.push(records);
        }
        Ok((read, done))
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

/// What is committed if these lines are; `None` if there are none.
fn committed(lines: &[(u64, String)]) -> Option<Committed> {
    let (offset, last) = lines.last()?;
    let mut content = PrefixHasher::default();
    for (_, line) in lines {
        content.update(format!("{line}\n").as_bytes());
    }
    Some(Committed {
        last: (*offset).into(),
        last_digest: Digest::of(last.as_bytes()),
        records: lines.len() as u64,
        file: Some(content.prefix(None)),
    })
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

/// Lines that end in every way, of objects and of other text.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => "\\{\"[a-z]{0,3}\":[0-9]{1,3}\\}",
        1 => "[a-z]{0,4}[\t ]?[a-z]{1,4}",
        1 => Just(String::new()),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just(" \n"), Just(" \t\r\n")];
    prop::collection::vec((line, end), 1..20).prop_map(|lines| {
        let lines = lines.into_iter().map(|(line, end)| line + end);
        lines.collect()
    })
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
            committed: committed(&lines[..done]),
            pending: (pinned > 0).then(|| pending(range)),
            ..ResumePoint::default()
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
        let mut others = lines[..done].to_vec();
        others[done - 1].1 = "another line".to_owned();
        let from = ResumePoint {
            committed: committed(&others),
            ..ResumePoint::default()
        };
        let file = file_of(&lines);
        let is_changed = matches!(read(file.path(), &from), Err(SourceError::Changed { .. }));
        prop_assert!(is_changed);
    }

    #[test]
    fn two_reads_of_a_file_that_grows_give_what_one_read_gives(
        text in text(),
        cut in any::<prop::sample::Index>(),
        is_stat_known in any::<bool>(),
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        std::fs::write(path, &text[..cut.index(text.len() + 1)]).unwrap();
        let (first, mut committed) = read_with(path, &ResumePoint::default(), false).unwrap();
        std::fs::write(path, &text).unwrap();
        let prefix = committed.as_mut().and_then(|committed| committed.file.as_mut());
        if let Some(prefix) = prefix.filter(|_| !is_stat_known) {
            prefix.stat = None;
        }
        let from = ResumePoint { committed, ..ResumePoint::default() };
        let (rest, _) = read_with(path, &from, true).unwrap();
        let (whole, _) = read_with(path, &ResumePoint::default(), true).unwrap();
        prop_assert_eq!([first.concat(), rest.concat()].concat(), whole.concat());
    }

    #[test]
    fn a_committed_part_with_another_byte_is_refused(
        text in text(),
        at in any::<prop::sample::Index>(),
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        std::fs::write(path, &text).unwrap();
        let (_, committed) = read_with(path, &ResumePoint::default(), true).unwrap();
        prop_assume!(committed.is_some());
        let mut committed = committed.unwrap();
        let prefix = committed.file.as_mut().unwrap();
        let mut changed = text.into_bytes();
        let at = at.index(usize::try_from(prefix.bytes).unwrap());
        changed[at] ^= 1;
        prefix.stat = None;
        std::fs::write(path, changed).unwrap();
        let from = ResumePoint { committed: Some(committed), ..ResumePoint::default() };
        let is_changed = matches!(read(path, &from), Err(SourceError::Changed { .. }));
        prop_assert!(is_changed);
    }
}

/// An input that has nothing more for a moment, as a file has at its end before it grows.
struct Pausing(Vec<&'static [u8]>);

impl std::io::Read for Pausing {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let next = if self.0.is_empty() {
            b""
        } else {
            self.0.remove(0)
        };
        out[..next.len()].copy_from_slice(next);
        Ok(next.len())
    }
}

#[test]
fn nothing_is_read_after_a_line_without_an_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut opened = open(
        &Location::File(file.path().to_owned()),
        &FileOptions::default(),
    )
    .unwrap();
    opened.input = Box::new(Pausing(vec![
        b"{\"a\":1}\n{\"b\":2}",
        b"",
        b" \n{\"c\":3}\n",
    ]));
    let (batches, committed) = records_of(opened, &ResumePoint::default()).unwrap();
    let records: Vec<_> = batches
        .concat()
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    assert_eq!(records, ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(committed.unwrap().file.unwrap().bytes, 15);
}

/// The number of records of each batch, and whether nothing follows it; and whether reading failed.
fn parts_of(content: &[u8]) -> (Vec<(usize, bool)>, bool) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    let location = Location::File(file.path().to_owned());
    let opened = open(&location, &FileOptions::default()).unwrap();
    let mut batches = opened.read(&ResumePoint::default()).unwrap();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(async {
        let mut parts = Vec::new();
        loop {
            let batch = match batches.next().await {
                Ok(Some(batch)) => batch,
                ended => return (parts, ended.is_err()),
            };
            if let Some(last) = batch.positions().last() {
                let part = batches.file_up_to(last.sequence).unwrap();
                parts.push((batch.len(), part.prefix.is_whole));
            }
        }
    })
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn the_last_part_of_a_compressed_file_says_that_nothing_follows() {
    for (records, end, expected) in [
        (1, "", &[(1, true)][..]),
        (999, "\n", &[(999, true)]),
        (1_000, "", &[(1_000, true)]),
        (1_000, "\n\r\n", &[(1_000, true)]),
        (1_001, "", &[(1_000, false), (1, true)]),
        (2_000, "", &[(1_000, false), (1_000, true)]),
        (1_000, "{}", &[(1_000, false), (1, true)]),
    ] {
        let text = "{\"a\":1}\n".repeat(records) + end;
        let compressed = gzip(&text);
        let found = parts_of(&compressed);
        assert_eq!(found, (expected.to_vec(), false), "{records} {end:?}");
        let plain = parts_of(text.as_bytes()).0;
        assert!(plain.iter().all(|(_, is_whole)| !is_whole), "{plain:?}");
        // What is broken at its end is not whole, and the full batches before are there.
        let (parts, failed) = parts_of(&compressed[..compressed.len() - 4]);
        let full = records / 1_000;
        assert!(failed, "{records} {end:?}");
        assert_eq!(parts, vec![(1_000, false); full]);
    }
}
