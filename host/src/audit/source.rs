//! Opens the shards of a source at their oldest records.

use std::collections::HashSet;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::config::{RunSettings, Sources};
use crate::engine::record::{Bound, ShardId};
use crate::ledger::Ledger;
use crate::modes::targets::Targets;
use crate::modes::worker::shard_id;
use crate::source::ShardBatches;
use crate::source::file;
use crate::source::file::{Location, OpenFile};
use crate::source::kinesis::api::Start;
use crate::source::kinesis::budget::Budget;
use crate::source::kinesis::{KinesisError, Packing, Reading, ShardInfo, Stream, read};
use crate::source::read_meter::ReadMeter;
use crate::storage::retry::Attempts;

/// A shard of the source.
pub(super) struct Source {
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
}

/// A shard that is being read.
pub(super) struct Opened {
    /// Its records.
    pub(super) batches: ShardBatches,
    /// Whether its oldest records expire.
    pub(super) expires: bool,
    /// Reading ends when this is dropped.
    pub(super) until: Option<watch::Sender<bool>>,
}

/// The shards of the settings' source.
///
/// # Errors
/// A file or the stream does not exist.
pub(super) async fn shards(
    settings: &RunSettings,
    targets: &Targets,
) -> anyhow::Result<Vec<Source>> {
    match &settings.sources {
        Sources::Files(files) => files
            .iter()
            .map(of_file)
            .collect::<Result<_, _>>()
            .map(distinct),
        Sources::Lambda => {
            anyhow::bail!("the events of a function cannot be read back; give its stream")
        }
        Sources::Stream(stream) => {
            let client = aws_sdk_kinesis::Client::new(targets.sdk().await);
            let stream = Stream::new(client, stream.stream.clone());
            let infos = list(&stream, settings).await;
            let infos = infos.with_context(|| format!("the stream {}", stream.name()))?;
            let of_shard = |info: ShardInfo| {
                Ok(Source {
                    shard: shard_id(stream.name(), &info.id)?,
                    name: info.id.clone(),
                    reads: Reads::Shard(stream.clone(), info),
                })
            };
            infos.into_iter().map(of_shard).collect()
        }
    }
}

fn of_file(location: &Location) -> anyhow::Result<Source> {
    let opened = file::open(location)?;
    Ok(Source {
        shard: opened.shard().clone(),
        name: opened.name().to_owned(),
        reads: Reads::File(
            location.clone(),
            Some(opened).filter(|_| *location == Location::Stdin),
        ),
    })
}

/// If several files are the same shard, keeps the last one, which runs read last.
fn distinct(sources: Vec<Source>) -> Vec<Source> {
    let mut seen = HashSet::new();
    let later_first = sources.into_iter().rev();
    let mut kept: Vec<_> = later_first
        .filter(|source| seen.insert(source.shard.clone()))
        .collect();
    kept.reverse();
    kept
}

async fn list(stream: &Stream, settings: &RunSettings) -> Result<Vec<ShardInfo>, KinesisError> {
    let mut attempts = Attempts::new(&settings.retry_policy, "list_shards");
    loop {
        match stream.list_shards().await {
            Err(error) if !matches!(error, KinesisError::NotFound(_)) => {
                if !attempts
                    .wait_to_retry("list shards", &error.to_string())
                    .await
                {
                    return Err(error);
                }
            }
            settled => return settled,
        }
    }
}

impl Source {
    /// Starts to read the records of this ledger's pipeline, from the oldest one.
    ///
    /// # Errors
    /// The file no longer exists.
    pub(super) fn open(
        self,
        ledger: &Ledger,
        settings: &RunSettings,
        budget: &Budget,
    ) -> anyhow::Result<Opened> {
        let bounds = ledger.replay().unwrap_or_default();
        match self.reads {
            Reads::File(location, opened) => {
                let opened = opened.map_or_else(|| file::open(&location), Ok)?;
                Ok(Opened {
                    batches: opened.read(None, None, bounds)?,
                    expires: false,
                    until: None,
                })
            }
            Reads::Shard(stream, info) => {
                let reading = Reading {
                    stream,
                    id: info.id,
                    packing: Packing {
                        shard: self.shard,
                        hash_keys: info.hash_keys,
                        misplaced_records: settings.misplaced_records,
                        repeated: None,
                    },
                    start: start(ledger),
                    until_tip: true,
                    bounds,
                    retry_policy: settings.retry_policy.clone(),
                    budget: budget.clone(),
                    meter: ReadMeter::default(),
                };
                let (until, stop) = watch::channel(false);
                let (batches, _ends_with_the_batches) = read(reading, stop);
                Ok(Opened {
                    batches,
                    expires: true,
                    until: Some(until),
                })
            }
        }
    }
}

/// Where the pipeline started.
fn start(ledger: &Ledger) -> Start {
    let replayed = ledger.replay().and_then(|bounds| bounds.from);
    match (ledger.began_at(), replayed) {
        (Some(moment), _) | (None, Some(Bound::Moment(moment))) => Start::At(moment),
        (None, Some(Bound::Sequence(first))) => Start::From(first),
        (None, None) => Start::TrimHorizon,
    }
}
