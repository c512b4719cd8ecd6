//! `sluice transform gc`: removes old releases that are not in use.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{ArgAction, Args};
use sluice_release::bundle::{Manifest, ReleaseId};
use sluice_release::registry::Registry;
use sluice_storage::object_store::Found;

use super::Place;
use crate::config::quantity::parse_duration;
use crate::ledger::groups::{GROUPS, ledgers_of_group};
use crate::ledger::{Ledger, LedgerError};
use crate::output;

/// The folder with the ledgers of a lake, next to its registry.
const LEDGERS: &str = "ledger";

/// A group of ledgers has some hundred kilobytes.
const LEDGER_MAX_BYTES: usize = 16 << 20;

/// What to remove.
#[derive(Debug, Args)]
pub struct GcArgs {
    #[command(flatten)]
    place: Place,
    /// Remove only releases that were published longer ago than this.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_duration)]
    older_than: Duration,
    /// Print what would be removed, and remove nothing.
    #[arg(long, action = ArgAction::SetTrue)]
    dry_run: bool,
}

/// Removes old releases that are not active, not on trial, not needed for a rollback, and not
/// pinned by a ledger of the same lake.
///
/// # Errors
/// A registry that cannot be read or written, or to which nothing was ever published.
pub async fn collect(args: &GcArgs) -> anyhow::Result<()> {
    let registry = args.place.open().await?;
    let rollout = registry.active().await?.rollout;
    let kept: HashSet<_> = rollout.in_use().collect();
    let pinned = pinned(&registry).await?;
    let age = TimeDelta::from_std(args.older_than).context("--older-than")?;
    let before = Utc::now() - age;
    let mut manifests = Vec::new();
    for id in registry.releases().await? {
        manifests.push(registry.manifest(id).await?);
    }
    // The registry of a lake may be empty.
    let is_unused = rollout.number == 0 && manifests.is_empty();
    if is_unused && registry.names(LEDGERS).await?.is_empty() {
        return Err(args.place.nothing_published());
    }
    let goes = |manifest: &Manifest| {
        let id = manifest.id();
        !kept.contains(&id) && !pinned.contains(&id) && is_older(manifest, before)
    };
    let (gone, stay): (Vec<_>, Vec<_>) = manifests.into_iter().partition(goes);
    for manifest in &gone {
        if args.dry_run {
            output::line(format_args!("would remove {}", manifest.id()))?;
        } else {
            registry.remove(manifest, &stay).await?;
            output::line(format_args!("removed {}", manifest.id()))?;
        }
    }
    let verb = if args.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    output::line(format_args!(
        "{} {verb}, {} kept",
        output::counted(gone.len() as u64, "release"),
        stay.len()
    ))?;
    Ok(())
}

/// A release without a time of publication, such as one that a lake keeps, is never old.
fn is_older(manifest: &Manifest, before: DateTime<Utc>) -> bool {
    let published = manifest.published_at.as_deref();
    let published = published.map(DateTime::parse_from_rfc3339);
    matches!(published, Some(Ok(at)) if at < before)
}

/// The releases of pending chunks in the lake's ledgers, if this is a lake's own registry.
async fn pinned(registry: &Registry) -> anyhow::Result<HashSet<ReleaseId>> {
    let mut pinned = HashSet::new();
    for name in registry.names(LEDGERS).await? {
        let name = format!("{LEDGERS}/{name}");
        if !name.ends_with(".json") {
            continue;
        }
        let Found::Content(text) = registry.store().get(&name, LEDGER_MAX_BYTES).await? else {
            continue;
        };
        for ledger in ledgers(&name, &text).with_context(|| name.clone())? {
            pinned.extend(ledger.pending().map(|pending| pending.release));
        }
    }
    Ok(pinned)
}

/// The ledgers in a document below the folder of the ledgers.
fn ledgers(name: &str, text: &[u8]) -> Result<Vec<Ledger>, LedgerError> {
    let folder = format!("{LEDGERS}/{GROUPS}");
    match name.starts_with(&folder) {
        true => ledgers_of_group(text),
        false => Ledger::parse(text).map(|ledger| vec![ledger]),
    }
}
