//! Proves that each record is in exactly one place, or lists those that are not. It writes nothing.
//!
//! The chunk manifests say which chunks there are, and with what they were made. So the audit reads the source
//! from its oldest record, builds each chunk again as a repetition would, and compares it line by line with the
//! lake, quarantine and the bus, and as a whole with its manifest. The manifests must have all records that the
//! ledger has committed, and the lake is listed to find what no manifest names.
//!
//! ```text
//! ledgers ─┐
//! names ───┼─▶ account of each shard (account, timeline) ─▶ its chunks, built again and compared (shard, check)
//! manifests┘
//! ```
//!
//! A quick audit stops after the accounts: it reads neither the source nor an object.

mod account;
mod check;
mod content;
mod difference;
mod finding;
mod inventory;
mod manifests;
mod quick;
mod read;
mod records;
mod releases;
mod report;
mod schemas;
mod shard;
mod source;
mod timeline;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::Utc;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;

use self::account::ShardAccount;
use self::finding::{Finding, Kind};
use self::inventory::{Chunks, Inventory};
use self::releases::Releases;
pub use self::report::AuditKind;
use self::report::{Counts, Report, counted};
use self::schemas::Schemas;
use self::shard::ShardAudit;
use self::source::AuditedShard;
use crate::config::RunSettings;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::ledger::Ledger;
use crate::ledger::error::StoreError;
use crate::modes::progress_line::{ProgressLine, Work};
use crate::modes::targets::Targets;
use crate::observe::health::ActiveRelease;
use crate::output;
use crate::pipeline::RunContext;
use crate::source::kinesis::shard_id;

/// The number of shards whose manifests are read at once.
const ACCOUNTS_AT_ONCE: usize = 8;

/// What every audit reads.
struct LakeAudit {
    targets: Targets,
    store: Arc<dyn ObjectStore>,
    /// The bus, if it is a folder.
    bus: Option<Arc<dyn ObjectStore>>,
    inventory: Inventory,
    /// The number of concurrent reads.
    reads_at_once: usize,
    /// Objects of records that arrived before this may have expired, milliseconds since the Unix epoch.
    expired_before: Option<u64>,
}

/// The options of an audit.
#[derive(Clone, Copy, Debug)]
pub struct AuditOptions {
    /// How much it reads.
    pub kind: AuditKind,
    /// How long the lake keeps objects, if not for ever.
    pub expired_after: Option<Duration>,
}

impl AuditOptions {
    /// Objects of records that arrived before this may have expired, milliseconds since the Unix epoch.
    pub(crate) fn expired_before(self) -> Option<u64> {
        let after = self.expired_after?;
        Some(now_ms().saturating_sub(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The time, milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0)
}

/// The state that the audits of all shards share.
struct Audit {
    lake: LakeAudit,
    context: Arc<RunContext>,
    lake_name: String,
    releases: Releases,
    schemas: Schemas,
    /// When the audit began, milliseconds since the Unix epoch.
    began_ms: u64,
}

/// Audits the source, the lake and the bus, or for a quick audit the lake and the bus, and prints the report.
///
/// # Errors
/// Something cannot be read; or there are findings, which have been printed.
pub fn run(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<()> {
    let kind = options.kind;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(async {
        match kind {
            AuditKind::Full => watched(settings, options).await,
            AuditKind::Quick => quick::audit(settings, options).await,
        }
    })?;
    report.print(settings, kind)?;
    if report.is_right() {
        return Ok(());
    }
    let findings = counted(report.findings.total());
    anyhow::bail!("{}: {findings}", kind.disproven())
}

async fn watched(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<Report> {
    let context = Arc::new(RunContext::new(
        settings,
        ActiveRelease::none(),
        Instant::now(),
    )?);
    let progress = ProgressLine::start(settings, Work::Audit, context.clone());
    let report = audit(settings, options, context).await;
    if let Some(progress) = progress {
        progress.finish().await;
    }
    report
}

async fn audit(
    settings: &RunSettings,
    options: AuditOptions,
    context: Arc<RunContext>,
) -> anyhow::Result<Report> {
    let began_ms = now_ms();
    let targets = Targets::new(settings).with_files();
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
    for (shard, finding) in damaged {
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
    report.absorb(lake.others());
    let accounts = open_accounts(&lake, listed).await?;
    let audit = Arc::new(Audit {
        lake,
        lake_name: settings.lake.to_string(),
        releases: Releases::new(settings).await?,
        schemas: Schemas::open(settings).await?,
        context,
        began_ms,
    });
    report.absorb(audit_gone(&audit.lake, gone).await?);
    let planned = readable.into_iter().zip(accounts).collect();
    report.absorb(audit_all(settings, audit, planned).await?);
    report.notes.extend(source.notes);
    report.notes.extend(notes(settings, &report));
    Ok(report)
}

/// The ledger of a shard that was read, or a finding about why it cannot be read.
///
/// # Errors
/// The lake cannot be read.
fn ledger_or_finding(
    shard: &ShardId,
    ledger: Result<Ledger, StoreError>,
) -> anyhow::Result<Result<Ledger, Finding>> {
    match ledger {
        Ok(ledger) => Ok(Ok(ledger)),
        Err(error @ StoreError::Damaged { .. }) => {
            let why = format!("{error}; none of its records is proven");
            Ok(Err(Finding::new(Kind::DamagedLedger, shard, why)))
        }
        Err(error) => Err(error.into()),
    }
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
        report.counts.gone += ledger.committed().map_or(0, |committed| committed.records);
        let mut account = ShardAccount::open_by_names(lake, ledger, chunks).await?;
        account.compare(lake).await?;
        // Its records are gone: they are counted above, whatever their places.
        account.report.counts = Counts {
            lost_ranges: account.report.counts.lost_ranges,
            ..Counts::default()
        };
        report.absorb(account.report);
    }
    Ok(report)
}

impl LakeAudit {
    /// Lists the lake and the bus.
    async fn list(
        settings: &RunSettings,
        options: AuditOptions,
        targets: Targets,
    ) -> anyhow::Result<Self> {
        let (store, bus) = (targets.lake_store().await?, targets.bus_store());
        let mut inventory = Inventory::default();
        store.list("", &mut |key| inventory.add(key)).await?;
        if let Some(bus) = &bus {
            bus.list("", &mut |name| inventory.add_on_bus(name)).await?;
        }
        Ok(Self {
            reads_at_once: store.operations_at_once(settings.threads),
            targets,
            store,
            bus,
            inventory,
            expired_before: options.expired_before(),
        })
    }

    /// Whether the objects of a chunk may have expired from the lake.
    fn has_expired(&self, manifest: &ChunkManifest) -> bool {
        let arrived = manifest.arrived_at.map(|times| times.max);
        let before = self.expired_before;
        before.is_some_and(|before| arrived.is_some_and(|arrived| arrived < before))
    }

    /// The files of the lake that are not Sluice's. Between the chunk manifests there must be none.
    fn unrecognized(&self) -> Report {
        let mut report = Report::default();
        for key in self.inventory.unrecognized_manifests() {
            let why = format!(
                "{key} was not written by Sluice: no chunk manifest has its name; move it away"
            );
            let finding = Finding::of_file(Kind::ExtraManifest, why);
            report.findings.add(|| finding.at(key));
        }
        for key in self.inventory.intruders() {
            let why = format!("{key} was not written by Sluice, and queries over the lake read it");
            let finding = Finding::of_file(Kind::ExtraObject, why);
            report.findings.add(|| finding.at(key));
        }
        let unrecognized = self.inventory.unrecognized();
        if let Some(first) = &unrecognized.first {
            let count = unrecognized.count;
            report.notes.push(match count {
                1 => format!("1 file was not written by Sluice: {first}"),
                _ => format!("{count} files were not written by Sluice, such as {first}"),
            });
        }
        report
    }

    /// Takes the shards of the settings' stream that are still in the inventory: the stream no longer lists
    /// them.
    fn take_gone(&mut self, settings: &RunSettings) -> anyhow::Result<Vec<(ShardId, Chunks)>> {
        let Some(stream) = settings.mode.stream() else {
            return Ok(Vec::new());
        };
        let prefix = shard_id(stream.stream.name(), "shardId-")?;
        let others = self.inventory.others().map(|(shard, _)| shard.clone());
        let gone = others.filter(|shard| shard.as_str().starts_with(prefix.as_str()));
        let gone: Vec<_> = gone.collect();
        let take = |shard: ShardId| {
            let chunks = self.inventory.take(&shard);
            (shard, chunks)
        };
        Ok(gone.into_iter().map(take).collect())
    }

    /// Counts the objects of other sources.
    fn others(&self) -> Report {
        let mut report = Report::default();
        let others: Vec<_> = self.inventory.others().collect();
        if let Some((first, _)) = others.first() {
            let objects = others.iter().map(|(_, objects)| objects).sum();
            report.counts.objects_of_others = objects;
            report.notes.push(format!(
                "{} of {} that this source does not have, such as {first}",
                output::counted(objects, "object"),
                output::counted(others.len() as u64, "shard")
            ));
        }
        report
    }
}

fn queue_note(settings: &RunSettings) -> Option<String> {
    let bus = settings.bus.as_ref()?;
    let is_queue = bus.folder().is_none();
    is_queue.then(|| "a queue cannot be read back, so messages were not checked".into())
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
