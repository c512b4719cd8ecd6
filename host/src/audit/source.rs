//! Opens the shards of a source at their oldest records.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::RequestError;
use sluice_storage::object_store::ObjectStore;
use tokio::sync::watch;

use super::finding::{Finding, Kind};
use super::redrives::{LostObjects, RedriveReader};
use super::timeline::ChunkHead;
use crate::config::{ArchiveSettings, RunSettings};
use crate::ledger::Ledger;
use crate::ledger::store::StoreError;
use crate::modes::archive;
use crate::modes::file::is_of_file;
use crate::modes::known_files::KnownFiles;
use crate::modes::source_files;
use crate::modes::targets::Targets;
use crate::output::with_causes;
use crate::source::archive::{ArchiveShard, ObjectRange};
use crate::source::budget::Budget;
use crate::source::file;
use crate::source::file::{Location, OpenFile};
use crate::source::kinesis::api::Start;
use crate::source::kinesis::{
    KinesisError, KinesisShard, Packing, Reading, ShardInfo, Stream, shard_id,
};
use crate::source::read_meter::ReadMeter;
use crate::source::unpacking::{RepeatedRange, Unpackings};
use crate::source::{ResumePoint, ShardBatches, Source as _};

/// A shard of the source.
pub(super) struct AuditedShard {
    /// Its name in ledgers and objects.
    pub(super) shard: ShardId,
    /// Its name in messages.
    pub(super) name: String,
    reads: Reads,
}

enum Reads {
    /// A file, which is opened again before it is audited; standard input stays open.
    File(Location, Option<OpenFile>),
    Shard(Stream, ShardInfo),
    /// A shard of an archive, with its objects.
    Archive(Arc<dyn ObjectStore>, Vec<ObjectRange>),
    Redrive(RedriveReader),
}

/// A shard that is being read.
pub(super) struct Opened {
    /// Its records.
    pub(super) batches: ShardBatches,
    /// Whether its oldest records expire.
    pub(super) expires: bool,
    /// The objects of a redrive that cannot be read again.
    pub(super) lost: LostObjects,
    /// Reading ends when this is dropped.
    pub(super) until: Option<watch::Sender<bool>>,
}

/// What is audited of a source.
#[derive(Default)]
pub(super) struct AuditedSource {
    /// Its shards.
    pub(super) shards: Vec<AuditedShard>,
    /// Notes about the files of its folders.
    pub(super) notes: Vec<String>,
    /// The files that cannot be audited.
    pub(super) unreadable: Vec<Finding>,
}

/// The shards of the settings' source.
///
/// # Errors
/// A file or the stream does not exist.
pub(super) async fn shards(
    settings: &RunSettings,
    targets: &Targets,
) -> anyhow::Result<AuditedSource> {
    if settings.mode.files().is_some() {
        return of_files(settings, targets).await;
    }
    if let Some(archive) = settings.mode.archive() {
        return of_archive(settings, archive).await;
    }
    let Some(stream) = settings.mode.stream() else {
        anyhow::bail!("the events of a function cannot be read back; give its stream")
    };
    let stream = Stream::connect(targets.sdk().await?, &stream.stream);
    let infos = list(&stream, settings).await;
    let infos = infos.with_context(|| format!("the stream {}", stream.address()))?;
    let of_shard = |info: ShardInfo| {
        Ok(AuditedShard {
            shard: shard_id(stream.name(), &info.id)?,
            name: info.id.clone(),
            reads: Reads::Shard(stream.clone(), info),
        })
    };
    let shards: anyhow::Result<_> = infos.into_iter().map(of_shard).collect();
    Ok(AuditedSource {
        shards: shards?,
        ..AuditedSource::default()
    })
}

async fn of_archive(
    settings: &RunSettings,
    archive: &ArchiveSettings,
) -> anyhow::Result<AuditedSource> {
    let store = archive.location.open(settings.retry_policy.clone()).await?;
    let listing = archive::list(archive, &*store).await?;
    let notes = archive::foreign(&listing).into_iter().collect();
    let of_shard = |(shard, objects): (ShardId, _)| AuditedShard {
        name: shard.to_string(),
        shard,
        reads: Reads::Archive(store.clone(), objects),
    };
    Ok(AuditedSource {
        shards: listing.shards.into_iter().map(of_shard).collect(),
        notes,
        unreadable: Vec::new(),
    })
}

async fn of_files(settings: &RunSettings, targets: &Targets) -> anyhow::Result<AuditedSource> {
    // A group that cannot be read concerns many files; without this, each of them would read all groups again.
    targets.groups().await?;
    let mut found = source_files::find(settings, targets).await?;
    let notes = source_files::notes(&found);
    let files = file::distinct(std::mem::take(&mut found.files)).0;
    let is_only_one = files.len() + found.failed.len() == 1;
    let (mut known, mut failed) = (KnownFiles::default(), Vec::new());
    failed.extend(found.failed.into_iter().map(anyhow::Error::from));
    let mut shards = Vec::new();
    for file in files {
        match of_file(settings, targets, &mut known, &file.location).await {
            Ok(shard) => shards.push(shard),
            Err(error) if is_of_file(&error) => failed.push(error),
            Err(error) => return Err(error),
        }
    }
    if is_only_one && let Some(error) = failed.pop() {
        return Err(error);
    }
    Ok(AuditedSource {
        shards,
        notes,
        unreadable: failed.iter().map(unreadable).collect(),
    })
}

fn unreadable(error: &anyhow::Error) -> Finding {
    let why = format!("{}; none of its records is proven", with_causes(error));
    Finding::of_file(Kind::UnreadableSource, why)
}

async fn of_file(
    settings: &RunSettings,
    targets: &Targets,
    known: &mut KnownFiles,
    location: &Location,
) -> anyhow::Result<AuditedShard> {
    let opened = file::open(location, &settings.files)?;
    let name = opened.name().to_owned();
    let shard = match known.find(targets, &opened).await {
        Ok(found) => found.ledger.shard().clone(),
        // It is read again and reported with the ledgers of the other shards.
        Err(error) if is_damaged(&error) => opened.shard().clone(),
        Err(error) => return Err(error.context(name)),
    };
    Ok(AuditedShard {
        shard,
        name,
        reads: Reads::File(
            location.clone(),
            Some(opened).filter(|_| *location == Location::Stdin),
        ),
    })
}

fn is_damaged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Damaged { .. }))
}

async fn list(stream: &Stream, settings: &RunSettings) -> Result<Vec<ShardInfo>, RequestError> {
    let list = || async {
        let shards = stream.list_shards().await;
        shards.map_err(KinesisError::into_request_error)
    };
    let policy = &settings.retry_policy;
    policy.retry("list_shards", "list the shards", list).await
}

impl AuditedShard {
    /// The shard of a redrive, whose source are the objects that it has claimed.
    #[must_use]
    pub(super) fn of_redrive(shard: &ShardId, reader: RedriveReader) -> Self {
        Self {
            shard: shard.clone(),
            name: shard.to_string(),
            reads: Reads::Redrive(reader),
        }
    }

    /// Starts to read the records of this ledger's pipeline, from the oldest one, each unpacked as it was in
    /// these chunks and in the pending range.
    ///
    /// # Errors
    /// The file no longer exists.
    pub(super) fn open(
        self,
        ledger: &Ledger,
        settings: &RunSettings,
        budget: &Budget,
        chunks: &[ChunkHead],
    ) -> anyhow::Result<Opened> {
        let from = ResumePoint::beginning(ledger);
        let unpackings = Unpackings {
            new: settings.unpacking,
            repeated: ranges(ledger, chunks).collect(),
        };
        match self.reads {
            Reads::File(location, opened) => {
                let reopen = || file::open(&location, &settings.files);
                let opened = opened.map_or_else(reopen, Ok)?.with_shard(self.shard);
                let opened = opened.known_up_to(last_known(ledger));
                let opened = opened.with_unpackings(unpackings);
                let opened = opened.with_budget(budget.clone());
                Ok(Opened {
                    batches: opened.read(&from)?,
                    expires: false,
                    lost: LostObjects::default(),
                    until: None,
                })
            }
            Reads::Redrive(reader) => {
                let (batches, lost) = reader.read(last_known(ledger), unpackings, budget);
                Ok(Opened {
                    batches,
                    expires: false,
                    lost,
                    until: None,
                })
            }
            Reads::Archive(store, objects) => {
                let source = ArchiveShard {
                    object_max_bytes: usize::MAX,
                    store,
                    shard: self.shard,
                    objects,
                    unpackings,
                    budget: budget.clone(),
                };
                Ok(Opened {
                    batches: source.read(&from)?,
                    expires: true,
                    lost: LostObjects::default(),
                    until: None,
                })
            }
            Reads::Shard(stream, info) => {
                let (until, stop) = watch::channel(false);
                let reading = Reading {
                    stream,
                    id: info.id,
                    packing: Packing {
                        shard: self.shard,
                        hash_keys: info.hash_keys,
                        unpackings,
                    },
                    start: Start::of_pipeline(ledger).unwrap_or(Start::TrimHorizon),
                    until_tip: Some(i64::MAX),
                    bounds: from.bounds,
                    retry_policy: settings.retry_policy.clone(),
                    budget: budget.clone(),
                    meter: ReadMeter::default(),
                };
                Ok(Opened {
                    batches: KinesisShard {
                        reading,
                        stop,
                        start: None,
                    }
                    .read(&from)?,
                    expires: true,
                    lost: LostObjects::default(),
                    until: Some(until),
                })
            }
        }
    }
}

/// The last record of the ledger, committed or pending.
fn last_known(ledger: &Ledger) -> Option<SequenceNumber> {
    let pending = ledger.pending().map(|pending| pending.range.last);
    pending.or(ledger.committed().map(|committed| committed.last))
}

/// The ranges of these chunks, and the pending one, each with how its records were unpacked.
fn ranges(ledger: &Ledger, chunks: &[ChunkHead]) -> impl Iterator<Item = RepeatedRange> {
    let committed = chunks.iter().map(|head| RepeatedRange {
        last: head.name.last,
        unpacking: head.unpacking,
    });
    committed.chain(ledger.pending().map(RepeatedRange::of))
}
