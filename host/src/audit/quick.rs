//! The quick audit: ledgers, chunk manifests and the names of objects must agree. It reads neither the source
//! nor an object, so it does not prove what is in them.

use std::collections::{BTreeMap, HashSet};

use sluice_engine::record::ShardId;

use super::account::ShardAccount;
use super::finding::{Finding, Kind};
use super::redrives;
use super::redrives::Redrives;
use super::report::Report;
use super::{AuditOptions, LakeAudit, ledger_or_finding, queue_note};
use crate::config::RunSettings;
use crate::ledger::Ledger;
use crate::ledger::store::StoreError;
use crate::modes::targets::Targets;
use crate::redrive::RedriveId;

/// Compares all shards of the lake of the settings.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn audit(settings: &RunSettings, options: AuditOptions) -> anyhow::Result<Report> {
    let targets = Targets::new(settings).with_files();
    // Objects are put before the ledger names them, so a list that is made after the ledgers has them.
    let (mut ledgers, damaged) = ledgers(&targets).await?;
    let mut lake = LakeAudit::list(settings, options, targets).await?;
    let mut report = lake.unrecognized();
    lake.inventory.check_written(&settings.lake, &mut report)?;
    let by_shard: BTreeMap<_, _> = ledgers
        .iter()
        .map(|ledger| (ledger.shard().clone(), ledger))
        .collect();
    lake.redrives = Redrives::read(&lake, settings, &by_shard, &mut report).await?;
    drop(by_shard);
    let mut are_all_known = true;
    for finding in damaged {
        let shard = finding.shard.clone();
        are_all_known &= shard.is_some();
        report.findings.add(|| finding);
        shard.map(|shard| lake.inventory.take(&shard));
    }
    // A group that cannot be read has the ledgers of shards that are not known.
    if are_all_known {
        let known: HashSet<_> = ledgers.iter().map(Ledger::shard).collect();
        let others = lake.inventory.others().map(|(shard, _)| shard);
        let others = others.filter(|shard| !known.contains(shard));
        let others: Vec<_> = others.map(|shard| Ledger::new(shard.clone())).collect();
        ledgers.extend(others);
    }
    for ledger in ledgers {
        let chunks = lake.inventory.take(ledger.shard());
        // What a redrive has not landed yet is in quarantine.
        let pending = ledger
            .pending()
            .filter(|_| !lake.redrives.has(ledger.shard()));
        report.counts.pending += pending.map_or(0, |pending| pending.range.count);
        let mut account = ShardAccount::open_by_names(&lake, ledger, chunks).await?;
        lake.redrives.compare(&mut account);
        account.compare(&lake).await?;
        report.absorb(account.report);
    }
    report.notes.extend(queue_note(settings));
    report.notes.extend(report.state_notes());
    Ok(report)
}

/// The ledgers of the lake, and findings about those that cannot be read.
async fn ledgers(targets: &Targets) -> anyhow::Result<(Vec<Ledger>, Vec<Finding>)> {
    let (mut ledgers, mut damaged) = redrives::ledgers(targets).await?;
    let mut read = Vec::new();
    match grouped(targets).await {
        Ok(ledgers) => {
            for (shard, ledger) in ledgers {
                read.push(ledger_or_finding(&shard, ledger)?);
            }
        }
        Err(error @ StoreError::Damaged { .. }) => {
            let why = format!("{error}; nothing of its shards is proven");
            read.push(Err(Finding::of_file(Kind::DamagedLedger, why)));
        }
        Err(error) => return Err(error.into()),
    }
    let names = targets.ledger_names().await?.ledgers;
    for shard in names
        .iter()
        .filter(|shard| RedriveId::of_shard(shard).is_none())
    {
        let ledger = targets.ledger(shard).await;
        read.push(ledger_or_finding(shard, ledger)?);
    }
    for ledger in read {
        match ledger {
            Ok(ledger) => ledgers.push(ledger),
            Err(finding) => damaged.push(finding),
        }
    }
    Ok((ledgers, damaged))
}

async fn grouped(
    targets: &Targets,
) -> Result<Vec<(ShardId, Result<Ledger, StoreError>)>, StoreError> {
    targets.groups().await?.ledgers().await
}
