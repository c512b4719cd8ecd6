//! An archive of one shard in a folder.

use std::fs;
use std::path::Path;

use sluice_engine::digest::Digest;
use sluice_engine::record::{Batch, Bound, Bounds, Position, Record, SequenceNumber, Undecoded};
use sluice_storage::folder::FolderStore;
use tempfile::TempDir;

use super::super::*;
use crate::format::Level;
use crate::layout::archive::{ArchiveHeader, ArchiveKey, ArchiveObject};
use crate::layout::arrival_times::ArrivalTimes;
use crate::ledger::decoding::RecordDecoding;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Committed, Pending, Range};
use crate::source::unpacking::Unpacking;

pub(super) const SHARD: &str = "events-shardId-000000000000";

pub(super) fn shard() -> ShardId {
    ShardId::new(SHARD).unwrap()
}

/// A record to archive.
#[derive(Clone)]
pub(super) struct Archived {
    pub(super) position: Position,
    pub(super) data: Vec<u8>,
    pub(super) undecoded: Option<Undecoded>,
}

/// The record `number`, which arrived at ten times the next number.
pub(super) fn record(number: u64) -> Archived {
    Archived {
        position: SequenceNumber::from(number).into(),
        data: format!("record {number}").into_bytes(),
        undecoded: None,
    }
}

pub(super) fn part(number: u64, sub: u32) -> Archived {
    let mut archived = record(number);
    archived.position.sub = Some(sub);
    archived
}

pub(super) fn arrived_at(position: Position) -> u64 {
    (position.sequence.as_offset().unwrap() + 1) * 10
}

/// A folder with an archive of one shard.
pub(super) struct Archive {
    folder: TempDir,
    /// The last record.
    pub(super) after: Option<SequenceNumber>,
    /// How the records of further objects were decoded.
    pub(super) decoding: RecordDecoding,
    /// A larger object is not read.
    pub(super) object_max_bytes: usize,
}

impl Archive {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            after: None,
            decoding: RecordDecoding::default(),
            object_max_bytes: usize::MAX,
        }
    }

    /// An archive with the records of each list in an object of its own.
    pub(super) fn of(objects: &[Vec<Archived>]) -> Self {
        let mut archive = Self::new();
        for records in objects {
            archive.put(records);
        }
        archive
    }

    /// An object for the numbers from each of these to before the next one.
    pub(super) fn of_borders(borders: &[u64]) -> Self {
        let objects: Vec<Vec<_>> = borders
            .windows(2)
            .map(|ends| (ends[0]..ends[1]).map(record).collect())
            .collect();
        Self::of(&objects)
    }

    pub(super) fn put(&mut self, records: &[Archived]) {
        self.put_with(records, arrived_at);
    }

    pub(super) fn put_with(&mut self, records: &[Archived], arrived_at: fn(Position) -> u64) {
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
        let times = records.iter().map(|record| arrived_at(record.position));
        let times = times.clone().min().zip(times.max());
        let times = times.map(|(min, max)| ArrivalTimes { min, max });
        let header = ArchiveHeader::new(key, self.after, records.len() as u64)
            .with_arrival(times.filter(|times| times.max > 0))
            .with_decoding(self.decoding);
        let object = ArchiveObject::encode(&header, vec![batch], Level::default()).unwrap();
        let path = self.path(&object.key.to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, object.body).unwrap();
        self.after = Some(header.last);
    }

    pub(super) fn path(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join(key)
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(FolderStore::shared(self.folder.path().to_owned()))
    }

    pub(super) async fn listing(&self) -> ArchiveListing {
        ArchiveListing::read(&*self.store(), None).await.unwrap()
    }

    /// The batches that are read, and the error that ends them.
    pub(super) async fn read(
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
            object_max_bytes: self.object_max_bytes,
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
    pub(super) async fn positions(&self, from: &ResumePoint) -> Vec<String> {
        let (batches, error) = self.read(from, RecordDecoding::default()).await;
        assert!(error.is_none(), "{error:?}");
        positions(&batches)
    }

    /// The error that ends reading, after no record.
    pub(super) async fn fails(&self, from: &ResumePoint) -> String {
        let (batches, error) = self.read(from, RecordDecoding::default()).await;
        assert_eq!(positions(&batches), [""; 0]);
        error.unwrap().to_string()
    }

    pub(super) fn keys(&self) -> Vec<String> {
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

pub(super) fn positions(batches: &[Batch]) -> Vec<String> {
    let positions = batches.iter().flat_map(Batch::positions);
    positions.map(ToString::to_string).collect()
}

pub(super) fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

pub(super) fn after(number: u64) -> ResumePoint {
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

pub(super) fn pending(first: u64, last: u64) -> ResumePoint {
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

pub(super) fn within(from: Option<Bound>, to: Option<Bound>) -> ResumePoint {
    ResumePoint {
        bounds: Bounds { from, to },
        ..ResumePoint::default()
    }
}
