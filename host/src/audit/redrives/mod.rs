//! What redrives have taken out of quarantine. A record is in its newest place: where the redrive that has claimed its
//! object has landed it, or else in quarantine.
//!
//! ```text
//! lists ──┐
//! claims ─┼─▶ the objects of each redrive (claims, origin) ─┬─▶ compared with its chunks by their ordinals (compare)
//! ledgers ┘                                                 └─▶ read as its source (reader)
//! ```
//!
//! The shard whose chunk has an object proves what is in it, also if a redrive has claimed it. So from a record's source
//! to its newest place, each step is proven.

mod claims;
mod compare;
mod origin;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use sluice_engine::record::{SequenceNumber, ShardId};

use self::claims::Claims;
pub(super) use self::reader::{Loss, LostObjects, RedriveReader};
use super::finding::{Finding, Kind};
use super::report::Report;
use super::{LakeAudit, ledger_or_finding};
use crate::config::{RunSettings, continue_command};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::ChunkName;
use crate::ledger::Ledger;
use crate::modes::targets::Targets;
use crate::output::counted;
use crate::redrive::{
    LandedChunks, RedriveDocument, RedriveId, RedriveObject, RedriveStore, RedriveStoreError,
};

/// The redrives of a lake.
#[derive(Default)]
pub(super) struct Redrives {
    by_shard: BTreeMap<ShardId, Redrive>,
    /// The number of records of each claimed object that its redrive has landed, by the key of the object.
    redriven: HashMap<String, u64>,
}

/// A redrive whose list can be used.
struct Redrive {
    /// Its committed chunks.
    chunks: LandedChunks,
    /// The objects that it has claimed, in the order of its list.
    claimed: Vec<ClaimedObject>,
    /// The objects of its list that it has not claimed.
    unclaimed: Vec<(Range<u64>, String)>,
}

/// An object that a redrive has claimed.
#[derive(Clone, Debug)]
pub(super) struct ClaimedObject {
    /// The ordinals of its records.
    ordinals: Range<u64>,
    /// What the list says of it.
    object: RedriveObject,
    /// Whether it may have expired from the lake.
    may_be_expired: bool,
}

/// The ledgers of the redrives of a lake that can be read, and findings about the others.
///
/// They are read before all other ledgers: what a redrive has committed was in a committed chunk before. A later redrive
/// can have records of an earlier one, so the latest ones, by their ids, come first.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn ledgers(targets: &Targets) -> anyhow::Result<(Vec<Ledger>, Vec<Finding>)> {
    let (mut ledgers, mut damaged) = (Vec::new(), Vec::new());
    let names = targets.ledger_names().await?.ledgers;
    for shard in names.iter().rev() {
        if RedriveId::of_shard(shard).is_none() {
            continue;
        }
        match ledger_or_finding(shard, targets.ledger(shard).await)? {
            Ok(ledger) => ledgers.push(ledger),
            Err(finding) => damaged.push(finding),
        }
    }
    Ok((ledgers, damaged))
}

/// The chunks of a redrive that its ledger has committed, of those with a chunk manifest.
fn landed(ledger: Option<&Ledger>, chunks: impl Iterator<Item = ChunkName>) -> LandedChunks {
    let last = ledger.and_then(Ledger::committed).map(|done| done.last);
    LandedChunks::new(chunks.filter(|name| Some(name.last) <= last))
}

/// How many of these ordinals lie between two, both included.
fn within(ordinals: &Range<u64>, first: SequenceNumber, last: SequenceNumber) -> u64 {
    let Some(first) = first.as_offset() else {
        return 0;
    };
    let end = last
        .as_offset()
        .map_or(u64::MAX, |last| last.saturating_add(1));
    let (start, end) = (ordinals.start.max(first), ordinals.end.min(end));
    end.saturating_sub(start)
}

impl Redrives {
    /// Reads the lists and the claims of a lake that has been listed. `ledgers` were read before the list. Adds what is
    /// wrong with them to the report, and notes about redrives that have not finished.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn read(
        lake: &LakeAudit,
        settings: &RunSettings,
        ledgers: &BTreeMap<ShardId, &Ledger>,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let (documents, damaged) = read_lists(lake, report).await?;
        let mut claims = Claims::read(lake, report).await?;
        let known = |id: &RedriveId| documents.contains_key(id) || damaged.contains(id);
        let ids = claims.redrives().chain(of_shards(ledgers.keys()));
        let ids = ids.chain(of_shards(lake.inventory.redrive_shards()));
        let missing: BTreeSet<_> = ids.filter(|id| !known(id)).collect();
        for id in missing {
            let finding = missing_list(&id, claims.of(&id).count() as u64);
            report.findings.add(|| finding);
        }
        let mut redrives = Self::default();
        for (id, document) in documents {
            let ledger = ledgers.get(id.shard()).copied();
            let chunks = landed(ledger, lake.inventory.chunks_with_manifest(id.shard()));
            let redrive = Redrive::of(&document, chunks, &mut claims, report);
            redrives.add(lake, &id, redrive, report).await?;
            if !ledger.is_some_and(Ledger::is_finished) {
                let redrive = redrives.by_shard.get(id.shard());
                let note = redrive.map(|redrive| redrive.unfinished(&document, settings));
                report.notes.extend(note);
            }
        }
        Ok(redrives)
    }

    async fn add(
        &mut self,
        lake: &LakeAudit,
        id: &RedriveId,
        mut redrive: Redrive,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        origin::check(lake, id, &mut redrive.claimed, report).await?;
        for claimed in &redrive.claimed {
            let landed = redrive.chunks.landed(&claimed.ordinals);
            if landed > 0 {
                self.redriven.insert(claimed.object.key.clone(), landed);
            }
        }
        self.by_shard.insert(id.shard().clone(), redrive);
        Ok(())
    }

    /// Whether a shard is that of a redrive whose list can be used.
    #[must_use]
    pub(super) fn has(&self, shard: &ShardId) -> bool {
        self.by_shard.contains_key(shard)
    }

    /// How many records of the quarantine of a chunk redrives have landed since.
    #[must_use]
    pub(super) fn redriven_of(&self, manifest: &ChunkManifest) -> u64 {
        let objects = manifest.quarantine.iter();
        let redriven = objects.filter_map(|object| self.redriven.get(&object.key));
        redriven.sum()
    }
}

/// The redrives of those of these shards that are shards of redrives.
fn of_shards<'a>(shards: impl Iterator<Item = &'a ShardId>) -> impl Iterator<Item = RedriveId> {
    shards.filter_map(RedriveId::of_shard)
}

/// Reads all lists. Returns those that can be used, and the redrives of the others, which are reported.
async fn read_lists(
    lake: &LakeAudit,
    report: &mut Report,
) -> anyhow::Result<(BTreeMap<RedriveId, RedriveDocument>, BTreeSet<RedriveId>)> {
    let store = RedriveStore::new(lake.store.clone(), lake.reads_at_once);
    let (mut documents, mut damaged) = (BTreeMap::new(), BTreeSet::new());
    for id in lake.inventory.lists() {
        match store.read(id).await {
            Ok(Some(document)) => {
                documents.insert(id.clone(), document);
            }
            // It was removed a moment ago, and is reported as missing.
            Ok(None) => {}
            Err(error @ RedriveStoreError::Storage(_)) => return Err(error.into()),
            Err(error) => {
                let why = format!("{error}; nothing of the redrive {id} is proven");
                let finding = Finding::new(Kind::DamagedRedrive, id.shard(), why).at(id.key());
                report.findings.add(|| finding);
                damaged.insert(id.clone());
            }
        }
    }
    Ok((documents, damaged))
}

fn missing_list(id: &RedriveId, claims: u64) -> Finding {
    let key = id.key();
    let claims = match claims {
        0 => "a ledger or chunks".to_owned(),
        claims => counted(claims, "claim"),
    };
    let why = format!(
        "{key} does not exist, and the redrive {id} has {claims}; restore it: nothing of the redrive is proven without it"
    );
    Finding::new(Kind::MissingRedrive, id.shard(), why).at(key)
}

impl Redrive {
    /// The redrive of a list, with those of its claims that the list has. The others are reported.
    fn of(
        document: &RedriveDocument,
        chunks: LandedChunks,
        claims: &mut Claims,
        report: &mut Report,
    ) -> Self {
        let id = &document.id;
        let mut of_it = claims.take(id);
        let (mut claimed, mut unclaimed) = (Vec::new(), Vec::new());
        for (ordinals, object) in document.numbered() {
            match of_it.remove(&object.key) {
                Some(_) => claimed.push(ClaimedObject {
                    ordinals,
                    object: object.clone(),
                    may_be_expired: false,
                }),
                None => unclaimed.push((ordinals, object.key.clone())),
            }
        }
        for (object, claim) in of_it {
            let why = format!(
                "{claim}: the redrive {id} has claimed {object}, and its list {} does not have the object; restore the \
                 one of the two that was changed",
                id.key()
            );
            let finding = Finding::new(Kind::UnlistedClaim, id.shard(), why).at(claim);
            report.findings.add(|| finding);
        }
        Self {
            chunks,
            claimed,
            unclaimed,
        }
    }

    /// The note about a redrive that has not finished.
    fn unfinished(&self, document: &RedriveDocument, settings: &RunSettings) -> String {
        let (id, release) = (&document.id, document.request.release);
        let claimed = self.claimed.iter();
        let left = claimed.map(|claimed| {
            let all = claimed.ordinals.end - claimed.ordinals.start;
            all - self.chunks.landed(&claimed.ordinals)
        });
        format!(
            "the redrive {id} has not finished; {} of the objects that it has claimed are in quarantine until it lands \
             them, and no other redrive takes them; `{}` continues it with the release that it was begun with",
            counted(left.sum(), "record"),
            continue_command(&settings.lake, id, release)
        )
    }
}
