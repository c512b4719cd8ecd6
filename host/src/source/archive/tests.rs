use std::fs;
use std::path::Path;

use sluice_engine::digest::Digest;
use sluice_engine::record::{
    BATCH_MAX_RECORDS, Batch, Bound, Bounds, Position, Record, SequenceNumber, Undecoded,
};
use sluice_storage::folder::FolderStore;
use tempfile::TempDir;

use super::*;
use crate::format::Level;
use crate::layout::archive::{ArchiveHeader, ArchiveKey, ArchiveObject};
use crate::ledger::decoding::{RecordDecoding, RecordEncoding, RecordFormat};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Committed, Pending, Range};
use crate::source::unpacking::Unpacking;

const SHARD: &str = "events-shardId-000000000000";

fn shard() -> ShardId {
    ShardId::new(SHARD).unwrap()
}

/// A record to archive.
#[derive(Clone)]
struct Archived {
    position: Position,
    data: Vec<u8>,
    undecoded: Option<Undecoded>,
}

/// The record `number`, which arrived at ten times the next number.
fn record(number: u64) -> Archived {
    Archived {
        position: SequenceNumber::from(number).into(),
        data: format!("record {number}").into_bytes(),
        undecoded: None,
    }
}

fn part(number: u64, sub: u32) -> Archived {
    let mut archived = record(number);
    archived.position.sub = Some(sub);
    archived
}

fn arrived_at(position: Position) -> u64 {
    (position.sequence.as_offset().unwrap() + 1) * 10
}

/// A folder with an archive of one shard.
struct Archive {
    folder: TempDir,
    /// The last record.
    after: Option<SequenceNumber>,
}

impl Archive {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            after: None,
        }
    }

    /// An archive with the records of each list in an object of its own.
    fn of(objects: &[Vec<Archived>]) -> Self {
        let mut archive = Self::new();
        for records in objects {
            archive.put(records);
        }
        archive
    }

    /// An object for the numbers from each of these to before the next one.
    fn of_borders(borders: &[u64]) -> Self {
        let objects: Vec<Vec<_>> = borders
            .windows(2)
            .map(|ends| (ends[0]..ends[1]).map(record).collect())
            .collect();
        Self::of(&objects)
    }

    fn put(&mut self, records: &[Archived]) {
        self.put_with(records, arrived_at);
    }

    fn put_with(&mut self, records: &[Archived], arrived_at: fn(Position) -> u64) {
        let mut batch = Batch::new(shard());
        for archived in records {
            let record = Record {
                data: &archived.data,
                partition_key: "key",
                position: archived.position,
                arrived_at: arrived_at(archived.position),
            };
            match &archived.undecoded {
                Some(why) => batch.push_undecoded(record, why.clone()),
                None => batch.push(record),
            }
        }
        let key = ArchiveKey {
            shard: shard(),
            first: records.first().unwrap().position.sequence,
            last: records.last().unwrap().position.sequence,
        };
        let header = ArchiveHeader::new(key, self.after, records.len() as u64);
        let object = ArchiveObject::encode(&header, vec![batch], Level::default()).unwrap();
        let path = self.path(&object.key.to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, object.body).unwrap();
        self.after = Some(header.last);
    }

    fn path(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join(key)
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(FolderStore::shared(self.folder.path().to_owned()))
    }

    async fn listing(&self) -> ArchiveListing {
        ArchiveListing::read(&*self.store(), None).await.unwrap()
    }

    /// The batches that are read, and the error that ends them.
    async fn read(
        &self,
        from: &ResumePoint,
        decoding: RecordDecoding,
    ) -> (Vec<Batch>, Option<SourceError>) {
        let objects = self.listing().await.shards.remove(&shard());
        let source = ArchiveShard {
            store: self.store(),
            shard: shard(),
            objects: objects.unwrap_or_default(),
            unpackings: Unpackings {
                new: Unpacking {
                    decoding,
                    ..Unpacking::default()
                },
                repeated: Vec::new(),
            },
            budget: Budget::new(1 << 20),
        };
        let mut reading = source.read(from).unwrap();
        let mut batches = Vec::new();
        loop {
            match reading.next().await {
                Ok(Some(batch)) => batches.push(batch),
                Ok(None) => return (batches, None),
                Err(error) => return (batches, Some(error)),
            }
        }
    }

    /// The positions of all records from `from` on.
    async fn positions(&self, from: &ResumePoint) -> Vec<String> {
        let (batches, error) = self.read(from, RecordDecoding::default()).await;
        assert!(error.is_none(), "{error:?}");
        positions(&batches)
    }

    /// The error that ends reading, after no record.
    async fn fails(&self, from: &ResumePoint) -> String {
        let (batches, error) = self.read(from, RecordDecoding::default()).await;
        assert_eq!(positions(&batches), [""; 0]);
        error.unwrap().to_string()
    }

    fn keys(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let names = names(&self.path(SHARD));
        names.iter().map(|name| format!("{SHARD}/{name}")).collect()
    }
}

fn positions(batches: &[Batch]) -> Vec<String> {
    let positions = batches.iter().flat_map(Batch::positions);
    positions.map(ToString::to_string).collect()
}

fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn after(number: u64) -> ResumePoint {
    ResumePoint {
        committed: Some(Committed {
            last: number.into(),
            last_digest: Digest::of(b""),
            records: 1,
            file: None,
        }),
        ..ResumePoint::default()
    }
}

fn pending(first: u64, last: u64) -> ResumePoint {
    ResumePoint {
        pending: Some(Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: last - first + 1,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        }),
        ..ResumePoint::default()
    }
}

fn within(from: Option<Bound>, to: Option<Bound>) -> ResumePoint {
    ResumePoint {
        bounds: Bounds { from, to },
        ..ResumePoint::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_end_at_the_same_records_however_the_objects_are_divided() {
    let lengths = async |archive: Archive| {
        let (batches, error) = archive
            .read(&ResumePoint::default(), RecordDecoding::default())
            .await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(positions(&batches), numbers(0..2_500));
        batches.iter().map(Batch::len).collect::<Vec<_>>()
    };
    let expected = [BATCH_MAX_RECORDS, BATCH_MAX_RECORDS, 500];
    assert_eq!(lengths(Archive::of_borders(&[0, 2_500])).await, expected);
    let divided = Archive::of_borders(&[0, 1, 999, 1_700, 2_500]);
    assert_eq!(lengths(divided).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_records_of_a_record_of_the_source_are_in_one_batch() {
    let mut records: Vec<_> = (0..999).map(record).collect();
    records.extend((0..5).map(|sub| part(999, sub)));
    records.push(record(1_000));
    let archive = Archive::of(&[records]);
    let (batches, _) = archive
        .read(&ResumePoint::default(), RecordDecoding::default())
        .await;
    let lengths: Vec<_> = batches.iter().map(Batch::len).collect();
    assert_eq!(lengths, [1_004, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_after_any_record_and_a_pending_range_ends_a_batch() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    for number in 0..30 {
        let found = archive.positions(&after(number)).await;
        assert_eq!(found, numbers(number + 1..30));
    }
    let (batches, error) = archive
        .read(&pending(5, 14), RecordDecoding::default())
        .await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(positions(&batches), numbers(5..30));
    assert_eq!(batches[0].len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_begins_and_ends_as_that_of_a_stream() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    let (number, moment) = (
        |number: u64| Some(Bound::Sequence(number.into())),
        |moment| Some(Bound::Moment(moment)),
    );
    for (from, to, expected) in [
        (number(7), number(12), 7..13),
        (number(15), None, 15..30),
        (None, number(9), 0..10),
        (moment(71), moment(120), 7..11),
        (moment(0), moment(11), 0..1),
        (moment(260), None, 25..30),
        (moment(1_000), None, 0..0),
    ] {
        let found = archive.positions(&within(from, to)).await;
        assert_eq!(found, numbers(expected), "{from:?} {to:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_needs_times_of_arrival() {
    let mut archive = Archive::new();
    archive.put_with(&[record(0), record(1)], |_| 0);
    for bounds in [
        within(Some(Bound::Moment(5)), None),
        within(None, Some(Bound::Moment(5))),
    ] {
        let error = archive.fails(&bounds).await;
        assert!(error.contains("have no times of arrival"), "{error}");
    }
    assert_eq!(
        archive.positions(&ResumePoint::default()).await,
        numbers(0..2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_decoded_stays_so_or_is_decoded_now() {
    let undecoded = |number, sub, data: &[u8], why: Undecoded| Archived {
        data: data.to_vec(),
        undecoded: Some(why),
        ..part(number, sub)
    };
    let failed = || Undecoded::Failed("old reason".into());
    let archive = Archive::of(&[vec![
        part(1, 0),
        undecoded(1, 1, b"a\nb\n", failed()),
        part(1, 2),
        undecoded(1, 3, b"", Undecoded::Empty),
        record(2),
    ]]);
    let (batches, _) = archive
        .read(&ResumePoint::default(), RecordDecoding::default())
        .await;
    let [batch] = &batches[..] else {
        panic!("{batches:?}");
    };
    assert_eq!(positions(&batches), ["1:0", "1:1", "1:2", "1:3", "2"]);
    assert_eq!(batch.record_data(1), b"a\nb\n");
    let [(1, Undecoded::Failed(_)), (3, Undecoded::Empty)] = batch.undecoded() else {
        panic!("{:?}", batch.undecoded());
    };
    let lines = RecordDecoding {
        encoding: RecordEncoding::default(),
        format: RecordFormat::Lines,
    };
    let (batches, _) = archive.read(&ResumePoint::default(), lines).await;
    let batch = &batches[0];
    assert_eq!(
        positions(&batches),
        ["1:0", "1:1", "1:2", "1:3", "1:4", "2"]
    );
    assert_eq!([1, 2].map(|at| batch.record_data(at)), [b"a", b"b"]);
    assert_eq!(batch.record_data(3), b"record 1");
    assert_eq!(batch.undecoded(), [(4, Undecoded::Empty)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_of_a_damaged_object_is_read() {
    let archive = Archive::of_borders(&[0, 3_000]);
    let path = archive.path(&archive.keys()[0]);
    let whole = fs::read(&path).unwrap();
    for at in [whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = archive.fails(&ResumePoint::default()).await;
        assert!(error.starts_with(path.to_str().unwrap()), "{error}");
        assert!(error.contains("restore the object"), "{error}");
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = archive.fails(&ResumePoint::default()).await;
    assert!(error.contains("it is damaged"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_and_an_overlap_name_both_objects() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    let keys = archive.keys();
    fs::remove_file(archive.path(&keys[1])).unwrap();
    let error = archive.fails(&ResumePoint::default()).await;
    for part in [&keys[0], &keys[2], "follows record 19", "are missing"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // What lies behind the gap needs nothing of it.
    let behind = within(Some(Bound::Sequence(20.into())), None);
    assert_eq!(archive.positions(&behind).await, numbers(20..30));

    let mut overlapping = Archive::of_borders(&[0, 10, 20]);
    overlapping.after = Some(14.into());
    overlapping.put(&(15..25).map(record).collect::<Vec<_>>());
    let keys = overlapping.keys();
    let error = overlapping.fails(&ResumePoint::default()).await;
    for part in [&keys[1], &keys[2], "follows record 14", "two runs"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_come_next_must_be_there_and_the_oldest_may_have_expired() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    let keys = archive.keys();
    fs::remove_file(archive.path(&keys[0])).unwrap();
    assert_eq!(
        archive.positions(&ResumePoint::default()).await,
        numbers(10..30)
    );
    assert_eq!(archive.positions(&after(9)).await, numbers(10..30));
    for from in [after(8), pending(5, 12)] {
        let error = archive.fails(&from).await;
        assert!(error.contains("restore the objects before it"), "{error}");
        assert!(error.contains(&keys[1]), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_others_are_counted() {
    let archive = Archive::of_borders(&[0, 10]);
    let key = &archive.keys()[0];
    let notes = format!("{SHARD}/notes");
    for name in ["readme.txt", &notes, &format!("x/{key}"), ".tmp/x/0"] {
        let path = archive.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let listing = archive.listing().await;
    assert_eq!((listing.objects(), listing.foreign), (1, 3));
    let only = ArchiveListing::read(&*archive.store(), Some(&shard())).await;
    let only = only.unwrap();
    assert_eq!((only.objects(), only.foreign), (1, 1));
    let first = only.first_foreign.unwrap();
    assert_eq!(first, format!("{SHARD}/notes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_must_be_the_one_of_its_name() {
    let archive = Archive::of_borders(&[0, 10, 20]);
    let keys = archive.keys();
    let place = archive.path(&keys[0]);
    fs::rename(archive.path(&keys[1]), &place).unwrap();
    let error = archive.fails(&ResumePoint::default()).await;
    assert!(error.contains(place.to_str().unwrap()), "{error}");
    assert!(error.contains(&keys[1]), "{error}");
}
