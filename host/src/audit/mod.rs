//! Proves that each record is in exactly one place, or lists those that are not. It writes nothing.
//!
//! The key of an object names its range of records and its release, and the lake keeps the releases. So
//! the audit reads the source from its oldest record, builds each chunk again as a replay would, and
//! compares it line by line with the lake, quarantine and the bus. Records between the chunks must
//! leave no object, and the ledger must agree.
//!
//! ```text
//! ledgers → keys (inventory) → chunks of each shard (timeline)
//!                                ├─ a chunk: built again, compared with its objects (check)
//!                                ├─ between chunks: leaves no object by some release (gap)
//!                                └─ after the ledger: pending, not yet, or unexpected
//! ```
//!
//! A record that was quarantined as `out_of_time` is accepted as it is: another machine may not repeat
//! that.

mod check;
mod content;
mod difference;
mod finding;
mod gap;
mod inventory;
mod records;
mod releases;
mod report;
mod shard;
mod source;
mod timeline;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use chrono::Utc;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;

use self::inventory::Inventory;
use self::releases::Releases;
use self::report::{Report, counted};
use self::shard::ShardAudit;
use self::source::AuditedShard;
use self::timeline::Timeline;
use crate::config::RunSettings;
use crate::format::Format;
use crate::layout::chunk::ChunkRules;
use crate::ledger::Ledger;
use crate::ledger::misplaced_records::MisplacedRecords;
use crate::modes::report::watch_reading;
use crate::modes::targets::Targets;
use crate::observe::health::ActiveRelease;
use crate::pipeline::RunContext;
use crate::sink::Messages;
use crate::source::kinesis::budget::Budget;
use crate::source::kinesis::shard_id;

/// The state that the audits of all shards share.
struct Audit {
    targets: Targets,
    context: Arc<RunContext>,
    lake: Arc<dyn ObjectStore>,
    lake_name: String,
    /// The bus, if it is a folder.
    bus: Option<Arc<dyn ObjectStore>>,
    messages: Messages,
    /// The largest event for a queue.
    max_message_bytes: Option<usize>,
    inventory: Inventory,
    releases: Releases,
    format: Format,
    misplaced_records: MisplacedRecords,
    /// When the audit began, milliseconds since the Unix epoch.
    began_ms: u64,
}

/// Audits the source, the lake and the bus, and prints the report.
///
/// # Errors
/// Something cannot be read; or there are findings, which have been printed.
pub fn run(settings: &RunSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(async {
        let context = Arc::new(RunContext::new(
            settings,
            ActiveRelease::none(),
            Instant::now(),
        )?);
        let watched = context.clone();
        let watcher = tokio::spawn(async move { watch_reading(&watched.progress).await });
        let report = audit(settings, context).await;
        watcher.abort();
        report
    })?;
    report.print(settings)?;
    match report.findings.total() {
        0 => Ok(()),
        findings => anyhow::bail!("not proven: {}", counted(findings)),
    }
}

/// A shard to audit.
struct Planned {
    source: AuditedShard,
    ledger: Ledger,
    timeline: Timeline,
}

async fn audit(settings: &RunSettings, context: Arc<RunContext>) -> anyhow::Result<Report> {
    let began_ms = u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0);
    let targets = Targets::new(settings);
    let sources = source::shards(settings, &targets).await?;
    // Objects are put before the ledger names them, so a list that is made after the ledgers has them.
    let mut ledgers = Vec::new();
    for source in &sources {
        ledgers.push(targets.ledger(&source.shard).await?);
    }
    let (lake, bus) = (targets.lake_store().await?, targets.bus_store());
    let mut inventory = list_inventory(&*lake, bus.as_deref(), settings.messages).await?;
    let plan = |(source, ledger): (AuditedShard, Ledger)| Planned {
        timeline: Timeline::new(&ledger, inventory.take(&source.shard)),
        source,
        ledger,
    };
    let planned: Vec<_> = sources.into_iter().zip(ledgers).map(plan).collect();
    let mut report = others(settings, &targets, &inventory).await?;
    if planned
        .iter()
        .all(|shard| shard.ledger.committed().is_none())
    {
        let lake = &settings.lake;
        report.notes.push(format!(
            "by its ledgers, {lake} has no records of this source yet"
        ));
    }
    let audit = Audit {
        lake,
        bus,
        lake_name: settings.lake.to_string(),
        messages: settings.messages,
        max_message_bytes: targets.max_event_bytes().await?,
        releases: Releases::new(settings, inventory.releases().to_vec()).await?,
        inventory,
        targets,
        context,
        format: settings.format,
        misplaced_records: settings.misplaced_records,
        began_ms,
    };
    report.absorb(audit_all(settings, Arc::new(audit), planned).await?);
    report.notes.extend(notes(settings, &report));
    Ok(report)
}

async fn list_inventory(
    lake: &dyn ObjectStore,
    bus: Option<&dyn ObjectStore>,
    messages: Messages,
) -> anyhow::Result<Inventory> {
    let mut inventory = Inventory::default();
    lake.list("", &mut |key| inventory.add(key)).await?;
    if let Some(bus) = bus {
        bus.list("", &mut |name| inventory.add_on_bus(name, messages))
            .await?;
    }
    Ok(inventory)
}

/// Audits shards, several of a stream at once, as far as the memory allows: each takes about two
/// chunks, one that is built and one that is checked.
async fn audit_all(
    settings: &RunSettings,
    audit: Arc<Audit>,
    planned: Vec<Planned>,
) -> anyhow::Result<Report> {
    let at_once = match settings.mode.stream() {
        None => 1,
        Some(_) => settings.memory / settings.chunk.bytes.saturating_mul(2),
    };
    let at_once = usize::try_from(at_once.max(1)).unwrap_or(usize::MAX);
    let budget = Budget::new(audit.context.memory_for_reading());
    let audits = stream::iter(planned).map(|planned| {
        let (audit, budget) = (audit.clone(), &budget);
        async move {
            let name = planned.source.name.clone();
            let opened = planned.source.open(&planned.ledger, settings, budget);
            let shard = ShardAudit::new(audit, planned.ledger, planned.timeline, opened?);
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

/// The objects of shards that are not in the source: expired ones of the stream, and those of other
/// sources.
async fn others(
    settings: &RunSettings,
    targets: &Targets,
    inventory: &Inventory,
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut foreign = Vec::new();
    for (shard, objects) in inventory.others() {
        if is_of_stream(settings, shard)? {
            let ledger = targets.ledger(shard).await?;
            report.counts.gone += ledger.committed().map_or(0, |committed| committed.records);
            report.counts.objects_gone += objects;
        } else {
            report.counts.objects_of_others += objects;
            foreign.push(shard);
        }
    }
    if let Some(first) = foreign.first() {
        report.notes.push(format!(
            "{} objects belong to {} shards that are not in this source, such as {first}",
            report.counts.objects_of_others,
            foreign.len()
        ));
    }
    let unrecognized = inventory.unrecognized();
    if let Some(first) = &unrecognized.first {
        let count = unrecognized.count;
        report.notes.push(format!(
            "{count} files were not written by Sluice, such as {first}"
        ));
    }
    Ok(report)
}

/// Whether the name of a shard is one of the settings' stream.
fn is_of_stream(settings: &RunSettings, shard: &ShardId) -> anyhow::Result<bool> {
    let Some(stream) = settings.mode.stream() else {
        return Ok(false);
    };
    let prefix = shard_id(&stream.stream, "shardId-")?;
    Ok(shard.as_str().starts_with(prefix.as_str()))
}

fn notes(settings: &RunSettings, report: &Report) -> Vec<String> {
    let counts = &report.counts;
    let mut notes = Vec::new();
    if settings
        .bus
        .as_ref()
        .is_some_and(|bus| bus.folder().is_none())
    {
        notes.push("a queue cannot be read back, so messages were not checked".into());
    }
    if counts.objects_gone > 0 {
        notes.push(format!(
            "{} objects hold records that have expired from the source",
            counts.objects_gone
        ));
    }
    if counts.objects_pending + counts.objects_new > 0 {
        notes.push(format!(
            "{} objects belong to chunks that are pending or were landed during the audit",
            counts.objects_pending + counts.objects_new
        ));
    }
    if counts.by_other_releases > 0 {
        notes.push(format!(
            "{} records left no object, by releases that no neighbouring chunk was made with",
            counts.by_other_releases
        ));
    }
    notes
}

impl Audit {
    /// The rules of the chunks of a shard.
    fn rules(&self, shard: ShardId) -> ChunkRules {
        let takes_events = self.messages == Messages::Events;
        let has_bus = self.bus.is_some() || self.max_message_bytes.is_some();
        ChunkRules {
            shard,
            with_messages: has_bus && takes_events,
            object_notifications: has_bus && self.messages == Messages::Objects,
            with_positions: true,
            max_partitions: self.context.max_partitions,
            max_message_bytes: self.max_message_bytes.filter(|_| takes_events),
        }
    }
}
