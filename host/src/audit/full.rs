//! The full audit: each chunk is built again from its source, and compared with the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;

use super::account::ShardAccount;
use super::inventory::Chunks;
use super::redrives;
use super::redrives::Redrives;
use super::releases::Releases;
use super::report::{Counts, Report};
use super::schemas::Schemas;
use super::shard::ShardAudit;
use super::source;
use super::source::AuditedShard;
use super::{Audit, AuditOptions, LakeAudit, ledger_or_finding, now_ms, queue_note};
use crate::config::RunSettings;
use crate::ledger::Ledger;
use crate::modes::progress_line::{ProgressLine, Work};
use crate::modes::targets::Targets;
use crate::observe::health::ActiveRelease;
use crate::output;
use crate::pipeline::RunContext;

/// The number of shards whose manifests are read at once.
const ACCOUNTS_AT_ONCE: usize = 8;

/// Compares the shards of the source of the settings, and the redrives of the lake.
///
/// # Errors
/// The source, the lake or the bus cannot be read.
pub(super) async fn audit(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<Report> {
    let context = Arc::new(RunContext::new(
        settings,
        ActiveRelease::none(),
        Instant::now(),
    )?);
    let progress = ProgressLine::start(settings, Work::Audit, context.clone());
    let report = compare(settings, options, context).await;
    if let Some(progress) = progress {
        progress.finish().await;
    }
    report
}

async fn compare(
    settings: &RunSettings,
    options: AuditOptions,
    context: Arc<RunContext>,
) -> anyhow::Result<Report> {
    let began_ms = now_ms();
    let targets = Targets::new(settings).with_files();
    let (redriven, damaged_redrives) = redrives::ledgers(&targets).await?;
    let source = source::shards(settings, &targets).await?;
    // Objects are put before the ledger names them, so a list that is made after the ledgers has them.
    let (mut readable, mut ledgers, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for source in source.shards {
        match ledger_or_finding(&source.shard, targets.ledger(&source.shard).await)? {
            Ok(ledger) => {
                ledgers.push(ledger);
                readable.push(source);
            }
            Err(finding) => damaged.push((source.shard, finding)),
        }
    }
    let mut lake = LakeAudit::list(settings, options, targets).await?;
    let mut report = lake.unrecognized();
    lake.inventory.check_written(&settings.lake, &mut report)?;
    let by_shard: BTreeMap<_, _> = redriven
        .iter()
        .map(|ledger| (ledger.shard().clone(), ledger))
        .collect();
    lake.redrives = Redrives::read(&lake, settings, &by_shard, &mut report).await?;
    drop(by_shard);
    let damaged_redrives = damaged_redrives.into_iter();
    let damaged_redrives =
        damaged_redrives.filter_map(|finding| Some((finding.shard.clone()?, finding)));
    for (shard, finding) in damaged.into_iter().chain(damaged_redrives) {
        lake.inventory.take(&shard);
        report.findings.add(|| finding);
    }
    for finding in source.unreadable {
        report.findings.add(|| finding);
    }
    if ledgers.iter().all(|ledger| ledger.committed().is_none()) {
        let lake = &settings.lake;
        report.notes.push(format!(
            "by its ledgers, {lake} has no records of this source yet"
        ));
    }
    let take = |ledger: Ledger| {
        let chunks = lake.inventory.take(ledger.shard());
        (ledger, chunks)
    };
    let listed: Vec<_> = ledgers.into_iter().map(take).collect();
    let gone = lake.take_gone(settings)?;
    let redriven = take_redriven(&mut lake, redriven);
    report.absorb(lake.others());
    let accounts = open_accounts(&lake, listed).await?;
    let redriven = open_redriven(&lake, redriven, &mut report).await?;
    let audit = Arc::new(Audit {
        lake,
        lake_name: settings.lake.to_string(),
        releases: Releases::new(settings).await?,
        schemas: Schemas::open(settings).await?,
        context,
        began_ms,
    });
    report.absorb(audit_gone(&audit.lake, gone).await?);
    let planned = readable.into_iter().zip(accounts).chain(redriven).collect();
    report.absorb(audit_all(settings, audit, planned).await?);
    report.notes.extend(source.notes);
    report.notes.extend(notes(settings, &report));
    Ok(report)
}

/// Takes the chunks of all redrives. One that has begun during the audit has no ledger yet.
fn take_redriven(lake: &mut LakeAudit, mut ledgers: Vec<Ledger>) -> Vec<(Ledger, Chunks)> {
    let known: BTreeSet<_> = ledgers
        .iter()
        .map(|ledger| ledger.shard().clone())
        .collect();
    let others = lake.inventory.redrive_shards();
    let others: Vec<_> = others
        .filter(|shard| !known.contains(shard))
        .cloned()
        .collect();
    ledgers.extend(others.into_iter().map(Ledger::new));
    let take = |ledger: Ledger| {
        let chunks = lake.inventory.take(ledger.shard());
        (ledger, chunks)
    };
    ledgers.into_iter().map(take).collect()
}

/// Opens the accounts of redrives, with the sources to read. Of a redrive without a list, only names are compared: it has
/// been reported, and nothing of it can be proven.
async fn open_redriven(
    lake: &LakeAudit,
    redriven: Vec<(Ledger, Chunks)>,
    report: &mut Report,
) -> anyhow::Result<Vec<(AuditedShard, ShardAccount)>> {
    let mut planned = Vec::new();
    for (ledger, chunks) in redriven {
        match lake.redrives.reader(lake, ledger.shard()) {
            Some(reader) => {
                let shard = AuditedShard::of_redrive(ledger.shard(), reader);
                let mut account = ShardAccount::open(lake, ledger, chunks, |_, _| {}).await?;
                lake.redrives.compare(&mut account);
                planned.push((shard, account));
            }
            None => {
                let mut account = ShardAccount::open_by_names(lake, ledger, chunks).await?;
                account.compare(lake).await?;
                account.report.counts = Counts {
                    wrong: account.timeline.records(),
                    ..Counts::default()
                };
                report.absorb(account.report);
            }
        }
    }
    Ok(planned)
}

async fn open_accounts(
    lake: &LakeAudit,
    listed: Vec<(Ledger, Chunks)>,
) -> anyhow::Result<Vec<ShardAccount>> {
    let accounts = stream::iter(listed)
        .map(|(ledger, chunks)| ShardAccount::open(lake, ledger, chunks, |_, _| {}));
    accounts.buffered(ACCOUNTS_AT_ONCE).try_collect().await
}

/// Audits shards, several of a stream or an archive at once, as far as the memory allows: each takes about two
/// chunks, one that is built and one that is checked.
async fn audit_all(
    settings: &RunSettings,
    audit: Arc<Audit>,
    planned: Vec<(AuditedShard, ShardAccount)>,
) -> anyhow::Result<Report> {
    let has_several = settings.mode.stream().is_some() || settings.mode.archive().is_some();
    let at_once = match has_several {
        false => 1,
        true => settings.memory / settings.chunk.bytes.saturating_mul(2),
    };
    let at_once = usize::try_from(at_once.max(1)).unwrap_or(usize::MAX);
    let audits = stream::iter(planned).map(|(source, account)| {
        let audit = audit.clone();
        async move {
            let name = source.name.clone();
            let chunks = &account.timeline.chunks;
            let opened = source.open(&account.ledger, settings, &audit.context.budget, chunks)?;
            let shard = ShardAudit::new(audit, account, opened);
            shard.run().await.context(name)
        }
    });
    let mut reports = audits.buffered(at_once);
    let mut all = Report::default();
    while let Some(report) = reports.try_next().await? {
        all.absorb(report);
    }
    Ok(all)
}

/// Compares the accounts of shards that have expired from the stream.
async fn audit_gone(lake: &LakeAudit, gone: Vec<(ShardId, Chunks)>) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for (shard, chunks) in gone {
        let ledger = match ledger_or_finding(&shard, lake.targets.ledger(&shard).await)? {
            Ok(ledger) => ledger,
            Err(finding) => {
                report.findings.add(|| finding);
                continue;
            }
        };
        let objects = chunks.values().map(|present| present.objects.len() as u64);
        report.counts.objects_gone += objects.sum::<u64>();
        let committed = ledger.committed().map_or(0, |committed| committed.records);
        let mut account = ShardAccount::open_by_names(lake, ledger, chunks).await?;
        account.compare(lake).await?;
        // Its records are gone, whatever their places, except for those that have been redriven.
        let Counts {
            redriven,
            lost_ranges,
            ..
        } = account.report.counts;
        account.report.counts = Counts {
            gone: committed.saturating_sub(redriven),
            redriven,
            lost_ranges,
            ..Counts::default()
        };
        report.absorb(account.report);
    }
    Ok(report)
}

fn notes(settings: &RunSettings, report: &Report) -> Vec<String> {
    let counts = &report.counts;
    let mut notes: Vec<_> = queue_note(settings).into_iter().collect();
    if counts.objects_gone > 0 {
        notes.push(format!(
            "{} with records that have expired from the source; only names were compared with the chunk \
             manifests",
            output::counted(counts.objects_gone, "object")
        ));
    }
    notes.extend(report.state_notes());
    notes
}
