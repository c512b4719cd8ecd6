//! The quick audit: ledgers, chunk manifests and the names of objects must agree. It reads neither the source
//! nor an object, so it does not prove what is in them.

use super::account::ShardAccount;
use super::finding::Finding;
use super::report::Report;
use super::{AuditOptions, LakeAudit, queue_note, read_ledger};
use crate::config::RunSettings;
use crate::ledger::Ledger;
use crate::modes::targets::Targets;

/// Compares all shards of the lake of the settings.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn audit(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<Report> {
    let targets = Targets::new(settings);
    // Objects are put before the ledger names them, so a list that is made after the ledgers has them.
    let (mut ledgers, damaged) = ledgers(&targets).await?;
    let mut lake = LakeAudit::list(settings, options, targets).await?;
    let mut report = lake.unrecognized();
    lake.inventory.check_written(&settings.lake, &mut report)?;
    for finding in damaged {
        let shard = finding.shard.clone();
        report.findings.add(|| finding);
        shard.map(|shard| lake.inventory.take(&shard));
    }
    let others: Vec<_> = lake
        .inventory
        .others()
        .map(|(shard, _)| shard.clone())
        .collect();
    for shard in others {
        if !ledgers.iter().any(|ledger| *ledger.shard() == shard) {
            ledgers.push(Ledger::new(shard));
        }
    }
    for ledger in ledgers {
        let chunks = lake.inventory.take(ledger.shard());
        report.counts.pending += ledger.pending().map_or(0, |pending| pending.range.count);
        let mut account = ShardAccount::open_by_names(&lake, ledger, chunks).await?;
        account.compare(&lake).await?;
        report.absorb(account.report);
    }
    report.notes.extend(queue_note(settings));
    report.notes.extend(report.state_notes());
    Ok(report)
}

/// The ledgers of the lake, and findings about those that cannot be read.
async fn ledgers(targets: &Targets) -> anyhow::Result<(Vec<Ledger>, Vec<Finding>)> {
    let [shards] = targets.shards_with([".json"]).await?;
    let (mut ledgers, mut damaged) = (Vec::new(), Vec::new());
    for shard in &shards {
        match read_ledger(targets, shard).await? {
            Ok(ledger) => ledgers.push(ledger),
            Err(finding) => damaged.push(finding),
        }
    }
    Ok((ledgers, damaged))
}
