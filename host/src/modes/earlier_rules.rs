//! What a run says that has found nothing to do, although its rules or its decoding of records are not those that have
//! landed the records.

use sluice_engine::record::ShardId;
use sluice_storage::object_store::Found;

use super::open_shard::ShardRunner;
use crate::config::RunSettings;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::{ChunkName, ShortId};

/// Why nothing is done, and what to do.
const OTHER_RULES: &str = "nothing is transformed again: the records have landed with another release than that of the rules \
                           of this run; to transform them with these rules, run `sluice replay` into another lake";

const OTHER_DECODING: &str = "nothing is decoded again: the records have landed with another --record-encoding or \
                              --record-format than this run has; to decode them with these, run `sluice replay` into \
                              another lake";

/// Warns if nothing has landed, and the last chunk of a shard was transformed by another release than that of the rules,
/// or its records were decoded in another way. A release that a registry has activated since is no surprise, so this
/// is not a warning then.
pub(super) async fn warn_of_others(
    settings: &RunSettings,
    runner: &ShardRunner,
    shard: Option<&ShardId>,
) {
    let has_landed = runner.context.progress.committed_records() > 0;
    let Some(shard) = shard.filter(|_| !has_landed) else {
        return;
    };
    let release = ShortId::of(runner.rules.switch().now().active.id());
    match last_chunk(settings, shard).await {
        Ok(Some(landed)) => {
            let id = ShortId::of(landed.release);
            if id != release && settings.registry.is_none() {
                tracing::warn!(landed = %id, %release, "{OTHER_RULES}");
            } else if id != release {
                tracing::info!(landed = %id, %release, "{OTHER_RULES}");
            }
            if landed.pins.decoding != settings.unpacking.decoding {
                tracing::warn!("{OTHER_DECODING}");
            }
        }
        Ok(None) => {}
        Err(error) => tracing::info!(
            error = format!("{error:#}"),
            "cannot tell whether the records have landed with other rules"
        ),
    }
}

/// The manifest of the last chunk of a shard. The run needs no retries for this.
async fn last_chunk(
    settings: &RunSettings,
    shard: &ShardId,
) -> anyhow::Result<Option<ChunkManifest>> {
    let policy = settings.retry_policy.for_one_attempt();
    let store = settings.lake.open(policy).await?;
    let mut last: Option<ChunkName> = None;
    let mut found = |name: &str| {
        if let Some((_, chunk)) = ChunkName::parse_manifest(&format!("{shard}/{name}"))
            && last.is_none_or(|last| last.last < chunk.last)
        {
            last = Some(chunk);
        }
    };
    let folder = ChunkName::manifest_folder(shard);
    store.list(&folder, &mut found).await?;
    let Some(last) = last else {
        return Ok(None);
    };
    match store.get(&last.manifest_key(shard), usize::MAX).await? {
        Found::Content(manifest) => Ok(Some(ChunkManifest::parse(&manifest)?)),
        Found::Nothing | Found::TooLarge(_) => Ok(None),
    }
}
