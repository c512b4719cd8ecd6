//! Checks where the objects of a redrive come from: each must be one of a committed chunk, and be as its list says.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;

use super::super::LakeAudit;
use super::super::finding::{Finding, Kind};
use super::super::report::Report;
use super::ClaimedObject;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, ParsedKey};
use crate::ledger::heads::LedgerHead;
use crate::ledger::store::StoreError;
use crate::redrive::{RedriveId, RedriveObject};

/// The state of a ledger: `None` if it cannot be read, which is reported elsewhere.
type Heads = HashMap<ShardId, Option<LedgerHead>>;

/// Reports claimed objects that no committed chunk has, and those of which the list says something else than their chunk
/// manifests. Notes which ones may have expired.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn check(
    lake: &LakeAudit,
    id: &RedriveId,
    claimed: &mut [ClaimedObject],
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut heads = Heads::new();
    let reads = stream::iter(claimed).map(|claimed| async move {
        let manifest = match ParsedKey::parse(&claimed.object.key) {
            Some(key) => lake.read_manifest(&key.shard, key.chunk).await?,
            None => None,
        };
        anyhow::Ok((claimed, manifest))
    });
    let mut reads = reads.buffered(lake.reads_at_once);
    while let Some((claimed, manifest)) = reads.try_next().await? {
        let object = &claimed.object;
        let problem = match manifest {
            None => Some((
                Kind::UnknownQuarantine,
                "its chunk has no chunk manifest; restore it".to_owned(),
            )),
            Some(Err(why)) => Some((
                Kind::UnknownQuarantine,
                format!("its chunk manifest cannot be used: {why}"),
            )),
            Some(Ok(manifest)) => {
                claimed.may_be_expired = lake.has_expired(&manifest);
                match difference(object, &manifest) {
                    None => not_committed(lake, &mut heads, &manifest).await?,
                    different => different,
                }
            }
        };
        if let Some((kind, why)) = problem {
            let why = format!("the redrive {id} has claimed {}, and {why}", object.key);
            let finding = Finding::new(kind, id.shard(), why).at(&object.key);
            report.findings.add(|| finding);
        }
    }
    Ok(())
}

/// How a chunk manifest differs from what a list says of an object.
fn difference(object: &RedriveObject, manifest: &ChunkManifest) -> Option<(Kind, String)> {
    let mut named = manifest.quarantine.iter();
    let Some(named) = named.find(|named| named.key == object.key) else {
        let why = "its chunk manifest does not name it".to_owned();
        return Some((Kind::UnknownQuarantine, why));
    };
    let manifest_says = (named.records, named.bytes, named.digest, manifest.release);
    let list_says = (object.records, object.bytes, object.digest, object.release);
    (manifest_says != list_says).then(|| {
        let why = "the list has another number of records, size, digest or release of it than its chunk manifest; restore \
                   the one of the two that was changed";
        (Kind::DamagedRedrive, why.to_owned())
    })
}

/// Why a chunk is not committed, by the ledger of its shard.
async fn not_committed(
    lake: &LakeAudit,
    heads: &mut Heads,
    manifest: &ChunkManifest,
) -> anyhow::Result<Option<(Kind, String)>> {
    let (shard, name) = (&manifest.shard, manifest.name());
    let is_known = |heads: &Heads| match heads.get(shard) {
        None => false,
        Some(None) => true,
        Some(Some(head)) => has(head, name),
    };
    // The ledger can have been read before the chunk was committed.
    if !is_known(heads) {
        let head = match lake.targets.ledger_now(shard).await {
            Ok(ledger) => LedgerHead::of(&ledger),
            Err(StoreError::Damaged { .. }) => {
                heads.insert(shard.clone(), None);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        match head.filter(|head| has(head, name)) {
            Some(head) => heads.insert(shard.clone(), Some(head)),
            None => {
                let why = format!(
                    "the ledger of {shard} does not say that its chunk is committed; restore its latest version"
                );
                return Ok(Some((Kind::UnknownQuarantine, why)));
            }
        };
    }
    Ok(None)
}

/// Whether a chunk is committed and was not given up.
fn has(head: &LedgerHead, name: ChunkName) -> bool {
    name.last <= head.last && !head.has_given_up(name.first, name.last)
}
