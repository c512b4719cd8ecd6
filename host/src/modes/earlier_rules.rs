//! What a run says that has found nothing to do, although its rules are not those that have landed the records.

use sluice_engine::record::ShardId;

use super::open_shard::ShardRunner;
use crate::config::RunSettings;
use crate::layout::object_key::{ChunkName, MANIFESTS, METADATA_FOLDER, ShortId};

/// Why nothing is done, and what to do.
const WHY: &str = "nothing is transformed again: the records have landed with another release than that of the rules of \
                   this run; to transform them with these rules, run `sluice replay` into another lake";

/// Warns if nothing has landed, and the release of the last chunk of a shard is not that of the rules. A release that a
/// registry has activated since is no surprise, so this is not a warning then.
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
    match last_release(settings, shard).await {
        Ok(Some(landed)) if landed != release && settings.registry.is_none() => {
            tracing::warn!(%landed, %release, "{WHY}");
        }
        Ok(Some(landed)) if landed != release => tracing::info!(%landed, %release, "{WHY}"),
        Ok(_) => {}
        Err(error) => tracing::info!(
            error = format!("{error:#}"),
            "cannot tell whether the records have landed with other rules"
        ),
    }
}

/// The release that has transformed the last chunk of a shard, by the names of chunk manifests. The run needs no retries
/// for this.
async fn last_release(settings: &RunSettings, shard: &ShardId) -> anyhow::Result<Option<ShortId>> {
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
    let folder = format!("{METADATA_FOLDER}/{MANIFESTS}{shard}/");
    store.list(&folder, &mut found).await?;
    Ok(last.map(|chunk| chunk.release))
}
