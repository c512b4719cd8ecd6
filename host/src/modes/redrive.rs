//! The mode for a redrive: quarantined records of a lake are transformed and landed in the same lake once more.
//!
//! ```text
//! choose ─▶ list ─▶ claim the shard of the redrive ─▶ land the objects of the list ─▶ finish its ledger
//! ```

mod choice;
mod dry_run;
mod warnings;

use std::sync::{Arc, OnceLock};

use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;

use self::choice::{Choice, Chosen};
use super::open_shard::ShardRunner;
use super::rules::Rules;
use super::stop_signal::Stopped;
use super::targets::{Claim, Targets};
use crate::config::log_format::LogFormat;
use crate::config::{RedriveSettings, RunSettings, continue_command};
use crate::layout::chunk::ChunkCounts;
use crate::layout::object_key::ChunkName;
use crate::ledger::Ledger;
use crate::ledger::store::StoreError;
use crate::observe::health::State;
use crate::observe::http;
use crate::observe::progress::{RedriveSummary, ReleaseRecords, Summary};
use crate::output;
use crate::output::{counted, with_causes};
use crate::pipeline::RunContext;
use crate::pipeline::error::ledger_error;
use crate::redrive::{RedriveDocument, RedriveId, RedriveStore};
use crate::source::End;
use crate::source::file::ReadPosition;
use crate::source::redrive::{Claiming, RedriveSource, RedriveTally, SkippedObjects};

/// What a redrive did.
pub struct Redriven {
    summary: RedriveSummary,
    /// The counts of a dry run, which commits nothing.
    tried: ChunkCounts,
}

impl Redriven {
    /// Adds it to the summary of the run.
    pub fn add_to(self, summary: &mut Summary) {
        let Self {
            summary: redrive,
            tried,
        } = self;
        if redrive.dry_run {
            summary.records = tried.records;
            summary.bytes_in = tried.bytes;
            summary.events = tried.events;
            summary.lake_events = tried.lake_events;
            summary.dropped = tried.dropped;
            summary.quarantined = tried.quarantined_records();
            let reasons = tried.quarantined.into_iter();
            let reasons = reasons.map(|(reason, records)| (reason.to_string(), records));
            summary.quarantined_reasons = reasons.collect();
            if tried.records > 0 {
                summary.releases = vec![ReleaseRecords {
                    release: summary.release.clone(),
                    records: tried.records,
                }];
            }
        }
        summary.redrive = Some(redrive);
    }
}

/// Checks that everything could be read, after the summary was printed.
///
/// # Errors
/// What could not be read; each is named first.
pub fn check_readable(summary: &Summary) -> anyhow::Result<()> {
    let unreadable = summary
        .redrive
        .iter()
        .flat_map(|redrive| &redrive.unreadable);
    let mut count = 0_u64;
    for object in unreadable {
        count += 1;
        output::error(format_args!("{}: {}", object.place, object.why));
    }
    if count == 0 {
        return Ok(());
    }
    anyhow::bail!(
        "{} in quarantine cannot be used, as said above, and their records stay there; everything else was redriven. \
         Restore what is damaged, and run `sluice redrive` once more",
        counted(count, "file")
    )
}

/// Says after a signal how the redrive is continued, if it has begun.
pub(super) fn explain_stop(error: anyhow::Error, begun: Option<&String>) -> anyhow::Error {
    match begun {
        Some(command) if error.is::<Stopped>() => {
            anyhow::anyhow!("{error}: `{command}`, with --format, --schema and --bus as before")
        }
        _ => error,
    }
}

/// Redrives quarantined records, or tries the rules on them. The command that continues what it lands is put into `begun`.
///
/// # Errors
/// The first error that does not concern a single object or record.
pub async fn run(
    settings: &RunSettings,
    redrive: &RedriveSettings,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
    begun: &OnceLock<String>,
) -> anyhow::Result<Redriven> {
    let _server = http::start(settings, context.clone()).await?;
    let targets = Arc::new(Targets::new(settings));
    let store = targets.lake_store().await?;
    let at_once = store.operations_at_once(settings.threads);
    let run = Redrive {
        settings,
        dry_run: redrive.dry_run,
        release: rules.switch().now().active.id(),
        redrives: RedriveStore::new(store, at_once),
        tally: Arc::default(),
        rules,
        targets,
        context,
        begun,
    };
    let choice = Choice {
        run: &run,
        redrive,
        at_once,
    };
    let chosen = choice.choose().await?;
    run.end(chosen).await
}

/// A redrive of this process.
struct Redrive<'a> {
    settings: &'a RunSettings,
    dry_run: bool,
    /// The release that transforms.
    release: ReleaseId,
    redrives: RedriveStore,
    tally: Arc<RedriveTally>,
    rules: Arc<Rules>,
    targets: Arc<Targets>,
    context: Arc<RunContext>,
    /// The command that continues what it lands.
    begun: &'a OnceLock<String>,
}

impl Redrive<'_> {
    /// Redrives what was chosen.
    async fn end(&self, chosen: Chosen) -> anyhow::Result<Redriven> {
        let mut summary = RedriveSummary {
            dry_run: self.dry_run,
            finished: !self.dry_run,
            ..RedriveSummary::default()
        };
        let mut tried = ChunkCounts::default();
        let Chosen {
            document,
            is_stored,
            unusable,
            columns,
        } = chosen;
        if let Some(document) = document {
            let document = Arc::new(document);
            summary.objects = document.objects.len() as u64;
            summary.records = document.records();
            summary.id = (is_stored || !self.dry_run).then(|| document.id.clone());
            match self.dry_run {
                true => {
                    self.announce(&document, is_stored);
                    tried = self.try_rules(document.clone(), is_stored).await?;
                    let reasons = tried.redriven.iter();
                    let reasons =
                        reasons.map(|(reason, counts)| (reason.to_string(), counts.clone()));
                    summary.reasons = reasons.collect();
                }
                false => {
                    summary.finished = self.land(document.clone(), is_stored).await?;
                    summary.reasons = self.context.progress.redriven();
                }
            }
        }
        self.warn_of_other_partitions(&columns, &summary.reasons);
        summary.skipped = self.skipped().await;
        summary.unreadable = unusable;
        summary.unreadable.extend(self.tally.all_unreadable());
        Ok(Redriven { summary, tried })
    }

    /// What other redrives have claimed. A list that cannot be read is said when that redrive is continued.
    async fn skipped(&self) -> Vec<SkippedObjects> {
        let mut all = self.tally.all_skipped();
        for skipped in &mut all {
            let document = self.redrives.read(&skipped.redrive).await.ok().flatten();
            skipped.release = document.map(|document| document.request.release);
        }
        all
    }

    /// The list as a source.
    fn source(&self, document: Arc<RedriveDocument>, claiming: Claiming) -> RedriveSource {
        let (progress, position) = (&self.context.progress, ReadPosition::default());
        progress.begin_files(document.objects.iter().map(|object| object.bytes).sum());
        progress.begin_file(position.clone());
        RedriveSource {
            document,
            redrives: self.redrives.clone(),
            claiming,
            unpacking: self.rules.unpacking(),
            budget: self.context.budget.clone(),
            tally: self.tally.clone(),
            position,
        }
    }

    /// Lands the records of a list, and returns whether its end was reached.
    async fn land(&self, document: Arc<RedriveDocument>, is_stored: bool) -> anyhow::Result<bool> {
        self.warn_of_order().await?;
        if !is_stored {
            self.redrives.create(&document).await?;
        }
        let command = continue_command(&self.settings.lake, &document.id, self.release);
        let _first = self.begun.set(command);
        let (id, shard) = (document.id.clone(), document.id.shard().clone());
        let landed = self.land_shard(document, is_stored).await;
        let health = &self.context.health;
        match &landed {
            Ok(_) => health.ended(&shard, State::Finished),
            Err(error) => health.ended(&shard, State::Failed(with_causes(error))),
        }
        landed.map_err(|error| explain(error, &id))
    }

    async fn land_shard(
        &self,
        document: Arc<RedriveDocument>,
        is_stored: bool,
    ) -> anyhow::Result<bool> {
        let runner = ShardRunner {
            rules: self.rules.clone(),
            targets: self.targets.clone(),
            context: self.context.clone(),
            replay: None,
        };
        let shard: ShardId = document.id.shard().clone();
        let claimed = runner.claim(&shard, Claim::Take).await?;
        self.check_ledger(&document.id, &claimed.ledger.ledger().await)
            .await?;
        self.announce(&document, is_stored);
        // Before an object is claimed, so that the lake has what it takes to continue.
        let active = self.rules.switch().now().active.clone();
        claimed.sinks.registry.keep(active.bundle()).await?;
        let opened = runner.resume(claimed).await?;
        let source = self.source(document, Claiming::Claim);
        let mut landed = opened.land(source).await?;
        let is_finished = landed.end == End::Closed;
        if is_finished {
            landed.ledger.step(Ledger::finish).await?;
        }
        landed.close()?;
        Ok(is_finished)
    }

    /// Checks that the ledger is not lost of a redrive that has landed something. Each record would land again.
    async fn check_ledger(&self, id: &RedriveId, ledger: &Ledger) -> anyhow::Result<()> {
        if ledger.committed().is_some() || ledger.pending().is_some() {
            return Ok(());
        }
        let folder = ChunkName::manifest_folder(id.shard());
        let mut manifest = None;
        let mut found = |name: &str| {
            manifest.get_or_insert_with(|| format!("{folder}{name}"));
        };
        let store = self.redrives.store();
        store.list(&folder, &mut found).await?;
        manifest.map_or(Ok(()), |manifest| {
            anyhow::bail!(
                "the redrive {id} has no ledger, and it has landed records: {} exists; restore its ledger, \
                 _sluice/ledger/{}.json, as it was written",
                store.place(&manifest),
                id.shard()
            )
        })
    }

    /// Says which redrive this is, since it takes its id to continue it, and by which rules.
    fn announce(&self, document: &RedriveDocument, is_stored: bool) {
        let (id, rules) = (&document.id, self.rules_in_words());
        let records = counted(document.records(), "record");
        let objects = counted(document.objects.len() as u64, "object");
        let what = match (self.dry_run, is_stored) {
            (true, _) => "trying the redrive".to_owned(),
            (false, true) => format!("continuing the redrive {id}"),
            (false, false) => format!("beginning the redrive {id}"),
        };
        tracing::info!(redrive = %id, records = document.records(), release = %self.release, "{what} by {rules}");
        if self.settings.log_format == LogFormat::Human && !self.settings.quiet {
            output::message(format_args!(
                "sluice: {what} of {records} in {objects} by {rules}"
            ));
        }
    }

    /// The rules, and where they come from.
    fn rules_in_words(&self) -> String {
        let (settings, release) = (self.settings, self.release.short());
        let followed = settings.registry.as_ref().map(|registry| &registry.target);
        let followed = followed.filter(|_| self.release != self.rules.own().id());
        let pinned = settings.pinned_release.as_ref();
        match pinned.map(|pinned| &pinned.registry).or(followed) {
            Some(registry) => format!("release {release} of {registry}"),
            None => format!("{}, release {release}", settings.transform.name()),
        }
    }

    async fn warn_of_order(&self) -> anyhow::Result<()> {
        if self.targets.bus_keeps_order().await? {
            tracing::warn!(
                "the queue keeps the order of its messages, and redriven records come after later records of their keys; \
                 make sure that its consumers accept this, or leave --bus out"
            );
        }
        Ok(())
    }
}

/// Says what it means if another process works on the redrive.
fn explain(error: anyhow::Error, id: &RedriveId) -> anyhow::Error {
    match ledger_error(&error) {
        Some(StoreError::Lost { .. }) => error.context(format!(
            "another process continues the redrive {id}, so this one has ended; what is committed stays"
        )),
        Some(StoreError::Locked(_)) => {
            anyhow::anyhow!("another process works on the redrive {id}; wait for it or stop it")
        }
        _ => error,
    }
}
