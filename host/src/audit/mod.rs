//! Proves that each record is in exactly one place, or lists those that are not. It writes nothing.
//!
//! The chunk manifests say which chunks there are, and with what they were made. So the audit reads the source
//! from its oldest record, builds each chunk again as a repetition would, and compares it line by line with the
//! lake, quarantine and the bus, and as a whole with its manifest, which also names the object of the archive. The manifests must have all records that the
//! ledger has committed, and the lake is listed to find what no manifest names.
//!
//! A record that was redriven is in the shard of the redrive, whose source is what it has claimed of quarantine
//! (`redrives`). So a record counts where it is now.
//!
//! ```text
//! ledgers ─┐
//! names ───┼─▶ account of each shard (account, timeline) ─▶ its chunks, built again and compared (shard, check)
//! manifests┘
//! ```
//!
//! A quick audit stops after the accounts: it reads neither the source nor an object.

mod account;
mod archive;
mod check;
mod content;
mod difference;
mod finding;
mod full;
mod inventory;
mod manifests;
mod quick;
mod read;
mod records;
mod redrives;
mod releases;
mod report;
mod schemas;
mod shard;
mod source;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;

use self::finding::{Finding, Kind};
use self::inventory::{Chunks, Inventory};
use self::redrives::Redrives;
use self::releases::Releases;
pub use self::report::AuditKind;
use self::report::{Report, counted};
use self::schemas::Schemas;
use crate::config::RunSettings;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::ledger::Ledger;
use crate::ledger::error::StoreError;
use crate::modes::targets::Targets;
use crate::output;
use crate::pipeline::RunContext;
use crate::source::kinesis::shard_id;

/// What every audit reads.
struct LakeAudit {
    targets: Targets,
    store: Arc<dyn ObjectStore>,
    /// The bus, if it is a folder.
    bus: Option<Arc<dyn ObjectStore>>,
    inventory: Inventory,
    redrives: Redrives,
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
            AuditKind::Full => full::audit(settings, options).await,
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
            redrives: Redrives::default(),
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
        let temporary = self.inventory.temporary();
        if let Some(first) = &temporary.first {
            report.notes.push(format!(
                "{}, such as {first}, which a process writes at the moment or was killed while it wrote; remove it if no \
                 process works on the lake",
                output::counted(temporary.count, "temporary file")
            ));
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
