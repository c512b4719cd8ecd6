//! The mode for an archive: its shards are landed several at once, each with a ledger of its own as those of a stream are.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;
use tokio::task::JoinSet;

use super::earlier_rules;
use super::failed_sources::FailedSources;
use super::file::{is_of_another_run, is_of_file};
use super::known_files::IdentityError;
use super::open_shard::ShardRunner;
use super::parts::{self, RunUnits, Unit};
use super::rules::Rules;
use super::targets::{Claim, Targets};
use crate::config::{ArchiveSettings, RunSettings};
use crate::observe::health::State;
use crate::observe::http;
use crate::output::{counted, with_causes};
use crate::pipeline::RunContext;
use crate::source::archive::{ArchiveListing, ArchiveShard, ObjectRange, check_object};
use crate::source::unpacking::Unpackings;

/// The most shards that are landed at once: enough to hide the latency of requests, and few enough for the file handles of a
/// process.
const SHARDS_AT_ONCE: usize = 16;

/// Lands all shards of an archive. If one fails by itself, the others are landed all the same.
///
/// # Errors
/// The archive cannot be listed or has no objects; or the first error that concerns more than one shard, such as one of the
/// lake or the bus.
pub async fn run(
    settings: &RunSettings,
    archive: &ArchiveSettings,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
) -> anyhow::Result<FailedSources> {
    let _server = http::start(settings, context.clone()).await?;
    let store = archive.location.open(settings.retry_policy.clone()).await?;
    let mut listing = list(archive, &*store).await?;
    if let Some(foreign) = foreign(&listing) {
        tracing::warn!("{foreign}");
    }
    let targets = Arc::new(Targets::new(settings));
    let listed: Vec<_> = listing.shards.into_iter().collect();
    let selected = parts::select(settings, &targets, &context, listed, |(shard, objects)| {
        Unit::new(shard.to_string(), objects.len() as u64)
    });
    let RunUnits { mine, missing } = selected.await?;
    listing.shards = mine.into_iter().collect();
    let mut shards = Shards {
        failed: FailedSources::of(listing.shards.len() + missing.len()),
        runner: ShardRunner {
            rules,
            targets,
            context,
            replay: settings.replay,
        },
        store,
        unpackings: Unpackings {
            new: settings.unpacking,
            repeated: Vec::new(),
        },
        last: None,
    };
    for gone in missing {
        shards.fail(gone.into())?;
    }
    shards.land_all(listing).await?;
    earlier_rules::warn_of_others(settings, &shards.runner, shards.last.as_ref()).await;
    Ok(shards.failed)
}

/// Lists an archive, or the one shard of it that is wanted.
///
/// # Errors
/// It cannot be listed, or has no objects.
pub async fn list(
    archive: &ArchiveSettings,
    store: &dyn ObjectStore,
) -> anyhow::Result<ArchiveListing> {
    let ArchiveSettings {
        location,
        only_shard,
    } = archive;
    let listing = ArchiveListing::read(store, only_shard.as_ref()).await?;
    if listing.shards.is_empty() {
        let foreign = foreign(&listing).map_or_else(String::new, |foreign| format!(" ({foreign})"));
        match only_shard {
            Some(shard) => anyhow::bail!(
                "the archive {location} has no objects of the shard {shard}{foreign}; give the name of one of its folders as --shard"
            ),
            None => anyhow::bail!(
                "the archive {location} has no objects{foreign}; give the TARGET that a run was given as --archive"
            ),
        }
    }
    Ok(listing)
}

/// Lists an archive and reads one of its objects, and returns what was found.
///
/// # Errors
/// Either fails.
pub async fn try_reading(
    archive: &ArchiveSettings,
    store: &dyn ObjectStore,
) -> anyhow::Result<String> {
    let listing = list(archive, store).await?;
    let objects = counted(listing.objects(), "object");
    let shards = counted(listing.shards.len() as u64, "shard");
    if let Some((shard, found)) = listing.shards.first_key_value()
        && let Some(object) = found.first()
    {
        check_object(store, shard, *object).await?;
    }
    let foreign = foreign(&listing).map_or_else(String::new, |foreign| format!("; {foreign}"));
    Ok(format!(
        "can be listed and read: {objects} of {shards}{foreign}"
    ))
}

/// Says how many files of an archive no run has archived.
#[must_use]
pub fn foreign(listing: &ArchiveListing) -> Option<String> {
    let first = listing.first_foreign.as_ref()?;
    let files = counted(listing.foreign, "file");
    Some(format!(
        "{files} in the archive that Sluice has not written, such as {first}, left out"
    ))
}

/// Lands shards.
struct Shards {
    runner: ShardRunner,
    store: Arc<dyn ObjectStore>,
    unpackings: Unpackings,
    failed: FailedSources,
    /// The last shard with committed records.
    last: Option<ShardId>,
}

/// A shard whose landing has ended, and whether it has committed records.
type EndedShard = (ShardId, anyhow::Result<bool>);

impl Shards {
    async fn land_all(&mut self, listing: ArchiveListing) -> anyhow::Result<()> {
        let at_once = self.runner.context.shards_at_once().min(SHARDS_AT_ONCE);
        let groups = self.runner.targets.groups().await?.clone();
        let mut shards = listing.shards.into_iter();
        let mut landing = JoinSet::new();
        loop {
            while landing.len() < at_once
                && let Some((shard, objects)) = shards.next()
            {
                if groups.has(&shard) {
                    let error = anyhow::Error::from(IdentityError::OfFile);
                    self.fail(error.context(shard.to_string()))?;
                    continue;
                }
                let source = self.source(shard, objects);
                landing.spawn(land(self.runner.clone(), source));
            }
            self.runner.context.share_memory(landing.len());
            let Some(ended) = landing.join_next().await.transpose()? else {
                return Ok(());
            };
            self.end(ended)?;
        }
    }

    fn source(&self, shard: ShardId, objects: Vec<ObjectRange>) -> ArchiveShard {
        ArchiveShard {
            object_max_bytes: usize::MAX,
            store: self.store.clone(),
            shard,
            objects,
            unpackings: self.unpackings.clone(),
            budget: self.runner.context.budget.clone(),
        }
    }

    /// Notes what became of a shard.
    fn end(&mut self, (shard, ended): EndedShard) -> anyhow::Result<()> {
        let health = &self.runner.context.health;
        match ended {
            Ok(has_committed) => {
                health.ended(&shard, State::CaughtUp);
                if has_committed {
                    self.last = Some(shard);
                }
                Ok(())
            }
            Err(error) => {
                health.ended(&shard, State::Failed(with_causes(&error)));
                self.fail(error)
            }
        }
    }

    /// Notes that a shard failed by itself.
    ///
    /// # Errors
    /// The error concerns more than this shard.
    fn fail(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        if !is_of_file(&error) {
            return Err(error);
        }
        self.runner.context.progress.source_failed();
        self.failed.add(match is_of_another_run(&error) {
            true => {
                error.context("another run works on this shard; run again when that run has ended")
            }
            false => error,
        });
        Ok(())
    }
}

/// Lands a shard to its end.
async fn land(runner: ShardRunner, source: ArchiveShard) -> EndedShard {
    let shard = source.shard.clone();
    let landed = async {
        let open = runner.open_shard(&shard, Claim::Take).await?;
        let landed = open.land(source).await?;
        let has_committed = landed.ledger.ledger().await.committed().is_some();
        landed.close()?;
        anyhow::Ok(has_committed)
    };
    let landed = landed.await;
    let name = shard.to_string();
    (shard, landed.context(name))
}
